//go:build !race

// Whether the race detector is on: it is off.

package conform

// Raced tells that the race detector is on. It makes pools forget what they
// hold, and so allocate: allocations are not counted then.
const Raced = false
