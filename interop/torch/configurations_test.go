// Configurations drawn at random, which testdata/configurations.py writes out of
// the tree.

package torch_test

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/interop/torch"
)

// TestConfigurations prints the worst error of each class with -v. The classes are
// those of the directory that BIJOU_TORCH_PARITY names, if any. In float32 an
// ill-conditioned flow may be off by four times what the source's float32 is off its own
// float64.
func TestConfigurations(t *testing.T) {
	dir := os.Getenv("BIJOU_TORCH_PARITY")
	if dir == "" {
		t.Skip("BIJOU_TORCH_PARITY names no directory that testdata/configurations.py wrote")
	}
	files := testkit.Must(filepath.Glob(filepath.Join(dir, "*.json")))
	if len(files) == 0 {
		t.Fatalf("%s has no cases", dir)
	}
	worst, count := map[string][2]float64{}, map[string]int{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		class, _, _ := strings.Cut(name, "-")
		p, s := readParity(t, file), testkit.Must(torch.Open(strings.TrimSuffix(file, "json")+"safetensors"))
		w := worst[class]
		w[0] = max(w[0], worstError[float64](t, name, p, s, func(string) float64 { return 1e-10 }))
		w[1] = max(w[1], worstError[float32](t, name, p, s, func(output string) float64 {
			return max(1e-5, 4*maxError(t, p.Float32[output], p.Float64[output]))
		}))
		worst[class] = w
		count[class]++
	}
	table := "| class | configurations | float64 | float32 |\n|---|--:|--:|--:|\n"
	classes := make([]string, 0, len(count))
	for class := range count {
		classes = append(classes, class)
	}
	slices.SortFunc(classes, cmp.Compare[string])
	for _, class := range classes {
		table += fmt.Sprintf("| %s | %d | %.1e | %.1e |\n", class, count[class], worst[class][0], worst[class][1])
	}
	t.Log("worst error, relative to a value or to 1\n" + table)
}

// worstError is the largest error of all outputs of a case.
func worstError[T bijector.Float](t *testing.T, name string, p parity, s *torch.State, tolerance func(output string) float64) (worst float64) {
	t.Helper()
	f, err := read[T](p, s)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return 0
	}
	got := flowResults(p, f)
	for output, want := range want[T](p) {
		e := maxError(t, got[output], want)
		if most := tolerance(output); !(e <= most) {
			t.Errorf("%s in %T: %s is off by %.2g, want %.2g at most", name, *new(T), output, e, most)
		}
		worst = max(worst, e)
	}
	return worst
}
