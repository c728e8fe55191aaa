// Mixtures of flows, each trained on shards of its own.

package bijoubeam

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/table"
)

// flowsOf are starts that differ, each in a file, and their mixture in another.
func flowsOf(t *testing.T, n int) (alone []Model, mixture Model) {
	t.Helper()
	dir := t.TempDir()
	var flows []*flow.Flow[float32]
	for k := range n {
		// Without batch norm, steps do not depend on the order of rows.
		chain := testkit.Must(coupling.RealNVP[float32](coupling.Recipe{Dim: 5, Layers: 4, Hidden: []int{16}, Norm: "none", Raw: true, Seed: uint64(k + 1)}))
		flows = append(flows, testkit.Must(flow.New(chain, distribution.StandardNormal[float32](5))))
		alone = append(alone, testkit.Must(keepModel(t.Context(), filepath.Join(dir, string(rune('a'+k))), flows[k])))
	}
	return alone, testkit.Must(keepModel(t.Context(), filepath.Join(dir, "mixture"), testkit.Must(flow.NewEnsemble(flow.Mixing{}, flows...))))
}

// TestFitEnsemble: each flow of a mixture of two comes to what it comes to by itself on its
// shards, every other one, by steps of all rows and with what Adam and the outer momentum keep
// between rounds; it weighs as much as its rows. A fit that was killed goes on to the same bits.
func TestFitEnsemble(t *testing.T) {
	alone, start := flowsOf(t, 2)
	files := shardsOf(t, 40, 40, 40)
	for name, o := range map[string]FitOptions{
		"means":     {Rounds: 3, Steps: 4, Batch: 40, OuterMomentum: 0.8},
		"gradients": {Rounds: 5, Batch: 40, Gradients: true, ClipNorm: 5, Rate: 1e-2},
	} {
		runs := 0
		o.Run = func(ctx context.Context, p *beam.Pipeline) error {
			if runs++; runs == 3 {
				return context.Canceled
			}
			return onPrism(ctx, p)
		}
		dir := t.TempDir()
		if _, err := Fit(t.Context(), dir, start, files, o); !errors.Is(err, context.Canceled) {
			t.Fatalf("%s: the fit ended with %v", name, err)
		}
		again, err := Fit(t.Context(), dir, start, files, o)
		if err != nil {
			t.Fatal(err)
		}
		var last Round
		o.Run, o.Report = onPrism, func(r Round) { last = r }
		m, err := Fit(t.Context(), t.TempDir(), start, files, o)
		if err != nil || m.SHA256 != again.SHA256 {
			t.Errorf("%s: a fit that went on differs from one that was not interrupted: %v", name, err)
		}
		if last.Rows != 120 || math.IsNaN(last.Loss) {
			t.Errorf("%s: rounds are reported as %+v", name, last)
		}
		mixture := testkit.Must(readAs[*flow.Ensemble[float32]](testkit.Must(os.ReadFile(m.Path))))
		testkit.Near(t, name+": weight of the flow of two shards", mixture.Weights()[0], 2./3, 1e-12)
		for k, own := range [][]string{{files[0], files[2]}, {files[1]}} {
			one, err := Fit(t.Context(), t.TempDir(), alone[k], own, o)
			if err != nil {
				t.Fatal(err)
			}
			want := testkit.Must(registry.LoadFlow[float32](one.Path)).Params()
			for i, p := range mixture.Flows()[k].Params() {
				for j, v := range p.Data {
					testkit.Near(t, fmt.Sprintf("%s: flow %d, %s[%d]", name, k, p.Name, j), float64(v), float64(want[i].Data[j]), 5e-5)
				}
			}
		}
	}
	if _, err := Fit(t.Context(), t.TempDir(), start, files[:1], FitOptions{Run: onPrism}); !errors.Is(err, ErrFit) || !strings.Contains(err.Error(), "1 shards for a mixture of 2 flows") {
		t.Errorf("fewer shards than flows: %v", err)
	}
}

// TestFitEnsembleUnlike: of shards that have nothing in common, whose means are worth little, a
// mixture is the density of all rows.
func TestFitEnsembleUnlike(t *testing.T) {
	alone, start := flowsOf(t, 2)
	rng, here := testkit.NewRand(3), t.TempDir()
	row := func(side float64) (row []float32) {
		x := rng.NormFloat64()
		for j := range 5 {
			row = append(row, float32(side*(3+x*float64(j%2))+0.5*rng.NormFloat64()))
		}
		return row
	}
	var files []string
	var test []float32
	for k, side := range []float64{-1, 1} {
		var text strings.Builder
		text.WriteString("a,b,c,d,e\n")
		for range 300 {
			r := row(side)
			fmt.Fprintf(&text, "%v,%v,%v,%v,%v\n", r[0], r[1], r[2], r[3], r[4])
			test = append(test, row(side)...)
		}
		files = append(files, filepath.Join(here, fmt.Sprint(k, ".csv")))
		if err := os.WriteFile(files[k], []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var nats []float64
	for _, m := range []Model{alone[0], start} {
		m, err := Fit(t.Context(), t.TempDir(), m, files, FitOptions{Rounds: 3, Steps: 100, Rate: 5e-3, ClipNorm: 20, Seed: 1, Run: onPrism})
		if err != nil {
			t.Fatal(err)
		}
		logp := make([]float64, len(test)/5)
		if err := testkit.Must(m.load(t.Context())).density.LogProbRows(logp, test); err != nil {
			t.Fatal(err)
		}
		nats = append(nats, -mean(logp))
	}
	t.Logf("nats of means %.3f, of a mixture %.3f", nats[0], nats[1])
	if !(nats[1] < nats[0]-1) {
		t.Errorf("a flow for each shard comes to %v nats, their mean to %v", nats[1], nats[0])
	}
}

// TestFitTableEnsemble: members of a table's model are trained on files of their own, and are scored
// together on the rows that are held out.
func TestFitTableEnsemble(t *testing.T) {
	lines := goodsOf(600, 7)
	files, facts := inFiles(t, lines, 150, 300, 150), inferred(t, lines, nil)
	size, o := table.FitOptions{Hidden: 16, Members: 2}, FitOptions{Rounds: 2, Steps: 20, Seed: 1, Run: onPrism}
	fit, err := FitTable(t.Context(), t.TempDir(), facts, files, size, o)
	if err != nil {
		t.Fatal(err)
	}
	density := fit.Model.Density()
	if n := len(density.Flows()); n != 2 || fit.HeldOut == 0 || len(fit.Contributions) != 3 || fit.Model.Calibration() == nil {
		t.Errorf("%d flows, %d rows held out, contributions %v", n, fit.HeldOut, fit.Contributions)
	}
	testkit.Near(t, "weight of the member of 300 rows", density.Weights()[0], 0.5, 0.05)
	orders := fit.Model.Orders()
	if slices.Equal(orders[0], orders[1]) {
		t.Errorf("both members have the order %v", orders[0])
	}
	size.Members = 4
	if _, err := FitTable(t.Context(), t.TempDir(), facts, files, size, o); !errors.Is(err, ErrFit) || !strings.Contains(err.Error(), "3 shards for 4 members") {
		t.Errorf("more members than files: %v", err)
	}
}
