// P-values, alarms and plain slices of latent models, and mixtures of flows in them.

package autoencoder

import (
	"errors"
	"math"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
)

func latents(t *testing.T, context int) map[string]*Latent[float64] {
	pca := must(NewPCA[float64](PCASpec{In: 30, Embedding: 2}))
	if err := pca.Fit(images[float64](200, 30)); err != nil {
		t.Fatal(err)
	}
	mixture := must(flow.NewEnsemble(flow.Mixing{Weights: []float64{1, 3}}, rawFlow[float64](2, context), rawFlow[float64](2, context)))
	return map[string]*Latent[float64]{
		"flow":    must(NewLatent(pca, nil, rawFlow[float64](2, context))),
		"mixture": must(NewLatentEnsemble(pca, nil, mixture)),
	}
}

// TestLatentSlices: plain slices have the log-densities of tensors.
func TestLatentSlices(t *testing.T) {
	x := images[float64](150, 30)
	for name, l := range latents(t, 0) {
		want, got := must(l.LogProb(x)), make([]float64, 150)
		if err := l.LogProbRows(got, x.Values()); err != nil {
			t.Fatal(err)
		}
		equal(t, name+": LogProbRows", got, want)
		equal(t, name+": LogProbRow", must(l.LogProbRow(x.Row(7))), want[7])
		bad := append([]float64(nil), x.Values()...)
		bad[30*140] = math.NaN()
		var row *bijector.RowError
		if err := l.LogProbRows(got, bad); !errors.As(err, &row) || row.Row != 140 || !math.IsNaN(got[140]) || got[139] != want[139] {
			t.Errorf("%s: a NaN in row 140: %v", name, err)
		}
		for _, n := range []int{0, 149} {
			if err := l.LogProbRows(make([]float64, n), x.Values()); !errors.Is(err, bijector.ErrShape) {
				t.Errorf("%s: %d log-densities: %v", name, n, err)
			}
		}
		if _, err := l.LogProbRow(x.Row(7)[:29]); !errors.Is(err, bijector.ErrShape) {
			t.Errorf("%s: a row of 29: %v", name, err)
		}
		if _, err := l.LogProbRowGiven(x.Row(7), []float64{1}); !errors.Is(err, bijector.ErrContext) {
			t.Errorf("%s: a context nobody takes: %v", name, err)
		}
	}
	context := testkit.Rows([]float64{0.3, -1}, 1, 2)
	for name, l := range latents(t, 2) {
		want, got := must(l.Given(context).LogProb(x)), make([]float64, 150)
		if err := l.LogProbRowsGiven(got, x.Values(), context.Values()); err != nil {
			t.Fatal(err)
		}
		equal(t, name+": LogProbRowsGiven", got, want)
		equal(t, name+": LogProbRowGiven", must(l.LogProbRowGiven(x.Row(3), context.Values())), want[3])
		if d := l.ContextDim(); d != 2 {
			t.Errorf("%s: contexts of %d values", name, d)
		}
		equal(t, name+": cool draws", must(l.Given(context).WithTemperature(0).WithRedraws(1).Sample(newRand(), 2)).Row(0),
			must(l.Given(context).WithTemperature(0).Sample(newRand(), 2)).Row(0))
	}
}

// TestLatentCalibration: p-values, thresholds and alarms are those of the scores.
func TestLatentCalibration(t *testing.T) {
	x := images[float64](199, 30)
	for name, l := range latents(t, 0) {
		scores := must(l.LogProb(x))
		if p := l.PValues(scores[:1]); !math.IsNaN(p[0]) || l.Calibration() != nil {
			t.Errorf("%s: a p-value %v without scores", name, p)
		}
		if _, err := l.Flag(x, 0.1); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%s: an alarm without scores: %v", name, err)
		}
		m := must(l.WithScores(scores))
		c := must(flow.NewCalibration(scores))
		threshold := must(c.Threshold(0.1))
		equal(t, name+": threshold", must(m.Threshold(0.1)), threshold)
		equal(t, name+": p-value", m.PValues(scores[5:6]), []float64{c.PValue(scores[5])})
		flags, count := must(m.Flag(x, 0.1)), 0
		for i, f := range flags {
			if f {
				count++
			}
			if f != (scores[i] < threshold) {
				t.Errorf("%s: row %d of log-density %v raises an alarm: %v", name, i, scores[i], f)
			}
		}
		if count != 19 { // the 20th lowest of 199 is the threshold
			t.Errorf("%s: %d alarms of 199 rows, want 19", name, count)
		}
		x := images[float64](5, 30)
		x.Row(2)[0] = math.Inf(1)
		if flags, err := m.Flag(x, 0.1); err == nil || len(flags) != 5 || !flags[2] {
			t.Errorf("%s: flags %v of an infinite row, %v", name, flags, err)
		}
		if _, err := l.WithScores([]float64{math.NaN()}); !errors.Is(err, bijector.ErrNonFinite) {
			t.Errorf("%s: a score that is NaN: %v", name, err)
		}
		if again := must(m.WithScores(nil)); again.Calibration() != nil || len(again.Buffers()) != len(l.Buffers()) {
			t.Errorf("%s: no scores leave a calibration", name)
		}
	}
}
