// Control groups as files of a test's own.

package parallelism

import (
	"os"
	"path/filepath"
	"testing"
)

func TestQuota(t *testing.T) {
	for name, c := range map[string]struct {
		self  string
		files map[string]string
		want  int
	}{
		"no quota":              {"0::/\n", map[string]string{"cpu.max": "max 100000\n"}, 0},
		"one and a half":        {"0::/\n", map[string]string{"cpu.max": "150000 100000\n"}, 2},
		"a twentieth":           {"0::/\n", map[string]string{"cpu.max": "5000 100000\n"}, 1},
		"of the group":          {"0::/a/b\n", map[string]string{"a/b/cpu.max": "200000 100000\n", "a/cpu.max": "max 100000\n"}, 2},
		"of the group above":    {"0::/a/b\n", map[string]string{"a/b/cpu.max": "max 100000\n", "a/cpu.max": "100000 100000\n"}, 1},
		"a path of the host":    {"0::/docker/f00\n", map[string]string{"cpu.max": "300000 100000\n"}, 3},
		"version 1":             {"4:cpu,cpuacct:/a\n1:name=systemd:/a\n", map[string]string{"cpu,cpuacct/a/cpu.cfs_quota_us": "150000\n", "cpu,cpuacct/a/cpu.cfs_period_us": "100000\n"}, 2},
		"version 1, no quota":   {"1:cpu:/a\n", map[string]string{"cpu/a/cpu.cfs_quota_us": "-1\n", "cpu/a/cpu.cfs_period_us": "100000\n"}, 0},
		"version 1, above":      {"1:cpu:/a\n", map[string]string{"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1},
		"version 1, half of it": {"1:cpu:/\n", map[string]string{"cpu/cpu.cfs_quota_us": "50000\n"}, 0},
		"of another controller": {"1:cpuset:/\n", map[string]string{"cpuset/cpu.cfs_quota_us": "50000\n", "cpuset/cpu.cfs_period_us": "100000\n"}, 0},
		"both versions":         {"1:name=systemd:/x\n0::/a\n", map[string]string{"a/cpu.max": "100000 100000\n"}, 1},
		"no file":               {"0::/a\n", nil, 0},
		"not a quota":           {"0::/\n", map[string]string{"cpu.max": "much more\n"}, 0},
		"beyond the root, dots": {"0::/../..\n", map[string]string{"cpu.max": "100000 100000\n"}, 1},
	} {
		dir := t.TempDir()
		self := filepath.Join(dir, "self")
		write := func(path, text string) {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		write(self, c.self)
		for path, text := range c.files {
			write(filepath.Join(dir, "root", path), text)
		}
		if got := quota(self, filepath.Join(dir, "root")); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	if quota(filepath.Join(t.TempDir(), "none"), "/") != 0 {
		t.Error("a quota without a file that names the group")
	}
	for _, c := range [][3]int{{8, 0, 8}, {8, 2, 2}, {2, 5, 2}} {
		if got := limit(c[0], c[1]); got != c[2] {
			t.Errorf("%d of %d CPUs, %d granted", got, c[0], c[1])
		}
	}
}
