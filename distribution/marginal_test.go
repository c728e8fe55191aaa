// Every kind of marginal by hand, at its bounds, and with parameters that make
// no distribution.

package distribution

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/rows"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// marginals are distributions of every kind, Weibull's also where a term of
// the density vanishes or changes sign, and one of gonum's without a name.
var marginals = []struct {
	dist       Univariate
	spec       MarginalSpec
	at         float64
	logp, want float64 // density and derivative by hand
}{
	{distuv.Exponential{Rate: 2}, MarginalSpec{"exponential", []float64{2}}, 3, math.Ln2 - 6, -2},
	{distuv.Laplace{Mu: 1, Scale: 2}, MarginalSpec{"laplace", []float64{1, 2}}, -3, -math.Log(4) - 2, 0.5},
	{distuv.Normal{Mu: 1, Sigma: 2}, MarginalSpec{"normal", []float64{1, 2}}, 4, -1.125 - math.Log(2*math.Sqrt(2*math.Pi)), -0.75},
	{distuv.Uniform{Min: -1, Max: 3}, MarginalSpec{"uniform", []float64{-1, 3}}, 2.5, -math.Log(4), 0},
	{distuv.Weibull{K: 2, Lambda: 3}, MarginalSpec{"weibull", []float64{2, 3}}, 6, math.Log(4./3) - 4, 1./6 - 4./3},
	{distuv.Weibull{K: 0.5, Lambda: 4}, MarginalSpec{"weibull", []float64{0.5, 4}}, 1, -math.Log(4) - 0.5, -0.75},
	{distuv.Weibull{K: 1, Lambda: 4}, MarginalSpec{"weibull", []float64{1, 4}}, 0, -math.Log(4), 0},
	{distuv.NewTriangle(-1, 3, 1, nil), MarginalSpec{}, 2, -math.Log(4), -1},
}

func TestMarginals(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range marginals {
		base := testkit.Must(IndependentOf[float64](c.dist))
		if got, spec := scoreOne(base, []float64{c.at}), base.marginal(0).spec; !testkit.IsNear(got, c.logp, 1e-15) || !reflect.DeepEqual(spec, c.spec) {
			t.Errorf("%+v: log-density %v at %v, want %v; spec %+v, want %+v", c.dist, got, c.at, c.logp, spec, c.spec)
		}
		if got := base.marginal(0).score(c.at); !testkit.IsNear(got, c.want, 1e-15) {
			t.Errorf("%+v: derivative %v at %v, want %v", c.dist, got, c.at, c.want)
		}
		seen[c.spec.Kind] = true
		if c.spec.Kind == "" {
			continue
		}
		named := testkit.Must(NewIndependent[float64](IndependentSpec{Dim: 1, Marginals: []MarginalSpec{c.spec}}))
		if !reflect.DeepEqual(named, base) {
			t.Errorf("%+v by name is %+v, want %+v", c.spec, named, base)
		}
	}
	for name := range marginalKinds {
		if !seen[name] {
			t.Errorf("%s is not tested", name)
		}
	}
}

// At the bounds of its support a density may be anything but NaN, and beyond
// it is 0. A derivative is finite where a density is, and 0 where a mode has
// none.
func TestMarginalsAtTheirBounds(t *testing.T) {
	for _, c := range marginals {
		base := testkit.Must(IndependentOf[float64](c.dist))
		m := base.marginal(0)
		at := []float64{m.lo, m.hi, m.lo - 1, m.hi + 1, math.Nextafter(m.lo, -9), math.Nextafter(m.hi, math.Inf(1)), 1}
		z, logp := bijector.NewMat[float64](1, len(at)), make([]float64, len(at))
		copy(z.Data, at)
		pass := base.NewBaseGradPass(bijector.PassOptions{MaxBatch: len(at)})
		pass.LogProb(z, bijector.Mat[float64]{}, logp)
		dz, dlogp := bijector.NewMat[float64](1, len(at)), slices.Repeat([]float64{1}, len(at))
		for i := range at {
			dz.Data[i] = 7 // to be overwritten
		}
		pass.Backward(dz, bijector.Mat[float64]{}, z, bijector.Mat[float64]{}, dlogp)
		if got := m.logProb(math.NaN()); !math.IsNaN(got) {
			t.Errorf("%+v at NaN: log-density %v", c.dist, got)
		}
		for i, x := range at {
			if math.IsInf(x, 0) {
				continue
			}
			if outside := x < m.lo || x > m.hi; math.IsNaN(logp[i]) || outside && (!math.IsInf(logp[i], -1) || dz.Data[i] != 0) {
				t.Errorf("%+v at %v, of %v to %v: log-density %v, gradient %v", c.dist, x, m.lo, m.hi, logp[i], dz.Data[i])
			}
			if !rows.IsFinite(dz.Data[i]) {
				t.Errorf("%+v at %v: gradient %v", c.dist, x, dz.Data[i])
			}
		}
	}
}

// within calls f and fails where it takes more than some seconds or panics.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan any, 1)
	go func() {
		defer func() { done <- recover() }()
		f()
	}()
	select {
	case p := <-done:
		if p != nil {
			t.Errorf("%s: panic %v", what, p)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("%s: no answer in 20 seconds", what)
	}
}

// Parameters that gonum's functions loop or panic over, or that make densities
// without a number, never reach it.
func TestMarginalsRefuseExtremes(t *testing.T) {
	extremes := []float64{5e-324, 1e-310, 1e308, math.MaxFloat64, 0, -1, math.NaN(), math.Inf(1), math.Inf(-1)}
	for name, k := range marginalKinds {
		for i, param := range k.params {
			for _, v := range extremes {
				p := []float64{1, 2}[:len(k.params)]
				p[i] = v
				if !strings.HasPrefix(param, "positive") && (v == 0 || v == -1 || math.Abs(v) < 1) {
					continue // a location
				}
				within(t, fmt.Sprint(name, p), func() {
					if base, err := NewIndependent[float64](IndependentSpec{Dim: 1, Marginals: []MarginalSpec{{name, p}}}); base != nil || !errors.Is(err, bijector.ErrSpec) {
						t.Errorf("%s %v: %v and error %v, want ErrSpec alone", name, p, base, err)
					}
				})
			}
		}
	}
	// Laws that files do not name, of which gonum's quantiles would be asked.
	for _, name := range []string{"gamma", "inversegamma", "chi", "chisquared", "beta", "Normal", ""} {
		for _, v := range extremes {
			within(t, fmt.Sprint(name, v), func() {
				_, err := NewIndependent[float64](IndependentSpec{Dim: 1, Marginals: []MarginalSpec{{name, []float64{v, v}}}})
				if !errors.Is(err, bijector.ErrSpec) || !strings.Contains(err.Error(), "exponential, laplace, normal, uniform, weibull") {
					t.Errorf("%s %v: %v, want ErrSpec and the known kinds", name, v, err)
				}
			})
		}
	}
	for _, u := range []Univariate{
		nil, (*distuv.Normal)(nil),
		distuv.Normal{},
		distuv.Exponential{Rate: -1},
		distuv.Uniform{},
		distuv.Weibull{},
		distuv.Weibull{K: 5e-324, Lambda: 1},
		distuv.Laplace{Scale: 1e308},
		distuv.Triangle{},
		backwards{},
	} {
		within(t, fmt.Sprintf("%T", u), func() {
			if base, err := IndependentOf[float64](u); base != nil || !errors.Is(err, bijector.ErrSpec) {
				t.Errorf("%T: %v and error %v, want ErrSpec alone", u, base, err)
			}
		})
	}
}

// What is within the bounds of parameters has quantiles in order, a finite
// density and a finite derivative between them.
func TestMarginalsAtTheLimits(t *testing.T) {
	for name, k := range marginalKinds {
		for _, a := range []float64{minScale, 1e-3, 1, 1e3, maxParam} {
			for _, b := range []float64{minScale, 1, maxParam} {
				p := []float64{a, b}[:len(k.params)]
				m, err := newMarginal(MarginalSpec{name, p})
				if name == "weibull" && a == minScale || name == "uniform" && a >= b {
					if !errors.Is(err, bijector.ErrSpec) { // all its mass at the bounds, or none
						t.Errorf("%s %v: %v, want ErrSpec", name, p, err)
					}
					continue
				}
				if err != nil {
					t.Errorf("%s %v: %v", name, p, err)
					continue
				}
				if l, s := m.logProb(m.median), m.score(m.median); !rows.IsFinite(l) || !rows.IsFinite(s) {
					t.Errorf("%s %v at its median %v: log-density %v, derivative %v", name, p, m.median, l, s)
				}
			}
		}
	}
}

func TestIndependentSpecs(t *testing.T) {
	one := func(kind string, params ...float64) IndependentSpec {
		return IndependentSpec{Dim: 1, Marginals: []MarginalSpec{{kind, params}}}
	}
	standard := MarginalSpec{"normal", []float64{0, 1}}
	for _, s := range []IndependentSpec{
		{},
		{Dim: 3},
		{Dim: -1, Marginals: []MarginalSpec{standard}},
		{Dim: huge, Marginals: []MarginalSpec{standard}},
		{Dim: 3, Marginals: []MarginalSpec{standard, standard}},
		one("normal"), one("normal", 0, 1, 2), one("uniform", 1, 1), one("uniform", 2, 1),
	} {
		if base, err := NewIndependent[float64](s); base != nil || !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%+v: %v and error %v, want ErrSpec alone", s, base, err)
		}
	}
	for _, s := range []IndependentSpec{one("uniform", 1, 1+1e-9), one("uniform", 1e50, 1e60)} {
		if _, err := NewIndependent[float32](s); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%+v, of whose support float32 has fewer than two values: %v, want ErrSpec", s, err)
		}
		testkit.Must(NewIndependent[float64](s))
	}
	if _, err := IndependentOf[float64](); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("no marginals: %v, want ErrSpec", err)
	}
	s := IndependentSpec{Dim: 2, Marginals: []MarginalSpec{{"laplace", []float64{1, 2}}}}
	base := testkit.Must(NewIndependent[float64](s))
	s.Marginals[0].Params[0] = 9
	base.Spec().(IndependentSpec).Marginals[0].Params[0] = 9
	if got, want := string(testkit.Must(json.Marshal(base.Spec()))), `{"dim":2,"marginals":[{"kind":"laplace","params":[1,2]}]}`; got != want {
		t.Errorf("the spec is %s, want %s", got, want)
	}
}

// lifted is a Univariate from outside, and backwards one whose quantiles fall.
type lifted struct{ distuv.Normal }

type backwards struct{ lifted }

func (b backwards) Quantile(p float64) float64 { return b.lifted.Quantile(1 - p) }

// A Univariate from outside is a base that has no spec.
func TestIndependentFromOutside(t *testing.T) {
	outside, inside := testkit.Must(IndependentOf[float64](lifted{distuv.Normal{Mu: 1, Sigma: 2}})), testkit.Must(IndependentOf[float64](distuv.Normal{Mu: 1, Sigma: 2}))
	if outside.Spec() != nil {
		t.Error("a distribution that has no name has a spec")
	}
	z, g := rowsAround(5, []float64{1}, []float64{2}), []float64{1, 2, 3, 4, 5}
	run := func(base *Independent[float64]) (logp []float64, dz, draws bijector.Mat[float64]) {
		logp, dz, draws = make([]float64, 5), bijector.NewMat[float64](1, 5), bijector.NewMat[float64](1, 5)
		p := base.NewBaseGradPass(bijector.PassOptions{MaxBatch: 5})
		p.LogProb(z, bijector.Mat[float64]{}, logp)
		p.Backward(dz, bijector.Mat[float64]{}, z, bijector.Mat[float64]{}, g)
		base.NewBasePass(bijector.PassOptions{MaxBatch: 5}).Sample(testkit.NewRand(1), draws, bijector.Mat[float64]{}, 1)
		return logp, dz, draws
	}
	l1, d1, s1 := run(outside)
	l2, d2, s2 := run(inside)
	if !reflect.DeepEqual(l1, l2) || !reflect.DeepEqual(d1, d2) || !reflect.DeepEqual(s1, s2) {
		t.Errorf("%v, %v, %v, by name %v, %v, %v", l1, d1, s1, l2, d2, s2)
	}
	for i, v := range z.Feature(0) {
		if !testkit.IsNear(d1.Data[i], g[i]*(1-v)/4, 1e-12) {
			t.Errorf("gradient %v at %v", d1.Data[i], v)
		}
	}
}

// Rounding to float32 takes no draw out of the support.
func TestDrawsStayInTheirSupport(t *testing.T) {
	for name, base := range map[string]Base[float32]{
		"uniform":     testkit.Must(NewUniform[float32](UniformSpec{Dim: 1, Lo: []float64{0.1}, Hi: []float64{0.1 + 3e-8}})),
		"independent": testkit.Must(NewIndependent[float32](IndependentSpec{Dim: 1, Marginals: []MarginalSpec{{"uniform", []float64{0.1, 0.1 + 3e-8}}}})),
	} {
		p := base.NewBasePass(bijector.PassOptions{MaxBatch: 1000})
		z, logp := bijector.NewMat[float32](1, 1000), make([]float64, 1000)
		for _, temperature := range []float64{1, 0.5, 0} {
			p.Sample(testkit.NewRand(1), z, bijector.Mat[float32]{}, temperature)
			p.LogProb(z, bijector.Mat[float32]{}, logp)
			if v := slices.Min(logp); math.IsInf(v, -1) || math.IsNaN(v) {
				t.Errorf("%s: a draw at temperature %v has log-density %v", name, temperature, v)
			}
		}
	}
}
