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
	"strconv"
	"strings"
	"sync"
)

// FS is the part of a file system that replacing needs, in the order in which
// it is used. Tests put their own in its place.
type FS interface {
	// Names lists a directory.
	Names(dir string) ([]string, error)
	// Remove deletes a file.
	Remove(name string) error
	// Create makes a file that is not there yet; mode 0 leaves its
	// permissions to the system's default.
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
}

// Write replaces the file at path by what write writes. The new contents go to
// a temporary file in the same directory, are forced to the disk, take the old
// file's name, and the directory is forced to the disk. On an error the old
// file is as it was, unless it is the very last step that failed; then the new
// one is in its place, whole.
//
// A symbolic link stays one, and the file it leads to is replaced. The new file
// has the old one's permissions. Temporary files that a killed process left
// for the same path are removed.
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

	name := filepath.Join(dir, tempName(base, os.Getpid(), rand.Uint64()))
	inFlight.Store(name, true)
	defer inFlight.Delete(name)
	f, err := sys.Create(name, mode)
	if err != nil {
		return opError("creating a temporary file beside it", err)
	}
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

// inFlight holds the temporary files that this process is writing.
var inFlight sync.Map

// tempName carries the target's name and the writer's process, so that the
// next writer can tell a leftover from a file that is being written.
func tempName(base string, pid int, random uint64) string {
	return fmt.Sprintf(".%s.%d-%016x%s", truncateBase(base), pid, random, tempSuffix)
}

const tempSuffix = ".tmp"

// truncateBase leaves room for the rest of a temporary file's name below the usual
// limit of 255.
func truncateBase(base string) string {
	const longest = 180
	if len(base) > longest {
		base = base[:longest]
	}
	return base
}

// Sweep removes the temporary files that processes left in dir when they died
// while they wrote a target that of says yes to. Write does it for its own
// target; a series of files needs it for the names that are not written again.
func Sweep(dir string, of func(target string) bool) { sweep(System{}, dir, of) }

// sweep is Sweep on a given file system. What cannot be listed or removed
// stays: it is in nobody's way.
func sweep(sys FS, dir string, of func(target string) bool) {
	names, _ := sys.Names(dir)
	for _, n := range names {
		target, pid, ok := parseTemp(n)
		if !ok || !of(target) {
			continue
		}
		full := filepath.Join(dir, n)
		if pid == os.Getpid() {
			if _, busy := inFlight.Load(full); busy {
				continue
			}
		} else if processExists(pid) {
			continue
		}
		sys.Remove(full)
	}
}

// parseTemp takes a name apart that tempName may have made.
func parseTemp(name string) (target string, pid int, ok bool) {
	name, ok = strings.CutSuffix(name, tempSuffix)
	at := strings.LastIndexByte(name, '.')
	if !ok || at < 1 || name[0] != '.' {
		return "", 0, false
	}
	text, random, ok := strings.Cut(name[at+1:], "-")
	pid, err := strconv.Atoi(text)
	return name[1:at], pid, ok && err == nil && pid > 0 && len(random) == 16
}
