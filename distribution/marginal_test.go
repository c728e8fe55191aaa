// Every kind of marginal against gonum, differences and its own draws.

package distribution

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/bijou-flow/bijou/bijector"
)

// ofGonum are distributions of every kind, some of them twice: where a term of
// the density vanishes or changes sign.
var ofGonum = []interface {
	Univariate
	Prob(float64) float64
	CDF(float64) float64
}{
	distuv.Beta{Alpha: 2, Beta: 3},
	distuv.Beta{Alpha: 0.7, Beta: 1},
	distuv.Chi{K: 3},
	distuv.ChiSquared{K: 3},
	distuv.Exponential{Rate: 2},
	distuv.Gamma{Alpha: 3, Beta: 2},
	distuv.Gamma{Alpha: 0.7, Beta: 2},
	distuv.GumbelRight{Mu: 1, Beta: 2},
	distuv.InverseGamma{Alpha: 3, Beta: 2},
	distuv.Laplace{Mu: 1, Scale: 2},
	distuv.Logistic{Mu: 1, S: 2},
	distuv.LogNormal{Mu: 1, Sigma: 0.5},
	distuv.Normal{Mu: 1, Sigma: 2},
	distuv.Pareto{Xm: 2, Alpha: 3},
	distuv.StudentsT{Mu: 1, Sigma: 2, Nu: 3},
	distuv.NewTriangle(-1, 2, 0.5, nil),
	distuv.Uniform{Min: -1, Max: 3},
	distuv.Weibull{K: 2, Lambda: 3},
	distuv.Weibull{K: 0.7, Lambda: 3},
}

// slow are the kinds whose quantiles gonum iterates for.
var slow = []string{"beta", "chi", "chisquared", "gamma", "inversegamma"}

func TestMarginalsEqualGonum(t *testing.T) {
	seen := map[string]bool{}
	for _, u := range ofGonum {
		m := must(marginalOf(u))
		seen[m.spec.Kind] = true
		t.Run(m.spec.Kind, func(t *testing.T) {
			lo, hi, mid := math.Max(m.lo, -1e3), math.Min(m.hi, 1e3), m.median
			if !near(u.CDF(mid), 0.5, 1e-6) {
				t.Errorf("median %v", mid)
			}
			rng := newRand(3)
			for range 200 {
				x := m.draw(rng)
				if want := math.Log(u.Prob(x)); !near(m.logProb(x), want, 1e-12) {
					t.Fatalf("log-density at %v: %v, want %v", x, m.logProb(x), want)
				}
				h := 1e-4 * min(1, (x-lo)/4, (hi-x)/4)
				if m.spec.Kind == "laplace" || m.spec.Kind == "triangle" {
					h = min(h, math.Abs(x-m.spec.Params[len(m.spec.Params)-1])/4, math.Abs(x-1)/4)
				}
				if h < 1e-7 {
					continue
				}
				d := (8*(m.logProb(x+h)-m.logProb(x-h)) - m.logProb(x+2*h) + m.logProb(x-2*h)) / (12 * h)
				if !near(m.score(x), d, 1e-6) {
					t.Fatalf("score at %v: %v, differences give %v", x, m.score(x), d)
				}
			}
			n := million
			if slices.Contains(slow, m.spec.Kind) || testing.Short() {
				n /= 10
			}
			draws := make([]float64, n)
			for i := range draws {
				draws[i] = m.draw(rng)
			}
			slices.Sort(draws)
			if d := distance(draws, u.CDF); d > farthest*math.Sqrt(million/float64(n)) {
				t.Errorf("draws differ from the distribution function by %.5f", d)
			}
		})
	}
	for _, name := range MarginalKinds() {
		if !seen[name] {
			t.Errorf("%s is not compared with gonum", name)
		}
	}
}

// At the bounds of its support a density may be anything but NaN, and beyond
// it is 0.
func TestMarginalsAtTheirBounds(t *testing.T) {
	for _, u := range ofGonum {
		base := must(IndependentOf[float64](u))
		m := base.at(0)
		at := []float64{m.lo, m.hi, m.lo - 1, m.hi + 1, math.Nextafter(m.lo, -9), math.Nextafter(m.hi, math.Inf(1))}
		z, logp := bijector.NewMat[float64](1, len(at)), make([]float64, len(at))
		copy(z.Data, at)
		pass := base.NewBaseGradPass(bijector.PassOptions{MaxBatch: len(at)})
		pass.LogProb(z, bijector.Mat[float64]{}, logp)
		dz, dlogp := bijector.NewMat[float64](1, len(at)), slices.Repeat([]float64{1}, len(at))
		for i := range at {
			dz.Data[i] = 7 // to be overwritten
		}
		pass.Backward(dz, bijector.Mat[float64]{}, z, bijector.Mat[float64]{}, dlogp)
		for i, x := range at {
			if math.IsInf(x, 0) {
				continue
			}
			if outside := x < m.lo || x > m.hi; math.IsNaN(logp[i]) || outside && (!math.IsInf(logp[i], -1) || dz.Data[i] != 0) {
				t.Errorf("%T at %v, of %v to %v: log-density %v, gradient %v", u, x, m.lo, m.hi, logp[i], dz.Data[i])
			}
			if math.IsNaN(dz.Data[i]) {
				t.Errorf("%T at %v: gradient %v", u, x, dz.Data[i])
			}
		}
	}
}

func TestIndependentSpecs(t *testing.T) {
	one := func(kind string, params ...float64) IndependentSpec {
		return IndependentSpec{Dim: 1, Marginals: []MarginalSpec{{kind, params}}}
	}
	for _, s := range []IndependentSpec{
		{},
		{Dim: 3},
		{Dim: -1, Marginals: []MarginalSpec{{"normal", []float64{0, 1}}}},
		{Dim: 1 << 40, Marginals: []MarginalSpec{{"normal", []float64{0, 1}}}},
		{Dim: 3, Marginals: []MarginalSpec{{"normal", []float64{0, 1}}, {"normal", []float64{0, 1}}}},
		one("gaussian", 0, 1), one(""), one("normal"), one("normal", 0, 1, 2), one("normal", 0, 0), one("normal", math.NaN(), 1),
		one("gamma", 1, math.Inf(1)), one("uniform", 1, 1), one("uniform", 2, 1), one("triangle", 0, 1, 2), one("triangle", 1, 1, 1), one("triangle", 0, 1, -1),
	} {
		if base, err := NewIndependent[float64](s); base != nil || !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%+v: %v and error %v, want ErrSpec alone", s, base, err)
		}
	}
	_, err := NewIndependent[float64](one("gaussian", 0, 1))
	for _, name := range MarginalKinds() {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%q does not list %s", err, name)
		}
	}
	for _, u := range []Univariate{nil, distuv.Normal{}, distuv.Gamma{Alpha: -1, Beta: 1}, distuv.Uniform{}, distuv.Weibull{}} {
		if base, err := IndependentOf[float64](u); base != nil || !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%#v: %v and error %v, want ErrSpec alone", u, base, err)
		}
	}
	if _, err := IndependentOf[float64](); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("no marginals: %v, want ErrSpec", err)
	}
	s := IndependentSpec{Dim: 2, Marginals: []MarginalSpec{{"laplace", []float64{1, 2}}}}
	base := must(NewIndependent[float64](s))
	s.Marginals[0].Params[0] = 9
	base.Spec().(IndependentSpec).Marginals[0].Params[0] = 9
	if got := base.Spec(); !reflect.DeepEqual(got, IndependentSpec{2, []MarginalSpec{{"laplace", []float64{1, 2}}}}) {
		t.Errorf("the caller's slices reach the base: %+v", got)
	}
}

// scored is a Univariate from outside with a gradient; bare has none.
type scored struct{ distuv.Normal }

type bare struct{ of distuv.Normal }

func (b bare) LogProb(x float64) float64  { return b.of.LogProb(x) }
func (b bare) Quantile(p float64) float64 { return b.of.Quantile(p) }

func TestIndependentFromOutside(t *testing.T) {
	inner := distuv.Normal{Mu: 1, Sigma: 2}
	layer := newBend[float64](1, 0, 1)
	with, without := must(IndependentOf[float64](scored{inner})), must(IndependentOf[float64](bare{inner}))
	if err := NewFlow[float64](layer, with).Check(); err != nil {
		t.Error(err)
	}
	f := NewFlow[float64](layer, without)
	if err := f.Check(); !errors.Is(err, bijector.ErrNotTrainable) || !strings.Contains(err.Error(), "bare") {
		t.Errorf("without a gradient: %v, want ErrNotTrainable and the type", err)
	}
	if with.Spec() != nil || without.Spec() != nil {
		t.Error("a distribution that has no name has a spec")
	}
	want := NewFlow[float64](layer, must(IndependentOf[float64](inner)))
	x := rowsOf[float64](50, 1)
	equal(t, "LogProb", must(f.LogProb(x)), must(want.LogProb(x)))
	if got := must(f.Sample(rand.New(rand.NewPCG(1, 2)), 10)); got.Shape()[0] != 10 {
		t.Error("no draws")
	}
	z, dz := around(5, []float64{0}, []float64{1}), bijector.NewMat[float64](1, 5)
	with.NewBaseGradPass(bijector.PassOptions{MaxBatch: 5}).Backward(dz, bijector.Mat[float64]{}, z, bijector.Mat[float64]{}, []float64{1, 1, 1, 1, 1})
	for i, v := range z.Feature(0) {
		if !near(dz.Data[i], (1-v)/4, 1e-12) {
			t.Errorf("gradient %v at %v", dz.Data[i], v)
		}
	}
}

// Rounding to float32 takes no draw out of the support.
func TestDrawsStayInTheirSupport(t *testing.T) {
	for name, base := range map[string]Base[float32]{
		"uniform":     must(NewUniform[float32](UniformSpec{Dim: 1, Lo: []float64{0.1}, Hi: []float64{0.1 + 3e-8}})),
		"independent": must(NewIndependent[float32](IndependentSpec{Dim: 1, Marginals: []MarginalSpec{{"uniform", []float64{0.1, 0.1 + 3e-8}}}})),
	} {
		p := base.NewBasePass(bijector.PassOptions{MaxBatch: 1000})
		z, logp := bijector.NewMat[float32](1, 1000), make([]float64, 1000)
		for _, temperature := range []float64{1, 0.5, 0} {
			p.Sample(newRand(1), z, bijector.Mat[float32]{}, temperature)
			p.LogProb(z, bijector.Mat[float32]{}, logp)
			if v := slices.Min(logp); math.IsInf(v, -1) || math.IsNaN(v) {
				t.Errorf("%s: a draw at temperature %v has log-density %v", name, temperature, v)
			}
		}
	}
}
