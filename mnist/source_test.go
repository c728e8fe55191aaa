package mnist

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
)

// source is what training reads from; both kinds must have it.
type source interface {
	Len() int
	Dim() int
	ContextDim() int
	Read(rows []int, x, context *tensor.Dense) error
}

var (
	_ source = (*Set)(nil)
	_ source = (*Conditional)(nil)
)

func filled(dt tensor.Dtype, shape ...int) *tensor.Dense {
	n := shape[0] * shape[1]
	if dt == tensor.Float32 {
		return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(slices.Repeat([]float32{-7}, n)))
	}
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(slices.Repeat([]float64{-7}, n)))
}

// values returns a tensor's values as float64, rounded to float32's precision.
func values(x *tensor.Dense) []float64 {
	var v []float64
	if x.Dtype() == tensor.Float32 {
		for _, f := range x.Float32s() {
			v = append(v, float64(f))
		}
		return v
	}
	for _, f := range x.Float64s() {
		v = append(v, float64(float32(f)))
	}
	return v
}

func TestRead(t *testing.T) {
	s := tiny(t)
	rows := []int{3, 0, 0}
	var want []float64
	for _, r := range rows {
		for _, v := range s.Image(r) {
			want = append(want, float64(float32(v)/255))
		}
	}
	hot := []float64{0, 0, 1, 0, 0, 1, 0, 0, 1}
	for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
		for _, ct := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
			x, context := filled(dt, 3, 6), filled(ct, 3, 3)
			if err := s.Conditional().Read(rows, x, context); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(values(x), want) || !slices.Equal(values(context), hot) {
				t.Errorf("%v, %v: read %v and %v, want %v and %v", dt, ct, values(x), values(context), want, hot)
			}
		}
		x := filled(dt, 3, 6)
		if err := s.Read(rows, x, nil); err != nil || !slices.Equal(values(x), want) {
			t.Errorf("%v: read %v, %v, want %v", dt, values(x), err, want)
		}
	}
	c := s.Conditional()
	if s.ContextDim() != 0 || c.ContextDim() != 3 || c.Len() != 4 || c.Dim() != 6 || c.Set() != s {
		t.Errorf("context dims %d and %d, size %d x %d", s.ContextDim(), c.ContextDim(), c.Len(), c.Dim())
	}
}

// Rows of a wider tensor have gaps between them, which stay as they are.
func TestReadView(t *testing.T) {
	s := tiny(t)
	wide := filled(tensor.Float64, 3, 8)
	v, err := wide.Slice(tensor.S(0, 2), tensor.S(1, 7))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Read([]int{1, 2}, v.(*tensor.Dense), nil); err != nil {
		t.Fatal(err)
	}
	for i, got := range wide.Float64s() {
		r, c := i/8, i%8
		want := -7.0
		if r < 2 && c >= 1 && c < 7 {
			want = float64(s.Image(r + 1)[c-1]) / 255
		}
		if got != want {
			t.Errorf("value (%d, %d) is %v, want %v", r, c, got, want)
		}
	}
}

func TestReadErrors(t *testing.T) {
	s := tiny(t)
	good := func() *tensor.Dense { return filled(tensor.Float32, 2, 6) }
	context := func() *tensor.Dense { return filled(tensor.Float32, 2, 3) }
	transposed := filled(tensor.Float32, 6, 2)
	if err := transposed.T(); err != nil {
		t.Fatal(err)
	}
	columns := tensor.New(tensor.WithShape(2, 6), tensor.AsFortran(make([]float32, 12)))
	masked := good()
	masked.MaskedEqual(float32(-7))
	for name, c := range map[string]struct {
		from       source
		rows       []int
		x, context *tensor.Dense
		is         error
		says       string
	}{
		"row too high":         {s, []int{0, 4}, good(), nil, bijector.ErrShape, "rows[1] is 4, want an image below 4"},
		"row negative":         {s, []int{-1, 0}, good(), nil, bijector.ErrShape, "rows[0] is -1"},
		"no rows":              {s, nil, good(), nil, bijector.ErrShape, "want (0, 6)"},
		"rows and x differ":    {s, []int{0}, good(), nil, bijector.ErrShape, "x has shape (2, 6), want (1, 6)"},
		"x too narrow":         {s, []int{0, 1}, filled(tensor.Float32, 2, 5), nil, bijector.ErrShape, "want (2, 6)"},
		"x flat":               {s, []int{0, 1}, tensor.New(tensor.WithShape(12), tensor.WithBacking(make([]float32, 12))), nil, bijector.ErrShape, "want (2, 6)"},
		"x nil":                {s, []int{0, 1}, nil, nil, bijector.ErrShape, "x is nil"},
		"x of int":             {s, []int{0, 1}, tensor.New(tensor.WithShape(2, 6), tensor.WithBacking(make([]int, 12))), nil, bijector.ErrDType, "x holds int"},
		"x transposed":         {s, []int{0, 1}, transposed, nil, bijector.ErrShape, "row-major"},
		"x column-major":       {s, []int{0, 1}, columns, nil, bijector.ErrShape, "row-major"},
		"x masked":             {s, []int{0, 1}, masked, nil, bijector.ErrShape, "mask"},
		"context unwanted":     {s, []int{0, 1}, good(), context(), bijector.ErrContext, "use its Conditional"},
		"context missing":      {s.Conditional(), []int{0, 1}, good(), nil, bijector.ErrContext, "want a tensor of shape (2, 3)"},
		"context too wide":     {s.Conditional(), []int{0, 1}, good(), good(), bijector.ErrShape, "context has shape (2, 6), want (2, 3)"},
		"conditional, bad row": {s.Conditional(), []int{0, 9}, good(), context(), bijector.ErrShape, "rows[1] is 9"},
		"conditional, bad x":   {s.Conditional(), []int{0, 1}, context(), context(), bijector.ErrShape, "x has shape (2, 3)"},
	} {
		err := c.from.Read(c.rows, c.x, c.context)
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want %v that says %q", name, err, c.is, c.says)
		}
		for _, x := range []*tensor.Dense{c.x, c.context} {
			if x != nil && x.Dtype() == tensor.Float32 && x != columns && len(x.Shape()) == 2 &&
				slices.ContainsFunc(values(x), func(v float64) bool { return v != -7 }) {
				t.Errorf("%s: a tensor was changed beside an error", name)
			}
		}
	}
}

func TestReadDoesNotAllocate(t *testing.T) {
	s := tiny(t)
	rows := []int{1, 3, 2}
	for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
		x, context := filled(dt, 3, 6), filled(dt, 3, 3)
		c := s.Conditional()
		n := testing.AllocsPerRun(100, func() {
			if s.Read(rows, x, nil) != nil || c.Read(rows, x, context) != nil {
				t.Error("read failed")
			}
		})
		if n != 0 {
			t.Errorf("%v: %v allocations a read", dt, n)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	train, _ := loaded(b)
	rows := make([]int, 100)
	for i := range rows {
		rows[i] = i * 7919 % train.Len()
	}
	x, context := filled(tensor.Float32, 100, 784), filled(tensor.Float32, 100, 10)
	c := train.Conditional()
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if err := c.Read(rows, x, context); err != nil {
			b.Fatal(err)
		}
	}
}
