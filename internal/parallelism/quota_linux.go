// The share of the CPUs that a container may use.

package parallelism

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Quota is the number of CPUs that the process's control groups (cgroup v2, or
// the cpu controller of v1) grant it, rounded up, as of the first call; 0: as many
// as there are.
var Quota = sync.OnceValue(func() int { return quota("/proc/self/cgroup", "/sys/fs/cgroup") })

// quota is the least of what the process's groups and those they are in grant.
func quota(self, root string) int {
	raw, err := os.ReadFile(self)
	if err != nil {
		return 0
	}
	least := math.Inf(1)
	for _, line := range strings.Split(string(raw), "\n") {
		_, line, _ = strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, ok := strings.Cut(line, ":")
		var files []string
		switch {
		case !ok:
			continue
		case controllers == "": // version 2
			files = []string{"cpu.max"}
		case slices.Contains(strings.Split(controllers, ","), "cpu"): // version 1, in a folder of its own
			files = []string{"cpu.cfs_quota_us", "cpu.cfs_period_us"}
		default:
			continue
		}
		// Within a container the group's path may be that of the host, which
		// is not there: the files of the root are the container's then.
		for dir := filepath.Join("/", group); ; dir = filepath.Dir(dir) {
			least = min(least, cpus(contents(filepath.Join(root, controllers, dir), files)))
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

// contents are those of the files of a folder, with a space between; of one that
// cannot be read nothing.
func contents(dir string, files []string) string {
	var all []string
	for _, name := range files {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return ""
		}
		all = append(all, string(raw))
	}
	return strings.Join(all, " ")
}

// cpus is "quota period", in microseconds, as a number of CPUs; +Inf where there is
// no quota.
func cpus(line string) float64 {
	fields := strings.Fields(line)
	if len(fields) != 2 {
		return math.Inf(1)
	}
	quota, err := strconv.ParseFloat(fields[0], 64) // "max", and below 0: none
	period, e := strconv.ParseFloat(fields[1], 64)
	if err != nil || e != nil || !(quota > 0 && period > 0) {
		return math.Inf(1)
	}
	return quota / period
}
