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

// The assembly is in pause_amd64.s and pause_arm64.s: a loop around one
// instruction, which counts n down to 0. It is written by hand, unlike that of the
// loops which compute.
