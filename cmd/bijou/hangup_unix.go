//go:build unix

// SIGHUP, on systems that have it.

package main

import (
	"os"
	"syscall"
)

// hangupSignal loads the model again.
var hangupSignal os.Signal = syscall.SIGHUP
