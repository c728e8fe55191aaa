//go:build !linux

// The share of the CPUs that a process may use, where control groups do not say.

package parallelism

// Quota is the number of CPUs that the system grants the process; 0: as many as
// there are.
func Quota() int { return 0 }
