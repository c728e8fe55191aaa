//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

// Systems without named pipes among their files.

package testkit

import "errors"

func mkfifo(string) error { return errors.ErrUnsupported }
