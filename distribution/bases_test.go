// What is particular to single bases: limits, labels, hostile specs.

package distribution

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distmv"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// scoreOne is the log-density of one row.
func scoreOne(b Base[float64], z []float64, cond ...float64) float64 {
	m, c, logp := bijector.NewMat[float64](len(z), 1), bijector.NewMat[float64](len(cond), 1), make([]float64, 1)
	for j, v := range z {
		m.Feature(j)[0] = v
	}
	for j, v := range cond {
		c.Feature(j)[0] = v
	}
	b.NewBasePass(bijector.PassOptions{MaxBatch: 1}).LogProb(m, c, logp)
	return logp[0]
}

func TestStudentTEqualsGonum(t *testing.T) {
	for _, nu := range []float64{0.01, 0.5, 1, 2.5, 30, 199.9, 200.1, 5000} {
		base := testkit.Must(NewStudentT[float64](StudentTSpec{Dim: 1, DF: []float64{nu}, Loc: []float64{1}, Scale: []float64{2}}))
		ref := distuv.StudentsT{Mu: 1, Sigma: 2, Nu: nu}
		for _, z := range []float64{-1e6, -3, 0, 1, 1.5, 40} {
			if got, want := scoreOne(base, []float64{z}), ref.LogProb(z); !testkit.IsNear(got, want, 1e-11) {
				t.Errorf("nu %v at %v: %v, want %v", nu, z, got, want)
			}
		}
	}
}

// Both ways to compute the constant and its slope agree where they meet, with
// differences, and with the normal distribution at the far end.
func TestStudentTConstant(t *testing.T) {
	for _, nu := range []float64{1e-8, 0.1, 3, 150, 199, 201, 1e4} {
		h := 1e-4
		d := (8*(logNormT(nu*math.Exp(h))-logNormT(nu*math.Exp(-h))) - logNormT(nu*math.Exp(2*h)) + logNormT(nu*math.Exp(-2*h))) / (12 * h)
		if got := logNormTSlope(nu); math.Abs(got-d) > 1e-9 {
			t.Errorf("slope at %v: %v, differences give %v", nu, got, d)
		}
	}
	below, above := math.Nextafter(asymptoticDF, 0), math.Nextafter(asymptoticDF, 300)
	if a, b := logNormT(below), logNormT(above); math.Abs(a-b) > 1e-12 {
		t.Errorf("the constant jumps from %v to %v", a, b)
	}
	if a, b := logNormTSlope(below), logNormTSlope(above); math.Abs(a-b) > 1e-12 {
		t.Errorf("its slope jumps from %v to %v", a, b)
	}
	wide := testkit.Must(NewStudentT[float64](StudentTSpec{Dim: 1, DF: []float64{5e10}}))
	for _, z := range []float64{0, 1, -7} {
		if got, want := scoreOne(wide, []float64{z}), (distuv.Normal{Sigma: 1}).LogProb(z); !testkit.IsNear(got, want, 1e-8) {
			t.Errorf("nu 5e10 at %v: %v, the normal has %v", z, got, want)
		}
	}
	for _, z := range []float64{1e100, 1e139, 1e141, 1e300} { // Cauchy: -log(pi) - 2 log z
		if got, want := scoreOne(testkit.Must(NewStudentT[float64](StudentTSpec{Dim: 1, DF: []float64{1}})), []float64{z}), -math.Log(math.Pi)-2*math.Log(z); !testkit.IsNear(got, want, 1e-12) {
			t.Errorf("far away, at %v: %v, want %v", z, got, want)
		}
		if got := scoreT(1, z); !testkit.IsNear(got*z, -2, 1e-12) {
			t.Errorf("score at %v: %v", z, got)
		}
	}
}

func TestUniformIsABox(t *testing.T) {
	base := testkit.Must(NewUniform[float64](UniformSpec{Dim: 2, Lo: []float64{-1, 2}, Hi: []float64{3, 2.5}}))
	inside, inf := -math.Log(4*0.5), math.Inf(-1)
	for _, c := range []struct{ x, y, want float64 }{
		{0, 2.2, inside},
		{-1, 2, inside},
		{3, 2.5, inside},
		{-1.0001, 2.2, inf},
		{0, 2.6, inf},
		{9, 9, inf},
	} {
		if got := scoreOne(base, []float64{c.x, c.y}); got != c.want && !testkit.IsNear(got, c.want, 1e-15) {
			t.Errorf("at %v, %v: %v, want %v", c.x, c.y, got, c.want)
		}
	}
	if got := scoreOne(base, []float64{math.NaN(), 9}); !math.IsNaN(got) {
		t.Errorf("at NaN: %v", got)
	}
}

// A mixture by its formula, with the weights, locations and scales of each
// component.
func referenceMixture(c, k, d int, g *gaussians[float64], z, weights []float64) float64 {
	sum, total := 0.0, 0.0
	for a := range c {
		total += weights[a]
		norm := 0.0
		for b := range k {
			norm += math.Exp(g.logits[a*k+b])
		}
		for b := range k {
			p := math.Exp(g.logits[a*k+b]) / norm
			for j := range d {
				i := (a*k+b)*d + j
				p *= distuv.Normal{Mu: g.loc[i], Sigma: math.Exp(g.logScale[i])}.Prob(z[j])
			}
			sum += weights[a] * p
		}
	}
	return math.Log(sum / total)
}

func TestMixturesByTheirFormula(t *testing.T) {
	const c, k, d = 3, 2, 2
	m := testkit.Must(NewClassMixture[float64](ClassMixtureSpec{Dim: d, Classes: c, Components: k, Seed: 2}))
	one := testkit.Must(NewMixture[float64](MixtureSpec{Dim: d, Components: c * k}))
	rng := testkit.NewRand(8)
	for _, g := range []*gaussians[float64]{&m.gaussians, &one.gaussians} {
		for _, p := range g.params() {
			for i := range p.Data {
				p.Data[i] = rng.NormFloat64()
			}
		}
	}
	for _, w := range [][]float64{{1, 0, 0}, {0, 0, 1}, {0.2, 0.5, 0.3}, {4, 0, 12}} {
		z := []float64{rng.NormFloat64(), rng.NormFloat64()}
		if got, want := scoreOne(m, z, w...), referenceMixture(c, k, d, &m.gaussians, z, w); !testkit.IsNear(got, want, 1e-12) {
			t.Errorf("context %v: %v, want %v", w, got, want)
		}
		if got, want := scoreOne(one, z), referenceMixture(1, c*k, d, &one.gaussians, z, []float64{1}); !testkit.IsNear(got, want, 1e-12) {
			t.Errorf("a mixture: %v, want %v", got, want)
		}
	}
	for _, w := range [][]float64{{0, 0, 0}, {1, -1, 1}, {math.NaN(), 1, 1}, {math.Inf(1), 0, 0}} {
		if got := scoreOne(m, []float64{0, 0}, w...); !math.IsNaN(got) {
			t.Errorf("context %v, which weighs nothing: %v, want NaN", w, got)
		}
	}
	// Far from everything the log-density keeps its digits, until squares overflow.
	if got := scoreOne(one, []float64{1e6, 0}); !(got < -1e9) || math.IsInf(got, 0) {
		t.Errorf("far away: %v", got)
	}
	if got := scoreOne(one, []float64{1e200, 0}); !math.IsInf(got, -1) {
		t.Errorf("further away: %v, want -Inf", got)
	}
}

// Components of full covariances are gonum's multivariate normals.
func TestFullMixtureByItsFormula(t *testing.T) {
	const k, d = 3, 4
	m := testkit.Must(NewMixture[float64](MixtureSpec{Dim: d, Components: k, Full: true}))
	rng := testkit.NewRand(9)
	for _, p := range m.Params() {
		for i := range p.Data {
			p.Data[i] = rng.NormFloat64()
		}
	}
	z := []float64{0.3, -1, 2, 0.7}
	sum, norm := 0.0, 0.0
	for c := range k {
		l := mat.NewTriDense(d, mat.Lower, nil)
		at := c * d * (d - 1) / 2
		for i := range d {
			for j := range i {
				l.SetTri(i, j, m.lower[at])
				at++
			}
			l.SetTri(i, i, math.Exp(m.logScale[c*d+i]))
		}
		var chol mat.Cholesky
		chol.SetFromU(l.TTri())
		w := math.Exp(m.logits[c])
		sum += w * math.Exp(distmv.NewNormalChol(m.loc[c*d:][:d], &chol, nil).LogProb(z))
		norm += w
	}
	if got, want := scoreOne(m, z), math.Log(sum/norm); !testkit.IsNear(got, want, 1e-12) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := scoreOne(m, []float64{1e200, 0, 0, 0}); !math.IsInf(got, -1) {
		t.Errorf("far away: %v, want -Inf", got)
	}
}

// Draws have the covariance L L'.
func TestFullMixtureDraws(t *testing.T) {
	const n = 20_000
	m := testkit.Must(NewMixture[float64](MixtureSpec{Dim: 2, Components: 1, Full: true}))
	m.logScale[0], m.logScale[1], m.lower[0] = math.Log(0.5), math.Log(2), -1.5
	z := bijector.NewMat[float64](2, n)
	m.NewBasePass(bijector.PassOptions{MaxBatch: n}).Sample(testkit.NewRand(1), z, bijector.Mat[float64]{}, 1)
	a, b := z.Feature(0), z.Feature(1)
	testkit.Near(t, "mean", stat.Mean(b, nil), m.loc[1], 0.05)
	testkit.Near(t, "variance", stat.Variance(a, nil), 0.25, 0.01)
	testkit.Near(t, "covariance", stat.Covariance(a, b, nil), -0.75, 0.03)
	testkit.Near(t, "variance", stat.Variance(b, nil), 6.25, 0.2)
}

// A mixture starts with locations of deviation 1 unless another is asked for, and its one
// component draws location and deviation times what the generator gives.
func TestMixtureStarts(t *testing.T) {
	m := testkit.Must(NewMixture[float64](MixtureSpec{Dim: 3, Components: 1, Seed: 4}))
	one := testkit.Must(NewMixture[float64](MixtureSpec{Dim: 3, Components: 1, Seed: 4, Spread: 1}))
	testkit.Equal(t, "locations", m.loc, one.loc)
	if m.loc[0] == 0 {
		t.Error("locations have no spread")
	}
	z := bijector.NewMat[float64](3, 2)
	m.NewBasePass(bijector.PassOptions{MaxBatch: 2}).Sample(testkit.NewRand(1), z, bijector.Mat[float64]{}, 0.5)
	rng := testkit.NewRand(1)
	for i := range 2 {
		for j := range 3 {
			testkit.Near(t, "draw", z.Feature(j)[i], m.loc[j]+0.5*math.Exp(m.logScale[j])*rng.NormFloat64(), 1e-12)
		}
	}
}

// The gradient of a one-hot context: exact for the class asked for, from above
// for the others, bounded where a class that was excluded fits far better.
func TestClassMixtureContextGradient(t *testing.T) {
	m := testkit.Must(NewClassMixture[float64](ClassMixtureSpec{Dim: 1, Classes: 3, Components: 2, Spread: 2}))
	gradient := func(z float64, w []float64) (dz, dlogp float64, dw []float64, grads [][]float64) {
		batch, cond, logp := bijector.NewMat[float64](1, 1), bijector.NewMat[float64](3, 1), make([]float64, 1)
		batch.Data[0] = z
		for c, v := range w {
			cond.Feature(c)[0] = v
		}
		p := m.NewBaseGradPass(bijector.PassOptions{MaxBatch: 1})
		p.LogProb(batch, cond, logp)
		d, dcond := bijector.NewMat[float64](1, 1), bijector.NewMat[float64](3, 1)
		p.Backward(d, dcond, batch, cond, []float64{1})
		for c := range w {
			dw = append(dw, dcond.Feature(c)[0])
		}
		return d.Data[0], logp[0], dw, p.Grads()
	}
	const z, h = 0.7, 1e-7
	for _, w := range [][]float64{{0, 1, 0}, {2, 0, 3}} {
		_, at, dw, _ := gradient(z, w)
		for c := range w {
			moved := slices.Clone(w)
			moved[c] += h
			if d := (scoreOne(m, []float64{z}, moved...) - at) / h; !testkit.IsNear(dw[c], d, 1e-5) {
				t.Errorf("context %v: gradient of entry %d is %v, differences from above give %v", w, c, dw[c], d)
			}
		}
	}
	copy(m.loc, []float64{0, 0, 1000, 1000, 0, 0})
	dz, _, dw, grads := gradient(1000, []float64{1, 0, 0})
	if !testkit.IsNear(dz, -1000, 1e-9) || dw[1] != 2*math.Exp(maxLogRatio)-1 || math.Abs(dw[0]) > 1e-9 {
		t.Errorf("a class that was excluded and fits: dz %v, dcontext %v", dz, dw)
	}
	dz, logp, dw, grads2 := gradient(1e200, []float64{1, 0, 0})
	for _, g := range append(append(grads, grads2...), dw, []float64{dz}) {
		for _, v := range g {
			if v-v != 0 {
				t.Errorf("at log-density %v: gradients %v, %v", logp, g, dw)
			}
		}
	}
}

// A one-hot context draws from its class alone, an invalid one nothing.
func TestClassMixtureDraws(t *testing.T) {
	m := testkit.Must(NewClassMixture[float64](ClassMixtureSpec{Dim: 1, Classes: 3}))
	copy(m.loc, []float64{-100, 0, 100})
	z, cond := bijector.NewMat[float64](1, 4000), bijector.NewMat[float64](3, 4000)
	for i := range cond.N {
		switch i % 4 {
		case 3: // soft
			cond.Feature(0)[i], cond.Feature(2)[i] = 1, 3
		default:
			cond.Feature(i % 4)[i] = 1
		}
	}
	cond.Feature(0)[0] = 0    // nothing left
	cond.Feature(2)[4] = -0.5 // and less than nothing
	m.NewBasePass(bijector.PassOptions{MaxBatch: 4000}).Sample(testkit.NewRand(1), z, cond, 1)
	low := 0
	for i, v := range z.Feature(0) {
		switch {
		case i == 0 || i == 4:
			if !math.IsNaN(v) {
				t.Errorf("draw %d, of no class, is %v", i, v)
			}
		case i%4 == 3:
			if math.Abs(math.Abs(v)-100) > 6 {
				t.Fatalf("draw %d of classes 0 and 2 is %v", i, v)
			}
			if v < 0 {
				low++
			}
		case math.Abs(v-100*float64(i%4-1)) > 6:
			t.Fatalf("draw %d of class %d is %v", i, i%4, v)
		}
	}
	if low < 190 || low > 310 {
		t.Errorf("%d of 1000 draws of a class of weight 1/4", low)
	}
}

// Temperature multiplies the deviation from a centre: location, middle, median,
// or the location of the component.
func TestBasesCool(t *testing.T) {
	mixture := testkit.Must(NewMixture[float64](MixtureSpec{Dim: 2, Components: 1}))
	copy(mixture.loc, []float64{4, -5})
	for _, c := range []struct {
		base   Base[float64]
		centre []float64
	}{
		{testkit.Must(NewStudentT[float64](StudentTSpec{Dim: 2, Loc: []float64{3, -1}, Scale: []float64{2, 0.5}})), []float64{3, -1}},
		{testkit.Must(NewUniform[float64](UniformSpec{Dim: 2, Lo: []float64{1, -6}, Hi: []float64{5, -4}})), []float64{3, -5}},
		{mixture, []float64{4, -5}},
		{testkit.Must(IndependentOf[float64](distuv.Exponential{Rate: 2}, distuv.Laplace{Mu: 3, Scale: 1})), []float64{math.Ln2 / 2, 3}},
	} {
		const n = 100
		p := c.base.NewBasePass(bijector.PassOptions{MaxBatch: n})
		warm, cold := bijector.NewMat[float64](2, n), bijector.NewMat[float64](2, n)
		p.Sample(testkit.NewRand(1), warm, bijector.Mat[float64]{}, 1)
		for _, temperature := range []float64{0, 0.25, 1.5} {
			p.Sample(testkit.NewRand(1), cold, bijector.Mat[float64]{}, temperature)
			for j, centre := range c.centre {
				for i, v := range warm.Feature(j) {
					if got := cold.Feature(j)[i]; !testkit.IsNear(got-centre, temperature*(v-centre), 1e-12) {
						t.Fatalf("%T at temperature %v: feature %d is %v, where 1 draws %v about %v", c.base, temperature, j, got, v, centre)
					}
				}
			}
		}
	}
}

// Specs that make no distribution, and parameters that are none.
func TestBasesRefuse(t *testing.T) {
	nan := math.NaN()
	refused := func(name string, b Base[float64], err error) {
		if !reflect.ValueOf(b).IsNil() || !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%s: %v and error %v, want ErrSpec alone", name, b, err)
		}
	}
	for name, s := range map[string]StudentTSpec{
		"t, no dim": {}, "t, too large": {Dim: huge, LearnedDF: true}, "t, short df": {Dim: 2, DF: []float64{1}},
		"t, df 0": {Dim: 1, DF: []float64{0}}, "t, df NaN": {Dim: 1, DF: []float64{nan}}, "t, df large": {Dim: 1, DF: []float64{1e12}},
		"t, scale": {Dim: 1, Scale: []float64{-1}, Learned: true},
	} {
		b, err := NewStudentT[float64](s)
		refused(name, b, err)
	}
	for name, s := range map[string]UniformSpec{
		"u, no dim": {}, "u, too large": {Dim: huge}, "u, short lo": {Dim: 2, Lo: []float64{0}}, "u, short hi": {Dim: 2, Hi: []float64{0}},
		"u, empty": {Dim: 1, Lo: []float64{1}}, "u, NaN": {Dim: 1, Lo: []float64{nan}}, "u, infinite": {Dim: 1, Lo: []float64{-1e308}, Hi: []float64{1e308}},
	} {
		b, err := NewUniform[float64](s)
		refused(name, b, err)
	}
	for name, s := range map[string]MixtureSpec{
		"m, no dim": {}, "m, too large": {Dim: huge}, "m, components": {Dim: 1, Components: -1}, "m, many": {Dim: 1 << 20, Components: huge},
		"m, full": {Dim: 1 << 14, Full: true}, "m, spread": {Dim: 1, Spread: -1}, "m, spread NaN": {Dim: 1, Spread: nan},
	} {
		b, err := NewMixture[float64](s)
		refused(name, b, err)
	}
	for name, s := range map[string]ClassMixtureSpec{"c, no classes": {Dim: 1}, "c, many": {Dim: 1 << 19, Classes: 1 << 19}, "c, components": {Dim: 1, Classes: 2, Components: -3}} {
		b, err := NewClassMixture[float64](s)
		refused(name, b, err)
	}
	if _, err := NewUniform[float32](UniformSpec{Dim: 1, Lo: []float64{1}, Hi: []float64{1 + 1e-9}}); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("a box without float32 values: %v, want ErrSpec", err)
	}
	for _, b := range []Base[float64]{
		testkit.Must(NewStudentT[float64](StudentTSpec{Dim: 2, Learned: true, LearnedDF: true})),
		testkit.Must(NewMixture[float64](MixtureSpec{Dim: 2, Full: true})),
		testkit.Must(NewClassMixture[float64](ClassMixtureSpec{Dim: 2, Classes: 2, Components: 2})),
	} {
		for _, p := range b.Params() {
			was := p.Data[1]
			p.Data[1] = math.Inf(1)
			if err := b.(bijector.Validator).Validate(); !errors.Is(err, bijector.ErrNonFinite) {
				t.Errorf("%T with %s infinite: %v, want ErrNonFinite", b, p.Name, err)
			}
			p.Data[1] = was
		}
		if err := b.(bijector.Validator).Validate(); err != nil {
			t.Error(err)
		}
	}
}
