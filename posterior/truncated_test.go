// Normal posteriors within a box, whose share of it is known.

package posterior_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/posterior"
)

// gauss is N(x, 1) in two dimensions, under one x or one a row.
type gauss struct{}

func (gauss) Dim() int        { return 2 }
func (gauss) ContextDim() int { return 2 }

func (gauss) SampleIntoGiven(dst, contexts []float64, rng *rand.Rand) error {
	for i := range dst {
		dst[i] = contexts[i%len(contexts)] + rng.NormFloat64()
	}
	return nil
}

func (gauss) LogProbRowsGiven(dst []float64, rows, contexts []float64) error {
	for i := range dst {
		dst[i] = -math.Log(2 * math.Pi)
		for j := range 2 {
			z := rows[2*i+j] - contexts[(2*i+j)%len(contexts)]
			dst[i] -= z * z / 2
		}
	}
	return nil
}

func truncated(t *testing.T) *posterior.Truncated[float64] {
	t.Helper()
	return testkit.Must(posterior.NewTruncated[float64](gauss{}, []float64{-0.5, math.Inf(-1)}, []float64{1, 0.25}))
}

// share is that of gauss within the box of truncated.
func share(x0, x1 float64) float64 {
	phi := func(z float64) float64 { return (1 + math.Erf(z/math.Sqrt2)) / 2 }
	return (phi(1-x0) - phi(-0.5-x0)) * phi(0.25-x1)
}

func TestTruncatedDensity(t *testing.T) {
	p := truncated(t)
	rows := []float64{0, 0, 0.9, -3, -0.6, 0, 0, 0.3}
	for name, contexts := range map[string][]float64{
		"one":  {0.3, -0.2},
		"each": {0.3, -0.2, 0.3, -0.2, 0.3, -0.2, 1, 1},
	} {
		got, want := make([]float64, 4), make([]float64, 4)
		if err := p.LogProbRowsGiven(got, rows, contexts); err != nil {
			t.Fatal(err)
		}
		_ = gauss{}.LogProbRowsGiven(want, rows, contexts)
		for i := range 2 {
			if want := want[i] - math.Log(share(0.3, -0.2)); math.Abs(got[i]-want) > 0.04 {
				t.Errorf("%s: row %d has the log-density %v, want %v", name, i, got[i], want)
			}
			if !math.IsInf(got[2+i], -1) {
				t.Errorf("%s: row %d, outside of the box, has the log-density %v", name, 2+i, got[2+i])
			}
		}
	}
	a, err := p.Acceptance([]float64{1, 1})
	if want := share(1, 1); err != nil || math.Abs(a-want) > 0.015 {
		t.Errorf("acceptance %v, %v, want %v", a, err, want)
	}
}

func TestTruncatedDraws(t *testing.T) {
	const n = 20000
	p, draws := truncated(t), make([]float64, 2*n)
	each := make([]float64, 2*n)
	for i := range n { // under one of two contexts
		copy(each[2*i:], []float64{float64(i % 2), 1 - float64(i%2)})
	}
	if err := p.SampleIntoGiven(draws, each, testkit.NewRand(1)); err != nil {
		t.Fatal(err)
	}
	var sum [2]float64
	for i := range n {
		a, b := draws[2*i], draws[2*i+1]
		if a < -0.5 || a > 1 || b > 0.25 {
			t.Fatalf("draw %d is %v, %v", i, a, b)
		}
		sum[i%2] += a
	}
	// The mean of N(x, 1) between l and h is x + (phi(l-x) - phi(h-x)) / (Phi(h-x) - Phi(l-x)).
	pdf := func(z float64) float64 { return math.Exp(-z*z/2) / math.Sqrt(2*math.Pi) }
	cdf := func(z float64) float64 { return (1 + math.Erf(z/math.Sqrt2)) / 2 }
	for x := range 2 {
		l, h := -0.5-float64(x), 1-float64(x)
		want := float64(x) + (pdf(l)-pdf(h))/(cdf(h)-cdf(l))
		if got := sum[x] / (n / 2); math.Abs(got-want) > 0.02 {
			t.Errorf("under %d the mean is %v, want %v", x, got, want)
		}
	}
}

func TestTruncatedErrors(t *testing.T) {
	two := []float64{0, 1}
	for name, c := range map[string]struct {
		d      posterior.Density[float64]
		lo, hi []float64
		want   error
	}{
		"no density": {nil, two, two, bijector.ErrSpec},
		"no room":    {gauss{}, two, two, bijector.ErrSpec},
		"NaN":        {gauss{}, []float64{0, math.NaN()}, []float64{1, 1}, bijector.ErrSpec},
		"one bound":  {gauss{}, two, two[:1], bijector.ErrShape},
	} {
		if p, err := posterior.NewTruncated(c.d, c.lo, c.hi); !errors.Is(err, c.want) || p != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	p, far := truncated(t), []float64{90, 90}
	if _, err := p.Acceptance(far); !errors.Is(err, posterior.ErrLeakage) {
		t.Errorf("acceptance far away: %v", err)
	}
	if err := p.SampleIntoGiven(make([]float64, 4), far, testkit.NewRand(1)); !errors.Is(err, posterior.ErrLeakage) {
		t.Errorf("draws far away: %v", err)
	}
	if err := p.LogProbRowsGiven(make([]float64, 1), two, far); !errors.Is(err, posterior.ErrLeakage) {
		t.Errorf("a density far away: %v", err)
	}
	for name, err := range map[string]error{
		"draws":      p.SampleIntoGiven(make([]float64, 3), far, testkit.NewRand(1)),
		"no rows":    p.LogProbRowsGiven(nil, nil, far),
		"contexts":   p.LogProbRowsGiven(make([]float64, 2), make([]float64, 4), far[:1]),
		"acceptance": func() error { _, err := p.Acceptance(nil); return err }(),
	} {
		if !errors.Is(err, bijector.ErrShape) {
			t.Errorf("%s: %v, want ErrShape", name, err)
		}
	}
	if _, err := posterior.NewTruncated[float64](gauss{}, two, []float64{2, 2}); err != nil {
		t.Error(err)
	}
}
