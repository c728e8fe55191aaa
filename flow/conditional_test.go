// Conditional distributions against those that are known: normal ones, a banana,
// two modes, and integrals on a grid.

package flow_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// parabola is a layer of two features: z = (x_0, (x_1 - x_0^2)/width).
type parabola struct {
	bijector.TensorMethods[float64]
	width float64
}

func (*parabola) Dim() int                                              { return 2 }
func (*parabola) ContextDim() int                                       { return 0 }
func (p *parabola) NewPass(bijector.PassOptions) bijector.Pass[float64] { return p }
func (*parabola) Params() []bijector.Param[float64]                     { return nil }
func (p *parabola) Forward(z, x, _ bijector.Mat[float64], logDet []float64) {
	for i, v := range x.Feature(0) {
		z.Feature(0)[i], z.Feature(1)[i] = v, (x.Feature(1)[i]-v*v)/p.width
		logDet[i] -= math.Log(p.width)
	}
}

func (p *parabola) Inverse(x, z, _ bijector.Mat[float64], logDet []float64) {
	for i, v := range z.Feature(0) {
		x.Feature(0)[i], x.Feature(1)[i] = v, z.Feature(1)[i]*p.width+v*v
		logDet[i] += math.Log(p.width)
	}
}

func banana(width, loc float64) *flow.Flow[float64] {
	base := testkit.Must(distribution.NewNormal[float64](distribution.NormalSpec{Dim: 2, Loc: []float64{loc, 0}, Scale: []float64{1.5, 1}}))
	return testkit.Must(flow.New[float64](&parabola{width: width}, base))
}

// linearFlow is a random affine map over a standard normal, its mean and its
// covariance.
func linearFlow(d int) (*flow.Flow[float64], []float64, *mat.SymDense) {
	lu := testkit.Must(bijector.NewLU[float64](bijector.LUSpec{Dim: d, Seed: 1}))
	rng := testkit.NewRand(9)
	for _, p := range lu.Params() {
		for i := range p.Data {
			p.Data[i] += 0.4 * rng.NormFloat64()
		}
	}
	lu.Invalidate()
	f := testkit.Must(flow.New[float64](lu, distribution.StandardNormal[float64](d)))
	points := bijector.NewRows[float64](d+1, d)
	for j := range d {
		points.Row(j)[j] = 1
	}
	images := testkit.Must(f.Inverse(points))
	mean, back := images.Row(d), mat.NewDense(d, d, nil)
	for j := range d {
		floats.Sub(images.Row(j), mean)
		back.SetCol(j, images.Row(j))
	}
	var cov mat.SymDense
	cov.SymOuterK(1, back)
	return f, mean, &cov
}

// conditionalNormal is the mean and the covariance of features free of a normal,
// given values of others, and the log-density of those.
func conditionalNormal(mean []float64, cov *mat.SymDense, observed, free []int, values []float64) (*mat.VecDense, *mat.Dense, float64) {
	a, b := len(observed), len(free)
	aa, ab, bb := mat.NewSymDense(a, nil), mat.NewDense(a, b, nil), mat.NewDense(b, b, nil)
	diff := mat.NewVecDense(a, nil)
	for i, j := range observed {
		diff.SetVec(i, values[i]-mean[j])
		for k, l := range observed[i:] {
			aa.SetSym(i, i+k, cov.At(j, l))
		}
		for k, l := range free {
			ab.Set(i, k, cov.At(j, l))
		}
	}
	for i, j := range free {
		for k, l := range free {
			bb.Set(i, k, cov.At(j, l))
		}
	}
	var chol mat.Cholesky
	chol.Factorize(aa)
	solved, slope := mat.NewVecDense(a, nil), mat.NewDense(a, b, nil)
	if chol.SolveVecTo(solved, diff) != nil || chol.SolveTo(slope, ab) != nil {
		panic("a covariance that is not")
	}
	var shift mat.VecDense
	shift.MulVec(slope.T(), diff)
	for i, j := range free {
		shift.SetVec(i, shift.AtVec(i)+mean[j])
	}
	var down mat.Dense
	down.Mul(slope.T(), ab)
	bb.Sub(bb, &down)
	return &shift, bb, -0.5*mat.Dot(diff, solved) - 0.5*chol.LogDet() - 0.5*float64(a)*math.Log(2*math.Pi)
}

// Draws, log-densities and the marginal's are a normal distribution's, to within
// what the report says: by importance weights, and by the chains where the
// proposals are too few for them.
func TestConditionalOfANormal(t *testing.T) {
	for _, c := range []struct {
		d, observed int
		o           flow.Conditioning
		method      string
	}{
		{3, 1, flow.Conditioning{}, "importance"},
		{6, 5, flow.Conditioning{}, "importance"},
		{12, 3, flow.Conditioning{}, "importance"},
		{20, 15, flow.Conditioning{}, "importance"},
		{8, 2, flow.Conditioning{Proposals: 256, MinEffective: 256}, "mcmc"},
	} {
		f, mean, cov := linearFlow(c.d)
		var free []int
		typical := testkit.Must(f.Sample(testkit.NewRand(5), 1)).Row(0)
		values := make([]float64, c.observed)
		for i := range c.observed {
			j := (i*7 + 1) % c.d
			c.o.Observed = append(c.o.Observed, j)
			values[i] = typical[j]
		}
		for j := range c.d {
			if !slices.Contains(c.o.Observed, j) {
				free = append(free, j)
			}
		}
		cond := testkit.Must(f.Condition(c.o))
		const n = 2000
		out, err := cond.Sample(testkit.NewRand(3), testkit.Rows(values, 1, c.observed), n)
		if err != nil {
			t.Fatal(err)
		}
		r := out.Reports[0]
		if r.Method != c.method || cond.Exact() || !(r.EffectiveSize >= 100) || !(r.Acceptance > 0.1 && r.Acceptance < 0.7) {
			t.Errorf("%d features: %+v, want %s", c.d, r, c.method)
		}
		t.Logf("%d features, %d observed: %+v", c.d, c.observed, r)
		wantMean, wantCov, logMarginal := conditionalNormal(mean, cov, c.o.Observed, free, values)
		if math.Abs(r.LogMarginal-logMarginal) > 4*r.StdErr {
			t.Errorf("%d features: log p(x_A) is %v +- %v, want %v", c.d, r.LogMarginal, r.StdErr, logMarginal)
		}
		size := 1 / (1/float64(n) + 1/r.EffectiveSize)
		column := make([]float64, n)
		for k, j := range free {
			for i := range column {
				column[i] = out.Draws.Row(i)[j]
			}
			got, variance := stat.MeanVariance(column, nil)
			want := wantCov.At(k, k)
			if e := math.Abs(got-wantMean.AtVec(k)) / math.Sqrt(want/size); e > 4.5 {
				t.Errorf("%d features, %s: the mean of feature %d is %v, want %v, %.1f standard errors", c.d, r.Method, j, got, wantMean.AtVec(k), e)
			}
			if e := math.Abs(variance/want-1) / math.Sqrt(2/size); e > 4.5 {
				t.Errorf("%d features, %s: the variance of feature %d is %v, want %v, %.1f standard errors", c.d, r.Method, j, variance, want, e)
			}
		}
		scores := testkit.Must(f.LogProb(out.Draws))
		for i, v := range scores {
			for k, j := range c.o.Observed {
				if out.Draws.Row(i)[j] != values[k] {
					t.Fatalf("draw %d has %v for the observed %v", i, out.Draws.Row(i)[j], values[k])
				}
			}
			testkit.Near(t, "log p(x_B | x_A)", out.LogProb[i], v-r.LogMarginal, 1e-12)
		}
		logp, reports, err := cond.LogProb(testkit.NewRand(4), testkit.Rows(slices.Clone(out.Draws.Row(0)), 1, c.d))
		if c.method == "mcmc" {
			if !errors.Is(err, flow.ErrEffectiveSize) {
				t.Errorf("log-densities by too few proposals: %v", err)
			}
		} else if err != nil || math.Abs(logp[0]-scores[0]+logMarginal) > 4*reports[0].StdErr {
			t.Errorf("%d features: %v +- %v, want %v: %v", c.d, logp[0], reports[0].StdErr, scores[0]-logMarginal, err)
		}
	}
}

// Two modes of unlike weight, on a thin parabola: the share of each, and how much
// it and the marginal vary from seed to seed, are what the report says.
func TestConditionalOfABanana(t *testing.T) {
	f := banana(0.3, 0.5)
	cond := testkit.Must(f.Condition(flow.Conditioning{Observed: []int{1}}))
	const n, seeds, y = 1000, 12, 4.0
	sum, right := 0.0, 0.0
	for x := -6.0; x < 6; x += 0.001 {
		p := math.Exp(testkit.Must(f.LogProbRow([]float64{x, y}))) * 0.001
		sum += p
		if x > 0 {
			right += p
		}
	}
	right /= sum
	shares, marginals, chi, chiMarginal := 0.0, 0.0, 0.0, 0.0
	for k := range seeds {
		out, err := cond.Sample(testkit.NewRand(uint64(k)), testkit.Rows([]float64{y}, 1, 1), n)
		if err != nil {
			t.Fatal(err)
		}
		share, r := 0.0, out.Reports[0]
		for i := range n {
			if out.Draws.Row(i)[0] > 0 {
				share += 1.0 / n
			}
		}
		size := 1 / (1/float64(n) + 1/r.EffectiveSize)
		chi += (share - right) * (share - right) / (right * (1 - right) / size)
		marginal := (r.LogMarginal - math.Log(sum)) / r.StdErr
		chiMarginal += marginal * marginal
		shares += share / seeds
		marginals += math.Exp(r.LogMarginal) / seeds
	}
	t.Logf("right %v of %v, marginal %v of %v, chi-squares %v and %v of %d", shares, right, marginals, sum, chi, chiMarginal, seeds)
	testkit.Near(t, "the share of the right mode", shares, right, 0.03)
	testkit.Near(t, "the marginal", marginals/sum, 1, 0.03)
	for _, v := range []float64{chi, chiMarginal} { // 0.1 % of chi-squares of 12 lie below 2.2, 0.1 % above 32.9
		if v < 2.2 || v > 33 {
			t.Errorf("seeds vary by %v of what the effective size says", v/seeds)
		}
	}
}

// Each row has its own context, where nothing is exact too, in float32.
func TestConditionalUnderContexts(t *testing.T) {
	chain := stirred(testkit.Must(coupling.RealNVP[float32](coupling.Recipe{Dim: 2, ContextDim: 2, Layers: 4, Hidden: []int{8}, Seed: 2, Margins: "standardize"})), 2)
	f := testkit.Must(flow.New(chain, distribution.StandardNormal[float32](2)))
	contexts := testkit.Rows([]float32{1, 2, 5, 4, 3, 3}, 3, 2)
	given := f.Given(contexts)
	typical := testkit.Must(given.Sample(testkit.NewRand(1), 3))
	cond := testkit.Must(given.Condition(flow.Conditioning{Observed: []int{1}}))
	observed := testkit.RowsBy[float32](3, 1, func(i, _ int) float64 { return float64(typical.Row(i)[1]) })
	out, err := cond.Sample(testkit.NewRand(2), observed, 500)
	if err != nil {
		t.Fatal(err)
	}
	logp, reports, err := cond.LogProb(testkit.NewRand(3), typical)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		under := f.Given(testkit.Rows(contexts.Row(i), 1, 2))
		grid, width := conditionalGrid(under, typical.Row(i), 0)
		want := math.Log(floats.Sum(grid) * width)
		for _, r := range []flow.ConditionalReport{out.Reports[i], reports[i]} {
			if math.Abs(r.LogMarginal-want) > 4*r.StdErr+1e-4 || r.StdErr > 0.05 {
				t.Errorf("row %d: %+v, want log p(x_A) %v", i, r, want)
			}
		}
		joint := testkit.Must(under.LogProbRow(typical.Row(i)))
		if math.Abs(logp[i]-(joint-want)) > 4*reports[i].StdErr+1e-4 {
			t.Errorf("row %d: log p(x_B | x_A) is %v, want %v", i, logp[i], joint-want)
		}
	}
}
