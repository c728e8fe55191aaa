//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

// Named pipes of the systems that have them.

package testkit

import "syscall"

func mkfifo(path string) error { return syscall.Mkfifo(path, 0o644) }
