// The tensor methods: that they agree with the passes, and refuse what they
// cannot mean.

package bijectortest

import (
	"errors"
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/conform"
	"github.com/bijou-flow/bijou/internal/rows"
)

// tensorRows is enough rows for the tensor methods to cut them into pieces.
const tensorRows = 300

// rowsOf lays a batch out as a user's rows.
func rowsOf[T bijector.Float](m bijector.Mat[T]) *bijector.Rows[T] {
	r := bijector.NewRows[T](m.N, m.D)
	rows.Store(r.Values(), rows.Features[T](m), 0)
	return r
}

// transforms are the layer's tensor methods: its own where it is
// unconditional and has them, and Given's.
func (f *fixture[T]) transforms(cond bijector.Mat[T]) map[string]bijector.Transform[T] {
	all := map[string]bijector.Transform[T]{}
	if f.c > 0 {
		all["Given"] = bijector.Given(f.layer, rowsOf(cond))
		return all
	}
	all["Given"] = bijector.Given(f.layer, nil)
	if t, ok := f.layer.(bijector.Transform[T]); ok {
		all["layer"] = t
	}
	return all
}

func checkTensors[T bijector.Float](f *fixture[T]) error {
	x, cond := f.data(tensorRows, 80)
	z, logDet := forward(f.layer, x, cond)
	back, _ := inverse(f.layer, z, cond)
	for name, t := range f.transforms(cond) {
		if err := f.checkTransform(t, x, z, back, logDet); err != nil {
			return conform.Prefix(err, "tensor methods (%s) against passes", name)
		}
	}
	if f.c == 0 {
		return nil
	}
	// One context for all rows.
	for j := range f.c {
		row := cond.Feature(j)
		for i := range row {
			row[i] = row[0]
		}
	}
	z, logDet = forward(f.layer, x, cond)
	back, _ = inverse(f.layer, z, cond)
	t := bijector.Given(f.layer, rowsOf(cond.Samples(0, 1)))
	return conform.Prefix(f.checkTransform(t, x, z, back, logDet), "Given with one context for all rows")
}

func (f *fixture[T]) checkTransform(t bijector.Transform[T], x, z, back bijector.Mat[T], logDet []float64) error {
	tol := conform.CloseIn[T]()
	gotZ, err := t.Forward(rowsOf(x))
	if err != nil {
		return conform.Prefix(err, "Forward")
	}
	gotX, err := t.Inverse(rowsOf(z))
	if err != nil {
		return conform.Prefix(err, "Inverse")
	}
	gotLD, err := t.LogDetJacobian(rowsOf(x))
	if err != nil {
		return conform.Prefix(err, "LogDetJacobian")
	}
	if len(gotLD) != x.N {
		return fmt.Errorf("LogDetJacobian has %d values, want %d", len(gotLD), x.N)
	}
	mz, err := bijector.MatOf[T](gotZ, f.d)
	if err != nil {
		return conform.Prefix(err, "result of Forward")
	}
	mx, err := bijector.MatOf[T](gotX, f.d)
	if err != nil {
		return conform.Prefix(err, "result of Inverse")
	}
	return conform.FirstError(
		conform.Mats("Forward", mz, z, tol), conform.Mats("Inverse", mx, back, tol),
		conform.Slices("LogDetJacobian", gotLD, logDet, tol))
}

// call is one of the tensor methods, and its result's values a row after the
// other.
type call[T bijector.Float] struct {
	name string
	run  func(bijector.Transform[T], tensor.Tensor) ([]float64, error)
}

func calls[T bijector.Float]() []call[T] {
	widen := func(r *bijector.Rows[T], err error) ([]float64, error) {
		if r == nil {
			return nil, err
		}
		v := make([]float64, len(r.Values()))
		for i, u := range r.Values() {
			v[i] = float64(u)
		}
		return v, err
	}
	return []call[T]{
		{"Forward", func(t bijector.Transform[T], x tensor.Tensor) ([]float64, error) { return widen(t.Forward(x)) }},
		{"Inverse", func(t bijector.Transform[T], z tensor.Tensor) ([]float64, error) { return widen(t.Inverse(z)) }},
		{"LogDetJacobian", func(t bijector.Transform[T], x tensor.Tensor) ([]float64, error) { return t.LogDetJacobian(x) }},
	}
}

func checkTensorErrors[T bijector.Float](f *fixture[T]) error {
	const n = 20
	x, cond := f.data(n, 81)
	good := rowsOf(x)
	other := tensor.New(tensor.WithShape(n, f.d), tensor.Of(tensor.Float32))
	if conform.Is32[T]() {
		other = tensor.New(tensor.WithShape(n, f.d), tensor.Of(tensor.Float64))
	}
	vector := bijector.NewRows[T](f.d, 1)
	if err := vector.Reshape(f.d); err != nil {
		return err
	}
	bad := []struct {
		name string
		x    tensor.Tensor
		want error
	}{
		{"nil", nil, bijector.ErrShape},
		{"a nil pointer", (*tensor.Dense)(nil), bijector.ErrShape},
		{"nil rows", (*bijector.Rows[T])(nil), bijector.ErrShape},
		{"one feature too many", bijector.NewRows[T](n, f.d+1), bijector.ErrShape},
		{"a vector", vector, bijector.ErrShape},
		{"the other element type", other, bijector.ErrDType},
		{"integers", tensor.New(tensor.WithShape(n, f.d), tensor.Of(tensor.Int)), bijector.ErrDType},
	}
	for name, t := range f.transforms(cond) {
		for _, c := range calls[T]() {
			for _, b := range bad {
				if _, err := c.run(t, b.x); !errors.Is(err, b.want) {
					return fmt.Errorf("%s (%s) of a tensor that is %s: error is %v, want one that wraps %q", c.name, name, b.name, err, b.want)
				}
			}
			if err := f.rowError(t, c, x); err != nil {
				return conform.Prefix(err, "%s (%s) of a batch with NaN in row 17", c.name, name)
			}
		}
	}
	return f.contextErrors(good, cond)
}

// rowError asks that a NaN is named by its row, and that the other rows come
// out as without it.
func (f *fixture[T]) rowError(t bijector.Transform[T], c call[T], x bijector.Mat[T]) error {
	const row = 17
	in := rowsOf(x)
	if c.name == "Inverse" {
		z, err := t.Forward(in)
		if err != nil {
			return err
		}
		in = z
	}
	want, err := c.run(t, in)
	if err != nil {
		return fmt.Errorf("without the NaN: %w", err)
	}
	spoilt := in.Clone().(*bijector.Rows[T])
	spoilt.Row(row)[0] = T(math.NaN())
	got, err := c.run(t, spoilt)
	var re *bijector.RowError
	if !errors.As(err, &re) || re.Row != row || re.Count != 1 {
		return fmt.Errorf("error is %v, want a RowError for that row alone", err)
	}
	if got == nil {
		return errors.New("no result beside the RowError")
	}
	width := len(want) / x.N
	for i := range want {
		if i/width != row && !conform.Same(got[i], want[i], conform.Exact, 1) {
			return fmt.Errorf("value %d of row %d is %v, without the NaN it was %v", i%width, i/width, got[i], want[i])
		}
		if i/width == row && !math.IsNaN(got[i]) {
			return fmt.Errorf("value %d of row %d, which has a NaN, is %v, want NaN", i%width, i/width, got[i])
		}
	}
	return nil
}

// contextErrors gives contexts that do not fit.
func (f *fixture[T]) contextErrors(x *bijector.Rows[T], cond bijector.Mat[T]) error {
	n := cond.N
	type bad struct {
		name string
		t    bijector.Transform[T]
		want error
	}
	var all []bad
	if f.c == 0 {
		all = append(all, bad{"a context for an unconditional layer", bijector.Given(f.layer, x), bijector.ErrContext})
	} else {
		poisoned := conform.Clone(cond)
		poisoned.Feature(0)[17] = T(math.NaN())
		all = append(all,
			bad{"no context", bijector.Given(f.layer, nil), bijector.ErrContext},
			bad{"a context that is too wide", bijector.Given(f.layer, bijector.NewRows[T](n, f.c+1)), bijector.ErrContext},
			bad{"contexts for other rows", bijector.Given(f.layer, bijector.NewRows[T](n+1, f.c)), bijector.ErrContext},
			bad{"a context with NaN in row 17", bijector.Given(f.layer, rowsOf(poisoned)), bijector.ErrNonFinite})
		if t, ok := f.layer.(bijector.Transform[T]); ok {
			all = append(all, bad{"no context, through the layer's own method", t, bijector.ErrContext})
		}
	}
	for _, b := range all {
		for _, c := range calls[T]() {
			if _, err := c.run(b.t, x); !errors.Is(err, b.want) {
				return fmt.Errorf("%s with %s: error is %v, want one that wraps %q", c.name, b.name, err, b.want)
			}
		}
	}
	return nil
}
