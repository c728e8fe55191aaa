//go:build purego || !(amd64 || arm64)

// Waiting where there is no hint for the CPU.

package kernel

// Pause counts n times to sixteen, which keeps it away from the memory that others
// write to.
func Pause(n uint32) {
	for range n {
		for i := 0; i < 16; i++ {
		}
	}
}

// On amd64 and arm64 it is the hint PAUSE or YIELD, which leaves the core to its
// other hardware thread. There is no such hint in portable Go, and runtime.Gosched
// is for the system's waiting, not for some nanoseconds of it.
