//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

// Locks of the systems that have flock.

package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// lock locks a file that was just made, through a descriptor of its own, which
// outlives the one that it is written through. A file that a sweep has locked,
// or has removed already, is fs.ErrExist. Where the file system has no locks, it is nil.
func lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|syscall.O_NOFOLLOW, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fs.ErrExist
	case err != nil:
		return nil, nil // a umask that keeps a file from its own maker
	}
	switch err := flock(f); {
	case err == nil:
		return f, nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		f.Close()
		return nil, fs.ErrExist
	}
	f.Close()
	return nil, nil
}

// tryLock locks a file that may be another's. It fails where somebody has it
// locked; known says whether that could be told.
func tryLock(name string) (lock io.Closer, known bool, err error) {
	const flags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK // a pipe in its place holds nothing up
	f, err := os.OpenFile(name, os.O_RDWR|flags, 0)       // NFS gives locks to those who may write
	if errors.Is(err, fs.ErrPermission) {
		f, err = os.OpenFile(name, os.O_RDONLY|flags, 0)
	}
	if err != nil {
		return nil, false, err
	}
	if err = flock(f); errors.Is(err, syscall.EWOULDBLOCK) {
		f.Close()
		return nil, true, err
	}
	return f, err == nil, nil
}

func flock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err != syscall.EINTR {
			return err
		}
	}
}
