// The share of the CPUs that a container may use.

package parallelism

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// Quota is the number of CPUs that the process's control groups (cgroup v2) grant
// it, rounded up, as of the first call; 0: as many as there are.
var Quota = sync.OnceValue(func() int { return quota("/proc/self/cgroup", "/sys/fs/cgroup") })

// quota is the least of the cpu.max of the process's group and those it is in.
func quota(self, root string) int {
	raw, err := os.ReadFile(self)
	if err != nil {
		return 0
	}
	least := math.Inf(1)
	for _, line := range strings.Split(string(raw), "\n") {
		group, ok := strings.CutPrefix(strings.TrimSpace(line), "0::") // version 2
		if !ok {
			continue
		}
		// Within a container the group's path may be that of the host, which
		// is not there: the files of the root are the container's then.
		for dir := filepath.Join("/", group); ; dir = filepath.Dir(dir) {
			raw, err := os.ReadFile(filepath.Join(root, dir, "cpu.max"))
			if err == nil {
				least = min(least, cpus(string(raw)))
			}
			if dir == "/" {
				break
			}
		}
	}
	if math.IsInf(least, 1) {
		return 0
	}
	return max(int(math.Ceil(least)), 1)
}

// cpus is a line of cpu.max, "quota period" in microseconds, as a number of CPUs;
// +Inf where there is no quota.
func cpus(line string) float64 {
	fields := strings.Fields(line)
	if len(fields) != 2 {
		return math.Inf(1)
	}
	quota, err := strconv.ParseFloat(fields[0], 64) // "max": none
	period, e := strconv.ParseFloat(fields[1], 64)
	if err != nil || e != nil || !(quota > 0 && period > 0) {
		return math.Inf(1)
	}
	return quota / period
}
