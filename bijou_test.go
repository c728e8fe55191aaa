package bijou

import (
	"testing"

	"github.com/bijou-flow/bijou/benchmarks"
)

// Benchmark makes `go test -bench ./benchmarks`, which names a pattern and no
// package, run the benchmarks all the same.
func Benchmark(b *testing.B) { b.Run("benchmarks", benchmarks.All) }
