// Ranks of posteriors that are known, right ones and wrong ones.

package posterior_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/posterior"
)

// normal says that theta given x = theta + e, theta and e standard normal in two
// dimensions, is N(x/2, 1/2), but for its faults.
type normal struct {
	shift, widen float64
	prior        bool // the observation is ignored
	whole        bool // draws are rounded
}

func (normal) Dim() int        { return 2 }
func (normal) ContextDim() int { return 2 }

func (q normal) of(x float64) (mean, deviation float64) {
	if q.prior {
		return 0, 1
	}
	return x/2 + q.shift, math.Sqrt(0.5) * (1 + q.widen)
}

func (q normal) SampleIntoGiven(dst, context []float64, rng *rand.Rand) error {
	for i := range dst {
		mean, deviation := q.of(context[i%2])
		if dst[i] = mean + deviation*rng.NormFloat64(); q.whole {
			dst[i] = math.Round(dst[i])
		}
	}
	return nil
}

func (q normal) LogProbRowsGiven(dst []float64, rows, context []float64) error {
	for i := range dst {
		dst[i] = 0
		for j := range 2 {
			mean, deviation := q.of(context[j])
			z := (rows[2*i+j] - mean) / deviation
			dst[i] -= z * z / 2
		}
	}
	return nil
}

func pairs(n int, whole bool) (parameters, observations *bijector.Rows[float64]) {
	rng := testkit.NewRand(3)
	parameters, observations = bijector.NewRows[float64](n, 2), bijector.NewRows[float64](n, 2)
	for i := range n {
		for j := range 2 {
			theta := rng.NormFloat64()
			observations.Row(i)[j] = theta + rng.NormFloat64()
			if whole { // a draw of the rounded posterior
				theta = math.Round(observations.Row(i)[j]/2 + math.Sqrt(0.5)*rng.NormFloat64())
			}
			parameters.Row(i)[j] = theta
		}
	}
	return parameters, observations
}

func TestRightAndWrongPosteriors(t *testing.T) {
	const alarm = 1e-4
	for name, c := range map[string]struct {
		q                   normal
		parameters          string // of the report
		density, distance   bool   // whether they raise an alarm
		coverage, tolerance float64
	}{
		"right":         {normal{}, "even", false, false, 0.9, 0.02},
		"whole numbers": {normal{whole: true}, "even", false, false, 0.9, 0.02},
		"too high":      {normal{shift: 0.4}, "draws lie too high", true, true, 0.84, 0.03},
		"too low":       {normal{shift: -0.4}, "draws lie too low", true, true, 0.84, 0.03},
		"too narrow":    {normal{widen: -0.3}, "draws are too narrow", true, true, 0.68, 0.03},
		"too wide":      {normal{widen: 0.5}, "draws are too wide", true, true, 0.995, 0.01},
		"the prior's":   {normal{prior: true}, "even", false, true, 0.9, 0.02},
	} {
		t.Run(name, func(t *testing.T) {
			parameters, observations := pairs(2000, c.q.whole)
			report, err := posterior.Check[float64](context.Background(), c.q, parameters, observations, posterior.Options{Seed: 5})
			if err != nil {
				t.Fatal(err)
			}
			for j, ranks := range report.Parameters {
				if p := ranks.PValue(); p < alarm != (c.parameters != "even") {
					t.Errorf("parameter %d: p %v", j, p)
				}
			}
			if strings.Count(report.String(), c.parameters) != 2 {
				t.Errorf("want %q of both parameters:\n%s", c.parameters, report)
			}
			if p := report.Density.PValue(); p < alarm != c.density {
				t.Errorf("density: p %v", p)
			}
			if p := report.Distance.PValue(); p < alarm != c.distance {
				t.Errorf("distance: p %v", p)
			}
			testkit.Near(t, "coverage of 0.9", report.Density.Coverage(0.9), c.coverage, c.tolerance)
		})
	}
}

func TestRanks(t *testing.T) {
	r := posterior.Ranks{Draws: 3, Of: []int{0, 1, 2, 3, 3, 3, 3, 3}}
	testkit.Near(t, "coverage of a half", r.Coverage(0.5), 0.25, 1e-15)
	testkit.Near(t, "coverage of 0.3", r.Coverage(0.3), (1+0.2)/8, 1e-15)
	testkit.Near(t, "coverage of all", r.Coverage(1), 1, 1e-15)
	if diff := cmp.Diff([]float64{2, 6}, r.Histogram(2)); diff != "" {
		t.Error(diff)
	}
	// D = 3/4 - 3/8, with n = 8.
	testkit.Near(t, "p", r.PValue(), 0.162466, 1e-6)
	testkit.Near(t, "p of even ranks", posterior.Ranks{Draws: 1, Of: []int{0, 1}}.PValue(), 1, 0)
	if p := (posterior.Ranks{}).PValue(); !math.IsNaN(p) {
		t.Errorf("p of no ranks: %v", p)
	}
}

func TestChecksAreDeterministic(t *testing.T) {
	parameters, observations := pairs(20, true)
	steps := 0
	check := func(seed uint64) *posterior.Report {
		return testkit.Must(posterior.Check[float64](context.Background(), normal{whole: true}, parameters, observations,
			posterior.Options{Draws: 7, Seed: seed, Progress: func(done, of int) { steps += done * of }}))
	}
	if diff := cmp.Diff(check(1), check(1)); diff != "" {
		t.Error(diff)
	}
	if cmp.Equal(check(1), check(2)) {
		t.Error("the seed changes nothing")
	}
	if want := 4 * 20 * 210; steps != want {
		t.Errorf("progress sums to %d, want %d", steps, want)
	}
}

type failing struct{ normal }

func (failing) SampleIntoGiven([]float64, []float64, *rand.Rand) error { return errors.ErrUnsupported }

type unconditional struct{ normal }

func (unconditional) ContextDim() int { return 0 }

func TestErrors(t *testing.T) {
	parameters, observations := pairs(3, false)
	holed, _ := pairs(3, false)
	holed.Row(1)[0] = math.NaN()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for name, c := range map[string]struct {
		ctx                      context.Context
		density                  posterior.Density[float64]
		parameters, observations *bijector.Rows[float64]
		draws                    int
		want                     error
	}{
		"no density":        {context.Background(), nil, parameters, observations, 0, bijector.ErrSpec},
		"no context":        {context.Background(), unconditional{}, parameters, observations, 0, bijector.ErrContext},
		"draws":             {context.Background(), normal{}, parameters, observations, -1, bijector.ErrSpec},
		"other parameters":  {context.Background(), normal{}, bijector.NewRows[float64](3, 1), observations, 0, bijector.ErrShape},
		"fewer pairs":       {context.Background(), normal{}, bijector.NewRows[float64](2, 2), observations, 0, bijector.ErrShape},
		"other observation": {context.Background(), normal{}, parameters, bijector.NewRows[float64](3, 5), 0, bijector.ErrShape},
		"NaN":               {context.Background(), normal{}, holed, observations, 0, bijector.ErrNonFinite},
		"a draw that fails": {context.Background(), failing{}, parameters, observations, 0, errors.ErrUnsupported},
		"ended":             {ended, normal{}, parameters, observations, 0, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			report, err := posterior.Check(c.ctx, c.density, c.parameters, c.observations, posterior.Options{Draws: c.draws})
			if !errors.Is(err, c.want) || report != nil {
				t.Errorf("%v, %v; want %v", report, err, c.want)
			}
		})
	}
}
