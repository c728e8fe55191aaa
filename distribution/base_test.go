// Normal and Logistic against gonum, differences and their own specs.

package distribution

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// reference is one dimension of a base as gonum knows it: the density rather
// than its logarithm, since gonum's Logistic.LogProb ignores Mu and S.
type reference interface {
	Prob(x float64) float64
	CDF(x float64) float64
}

// family is a base with the reference for its dimensions.
type family struct {
	name         string
	f32          func(NormalSpec) (Base[float32], error)
	f64          func(NormalSpec) (Base[float64], error)
	newReference func(loc, scale float64) reference
}

var families = []family{{
	name:         "normal",
	f32:          func(s NormalSpec) (Base[float32], error) { return NewNormal[float32](s) },
	f64:          func(s NormalSpec) (Base[float64], error) { return NewNormal[float64](s) },
	newReference: func(loc, scale float64) reference { return distuv.Normal{Mu: loc, Sigma: scale} },
}, {
	name:         "logistic",
	f32:          func(s NormalSpec) (Base[float32], error) { return NewLogistic[float32](LogisticSpec(s)) },
	f64:          func(s NormalSpec) (Base[float64], error) { return NewLogistic[float64](LogisticSpec(s)) },
	newReference: func(loc, scale float64) reference { return distuv.Logistic{Mu: loc, S: scale} },
}}

// specs are standard, fixed and learned.
var specs = []NormalSpec{
	{Dim: 3},
	{Dim: 3, Loc: []float64{0.5, -3, 40}, Scale: []float64{0.25, 1, 7}},
	{Dim: 3, Loc: []float64{0.5, -3, 40}, Scale: []float64{0.25, 1, 7}, Learned: true},
	{Dim: 3, Learned: true},
}

// forEachBase runs a test for every family and spec.
func forEachBase(t *testing.T, f func(t *testing.T, fam family, s NormalSpec, loc, scale []float64)) {
	for _, fam := range families {
		for i, s := range specs {
			loc, scale := s.Loc, s.Scale
			if loc == nil {
				loc, scale = make([]float64, s.Dim), []float64{1, 1, 1}
			}
			t.Run(fmt.Sprint(fam.name, i), func(t *testing.T) { f(t, fam, s, loc, scale) })
		}
	}
}

// rowsAround fills a batch with values within four scales of the locations.
func rowsAround(n int, loc, scale []float64) bijector.Mat[float64] {
	rng := testkit.NewRand(5)
	z := bijector.NewMat[float64](len(loc), n)
	for j := range z.D {
		for i := range n {
			z.Feature(j)[i] = loc[j] + scale[j]*(8*rng.Float64()-4)
		}
	}
	return z
}

func TestLogProbEqualsGonum(t *testing.T) {
	forEachBase(t, func(t *testing.T, fam family, s NormalSpec, loc, scale []float64) {
		base := testkit.Must(fam.f64(s))
		for _, n := range testkit.Sizes {
			z, logp := rowsAround(n, loc, scale), make([]float64, n)
			for i := range logp {
				logp[i] = 10 // LogProb adds
			}
			base.NewBasePass(bijector.PassOptions{MaxBatch: n}).LogProb(z, bijector.Mat[float64]{}, logp)
			for i, got := range logp {
				want := 10.0
				for j := range z.D {
					want += math.Log(fam.newReference(loc[j], scale[j]).Prob(z.Feature(j)[i]))
				}
				if !testkit.IsNear(got, want, 1e-12) {
					t.Fatalf("row %d of %d: %v, want %v", i, n, got, want)
				}
			}
		}
	})
}

// Far away the log-density keeps its digits, and is -Inf only where float64
// has no number for it.
func TestLogProbFarAway(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		base    Base[float64]
		z, want float64
	}{
		{StandardNormal[float64](1), 1e100, -0.5e200},
		{StandardNormal[float64](1), -1e200, -inf},
		{testkit.Must(NewLogistic[float64](LogisticSpec{Dim: 1})), 1e3, -1e3},
		{testkit.Must(NewLogistic[float64](LogisticSpec{Dim: 1})), -1e300, -1e300},
		{testkit.Must(NewLogistic[float64](LogisticSpec{Dim: 1})), 40, -40 - 2*math.Log1p(math.Exp(-40))},
		{testkit.Must(NewNormal[float64](NormalSpec{Dim: 1, Scale: []float64{1e-300}})), 0, 300*math.Log(10) - math.Log(2*math.Pi)/2},
		{testkit.Must(NewNormal[float64](NormalSpec{Dim: 1, Scale: []float64{1e300}})), 1e300, -300*math.Log(10) - math.Log(2*math.Pi)/2 - 0.5},
	} {
		z, logp := bijector.NewMat[float64](1, 1), make([]float64, 1)
		z.Data[0] = c.z
		c.base.NewBasePass(bijector.PassOptions{MaxBatch: 1}).LogProb(z, bijector.Mat[float64]{}, logp)
		if logp[0] != c.want && !testkit.IsNear(logp[0], c.want, 1e-12) {
			t.Errorf("%T at %v: %v, want %v", c.base, c.z, logp[0], c.want)
		}
	}
}

// Backward against central differences of sum_i g_i log p(z_i), for z, loc and
// log-scale.
func TestBaseGradient(t *testing.T) {
	forEachBase(t, func(t *testing.T, fam family, s NormalSpec, loc, scale []float64) {
		const n, h = 7, 1e-5
		var none bijector.Mat[float64]
		base := testkit.Must(fam.f64(s))
		o := bijector.PassOptions{MaxBatch: n}
		z, g := rowsAround(n, loc, scale), make([]float64, n)
		for i := range g {
			g[i] = 0.3*float64(i) - 1
		}
		loss := func() (sum float64) {
			logp := make([]float64, n)
			base.NewBasePass(o).LogProb(z, none, logp)
			for i, v := range logp {
				sum += g[i] * v
			}
			return sum
		}
		pass := base.NewBaseGradPass(o)
		logp := make([]float64, n)
		pass.LogProb(z, none, logp)
		dz := rowsAround(n, loc, scale) // to be overwritten
		for range 2 {
			pass.Backward(dz, none, z, none, g) // parameters accumulate, dz does not
		}
		check := func(what string, p *float64, step, got float64) {
			t.Helper()
			was := *p
			*p = was + step
			hi := loss()
			*p = was - step
			lo := loss()
			*p = was
			if want := (hi - lo) / (2 * step); !testkit.IsNear(got, want, 1e-6) {
				t.Errorf("%s: gradient %v, differences %v", what, got, want)
			}
		}
		for j := range z.D {
			for i := range n {
				check(fmt.Sprintf("z[%d][%d]", i, j), &z.Feature(j)[i], h*scale[j], dz.Feature(j)[i])
			}
		}
		params, grads := base.Params(), pass.Grads()
		if want := map[bool]int{true: 2}[s.Learned]; len(params) != want || len(grads) != want {
			t.Fatalf("%d parameters and %d gradients, want %d", len(params), len(grads), want)
		}
		for k, p := range params {
			for j := range p.Data {
				step := h
				if p.Name == "loc" {
					step *= scale[j]
				}
				check(fmt.Sprintf("%s[%d]", p.Name, j), &p.Data[j], step, grads[k][j]/2)
			}
		}
	})
}

// Workers share a large batch without a change of bits.
func TestBaseWorkers(t *testing.T) {
	w := bijector.NewWorkers(3)
	defer w.Close()
	const n, dim = 700, 40
	s := NormalSpec{Dim: dim, Learned: true, Loc: make([]float64, dim), Scale: slices.Repeat([]float64{2}, dim)}
	for _, fam := range families {
		base := testkit.Must(fam.f64(s))
		z := rowsAround(n, s.Loc, s.Scale)
		run := func(w *bijector.Workers) (logp []float64, dz bijector.Mat[float64], grads [][]float64) {
			var none bijector.Mat[float64]
			p := base.NewBaseGradPass(bijector.PassOptions{MaxBatch: n, Workers: w})
			logp, dz = make([]float64, n), bijector.NewMat[float64](dim, n)
			p.LogProb(z, none, logp)
			p.Backward(dz, none, z, none, logp)
			return logp, dz, p.Grads()
		}
		l1, d1, g1 := run(nil)
		l3, d3, g3 := run(w)
		if !reflect.DeepEqual(l1, l3) || !reflect.DeepEqual(d1, d3) || !reflect.DeepEqual(g1, g3) {
			t.Errorf("%s: three workers change the result", fam.name)
		}
	}
}

// huge is more dimensions than any base takes, on 32 bits too.
const huge = min(1<<40, math.MaxInt)

func TestBaseSpecs(t *testing.T) {
	for _, fam := range families {
		for _, s := range []NormalSpec{
			{},
			{Dim: -1},
			{Dim: huge},
			{Dim: huge, Learned: true},
			{Dim: 2, Loc: []float64{1}},
			{Dim: 2, Scale: []float64{1, 1, 1}},
			{Dim: 1, Loc: []float64{math.NaN()}},
			{Dim: 1, Loc: []float64{math.Inf(-1)}},
			{Dim: 1, Scale: []float64{0}},
			{Dim: 1, Scale: []float64{-1}},
			{Dim: 1, Scale: []float64{math.NaN()}},
			{Dim: 1, Scale: []float64{math.Inf(1)}},
			{Dim: 1, Scale: []float64{5e-324}},
		} {
			if base, err := fam.f64(s); !reflect.ValueOf(base).IsNil() || !errors.Is(err, bijector.ErrSpec) {
				t.Errorf("%s of %+v: %v and error %v, want ErrSpec alone", fam.name, s, base, err)
			}
		}
		for _, s := range specs {
			base := testkit.Must(fam.f64(s))
			text := testkit.Must(json.Marshal(base.Spec()))
			var back NormalSpec
			if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back, s) {
				t.Errorf("%s: spec %+v comes back as %+v from %s, %v", fam.name, s, back, text, err)
			}
		}
	}
	if _, ok := testkit.Must(NewLogistic[float32](LogisticSpec{Dim: 2})).Spec().(LogisticSpec); !ok {
		t.Error("the spec of a Logistic is no LogisticSpec")
	}
}

// StandardNormal is what NewNormal makes of its spec, and where dim makes no
// distribution it says so, and asks for no memory.
func TestStandardNormal(t *testing.T) {
	if got, want := StandardNormal[float32](3), testkit.Must(NewNormal[float32](NormalSpec{Dim: 3})); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	for _, dim := range []int{0, -1, huge} {
		base := StandardNormal[float64](dim)
		if err := base.Validate(); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%d dimensions: Validate says %v, want ErrSpec", dim, err)
		}
		base.NewBasePass(bijector.PassOptions{MaxBatch: 1})
		base.NewBaseGradPass(bijector.PassOptions{MaxBatch: 1})
		base.Params()
	}
}

// A base keeps no slice of its maker's, and says when training ruined it.
func TestBaseState(t *testing.T) {
	s := NormalSpec{Dim: 1, Loc: []float64{2}, Scale: []float64{3}}
	n := testkit.Must(NewNormal[float64](s))
	s.Loc[0], s.Scale[0] = 9, 9
	n.Spec().(NormalSpec).Loc[0] = 9
	if got := n.Spec().(NormalSpec); got.Loc[0] != 2 || got.Scale[0] != 3 || n.loc[0] != 2 || n.scale[0] != 3 {
		t.Errorf("the caller's slices reach the base: %+v, %v, %v", got, n.loc, n.scale)
	}
	learned := testkit.Must(NewLogistic[float32](LogisticSpec{Dim: 2, Learned: true}))
	for _, p := range learned.Params() {
		p.Data[1] = float32(math.Inf(-1))
		if err := learned.Validate(); !errors.Is(err, bijector.ErrNonFinite) {
			t.Errorf("%s -Inf: Validate says %v, want ErrNonFinite", p.Name, err)
		}
		p.Data[1] = 0
	}
	if err := learned.Validate(); err != nil {
		t.Error(err)
	}
}

// A location that float32 does not hold makes no learned base.
func TestBaseOverflow(t *testing.T) {
	s := NormalSpec{Dim: 1, Loc: []float64{1e300}, Scale: []float64{2}, Learned: true}
	if _, err := NewNormal[float32](s); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("a learned location 1e300 in float32: %v, want ErrSpec", err)
	}
	if _, err := NewNormal[float64](s); err != nil {
		t.Error(err)
	}
}

func TestBaseSamplesFollowTheirLaw(t *testing.T) {
	s := NormalSpec{Dim: 2, Loc: []float64{-3, 40}, Scale: []float64{0.25, 7}}
	for _, fam := range families {
		for _, learned := range []bool{false, true} {
			for _, temperature := range []float64{1, 0.5} {
				s.Learned = learned
				z := bijector.NewMat[float64](2, testkit.Million/2)
				testkit.Must(fam.f64(s)).NewBasePass(bijector.PassOptions{MaxBatch: testkit.Million / 2}).
					Sample(testkit.NewRand(11), z, bijector.Mat[float64]{}, temperature)
				var both []float64 // as standard draws
				for j := range z.D {
					for _, v := range z.Feature(j) {
						both = append(both, (v-s.Loc[j])/s.Scale[j])
					}
				}
				if d := testkit.Distance(both, fam.newReference(0, temperature).CDF); !(d < testkit.Farthest) {
					t.Errorf("%s, learned %v, temperature %v: distance %v", fam.name, learned, temperature, d)
				}
			}
		}
	}
}

// zeros is a source that starts with n zeros.
type zeros struct{ n int }

func (s *zeros) Uint64() uint64 {
	if s.n--; s.n >= 0 {
		return 0
	}
	return 1 << 40
}

// A uniform draw of 0 makes no logistic one of -Inf.
func TestLogisticDrawIsFinite(t *testing.T) {
	if u := (standardLogistic{}).draw(0, rand.New(&zeros{3})); math.IsInf(u, 0) || math.IsNaN(u) {
		t.Errorf("draw of %v", u)
	}
}
