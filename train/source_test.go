// Data: tensors and their views, sources of a user's own, and what is wrong
// with them.

package train_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/train"
)

// reordered visits some rows of a Source, any number of times.
type reordered struct {
	train.Source
	order []int
}

func (s *reordered) Len() int { return len(s.order) }

func (s *reordered) Read(rows []int, x, context *tensor.Dense) error {
	ids := make([]int, len(rows))
	for i, r := range rows {
		ids[i] = s.order[r]
	}
	return s.Source.Read(ids, x, context)
}

// generated makes row i when it is asked for, as a source larger than memory
// would: (f(i), -f(i)) with f(i) = sin i.
type generated struct {
	n, most int // most rows of a read so far
	fail    func(row int) error
}

func (s *generated) Len() int        { return s.n }
func (s *generated) Dim() int        { return 2 }
func (s *generated) ContextDim() int { return 0 }

func (s *generated) Read(rows []int, x, context *tensor.Dense) error {
	if context != nil {
		return errors.New("a context that nobody has")
	}
	if shape := x.Shape(); len(shape) != 2 || shape[0] != len(rows) || shape[1] != 2 {
		return errors.New("wrong shape")
	}
	s.most = max(s.most, len(rows))
	out := x.Float32s()
	for i, r := range rows {
		if s.fail != nil {
			if err := s.fail(r); err != nil {
				return err
			}
		}
		v := float32(math.Sin(float64(r)))
		out[2*i], out[2*i+1] = v, -v
	}
	return nil
}

// However rows lie in memory, the parameters get the same bits.
func TestLayoutsOfATensor(t *testing.T) {
	const n, d, c = 30, 3, 2
	at := func(i, j int) float64 { return math.Sin(float64(5*i+j)) + float64(j) }
	wide := dense[float32](n+4, d+c+1, func(i, j int) float64 { return at(i-2, j-1) })
	view := func(lo, hi int) *tensor.Dense {
		v, err := wide.Slice(tensor.S(2, n+2), tensor.S(1+lo, 1+hi))
		if err != nil {
			t.Fatal(err)
		}
		return v.(*tensor.Dense)
	}
	row := func(lo, hi int) *tensor.Dense {
		return dense[float32](n, hi-lo, func(i, j int) float64 { return at(i, j+lo) })
	}
	column := func(lo, hi int) *tensor.Dense { // AsFortran reorders the values it is given
		return tensor.New(tensor.WithShape(n, hi-lo), tensor.AsFortran(row(lo, hi).Float32s()))
	}
	if s := column(0, d).Strides(); s[0] != 1 || s[1] != n {
		t.Fatalf("strides %v are not column-major", s)
	}
	image := row(0, d).Clone().(*tensor.Dense)
	if err := image.Reshape(n, d, 1, 1); err != nil {
		t.Fatal(err)
	}
	fit := func(s train.Source) []uint64 {
		m := newToy[float32](d, c)
		if _, err := train.Fit(context.Background(), m, s, train.Options{ValidationFraction: train.NoValidation, Epochs: 3, Batch: 7, Rate: 0.1}); err != nil {
			t.Fatal(err)
		}
		return bits(m)
	}
	want := fit(train.Tensor(row(0, d)).Given(row(d, d+c)))
	for name, s := range map[string]train.Source{
		"view":         train.Tensor(view(0, d)).Given(view(d, d+c)),
		"column-major": train.Tensor(column(0, d)).Given(column(d, d+c)),
		"image":        train.Tensor(image).Given(row(d, d+c)),
	} {
		if !slices.Equal(fit(s), want) {
			t.Errorf("%s: other bits than row-major", name)
		}
	}
}

func TestSourcesThatDoNotSuitTheModel(t *testing.T) {
	x := normalRows[float32](8, 3, 1)
	c := normalRows[float32](8, 2, 1)
	vector := tensor.New(tensor.WithShape(8), tensor.WithBacking(make([]float32, 8)))
	for name, s := range map[string]struct {
		data         train.Source
		dim, context int
		want         error
		says         string
	}{
		"none":                {nil, 3, 0, train.ErrOptions, "no"},
		"nil source":          {(*train.TensorSource)(nil), 3, 0, train.ErrOptions, "no"},
		"nil tensor":          {train.Tensor(nil), 3, 0, bijector.ErrShape, "nil"},
		"no batch":            {train.Tensor(vector), 3, 0, bijector.ErrShape, "(8)"},
		"empty":               {&generated{}, 2, 0, bijector.ErrShape, "no rows"},
		"narrow":              {train.Tensor(x), 4, 0, bijector.ErrShape, "3 values"},
		"float64":             {train.Tensor(normalRows[float64](8, 3, 1)), 3, 0, bijector.ErrDType, "float64"},
		"integers":            {train.Tensor(tensor.New(tensor.WithShape(8, 3), tensor.Of(tensor.Int))), 3, 0, bijector.ErrDType, "int"},
		"float64, wrapped":    {&recordingSource{Source: train.Tensor(normalRows[float64](8, 3, 1))}, 3, 0, bijector.ErrDType, "float64"},
		"missing context":     {train.Tensor(x), 3, 2, bijector.ErrContext, "Given"},
		"context for none":    {train.Tensor(x).Given(c), 3, 0, bijector.ErrContext, "unconditional"},
		"narrow context":      {train.Tensor(x).Given(c), 3, 1, bijector.ErrContext, "2 values"},
		"too few contexts":    {train.Tensor(x).Given(normalRows[float32](7, 2, 1)), 3, 2, bijector.ErrContext, "7"},
		"too many contexts":   {train.Tensor(x).Given(normalRows[float32](9, 2, 1)), 3, 2, bijector.ErrContext, "9"},
		"a vector of context": {train.Tensor(x).Given(vector), 3, 1, bijector.ErrShape, "context"},
		"float64 context":     {train.Tensor(x).Given(normalRows[float64](8, 2, 1)), 3, 2, bijector.ErrDType, "context"},
	} {
		check := func(what string, report *train.Report, steps int, err error) {
			t.Helper()
			if _, wrapped := s.data.(*recordingSource); wrapped { // found out by reading
				report, steps = nil, 0
			}
			if !errors.Is(err, s.want) || !strings.Contains(err.Error(), s.says) || report != nil || steps != 0 {
				t.Errorf("%s: as %s: error %v after %d steps, want one of %v with %q", name, what, err, steps, s.want, s.says)
			}
		}
		m := newToy[float32](s.dim, s.context)
		report, err := train.Fit(context.Background(), m, s.data, train.Options{ValidationFraction: train.NoValidation, Epochs: 1})
		check("training data", report, m.steps, err)
		if s.data == nil {
			continue // no validation
		}
		_, err = train.Evaluate(context.Background(), m, s.data)
		check("data to evaluate", nil, 0, err)
		good := train.Tensor(normalRows[float32](5, s.dim, 1))
		if s.context > 0 {
			good = good.Given(normalRows[float32](5, s.context, 1))
		}
		report, err = train.Fit(context.Background(), m, good, train.Options{Epochs: 1, Validation: s.data})
		check("validation data", report, m.steps, err)
	}
}

// Read is for sources that are built on a tensor, too.
func TestReadingATensor(t *testing.T) {
	s := train.Tensor(normalRows[float32](5, 2, 1)).Given(normalRows[float32](5, 1, 2))
	if s.Len() != 5 || s.Dim() != 2 || s.ContextDim() != 1 {
		t.Errorf("%d rows of %d values, %d of context", s.Len(), s.Dim(), s.ContextDim())
	}
	x, c := normalRows[float32](3, 2, 9), normalRows[float32](3, 1, 9)
	if err := s.Read([]int{4, 0, 4}, x, c); err != nil {
		t.Fatal(err)
	}
	want, context := normalRows[float32](5, 2, 1).Float32s(), normalRows[float32](5, 1, 2).Float32s()
	if !slices.Equal(x.Float32s(), slices.Concat(want[8:], want[:2], want[8:])) || !slices.Equal(c.Float32s(), []float32{context[4], context[0], context[4]}) {
		t.Errorf("read %v with %v", x, c)
	}
	for name, c := range map[string]struct {
		rows []int
		x    *tensor.Dense
		want error
	}{
		"behind the end": {[]int{0, 5, 1}, x, bijector.ErrShape},
		"negative":       {[]int{0, -1, 1}, x, bijector.ErrShape},
		"too little":     {[]int{0, 1}, x, bijector.ErrShape},
		"too much":       {[]int{0, 1, 2, 3}, x, bijector.ErrShape},
		"other type":     {[]int{0, 1, 2}, normalRows[float64](3, 2, 1), bijector.ErrDType},
		"no float":       {[]int{0, 1, 2}, tensor.New(tensor.WithShape(3, 2), tensor.Of(tensor.Int)), bijector.ErrDType},
	} {
		if err := s.Read(c.rows, c.x, nil); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
	}
}

func TestSourceLargerThanMemory(t *testing.T) {
	s := &generated{n: 200_000}
	m := newToy[float32](2, 0)
	m.center = []float32{1, 1}
	report, err := train.Fit(context.Background(), m, s, train.Options{ValidationFraction: train.NoValidation, Epochs: 1, Batch: 500, Rate: 0.02})
	if err != nil || report.Steps != 400 || s.most != 500 {
		t.Fatalf("error %v, %d rows at a time, report %+v", err, s.most, report)
	}
	approxEqual(t, "center", float64(m.center[0]), 0, 0.1)
	approxEqual(t, "center", float64(m.center[1]), 0, 0.1)
}

// An error of the source comes through, with what was trained until then.
func TestSourceThatFails(t *testing.T) {
	lost := errors.New("disk lost")
	s := &generated{n: 100, fail: func(row int) error {
		if row == 57 {
			return lost
		}
		return nil
	}}
	m := newToy[float32](2, 0)
	report, err := train.Fit(context.Background(), m, s, train.Options{ValidationFraction: train.NoValidation, Batch: 10, InOrder: true, Rate: 0.1, Optimizer: train.SGD{}})
	if !errors.Is(err, lost) || report == nil || report.Stopped != "data" || report.Steps != 5 || len(report.Epochs) != 0 {
		t.Fatalf("error %v, report %+v", err, report)
	}
	want := newToy[float32](2, 0)
	if _, err := train.Fit(context.Background(), want, &generated{n: 50}, train.Options{ValidationFraction: train.NoValidation, Epochs: 1, Batch: 10, InOrder: true, Rate: 0.1, Optimizer: train.SGD{}}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(bits(m), bits(want)) {
		t.Errorf("left with %v, want the %v of five steps", m.center, want.center)
	}
	// A model that is calibrated reads at the start, before anything is done.
	if report, err := train.Fit(context.Background(), &calibrated32{newToy[float32](2, 0)}, s, train.Options{ValidationFraction: train.NoValidation}); !errors.Is(err, lost) || report != nil {
		t.Errorf("calibration: error %v, report %+v", err, report)
	}
}

type calibrated32 struct{ *toy[float32] }

func (calibrated32) Calibrate(_, _ bijector.Mat[float32], _ bool, _ *bijector.Workers) {}

// The row that an error names is that of the data as it was given.
func TestNonFiniteRows(t *testing.T) {
	const n = 64
	for _, c := range []struct {
		name    string
		bad     []int
		context bool
		o       train.Options
		want    []int // one of
	}{
		{"in order", []int{17}, false, train.Options{ValidationFraction: train.NoValidation, InOrder: true}, []int{17}},
		{"shuffled", []int{17}, false, train.Options{ValidationFraction: train.NoValidation, Seed: 3}, []int{17}},
		{"split", []int{17}, false, train.Options{Seed: 3, ValidationFraction: 0.5}, []int{17}},
		{"split, held out", []int{17}, false, train.Options{Seed: 4, ValidationFraction: 0.5}, []int{17}},
		{"split otherwise", []int{17}, false, train.Options{Seed: 5, ValidationFraction: 0.9}, []int{17}},
		{"one batch", []int{40, 17, 63}, false, train.Options{ValidationFraction: train.NoValidation, Batch: n}, []int{17}},
		{"several", []int{40, 17, 63}, false, train.Options{ValidationFraction: train.NoValidation}, []int{40, 17, 63}},
		{"context", []int{17}, true, train.Options{ValidationFraction: train.NoValidation}, []int{17}},
	} {
		for _, v := range []float64{math.NaN(), math.Inf(-1)} {
			for _, calibrated := range []bool{false, true} {
				x, ctx := normalRows[float32](n, 2, 1), normalRows[float32](n, 1, 2)
				for _, r := range c.bad {
					if c.context {
						ctx.Float32s()[r] = float32(v)
					} else {
						x.Float32s()[2*r+1] = float32(v)
					}
				}
				toy := newToy[float32](2, 1)
				var m bijector.Objective[float32] = toy
				if calibrated {
					m = &calibrated32{toy}
				}
				if c.o.Batch == 0 {
					c.o.Batch = 8
				}
				_, err := train.Fit(context.Background(), m, train.Tensor(x).Given(ctx), c.o)
				var row *bijector.RowError
				if !errors.As(err, &row) || !errors.Is(err, bijector.ErrNonFinite) {
					t.Errorf("%s: error %v, want a RowError", c.name, err)
					continue
				}
				if !slices.Contains(c.want, row.Row) || row.N != n || row.Count < 1 || row.Count > len(c.bad) {
					t.Errorf("%s, calibrated %t: %v (%+v), want row %v of %d", c.name, calibrated, err, row, c.want, n)
				}
				if c.context != strings.Contains(err.Error(), "context") {
					t.Errorf("%s: %v", c.name, err)
				}
				for _, p := range toy.center {
					if p != p {
						t.Errorf("%s: the parameters were touched: %v", c.name, toy.center)
					}
				}
			}
		}
	}
}
