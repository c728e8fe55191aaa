// Exact conditional distributions against integrals on a grid; what structure is
// exact, and what is refused.

package flow_test

import (
	"errors"
	"math"
	"runtime"
	"slices"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// stirred has parameters that are not those of a new layer, and takes what it
// takes from data that is skewed and correlated.
func stirred[T bijector.Float](chain *bijector.Chain[T], contextDim int) *bijector.Chain[T] {
	rng, d := testkit.NewRand(8), chain.Dim()
	for _, p := range chain.Params() {
		for i := range p.Data {
			p.Data[i] += T(0.2 * rng.NormFloat64())
		}
	}
	chain.Invalidate()
	x, contexts := bijector.NewRows[T](500, d), bijector.NewRows[T](500, max(contextDim, 1))
	for i := range 500 {
		common := rng.NormFloat64()
		for j := range d { // two modes, which a Gaussianize takes apart
			x.Row(i)[j] = T(4 + float64(j) + math.Copysign(1.5, rng.NormFloat64()) + 0.3*(common+rng.NormFloat64()))
		}
		for j := range contextDim {
			contexts.Row(i)[j] = T(3 + 2*rng.NormFloat64())
		}
	}
	var cond bijector.Mat[T]
	if contextDim > 0 {
		cond = testkit.Must(bijector.MatOf[T](contexts, contextDim))
	}
	chain.Calibrate(testkit.Must(bijector.MatOf[T](x, d)), cond, true, nil)
	chain.Invalidate()
	return chain
}

func TestExactConditional(t *testing.T) {
	t.Run("float64", func(t *testing.T) { exactConditional[float64](t, 2e-4) })
	t.Run("float32", func(t *testing.T) { exactConditional[float32](t, 2e-3) })
}

func exactConditional[T bijector.Float](t *testing.T, tolerance float64) {
	recipe := autoregressive.Recipe{Dim: 3, Layers: 2, Hidden: []int{16}, Order: "same", Seed: 3}
	conditional := recipe
	conditional.ContextDim = 2
	maf := stirred(testkit.Must(autoregressive.MAF[T](recipe)), 0)
	permute := testkit.Must(bijector.NewPermute[T](bijector.PermuteSpec{Dim: 3, Kind: "reverse"}))
	bounds := testkit.Must(bijector.NewBounds[T](bijector.BoundsSpec{Dim: 2, Features: []bijector.FeatureBounds{bijector.Above(0, 0)}}))
	part := testkit.Must(bijector.NewPart[T](3, 1, 3, bounds))
	logistic := testkit.Must(distribution.NewLogistic[T](distribution.LogisticSpec{Dim: 3}))
	normal := distribution.StandardNormal[T](3)
	context := testkit.Rows([]T{2, 4}, 1, 2)
	for name, c := range map[string]struct {
		f        *flow.Flow[T]
		observed []int
		free     int // the feature that is integrated over
	}{
		"MAF":             {testkit.Must(flow.New[T](maf, normal)), []int{1, 0}, 2},
		"NSF, logistic":   {testkit.Must(flow.New[T](stirred(testkit.Must(autoregressive.NSF[T](recipe)), 0), logistic)), []int{0, 1}, 2},
		"NSF of contexts": {testkit.Must(flow.New[T](stirred(testkit.Must(autoregressive.NSF[T](conditional)), 2), normal)).Given(context), []int{0, 1}, 2},
		"permuted, bounded": {
			testkit.Must(flow.New[T](testkit.Must(bijector.NewChain[T](part, permute, stirred(testkit.Must(autoregressive.MAF[T](recipe)), 0))), normal)),
			[]int{1, 2},
			0,
		},
	} {
		cond := testkit.Must(c.f.Condition(flow.Conditioning{Observed: c.observed}))
		if !cond.Exact() {
			t.Errorf("%s is not exact", name)
			continue
		}
		typical := testkit.Must(c.f.Sample(testkit.NewRand(6), 2))
		values := make([]T, 4)
		for i := range 2 {
			for k, j := range c.observed {
				values[2*i+k] = typical.Row(i)[j]
			}
		}
		const n = 3000
		out, err := cond.Sample(testkit.NewRand(2), testkit.Rows(values, 2, 2), n)
		if err != nil {
			t.Fatal(name, err)
		}
		logp, reports, err := cond.LogProb(nil, out.Draws)
		if err != nil {
			t.Fatal(name, err)
		}
		for i := range 2 {
			grid, width := conditionalGrid(c.f, typical.Row(i), c.free)
			r := out.Reports[i]
			if r.Method != "exact" || !math.IsInf(r.EffectiveSize, 1) || r.StdErr != 0 {
				t.Errorf("%s: %+v", name, r)
			}
			testkit.Near(t, name+", log p(x_A)", r.LogMarginal, math.Log(floats.Sum(grid)*width), tolerance)
			column := make([]float64, n)
			for k := range n {
				row := out.Draws.Row(i*n + k)
				column[k] = float64(row[c.free])
				for l, j := range c.observed {
					if row[j] != values[2*i+l] {
						t.Fatalf("%s: a draw has %v for the observed %v", name, row[j], values[2*i+l])
					}
				}
			}
			slices.Sort(column)
			at, sum := 0, 0.0
			distance := testkit.Distance(column, func(v float64) float64 {
				for ; at < len(grid) && gridLow+(float64(at)+0.5)*width < v; at++ {
					sum += grid[at]
				}
				return sum / floats.Sum(grid)
			})
			if distance > 1.95/math.Sqrt(n) { // 0.1 %
				t.Errorf("%s: draws are %v from the conditional distribution, mean %v", name, distance, stat.Mean(column, nil))
			}
			joint := testkit.Must(c.f.LogProb(out.Draws))
			for k := i * n; k < (i+1)*n; k++ {
				testkit.Near(t, name+", log p(x_B | x_A)", out.LogProb[k], joint[k]-r.LogMarginal, tolerance)
				testkit.Near(t, name+", the same of the rows", logp[k], out.LogProb[k], tolerance)
				testkit.Near(t, name+", log p(x_A) of the rows", reports[k].LogMarginal, r.LogMarginal, tolerance)
			}
		}
	}
}

const gridLow = -60.0

// conditionalGrid is the density of a row with one feature varied, at the middles
// of cells of a width.
func conditionalGrid[T bijector.Float](f *flow.Flow[T], row []T, free int) (p []float64, width float64) {
	const cells = 120_000
	width = -2 * gridLow / cells
	x := make([]T, 0, cells*len(row))
	for i := range cells {
		x = append(x, row...)
		x[i*len(row)+free] = T(gridLow + (float64(i)+0.5)*width)
	}
	p = make([]float64, cells)
	if err := f.LogProbRows(p, x); err != nil {
		panic(err)
	}
	for i, v := range p {
		p[i] = math.Exp(v)
	}
	return p, width
}

// What is exact, by structure.
func TestConditionalStructure(t *testing.T) {
	maf := func(r autoregressive.Recipe) bijector.Layer[float32] {
		r.Dim, r.Hidden = 4, []int{8}
		return testkit.Must(autoregressive.MAF[float32](r))
	}
	given := testkit.Must(autoregressive.NewSpline[float32](autoregressive.SplineSpec{Dim: 4, Order: autoregressive.OrderSpec{Indices: []int{2, 0, 3, 1}}}))
	nvp := testkit.Must(coupling.RealNVP[float32](coupling.Recipe{Dim: 4, Layers: 2}))
	same := maf(autoregressive.Recipe{Order: "same"})
	for name, c := range map[string]struct {
		layer    bijector.Layer[float32]
		observed []int
		exact    bool
	}{
		"the first":             {same, []int{0}, true},
		"the first three":       {same, []int{2, 0, 1}, true},
		"the second":            {same, []int{1}, false},
		"one layer":             {maf(autoregressive.Recipe{Layers: 1}), []int{0, 1}, true},
		"reversed layers":       {maf(autoregressive.Recipe{Layers: 2}), []int{0, 1}, false},
		"a given order":         {given, []int{0, 2}, true},
		"against a given order": {given, []int{0, 1}, false},
		"inverted":              {bijector.Invert[float32](given), []int{0, 2}, false},
		"couplings":             {nvp, []int{0, 1}, false},
	} {
		f := testkit.Must(flow.New(c.layer, distribution.StandardNormal[float32](4)))
		if got := testkit.Must(f.Condition(flow.Conditioning{Observed: c.observed})).Exact(); got != c.exact {
			t.Errorf("%s: exact is %v, want %v", name, got, c.exact)
		}
	}
	mixture := testkit.Must(distribution.NewMixture[float32](distribution.MixtureSpec{Dim: 4, Components: 2}))
	if testkit.Must(testkit.Must(flow.New[float32](same, mixture)).Condition(flow.Conditioning{Observed: []int{0}})).Exact() {
		t.Error("a mixture is exact")
	}
}

func TestConditionalRefuses(t *testing.T) {
	chain := testkit.Must(autoregressive.MAF[float64](autoregressive.Recipe{Dim: 3, Layers: 2, Hidden: []int{8}, Order: "same"}))
	f := testkit.Must(flow.New(chain, distribution.StandardNormal[float64](3)))
	for name, o := range map[string]flow.Conditioning{
		"none": {}, "all": {Observed: []int{0, 1, 2}}, "twice": {Observed: []int{1, 1}}, "beyond": {Observed: []int{3}}, "below": {Observed: []int{-1}},
		"sweeps": {Observed: []int{1}, Sweeps: -1}, "proposals": {Observed: []int{1}, Proposals: 10}, "size": {Observed: []int{1}, MinEffective: math.NaN()},
	} {
		if _, err := f.Condition(o); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, observed := range [][]int{{0}, {1}} { // exact and not
		cond := testkit.Must(f.Condition(flow.Conditioning{Observed: observed, Sweeps: 50, Proposals: 512}))
		values := testkit.Rows([]float64{0.5, math.NaN(), -0.5}, 3, 1)
		run := func() *flow.ConditionalDraws[float64] {
			out, err := cond.Sample(testkit.NewRand(1), values, 200)
			var bad *bijector.RowError
			if !errors.As(err, &bad) || *bad != (bijector.RowError{What: "input", Row: 200, Count: 200, N: 600}) {
				t.Fatalf("observed %v, a NaN in the second row: %v", observed, err)
			}
			return out
		}
		out := run()
		for i := range 600 {
			if bad := i/200 == 1; bad != math.IsNaN(out.LogProb[i]) || bad != math.IsNaN(out.Draws.Row(i)[2]) {
				t.Fatalf("observed %v: draw %d is %v, %v", observed, i, out.Draws.Row(i), out.LogProb[i])
			}
		}
		// The same bits on one core.
		procs := runtime.GOMAXPROCS(1)
		again := run()
		runtime.GOMAXPROCS(procs)
		testkit.Equal(t, "log-densities on one core", again.LogProb[:200], out.LogProb[:200])
		testkit.Equal(t, "draws on one core", again.Draws.Values()[:600], out.Draws.Values()[:600])

		for name, c := range map[string]struct {
			err, want error
		}{
			"two columns": {third(cond.Sample(testkit.NewRand(1), testkit.Rows([]float64{1, 2}, 1, 2), 5)), bijector.ErrShape},
			"no draws":    {third(cond.Sample(testkit.NewRand(1), testkit.Rows([]float64{1}, 1, 1), 0)), bijector.ErrShape},
			"no rng":      {third(cond.Sample(nil, testkit.Rows([]float64{1}, 1, 1), 5)), bijector.ErrSpec},
			"nil":         {third(cond.Sample(testkit.NewRand(1), nil, 5)), bijector.ErrShape},
		} {
			if !errors.Is(c.err, c.want) {
				t.Errorf("%s: %v, want %v", name, c.err, c.want)
			}
		}
		// Values that nothing comes near have no density to start from, or one.
		far, err := cond.Sample(testkit.NewRand(1), testkit.Rows([]float64{1e200}, 1, 1), 5)
		if !errors.Is(err, bijector.ErrNonFinite) || !math.IsNaN(far.LogProb[0]) {
			t.Errorf("observed %v of 1e200: %v, %v", observed, err, far.LogProb)
		}
	}
}

func third(_ *flow.ConditionalDraws[float64], err error) error { return err }
