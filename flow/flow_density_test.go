// Log-densities: their integral, their parts, both types, rows that are not finite, context.

package flow

import (
	"errors"
	"math"
	"slices"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/internal/rows"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// rowsOf is a batch of n rows of d values within [-2, 2], the same in both
// types.
func rowsOf[T bijector.Float](n, d int) *bijector.Rows[T] {
	rng := testkit.NewRand(uint64(d))
	x := make([]T, n*d)
	for i := range x {
		x[i] = T(float32(4*rng.Float64() - 2))
	}
	return testkit.Rows(x, n, d)
}

// flowOf is a chain of two layers over a learned normal of its own location
// and scale.
func flowOf[T bijector.Float](dim, context int) *Flow[T] {
	layer := testkit.Must(bijector.NewChain[T](newBend[T](dim, context, 1), newBend[T](dim, context, 2)))
	loc, scale := make([]float64, dim), make([]float64, dim)
	for j := range dim {
		loc[j], scale[j] = 0.25*float64(j), 1.5
	}
	return newFlow[T](layer, testkit.Must(distribution.NewNormal[T](distribution.NormalSpec{Dim: dim, Loc: loc, Scale: scale, Learned: true})))
}

// The density integrates to 1, whatever the layer does to space.
func TestDensityIntegratesToOne(t *testing.T) {
	for name, base := range map[string]func(int) distribution.Base[float64]{
		"normal": func(d int) distribution.Base[float64] {
			return testkit.Must(distribution.NewNormal[float64](distribution.NormalSpec{Dim: d, Loc: []float64{0.3, 1}[:d], Scale: []float64{1.5, 0.7}[:d]}))
		},
		"logistic": func(d int) distribution.Base[float64] {
			return testkit.Must(distribution.NewLogistic[float64](distribution.LogisticSpec{Dim: d, Loc: []float64{0.3, 1}[:d], Scale: []float64{0.5, 0.7}[:d]}))
		},
	} {
		for _, context := range []float64{0, 1.3} {
			given := tensor.New(tensor.WithShape(1, 1), tensor.WithBacking([]float64{context}))
			sum := func(d int, points []float64) (sum float64) {
				f := newFlow[float64](newBend[float64](d, 1, 3), base(d)).Given(given)
				logp := make([]float64, len(points)/d)
				if err := f.LogProbInto(logp, testkit.Rows(points, len(logp), d)); err != nil {
					t.Fatal(err)
				}
				for _, v := range logp {
					sum += math.Exp(v)
				}
				return sum
			}
			const step1, step2, edge = 0.002, 0.04, 12
			var line, plane []float64
			for x := -float64(edge); x <= edge; x += step1 {
				line = append(line, x)
			}
			for x := -float64(edge); x <= edge; x += step2 {
				for y := -float64(edge); y <= edge; y += step2 {
					plane = append(plane, x, y)
				}
			}
			if got := sum(1, line) * step1; !(math.Abs(got-1) <= 1e-5) {
				t.Errorf("%s, context %v: the density on a line integrates to %v", name, context, got)
			}
			if got := sum(2, plane) * step2 * step2; !(math.Abs(got-1) <= 1e-3) {
				t.Errorf("%s, context %v: the density on a plane integrates to %v", name, context, got)
			}
		}
	}
}

func TestLogProbFloat32(t *testing.T) {
	for _, n := range testkit.Sizes {
		f32, f64 := flowOf[float32](4, 0), flowOf[float64](4, 0)
		got := testkit.Must(f32.LogProb(rowsOf[float32](n, 4)))
		want := testkit.Must(f64.LogProb(rowsOf[float64](n, 4)))
		for i := range want {
			if !testkit.IsNear(got[i], want[i], 1e-4) {
				t.Fatalf("row %d of %d: %v in float32, %v in float64", i, n, got[i], want[i])
			}
		}
	}
}

// LogProb is the base's log-density of Forward plus LogDetJacobian; Inverse
// undoes Forward.
func TestLogProbIsTheSumOfItsParts(t *testing.T) {
	f := flowOf[float64](3, 0)
	for _, n := range testkit.Sizes {
		x := rowsOf[float64](n, 3)
		logp, z := testkit.Must(f.LogProb(x)), testkit.Must(f.Forward(x))
		logDet := testkit.Must(f.Layer().(bijector.Transform[float64]).LogDetJacobian(x))
		base := make([]float64, n)
		m := testkit.Must(bijector.MatOf[float64](z, 3))
		f.Base().NewBasePass(bijector.PassOptions{MaxBatch: n}).LogProb(m, bijector.Mat[float64]{}, base)
		back := testkit.Must(f.Inverse(z)).Values()
		for i := range n {
			if !testkit.IsNear(logp[i], base[i]+logDet[i], 1e-12) {
				t.Fatalf("row %d of %d: %v, want %v + %v", i, n, logp[i], base[i], logDet[i])
			}
		}
		for i, v := range x.Values() {
			if !testkit.IsNear(back[i], v, 1e-8) {
				t.Fatalf("value %d of %d rows: %v there and back is %v", i, n, v, back[i])
			}
		}
	}
}

func TestNonFiniteRows(t *testing.T) {
	const n, d = 200, 3
	f := flowOf[float64](d, 1)
	context := rowsOf[float64](n, 1)
	clean := testkit.Must(f.Given(context).LogProb(rowsOf[float64](n, d)))
	latent := testkit.Must(f.Given(context).Forward(rowsOf[float64](n, d))).Values()
	for _, c := range []struct {
		what  string
		spoil func(x, c []float64)
		rows  []int
	}{
		{"input", func(x, _ []float64) { x[17*d+1] = math.NaN() }, []int{17}},
		{"input", func(x, _ []float64) { x[199*d], x[17*d+2] = math.Inf(1), math.Inf(-1) }, []int{17, 199}},
		{"context", func(_, c []float64) { c[130] = math.NaN() }, []int{130}},
		{"result", func(x, _ []float64) { x[5*d], x[131*d] = 1e5, -1e5 }, []int{5, 131}},
	} {
		x, ctx := rowsOf[float64](n, d), rowsOf[float64](n, 1)
		c.spoil(x.Values(), ctx.Values())
		bad := map[int]bool{}
		for _, r := range c.rows {
			bad[r] = true
		}
		logp, err := f.Given(ctx).LogProb(x)
		var row *bijector.RowError
		if !errors.As(err, &row) || row.What != c.what || row.Row != c.rows[0] || row.Count != len(c.rows) || row.N != n {
			t.Errorf("%s: error %v, want %d of %d rows from %d", c.what, err, len(c.rows), n, c.rows[0])
			continue
		}
		for i, v := range logp {
			if bad[i] != math.IsNaN(v) || !bad[i] && v != clean[i] {
				t.Errorf("%s, row %d: %v, without the bad rows %v", c.what, i, v, clean[i])
			}
		}
		z, err := f.Given(ctx).Forward(x)
		if !errors.As(err, &row) || row.Row != c.rows[0] || row.Count != len(c.rows) {
			t.Errorf("%s: Forward's error %v", c.what, err)
			continue
		}
		for i, v := range z.Values() {
			if bad[i/d] != math.IsNaN(v) || !bad[i/d] && v != latent[i] {
				t.Errorf("%s, row %d of Forward: %v, without the bad rows %v", c.what, i/d, v, latent[i])
			}
		}
	}
	one := tensor.New(tensor.WithShape(1, 1), tensor.WithBacking([]float64{math.NaN()}))
	var row *bijector.RowError
	if _, err := f.Given(one).LogProb(rowsOf[float64](n, d)); !errors.As(err, &row) || row.Count != n {
		t.Errorf("one NaN context for all: %v, want %d rows", err, n)
	}
}

// A density that no number holds is an answer; a latent that overflowed is an
// error, although its log-density would be the same -Inf.
func TestMinusInfinityIsAnAnswer(t *testing.T) {
	f := newFlow[float64](newBend[float64](1, 0, 1), distribution.StandardNormal[float64](1))
	logp, err := f.LogProb(tensor.New(tensor.WithShape(2, 1), tensor.WithBacking([]float64{0, 600})))
	if err != nil || !math.IsInf(logp[1], -1) || math.IsInf(logp[0], 0) {
		t.Errorf("far outside: %v, %v, want -Inf and no error", logp, err)
	}
	g := newFlow[float32](newBend[float32](1, 0, 1), distribution.StandardNormal[float32](1))
	logp, err = g.LogProb(tensor.New(tensor.WithShape(2, 1), tensor.WithBacking([]float32{0, 200})))
	var row *bijector.RowError
	if !errors.As(err, &row) || row.What != "result" || row.Row != 1 || !math.IsNaN(logp[1]) {
		t.Errorf("a latent that float32 does not hold: %v, %v, want NaN and a RowError for row 1", logp, err)
	}
}

// panicOnNaN panics where a value is not finite.
type panicOnNaN struct{ *bend[float64] }

func (l panicOnNaN) NewPass(o bijector.PassOptions) bijector.Pass[float64] {
	return panicOnNaNPass{l.bend.NewPass(o)}
}

type panicOnNaNPass struct{ bijector.Pass[float64] }

func (p panicOnNaNPass) Forward(z, x, cond bijector.Mat[float64], logDet []float64) {
	for i := range x.N {
		if !rows.IsFiniteSample(rows.Features[float64](x), i) || !rows.IsFiniteSample(rows.Features[float64](cond), i) {
			panic("a value that is not finite")
		}
	}
	p.Pass.Forward(z, x, cond, logDet)
}

// Layers never see a NaN of the user's.
func TestLayersAreSparedNaN(t *testing.T) {
	f := newFlow[float64](panicOnNaN{newBend[float64](2, 1, 1)}, distribution.StandardNormal[float64](2))
	x, context := rowsOf[float64](5, 2), rowsOf[float64](5, 1)
	x.Values()[3], context.Values()[4] = math.NaN(), math.Inf(1)
	logp, err := f.Given(context).LogProb(x)
	if !errors.Is(err, bijector.ErrNonFinite) {
		t.Fatal(err)
	}
	for i, v := range logp {
		if math.IsNaN(v) != (i == 1 || i == 4) {
			t.Errorf("row %d: %v", i, v)
		}
	}
}

// LogProbInto sets its destination, whatever is in it.
func TestLogProbInto(t *testing.T) {
	f := flowOf[float64](3, 0)
	for _, n := range testkit.Sizes {
		x, dst := rowsOf[float64](n, 3), slices.Repeat([]float64{7}, n)
		if err := f.LogProbInto(dst, x); err != nil {
			t.Fatal(err)
		}
		testkit.Equal(t, "LogProbInto", dst, testkit.Must(f.LogProb(x)))
	}
}

func TestInputErrors(t *testing.T) {
	f, g := flowOf[float64](3, 0), flowOf[float64](3, 2)
	x, one := rowsOf[float64](4, 3), rowsOf[float64](1, 2)
	for name, c := range map[string]struct {
		f    *Flow[float64]
		x    tensor.Tensor
		want error
	}{
		"nil":                     {f, nil, bijector.ErrShape},
		"nil rows":                {f, (*bijector.Rows[float64])(nil), bijector.ErrShape},
		"nil tensor":              {f, (*tensor.Dense)(nil), bijector.ErrShape},
		"float32":                 {f, rowsOf[float32](4, 3), bijector.ErrDType},
		"width":                   {f, rowsOf[float64](4, 2), bijector.ErrShape},
		"context, unconditional":  {f.Given(one), x, bijector.ErrContext},
		"conditional, no context": {g, x, bijector.ErrContext},
		"context nil":             {g.Given(nil), x, bijector.ErrContext},
		"context rows":            {g.Given(rowsOf[float64](3, 2)), x, bijector.ErrContext},
		"context width":           {g.Given(rowsOf[float64](4, 1)), x, bijector.ErrContext},
	} {
		if out, err := c.f.LogProb(c.x); !errors.Is(err, c.want) || out != nil {
			t.Errorf("%s: LogProb returns %v, %v, want %v", name, out, err, c.want)
		}
		if _, err := c.f.Forward(c.x); !errors.Is(err, c.want) {
			t.Errorf("%s: Forward returns %v, want %v", name, err, c.want)
		}
	}
	if err := f.LogProbInto(make([]float64, 3), x); !errors.Is(err, bijector.ErrShape) {
		t.Errorf("a destination of 3 for 4 rows: %v, want ErrShape", err)
	}
}

// One context row is the same as that row for each.
func TestGivenBroadcasts(t *testing.T) {
	f := flowOf[float64](3, 1)
	for _, n := range testkit.Sizes {
		x := rowsOf[float64](n, 3)
		all := make([]float64, n)
		for i := range all {
			all[i] = 0.7
		}
		one := f.Given(testkit.Rows([]float64{0.7}, 1, 1))
		many := f.Given(testkit.Rows(all, n, 1))
		testkit.Equal(t, "LogProb", testkit.Must(one.LogProb(x)), testkit.Must(many.LogProb(x)))
		testkit.Equal(t, "Inverse", testkit.Must(one.Inverse(x)).Values(), testkit.Must(many.Inverse(x)).Values())
		testkit.Equal(t, "Sample", testkit.Must(one.Sample(testkit.NewRand(1), n)).Values(), testkit.Must(many.Sample(testkit.NewRand(1), n)).Values())

		// Rows of their own: each as if it were alone.
		own := testkit.Must(f.Given(rowsOf[float64](n, 1)).LogProb(x))
		for _, i := range []int{0, n / 2, n - 1} {
			alone := f.Given(testkit.Rows(rowsOf[float64](n, 1).Values()[i:i+1], 1, 1))
			row := testkit.Rows(x.Values()[3*i:3*i+3], 1, 3)
			if got := testkit.Must(alone.LogProb(row))[0]; got != own[i] {
				t.Errorf("row %d of %d: %v alone, %v among others", i, n, got, own[i])
			}
		}
	}
}
