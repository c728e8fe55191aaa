//go:build !unix

// SIGHUP, on systems that do not have it.

package main

import "os"

// hangupSignal is nil: the file's change alone loads the model again.
var hangupSignal os.Signal
