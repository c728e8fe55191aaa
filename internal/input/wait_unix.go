//go:build unix

// Opening without waiting, where the system can.

package input

import "syscall"

const withoutWaiting = syscall.O_NONBLOCK | syscall.O_NOCTTY
