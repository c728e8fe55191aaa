// Fits on Prism: whatever ends them halfway, and whatever the shards are.

package bijoubeam

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"

	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/registry"
)

// shardsOf writes rows of 5 correlated numbers to files of the given sizes.
func shardsOf(t *testing.T, sizes ...int) (files []string) {
	t.Helper()
	rng := testkit.NewRand(8)
	here := t.TempDir()
	for k, n := range sizes {
		var text strings.Builder
		text.WriteString("a,b,c,d,e\n")
		for range n {
			x := rng.NormFloat64()
			fmt.Fprintf(&text, "%.4f,%.4f,%.4f,%.4f,%.4f\n", x, 2*x+0.3*rng.NormFloat64(), rng.NormFloat64(), x*x, rng.NormFloat64()-x)
		}
		files = append(files, filepath.Join(here, fmt.Sprint("s-", k, ".csv")))
		if err := os.WriteFile(files[k], []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func onPrism(_ context.Context, p *beam.Pipeline) error { return ptest.Run(p) }

// fitted fits and returns the file.
func fitted(t *testing.T, dir string, files []string, o FitOptions) string {
	t.Helper()
	if o.Run == nil {
		o.Run = onPrism
	}
	m, err := Fit(t.Context(), dir, open(t, flowFile()), files, o)
	if err != nil {
		t.Fatal(err)
	}
	return string(testkit.Must(os.ReadFile(m.Path)))
}

// TestFit: the loss goes down, on shards of unequal sizes, with and without outer momentum;
// rounds are reported.
func TestFit(t *testing.T) {
	files := shardsOf(t, 300, 40, 150)
	for _, momentum := range []float64{0, 0.9} {
		var rounds []Round
		o := FitOptions{Rounds: 5, Steps: 8, Batch: 32, Rate: 5e-3, OuterMomentum: momentum, ClipNorm: 20, Report: func(r Round) { rounds = append(rounds, r) }}
		fitted(t, t.TempDir(), files, o)
		first, last := rounds[0], rounds[len(rounds)-1]
		if len(rounds) != 5 || last.Round != 5 || last.Rows != 490 || last.Seen != 5*8*32*3 || !(last.Loss < first.Loss-0.3) {
			t.Errorf("momentum %v: rounds %+v", momentum, rounds)
		}
	}
}

// TestFitAgain: a fit that was killed in the middle goes on to the same bits, behind a
// pipeline that failed, and with a state that was cut short.
func TestFitAgain(t *testing.T) {
	files := shardsOf(t, 100, 30, 60)
	o := FitOptions{Rounds: 4, Steps: 4, Batch: 16, OuterMomentum: 0.8, Seed: 3}
	want := fitted(t, t.TempDir(), files, o)
	dir := t.TempDir()
	runs := 0
	killed := o
	killed.Run = func(ctx context.Context, p *beam.Pipeline) error {
		if runs++; runs == 3 {
			return context.Canceled
		}
		return onPrism(ctx, p)
	}
	if _, err := Fit(t.Context(), dir, open(t, flowFile()), files, killed); !errors.Is(err, context.Canceled) {
		t.Fatalf("the fit ended with %v", err)
	}
	second := testkit.Must(os.ReadFile(statePath(dir, 2)))
	if err := os.WriteFile(statePath(dir, 2), second[:len(second)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	runs = 10
	if got := fitted(t, dir, files, killed); got != want {
		t.Error("a fit that went on differs from one that was not interrupted")
	}
	if runs != 13 {
		t.Errorf("it went on with %d rounds, want 3 behind the one that is whole", runs-10)
	}
	if got := fitted(t, dir, files, killed); got != want || runs != 13 {
		t.Error("a fit that was finished ran once more")
	}
	other := o
	other.Run, other.Seed = onPrism, 4
	if _, err := Fit(t.Context(), dir, open(t, flowFile()), files, other); !errors.Is(err, ErrFit) {
		t.Errorf("another fit's directory: %v", err)
	}
}

// TestFitOneShard: with one shard and no momentum the mean is the shard's own, so that
// two rounds of 4 steps are one of 8, but for the last bits of Adam's second moments.
func TestFitOneShard(t *testing.T) {
	files := shardsOf(t, 120)
	// Without batch norm, whose biases before it have gradients of rounding alone.
	chain := testkit.Must(coupling.RealNVP[float32](coupling.Recipe{Dim: 5, Layers: 4, Hidden: []int{16}, Norm: "none", Raw: true, Seed: 1}))
	start := filepath.Join(t.TempDir(), "start.safetensors")
	if err := registry.Save(start, testkit.Must(flow.New(chain, distribution.StandardNormal[float32](5)))); err != nil {
		t.Fatal(err)
	}
	fit := func(rounds, steps int) [][]float32 {
		dir := t.TempDir()
		if _, err := Fit(t.Context(), dir, open(t, start), files, FitOptions{Rounds: rounds, Steps: steps, Batch: 16, Run: onPrism}); err != nil {
			t.Fatal(err)
		}
		var values [][]float32
		for _, p := range testkit.Must(registry.LoadFlow[float32](modelPath(dir, rounds))).Params() {
			values = append(values, p.Data)
		}
		return values
	}
	short, long := slices.Concat(fit(2, 4)...), slices.Concat(fit(1, 8)...)
	for i, v := range long {
		if d := math.Abs(float64(v - short[i])); !(d < 1e-5) {
			t.Fatalf("parameter %d is %v in two rounds, %v in one", i, short[i], v)
		}
	}
}

// TestMeanOrder: sums are the same in any order and grouping, and their means near those of
// float64.
func TestMeanOrder(t *testing.T) {
	rng := testkit.NewRand(9)
	var all []shardResult
	for range 20 {
		r := shardResult{Rows: 1 + rng.Int64N(1e9), Loss: rng.NormFloat64(), Floats: []float64{-rng.Float64() * 1e4}}
		for range 50 {
			r.Values = append(r.Values, float32(rng.NormFloat64()*math.Pow(10, float64(rng.IntN(12)-8))))
		}
		all = append(all, r)
	}
	sum := func(order []int, cut int) meanSum {
		f := &meanFn{}
		parts := [2]meanSum{}
		for i, k := range order {
			side := 0
			if i >= cut {
				side = 1
			}
			parts[side] = testkit.Must(f.AddInput(parts[side], all[k]))
		}
		return testkit.Must(f.MergeAccumulators(parts[0], parts[1]))
	}
	first := sum(rand.New(rand.NewPCG(1, 1)).Perm(20), 20)
	for seed := range uint64(5) {
		if again := sum(rand.New(rand.NewPCG(seed, 2)).Perm(20), int(seed)*4); !reflect.DeepEqual(again, first) {
			t.Errorf("order %d: other sums", seed)
		}
	}
	total, want := 0.0, 0.0
	for _, r := range all {
		total += float64(r.Rows)
		want += float64(r.Rows) * r.Floats[0]
	}
	got := first.means()
	if v := got[len(got)-1]; math.Abs(v/(want/total)-1) > 1e-12 {
		t.Errorf("the mean is %v, want %v", v, want/total)
	}
	for _, v := range []float64{0, 1, -1, 0.5, -0.75, 1e-30, -1e-19, 3e14, -3e14, 0x1p-64, -0x1p-64, 12345.678} {
		high, low, ok := fixed(v)
		if got := real64(high, low); !ok || math.Abs(got-v) > 0x1p-64+1e-15*math.Abs(v) {
			t.Errorf("%v is %v in fixed point (%v)", v, got, ok)
		}
	}
	for _, v := range []float64{math.NaN(), math.Inf(1), -1e16} {
		if _, _, ok := fixed(v); ok {
			t.Errorf("%v is taken", v)
		}
	}
}

// TestFitRefuses: what no fit can be of.
func TestFitRefuses(t *testing.T) {
	m, ctx, dir := open(t, flowFile()), t.Context(), t.TempDir()
	files := shardsOf(t, 20)
	for name, c := range map[string]struct {
		m      Model
		shards []string
		o      FitOptions
		want   string
	}{
		"no shards":      {m, nil, FitOptions{Run: onPrism}, "0 shards"},
		"a shard twice":  {m, []string{files[0], files[0]}, FitOptions{Run: onPrism}, "twice"},
		"no runner":      {m, files, FitOptions{}, "FitOptions.Run"},
		"a rate":         {m, files, FitOptions{Run: onPrism, Rate: math.NaN()}, "rates NaN"},
		"steps":          {m, files, FitOptions{Run: onPrism, Steps: -1}, "-1"},
		"no model":       {Model{}, files, FitOptions{Run: onPrism}, "SHA-256"},
		"a missing file": {m, []string{filepath.Join(dir, "none.csv")}, FitOptions{Run: onPrism}, "none.csv"},
		"a table":        {open(t, tableFile()), files, FitOptions{Run: onPrism}, "kind"},
	} {
		if _, err := Fit(ctx, dir, c.m, c.shards, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
