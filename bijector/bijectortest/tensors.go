package bijectortest

// The tensor methods: that they agree with the passes, and refuse what they
// cannot mean.

import (
	"errors"
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/conform"
)

// tensorRows is enough rows for the tensor methods to cut them into pieces.
const tensorRows = 300

// tensorOf lays a batch out as a user's tensor.
func tensorOf[T bijector.Float](m bijector.Mat[T]) *tensor.Dense {
	v := make([]T, m.N*m.D)
	bijector.Store(v, m, 0)
	return bijector.TensorOf(v, m.N, m.D)
}

// transforms are the layer's tensor methods: its own where it is
// unconditional and has them, and Given's.
func (f *fixture[T]) transforms(cond bijector.Mat[T]) map[string]bijector.Transform {
	all := map[string]bijector.Transform{}
	if f.c > 0 {
		all["Given"] = bijector.Given(f.layer, tensorOf(cond))
		return all
	}
	all["Given"] = bijector.Given(f.layer, nil)
	if t, ok := f.layer.(bijector.Transform); ok {
		all["layer"] = t
	}
	return all
}

func checkTensors[T bijector.Float](f *fixture[T]) error {
	x, cond := f.data(tensorRows, 80)
	z, logDet := forward(f.layer, x, cond)
	back, _ := inverse(f.layer, z, cond)
	for name, t := range f.transforms(cond) {
		if err := f.agree(t, x, z, back, logDet); err != nil {
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
	t := bijector.Given(f.layer, tensorOf(cond.Samples(0, 1)))
	return conform.Prefix(f.agree(t, x, z, back, logDet), "Given with one context for all rows")
}

func (f *fixture[T]) agree(t bijector.Transform, x, z, back bijector.Mat[T], logDet []float64) error {
	tol := conform.CloseIn[T]()
	gotZ, err := t.Forward(tensorOf(x))
	if err != nil {
		return conform.Prefix(err, "Forward")
	}
	gotX, err := t.Inverse(tensorOf(z))
	if err != nil {
		return conform.Prefix(err, "Inverse")
	}
	gotLD, err := t.LogDetJacobian(tensorOf(x))
	if err != nil {
		return conform.Prefix(err, "LogDetJacobian")
	}
	if !gotLD.Shape().Eq(tensor.Shape{x.N}) {
		return fmt.Errorf("LogDetJacobian has shape %v, want (%d)", gotLD.Shape(), x.N)
	}
	mz, err := bijector.MatOf[T](gotZ, f.d)
	if err != nil {
		return conform.Prefix(err, "result of Forward")
	}
	mx, err := bijector.MatOf[T](gotX, f.d)
	if err != nil {
		return conform.Prefix(err, "result of Inverse")
	}
	rows, err := bijector.RowsOf[T](bijector.TensorOf(valuesOf[T](gotLD), x.N, 1))
	if err != nil {
		return conform.Prefix(err, "result of LogDetJacobian")
	}
	ld := bijector.NewMat[T](1, x.N)
	rows.Load(ld, 0)
	want := make([]T, len(logDet))
	for i, v := range logDet {
		want[i] = T(v)
	}
	return conform.FirstError(
		conform.Mats("Forward", mz, z, tol), conform.Mats("Inverse", mx, back, tol),
		conform.Slices("LogDetJacobian", ld.Feature(0), want, tol))
}

// valuesOf is a vector's values.
func valuesOf[T bijector.Float](t *tensor.Dense) []T {
	v, _ := t.Data().([]T)
	return v
}

// call is one of the tensor methods.
type call struct {
	name string
	run  func(bijector.Transform, *tensor.Dense) (*tensor.Dense, error)
}

var calls = []call{
	{"Forward", bijector.Transform.Forward},
	{"Inverse", bijector.Transform.Inverse},
	{"LogDetJacobian", bijector.Transform.LogDetJacobian},
}

func checkTensorErrors[T bijector.Float](f *fixture[T]) error {
	const n = 20
	x, cond := f.data(n, 81)
	good := tensorOf(x)
	other := tensor.New(tensor.WithShape(n, f.d), tensor.Of(tensor.Float32))
	if conform.Is32[T]() {
		other = tensor.New(tensor.WithShape(n, f.d), tensor.Of(tensor.Float64))
	}
	bad := []struct {
		name string
		x    *tensor.Dense
		want error
	}{
		{"nil", nil, bijector.ErrShape},
		{"one feature too many", bijector.TensorOf(make([]T, n*(f.d+1)), n, f.d+1), bijector.ErrShape},
		{"a vector", bijector.TensorOf(make([]T, f.d), f.d, 0), bijector.ErrShape},
		{"the other element type", other, bijector.ErrDType},
		{"integers", tensor.New(tensor.WithShape(n, f.d), tensor.Of(tensor.Int)), bijector.ErrDType},
	}
	for name, t := range f.transforms(cond) {
		for _, c := range calls {
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
func (f *fixture[T]) rowError(t bijector.Transform, c call, x bijector.Mat[T]) error {
	const row = 17
	in := tensorOf(x)
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
	values := append([]T(nil), valuesOf[T](in)...)
	values[row*f.d] = T(math.NaN())
	got, err := c.run(t, bijector.TensorOf(values, x.N, f.d))
	var re *bijector.RowError
	if !errors.As(err, &re) || re.Row != row || re.Count != 1 {
		return fmt.Errorf("error is %v, want a RowError for that row alone", err)
	}
	if got == nil {
		return errors.New("no result beside the RowError")
	}
	w, g := valuesOf[T](want), valuesOf[T](got)
	width := len(w) / x.N
	for i := range w {
		if i/width != row && !conform.Same(float64(g[i]), float64(w[i]), conform.Exact, 1) {
			return fmt.Errorf("value %d of row %d is %v, without the NaN it was %v", i%width, i/width, g[i], w[i])
		}
	}
	return nil
}

// contextErrors gives contexts that do not fit.
func (f *fixture[T]) contextErrors(x *tensor.Dense, cond bijector.Mat[T]) error {
	n := cond.N
	type bad struct {
		name string
		t    bijector.Transform
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
			bad{"a context that is too wide", bijector.Given(f.layer, bijector.TensorOf(make([]T, n*(f.c+1)), n, f.c+1)), bijector.ErrContext},
			bad{"contexts for other rows", bijector.Given(f.layer, bijector.TensorOf(make([]T, (n+1)*f.c), n+1, f.c)), bijector.ErrContext},
			bad{"a context with NaN in row 17", bijector.Given(f.layer, tensorOf(poisoned)), bijector.ErrNonFinite})
		if t, ok := f.layer.(bijector.Transform); ok {
			all = append(all, bad{"no context, through the layer's own method", t, bijector.ErrContext})
		}
	}
	for _, b := range all {
		for _, c := range calls {
			if _, err := c.run(b.t, x); !errors.Is(err, b.want) {
				return fmt.Errorf("%s with %s: error is %v, want one that wraps %q", c.name, b.name, err, b.want)
			}
		}
	}
	return nil
}
