//go:build !linux

// The share of the CPUs that a process may use, where control groups do not say.

package parallelism

// Quota is the number of CPUs that the system grants the process; 0: as many as
// there are, which runtime.GOMAXPROCS knows. Linux has control groups, which can
// grant less, and Go before 1.25 does not look at them. Windows has job objects
// with a rate of the CPU, and Darwin has nothing of the kind that a process could
// read; a Chooser finds there by measurement how many workers are worth their
// while. Go from 1.25 on sets GOMAXPROCS by the quota itself, for programs whose
// go.mod asks for that version; for others, and where GOMAXPROCS was set by hand,
// it is read here. A quota may be a fraction of a CPU: it is rounded up, since a
// worker more costs less than a core that stands still.
func Quota() int { return 0 }
