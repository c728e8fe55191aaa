package bijector_test

// Tensor methods over many rows, with contexts, and with rows that are or
// become non-finite.

import (
	"errors"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/bijector/bijectortest/shear"
)

// withContext is a conditional layer that is not the identity.
func withContext(t *testing.T) *shear.Layer[float64] {
	t.Helper()
	l := must(shear.New[float64](shear.Spec{Dim: 2, Context: 1}))
	copy(l.Params()[0].Data, []float64{0.1, 0.5, -0.2, 0.3})
	l.Params()[1].Data[0] = 0.7
	return l
}

// values are those of rows.
func values[T bijector.Float](r *bijector.Rows[T], err error) ([]T, error) {
	if r == nil {
		return nil, err
	}
	return r.Values(), err
}

func TestGivenBroadcastsOneRow(t *testing.T) {
	l := withContext(t)
	const n = 300
	x := arange[float64](n, 2)
	one := tensor.New(tensor.WithShape(1, 1), tensor.WithBacking([]float64{0.4}))
	each := make([]float64, n)
	for i := range each {
		each[i] = 0.4
	}
	a, b := bijector.Given(l, one), bijector.Given(l, tensor.New(tensor.WithShape(n, 1), tensor.WithBacking(each)))
	for name, f := range map[string]func(bijector.Transform[float64]) ([]float64, error){
		"Forward":        func(t bijector.Transform[float64]) ([]float64, error) { return values(t.Forward(x)) },
		"Inverse":        func(t bijector.Transform[float64]) ([]float64, error) { return values(t.Inverse(x)) },
		"LogDetJacobian": func(t bijector.Transform[float64]) ([]float64, error) { return t.LogDetJacobian(x) },
	} {
		if d := cmp.Diff(must(f(b)), must(f(a))); d != "" {
			t.Errorf("%s with one context for all (-repeated +broadcast):\n%s", name, d)
		}
	}
	// z_0 = exp(0.1 + 0.5*0.4) x_0, z_1 = exp(-0.2 + 0.3*0.4) x_1 + 0.7 x_0.
	z := must(a.Forward(x)).Float64s()
	approxEqual(t, "z_0 of row 1", z[2], 2*math.Exp(0.3), 1e-12)
	approxEqual(t, "z_1 of row 1", z[3], 3*math.Exp(-0.08)+0.7*2, 1e-12)
	approxEqual(t, "log-det", must(a.LogDetJacobian(x))[7], 0.22, 1e-12)
}

func TestGivenRowsFollowTheirContext(t *testing.T) {
	l := withContext(t)
	const n = 200 // more than one piece
	context := arange[float64](n, 1)
	ld := must(bijector.Given(l, context).LogDetJacobian(arange[float64](n, 2)))
	for i, v := range ld {
		approxEqual(t, "log-det", v, -0.1+0.8*float64(i), 1e-9)
	}
}

func TestRowErrors(t *testing.T) {
	l := withContext(t)
	const n = 400
	for name, c := range map[string]struct {
		spoil func(x, context []float64)
		what  string
		row   int
		count int
	}{
		"input":           {func(x, _ []float64) { x[2*17] = math.NaN(); x[2*390+1] = math.Inf(1) }, "input", 17, 2},
		"both in one row": {func(x, _ []float64) { x[2*200], x[2*200+1] = math.NaN(), math.NaN() }, "input", 200, 1},
		"context":         {func(_, c []float64) { c[300] = math.NaN() }, "context", 300, 1},
		"both":            {func(x, c []float64) { x[2*3] = math.NaN(); c[3] = math.NaN() }, "input", 3, 1},
		"overflow":        {func(x, c []float64) { c[130], c[131] = 1e4, 1e5 }, "result", 130, 2},
	} {
		x, context := arange[float64](n, 2), tensor.New(tensor.WithShape(n, 1), tensor.WithBacking(make([]float64, n)))
		want := must(bijector.Given(l, context).Forward(x)).Float64s()
		c.spoil(x.Float64s(), context.Float64s())
		z, err := bijector.Given(l, context).Forward(x)
		var re *bijector.RowError
		if !errors.As(err, &re) {
			t.Errorf("%s: error is %v, want a RowError", name, err)
			continue
		}
		if d := cmp.Diff(&bijector.RowError{What: c.what, Row: c.row, Count: c.count, N: n}, re); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		changed := map[int]bool{}
		for i, v := range z.Float64s() {
			if v != want[i] {
				changed[i/2] = true
				if !math.IsNaN(v) || !math.IsNaN(z.Row(i / 2)[0]) || !math.IsNaN(z.Row(i / 2)[1]) {
					t.Errorf("%s: row %d is %v, want NaN", name, i/2, z.Row(i/2))
				}
			}
		}
		if len(changed) != c.count || !changed[c.row] {
			t.Errorf("%s: rows %v changed, want %d of them, the first %d", name, changed, c.count, c.row)
		}
	}
}

func TestNonFiniteLogDetIsNamed(t *testing.T) {
	s := must(bijector.NewScale[float32](bijector.ScaleSpec{Dim: 1}))
	s.Params()[0].Data[0] = float32(math.Inf(1))
	_, err := s.LogDetJacobian(arange[float32](3, 1))
	var re *bijector.RowError
	if !errors.As(err, &re) || re.What != "result" || re.Count != 3 {
		t.Errorf("error is %v, want a RowError for 3 results", err)
	}
}

func TestTensorMethodsShareNothing(t *testing.T) {
	l := must(nestedChain[float32]())
	context := arange[float32](1, 2)
	x := arange[float32](500, 5)
	want := must(bijector.Given(l, context).Forward(x)).Float32s()
	g := bijector.Given(l, context)
	var wg sync.WaitGroup
	for range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 5 {
				z, err := g.Forward(x)
				if err != nil {
					t.Error(err)
					return
				}
				if !cmp.Equal(want, z.Float32s()) {
					t.Error("calls at once give other results than one call")
				}
			}
		}()
	}
	wg.Wait()
}

// Tensor methods that nobody set name the line that does.
func TestTensorMethodsThatAreNotSet(t *testing.T) {
	var m bijector.TensorMethods[float64]
	_, err := m.Forward(bijector.NewRows[float64](2, 2))
	if !errors.Is(err, bijector.ErrSpec) || !strings.Contains(err.Error(), "l.TensorMethods = bijector.NewTensorMethods[T](l)") {
		t.Errorf("error %v", err)
	}
}
