//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

// Systems without flock: temporary files are told by their age alone.

package atomicfile

import "io"

func lock(string) (io.Closer, error) { return nil, nil }

func tryLock(string) (l io.Closer, known bool, err error) { return nil, false, nil }
