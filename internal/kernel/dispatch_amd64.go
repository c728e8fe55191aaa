//go:build !purego

// The choice of a path on amd64.

package kernel

import (
	"os"

	"golang.org/x/sys/cpu"
)

var (
	available = detect()
	path      = choose(os.Getenv("BIJOU_KERNEL"), available)
)

// detect lists the paths that this processor and operating system can run.
func detect() []pathID {
	paths := []pathID{portable}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		paths = append(paths, avx2)
		if cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL && cpu.X86.HasBMI2 {
			paths = append(paths, avx512)
		}
	}
	return paths
}
