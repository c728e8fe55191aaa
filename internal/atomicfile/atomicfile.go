// Package atomicfile replaces a file as a whole: whoever reads it, whenever
// the writer dies or the power fails, finds either the old contents or the new.
package atomicfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// FS is the part of a file system that replacing needs, in the order in which
// it is used. Tests put their own in its place.
type FS interface {
	// Names lists a directory.
	Names(dir string) ([]string, error)
	// RemoveAbandoned deletes a temporary file whose writer is dead; here says
	// that it was made under the system that runs now.
	RemoveAbandoned(name string, here bool)
	// Remove deletes a file.
	Remove(name string) error
	// Create makes a file that is not there yet and locks it; mode 0 leaves its
	// permissions to the system's default. A name that is taken, or was while
	// the file was made, is fs.ErrExist.
	Create(name string, mode fs.FileMode) (File, error)
	// Rename puts a file in another's place at once.
	Rename(from, to string) error
	// SyncDir makes renames within dir survive a power failure.
	SyncDir(dir string) error
}

// File is a new file.
type File interface {
	io.Writer
	Sync() error
	Close() error
	// Unlock ends what Create began: from here on the file may be called
	// abandoned. It comes last, after Close, and after the file has its name.
	Unlock()
}

// Write replaces the file at path by what write writes. The new contents go to
// a temporary file in the same directory, are forced to the disk, take the old
// file's name, and the directory is forced to the disk. On an error the old
// file is as it was, unless it is the very last step that failed; then the new
// one is in its place, whole.
//
// A symbolic link stays one, and the file it leads to is replaced. The new file
// has the old one's permissions. Temporary files that a killed process left
// for the same path are removed. Any number of writers, in one process or in
// many, may write one path: each puts a whole file there, the last one stays.
func Write(path string, write func(io.Writer) error) error { return WriteTo(System{}, path, write) }

// WriteTo is Write on a given file system.
func WriteTo(sys FS, path string, write func(io.Writer) error) error {
	if err := replace(sys, path, write); err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	return nil
}

func replace(sys FS, path string, write func(io.Writer) error) (err error) {
	target, mode, err := resolve(path)
	if err != nil {
		return err
	}
	dir, base := filepath.Split(target)
	if dir == "" {
		dir = "."
	}
	sweep(sys, dir, func(of string) bool { return of == truncateBase(base) })

	f, name, err := create(sys, dir, base, mode)
	if err != nil {
		return opError("creating a temporary file beside it", err)
	}
	defer f.Unlock()
	open, renamed := true, false
	// Deferred, so that a panic in write leaves nothing behind either.
	defer func() {
		if open {
			f.Close()
		}
		if !renamed {
			sys.Remove(name)
		}
	}()
	b := bufio.NewWriterSize(f, 64<<10)
	if err := write(b); err != nil {
		return withoutTempName(err)
	}
	if err := b.Flush(); err != nil {
		return withoutTempName(err)
	}
	if err := f.Sync(); err != nil {
		return opError("forcing it to the disk", err)
	}
	open = false
	if err := f.Close(); err != nil {
		return opError("closing it", err)
	}
	if err := sys.Rename(name, target); err != nil {
		return opError("putting the new file in its place", err)
	}
	renamed = true
	if err := sys.SyncDir(dir); err != nil {
		return opError("it is written, but a power failure may still undo that: forcing its directory to the disk", err)
	}
	return nil
}

// create makes a temporary file under a name that nobody else has.
func create(sys FS, dir, base string, mode fs.FileMode) (f File, name string, err error) {
	const most = 100
	for range most {
		name = filepath.Join(dir, tempName(base, thisSystem(), rand.Uint64()))
		if f, err = sys.Create(name, mode); !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	return f, name, err
}

// resolve follows symbolic links and returns the permissions of a file that is
// there already, 0 for none.
func resolve(path string) (target string, mode fs.FileMode, err error) {
	if path == "" {
		return "", 0, errors.New("the path is empty")
	}
	target = path
	if t, err := filepath.EvalSymlinks(path); err == nil {
		target = t
	}
	info, err := os.Stat(target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if strings.HasSuffix(path, "/") || strings.HasSuffix(path, string(filepath.Separator)) {
			return "", 0, errors.New("the path ends in a separator, want the name of a file")
		}
		if _, err := os.Stat(filepath.Dir(target)); errors.Is(err, fs.ErrNotExist) {
			return "", 0, fmt.Errorf("its directory does not exist: %w", fs.ErrNotExist)
		}
		return target, 0, nil
	case err != nil:
		return "", 0, withoutTempName(err)
	case info.IsDir():
		return "", 0, errors.New("it is a directory")
	case !info.Mode().IsRegular():
		return "", 0, fmt.Errorf("it is no regular file (%v)", info.Mode().Type())
	}
	return target, info.Mode().Perm(), nil
}

// opError says what was being done; plain takes off the name of the temporary
// file, which tells a reader nothing.
func opError(doing string, err error) error { return fmt.Errorf("%s: %w", doing, withoutTempName(err)) }

func withoutTempName(err error) error {
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case errors.As(err, &p):
		return p.Err
	case errors.As(err, &l):
		return l.Err
	}
	return err
}
