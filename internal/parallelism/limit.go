// How many workers there are at most.

package parallelism

import "runtime"

// Limit is the number of workers where nobody says one: GOMAXPROCS, or the CPUs that
// the process is granted where those are fewer. More would only wait for each other
// once the quota of a period is used up.
func Limit() int { return limit(runtime.GOMAXPROCS(0), Quota()) }

func limit(procs, quota int) int {
	if quota > 0 {
		return min(procs, quota)
	}
	return procs
}

// Workers that spin for their next piece of work use up the quota as well as those
// that work, so that a process which is granted one CPU of many is fastest with one.
