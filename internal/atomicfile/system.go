// The operating system's files.

package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"runtime"
	"syscall"
)

// System is the operating system's FS.
type System struct{}

// Names lists dir.
func (System) Names(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}

// Remove deletes a file.
func (System) Remove(name string) error { return os.Remove(name) }

// systemFile is a new file, and what keeps it locked.
type systemFile struct {
	*os.File
	lock io.Closer // nil: none
}

func (f *systemFile) Unlock() {
	if f.lock != nil {
		f.lock.Close()
	}
}

// Create makes a new file and locks it, where the system has locks.
func (System) Create(name string, mode fs.FileMode) (File, error) {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	f := &systemFile{File: file}
	f.lock, err = lock(name)
	if err == nil && !isAt(file, name) {
		err = fs.ErrExist // a sweep came before the lock and removed it
	}
	if err == nil && mode != 0 {
		err = f.Chmod(mode)
	}
	if err != nil {
		f.Close()
		os.Remove(name)
		f.Unlock()
		return nil, err
	}
	return f, nil
}

// isAt reports whether an open file still has a name.
func isAt(f *os.File, name string) bool {
	have, err := f.Stat()
	if err != nil {
		return false
	}
	info, err := os.Lstat(name)
	return err == nil && os.SameFile(have, info)
}

// Rename replaces a file.
func (System) Rename(from, to string) error { return os.Rename(from, to) }

// SyncDir forces a directory's entries to the disk, where the system has a way
// to: Windows has none, and some file systems refuse.
func (System) SyncDir(dir string) error {
	if runtime.GOOS == "windows" || runtime.GOOS == "plan9" {
		return nil
	}
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrPermission) {
		return nil // writable but not readable: it cannot be opened at all
	}
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}
