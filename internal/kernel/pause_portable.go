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
