// Rounds of gradients, beside one machine; rows that are kept between rounds.

package bijoubeam

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/registry"
)

// plainStart is a flow without batch norm, whose steps do not depend on how rows are cut.
func plainStart(t *testing.T) Model {
	t.Helper()
	chain := testkit.Must(coupling.RealNVP[float32](coupling.Recipe{Dim: 5, Layers: 4, Hidden: []int{16}, Norm: "none", Raw: true, Seed: 1}))
	path := filepath.Join(t.TempDir(), "start.safetensors")
	if err := registry.Save(path, testkit.Must(flow.New(chain, distribution.StandardNormal[float32](5)))); err != nil {
		t.Fatal(err)
	}
	return open(t, path)
}

// valuesAfter fits and returns all parameters.
func valuesAfter(t *testing.T, start Model, files []string, o FitOptions) (values []float32) {
	t.Helper()
	o.Run = onPrism
	m, err := Fit(t.Context(), t.TempDir(), start, files, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range testkit.Must(registry.LoadFlow[float32](m.Path)).Params() {
		values = append(values, p.Data...)
	}
	return values
}

// TestFitGradients: of one shard, rounds of gradients are its steps, and of unlike shards of 40 and
// 80 rows those of one machine with all 120, where each step has all rows.
func TestFitGradients(t *testing.T) {
	start, files := plainStart(t), shardsOf(t, 40, 80)
	near := func(name string, got, want []float32) {
		t.Helper()
		for i, v := range want {
			if d := math.Abs(float64(v - got[i])); !(d < 2e-5) {
				t.Fatalf("%s: parameter %d is %v, want %v", name, i, got[i], v)
			}
		}
	}
	o := FitOptions{Rounds: 6, Batch: 16, Rate: 5e-3, Final: 0.1, ClipNorm: 2, WeightDecay: 0.1, Gradients: true}
	local := o
	local.Gradients, local.Rounds, local.Steps = false, 1, 6
	near("one shard", valuesAfter(t, start, files[:1], o), valuesAfter(t, start, files[:1], local))

	// The rows of the second shard are moved, so that the shards are not alike.
	lines := [2][]string{}
	for k, file := range files {
		lines[k] = strings.Split(strings.TrimSpace(string(testkit.Must(os.ReadFile(file)))), "\n")
	}
	for i := range lines[1][1:] {
		lines[1][i+1] = "3" + lines[1][i+1][strings.Index(lines[1][i+1], "."):]
	}
	whole := filepath.Join(t.TempDir(), "whole.csv")
	for name, all := range map[string][]string{files[1]: lines[1], whole: slices.Concat(lines[0], lines[1][1:])} {
		if err := os.WriteFile(name, []byte(strings.Join(all, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	local.Batch, o.Batch = 120, 80
	near("two shards", valuesAfter(t, start, files, o), valuesAfter(t, start, []string{whole}, local))
}

// TestFitGradientsAgain: a fit that was killed goes on to the same bits, with batch norm too, and
// whether rows are kept between rounds or not.
func TestFitGradientsAgain(t *testing.T) {
	files := shardsOf(t, 100, 30, 60)
	o := FitOptions{Rounds: 5, Batch: 8, Final: 0.1, Gradients: true, Seed: 3}
	var seen []Round
	o.Report = func(r Round) { seen = append(seen, r) }
	want := fitted(t, t.TempDir(), files, o)
	if last := seen[4]; len(seen) != 5 || last.Seen != 5*8*3 || last.Rows != 190 {
		t.Errorf("rounds %+v", seen)
	}
	if n := len(keptShards.rows); n != 3 {
		t.Errorf("%d shards are kept, want 3", n)
	}
	dir, runs := t.TempDir(), 0
	o.Run = func(ctx context.Context, p *beam.Pipeline) error {
		if runs++; runs == 4 {
			return context.Canceled
		}
		keptShards.fit = "" // forgets all
		return onPrism(ctx, p)
	}
	if _, err := Fit(t.Context(), dir, open(t, flowFile()), files, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("the fit ended with %v", err)
	}
	if got := fitted(t, dir, files, o); got != want || runs != 6 {
		t.Errorf("behind %d pipelines, a fit that went on is another: %v", runs, got != want)
	}
	for name, change := range map[string]func(*FitOptions){
		"steps":      func(o *FitOptions) { o.Steps = 2 },
		"momentum":   func(o *FitOptions) { o.OuterMomentum = 0.5 },
		"outer rate": func(o *FitOptions) { o.OuterRate = 0.5 },
		"another":    func(o *FitOptions) { o.Gradients, o.Steps = false, 1 },
	} {
		other := o
		change(&other)
		if _, err := Fit(t.Context(), dir, open(t, flowFile()), files, other); !errors.Is(err, ErrFit) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFitGradientsNonFinite: a shard without a finite loss has no weight, and no such shard may be all.
func TestFitGradientsNonFinite(t *testing.T) {
	files := shardsOf(t, 40, 30)
	bad := "a,b,c,d,e\n" + strings.Repeat("3e38,3e38,3e38,3e38,3e38\n", 30)
	if err := os.WriteFile(files[1], []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	start := plainStart(t)
	o := FitOptions{Rounds: 3, Batch: 40, Gradients: true}
	got := valuesAfter(t, start, files, o)
	testkit.Equal(t, "beside a shard without weight", got, valuesAfter(t, start, files[:1], o))
	o.Run = onPrism
	if _, err := Fit(t.Context(), t.TempDir(), start, files[1:], o); !errors.Is(err, bijector.ErrNonFinite) {
		t.Errorf("no finite shard: %v", err)
	}
}

// TestShardKept: rows of a shard are read once, and again when its file has changed or another fit
// asks.
func TestShardKept(t *testing.T) {
	files, ctx := shardsOf(t, 40), t.Context()
	f := testkit.Must(readTrained(ctx, plainStart(t)))
	l := &localFn{Fit: "one", Seed: 1, HeldOut: 0.2}
	read := func() *shardRows { return testkit.Must(l.rowsOf(ctx, f, numbered{0, files[0]})) }
	first := read()
	if again := read(); again != first || first.n < 20 || first.n >= 40 {
		t.Errorf("%d rows are read again: %v", first.n, again != first)
	}
	if err := os.Chtimes(files[0], time.Time{}, time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if read() == first {
		t.Error("a file that was written anew is not read")
	}
	first, l.Fit = read(), "two"
	if read() == first || len(keptShards.rows) != 1 {
		t.Errorf("%d shards are kept, of another fit", len(keptShards.rows))
	}
	a, b := first.inEpoch(1, 0, 0), first.inEpoch(1, 0, 1)
	if slices.Equal(a, b) || !slices.Equal(a, first.inEpoch(1, 0, 0)) {
		t.Error("orders of epochs are no function of their number")
	}
}

// TestFitGradientsTable: by default a step of gradients has table.Fit's rows, dealt over the shards,
// and rounds see as many rows as it would at most.
func TestFitGradientsTable(t *testing.T) {
	for _, c := range []struct{ rows, shards, members, batch, rounds int }{{200_000, 8, 1, 64, 3906}, {10_000_000, 32, 1, 16, 19531}, {1000, 3, 1, 11, 3878}, {400_000, 16, 2, 64, 3906}} {
		o := FitOptions{Gradients: true}.forTable(c.rows, c.shards, c.members)
		if o.Batch != c.batch || o.Rounds != c.rounds || o.Steps != 1 {
			t.Errorf("%d rows in %d shards: %d rounds of %d steps of %d rows, want %d of 1 of %d", c.rows, c.shards, o.Rounds, o.Steps, o.Batch, c.rounds, c.batch)
		}
	}
}
