//go:build !purego && (amd64 || arm64)

// Waiting that leaves the core to its other thread.

package kernel

// Pause waits for n rounds of the CPU's hint that this thread only spins: PAUSE on
// amd64, YIELD on arm64. n is 1 or more, and a round is 10 to 150 cycles by the CPU.
//
// Two hardware threads share the execution units of their core. One that spins
// without the hint takes half of them from the other, which works.
//
//go:noescape
func Pause(n uint32)
