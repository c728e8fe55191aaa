// How far the kernels of different machines lie apart.

package flow_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// TestKernelsApart leaves log-densities and gradients of random models, as this machine's
// kernels compute them, in the directory BIJOU_APART, and holds them to what others have
// left there: differences relative to a value or to 1, in float64 below 1e-8.
func TestKernelsApart(t *testing.T) {
	dir := os.Getenv("BIJOU_APART")
	if dir == "" {
		t.Skip("BIJOU_APART names no directory")
	}
	results := map[string][]float64{}
	results["float32 log-density"], results["float32 gradient"] = randomResults[float32]()
	results["float64 log-density"], results["float64 gradient"] = randomResults[float64]()
	name := filepath.Join(dir, kernel.Path()+".json")
	for _, file := range testkit.Must(filepath.Glob(filepath.Join(dir, "*.json"))) {
		var others map[string][]float64
		if err := json.Unmarshal(testkit.Must(os.ReadFile(file)), &others); err != nil {
			t.Fatal(err)
		}
		for _, what := range []string{"float32 log-density", "float32 gradient", "float64 log-density", "float64 gradient"} {
			v, w := results[what], others[what]
			if len(v) != len(w) {
				t.Fatalf("%s: %d values, in %s %d", what, len(v), file, len(w))
			}
			off := make([]float64, len(v))
			for i := range v {
				off[i] = math.Abs(v[i]-w[i]) / max(1, math.Abs(v[i]))
			}
			slices.Sort(off)
			t.Logf("%s and %s, %s: half within %.1g, 99 %% within %.1g, all within %.1g", kernel.Path(), filepath.Base(file), what,
				off[len(off)/2], off[len(off)*99/100], off[len(off)-1])
			if what[:7] == "float64" && off[len(off)-1] > 1e-8 {
				t.Errorf("%s: %g apart", what, off[len(off)-1])
			}
		}
	}
	if err := os.WriteFile(name, testkit.Must(json.Marshal(results)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// randomResults are those of 200 random models, but for those of losses that leave the
// range where digits can be compared.
func randomResults[T bijector.Float]() (logp, gradient []float64) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 12))
		f := randomFlow[T](rng)
		if f.Check() != nil {
			continue
		}
		x, cond := randomBatch(rng, f, 20, 1)
		loss := make([]float64, x.N)
		f.NewLossPass(bijector.PassOptions{MaxBatch: x.N}).Loss(x, cond, loss)
		p := f.NewStepPass(bijector.PassOptions{MaxBatch: x.N})
		step := make([]float64, x.N)
		p.Step(x, cond, step)
		if !(slices.Max(loss) < 100 && slices.Max(step) < 100) {
			continue
		}
		for _, v := range loss {
			logp = append(logp, -v)
		}
		for _, g := range p.Grads() {
			for _, v := range g {
				gradient = append(gradient, float64(v))
			}
		}
	}
	return logp, gradient
}
