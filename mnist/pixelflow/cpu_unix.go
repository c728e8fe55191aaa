// The CPU time of this process.

//go:build unix

package main

import "golang.org/x/sys/unix"

// cpuSeconds are those that this process has used.
func cpuSeconds() float64 {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
