package bijector_test

// The gate between tensors and passes: everything a tensor can be that is not
// rows of the right type, and the ways in which tensor v0.9.24 misleads.

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/mat"
	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
)

// arange is a tensor of 0, 1, 2 and so on.
func arange[T bijector.Float](shape ...int) *tensor.Dense {
	n := 1
	for _, s := range shape {
		n *= s
	}
	v := make([]T, n)
	for i := range v {
		v[i] = T(i)
	}
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(v))
}

func sliced(t *testing.T, x *tensor.Dense, s ...tensor.Slice) *tensor.Dense {
	t.Helper()
	v, err := x.Slice(s...)
	if err != nil {
		t.Fatal(err)
	}
	return v.(*tensor.Dense)
}

// rowsOf are the gate's rows of x.
func rowsOf[T bijector.Float](t *testing.T, x tensor.Tensor) [][]T {
	t.Helper()
	r, err := bijector.InputOf[T](x, 0)
	if err != nil {
		t.Fatal(err)
	}
	return rowsIn(r)
}

func rowsIn[T bijector.Float](r bijector.Input[T]) [][]T {
	m := bijector.NewMat[T](r.Dim(), r.Len())
	r.Load(m, 0)
	all := make([][]T, m.N)
	for i := range all {
		for j := range m.D {
			all[i] = append(all[i], m.Feature(j)[i])
		}
	}
	return all
}

func TestGateReadsByStrides(t *testing.T) {
	transposed := arange[float64](4, 3)
	if err := transposed.T(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		x    *tensor.Dense
		want [][]float64
	}{
		"row-major":     {arange[float64](2, 3), [][]float64{{0, 1, 2}, {3, 4, 5}}},
		"one row":       {arange[float64](1, 3), [][]float64{{0, 1, 2}}},
		"one column":    {arange[float64](3, 1), [][]float64{{0}, {1}, {2}}},
		"columns":       {sliced(t, arange[float64](3, 4), nil, tensor.S(1, 3)), [][]float64{{1, 2}, {5, 6}, {9, 10}}},
		"rows":          {sliced(t, arange[float64](4, 2), tensor.S(1, 3)), [][]float64{{2, 3}, {4, 5}}},
		"rows, columns": {sliced(t, arange[float64](4, 3), tensor.S(1, 3), tensor.S(0, 2)), [][]float64{{3, 4}, {6, 7}}},
		"column-major":  {tensor.New(tensor.WithShape(2, 3), tensor.AsFortran([]float64{0, 1, 2, 3, 4, 5})), [][]float64{{0, 1, 2}, {3, 4, 5}}},
		"transposed":    {transposed, [][]float64{{0, 3, 6, 9}, {1, 4, 7, 10}, {2, 5, 8, 11}}},
		"images":        {arange[float64](2, 1, 2, 2), [][]float64{{0, 1, 2, 3}, {4, 5, 6, 7}}},
		"one channel":   {sliced(t, arange[float64](2, 2, 1, 2), nil, tensor.S(1, 2)), [][]float64{{2, 3}, {6, 7}}},
		"one pixel":     {sliced(t, arange[float64](2, 2, 2), nil, nil, tensor.S(1, 2)), [][]float64{{1, 3}, {5, 7}}},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(c.want, rowsOf[float64](t, c.x)); d != "" {
				t.Errorf("rows of shape %v, strides %v (-want +got):\n%s", c.x.Shape(), c.x.Strides(), d)
			}
			if c.x.Dims() == 2 {
				if v, err := c.x.At(1%len(c.want), 0); err != nil || v != c.want[1%len(c.want)][0] {
					t.Errorf("the tensor itself says %v (%v)", v, err)
				}
			}
			// The whole way through a layer, too.
			l := must(bijector.NewPermute[float64](bijector.PermuteSpec{Dim: len(c.want[0]), Kind: "reverse"}))
			z := rowsOf[float64](t, must(l.Forward(c.x)))
			for i, row := range z {
				for j := range row {
					if row[j] != c.want[i][len(row)-1-j] {
						t.Fatalf("row %d reversed is %v, from %v", i, row, c.want[i])
					}
				}
			}
		})
	}
}

func TestGateRefuses(t *testing.T) {
	masked := tensor.New(tensor.WithShape(2, 2), tensor.WithBacking([]float64{1, 2, 3, 4}, []bool{true, false, false, false}))
	for name, c := range map[string]struct {
		x    tensor.Tensor
		want error
		says string
	}{
		"nil":                     {nil, bijector.ErrShape, "nil"},
		"zero value":              {&tensor.Dense{}, bijector.ErrShape, "zero value"},
		"float32 for float64":     {arange[float32](2, 2), bijector.ErrDType, "float32"},
		"integers":                {tensor.New(tensor.WithShape(2, 2), tensor.Of(tensor.Int)), bijector.ErrDType, "int"},
		"vector":                  {arange[float64](4), bijector.ErrShape, "(1, d)"},
		"scalar":                  {tensor.New(tensor.FromScalar(3.0)), bijector.ErrShape, "(n, d)"},
		"a row that lost an axis": {sliced(t, arange[float64](3, 4), tensor.S(0, 1)), bijector.ErrShape, "(1, d)"},
		"masked":                  {masked, bijector.ErrShape, "mask"},
		"no rows":                 {tensor.New(tensor.WithShape(0, 4), tensor.Of(tensor.Float64)), bijector.ErrShape, "no values"},
		"no columns":              {tensor.New(tensor.WithShape(4, 0), tensor.WithBacking([]float64{})), bijector.ErrShape, "no values"},
		"image with a margin":     {sliced(t, arange[float64](2, 3, 3), nil, tensor.S(0, 2), tensor.S(0, 2)), bijector.ErrShape, "clone"},
	} {
		_, err := bijector.InputOf[float64](c.x, 0)
		if !errors.Is(err, c.want) || !strings.Contains(fmt.Sprint(err), c.says) {
			t.Errorf("%s: error is %v, want one that wraps %q and says %q", name, err, c.want, c.says)
		}
	}
	// The confusion in the other direction reads memory beyond its end.
	if _, err := bijector.InputOf[float32](arange[float64](2, 2), 0); !errors.Is(err, bijector.ErrDType) {
		t.Errorf("float64 for float32: error is %v, want ErrDType", err)
	}
}

func TestMatOf(t *testing.T) {
	m, err := bijector.MatOf[float32](arange[float32](3, 2), 2)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]float32{1, 3, 5}, m.Feature(1)); d != "" {
		t.Errorf("feature 1 (-want +got):\n%s", d)
	}
	if _, err := bijector.MatOf[float32](arange[float32](3, 2), 3); !errors.Is(err, bijector.ErrShape) {
		t.Errorf("wrong width: error is %v, want ErrShape", err)
	}
	if _, err := bijector.MatOf[float32](nil, 3); !errors.Is(err, bijector.ErrShape) {
		t.Errorf("nil: error is %v, want ErrShape", err)
	}
	// One bad row each, in every position that a row-wise scan can miss.
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for row := range 3 {
			x := arange[float64](3, 2)
			x.Float64s()[2*row+1] = v
			_, err := bijector.MatOf[float64](x, 2)
			var re *bijector.RowError
			if !errors.As(err, &re) || re.Row != row || re.Count != 1 || re.N != 3 || !errors.Is(err, bijector.ErrNonFinite) {
				t.Errorf("%v in row %d: error is %v", v, row, err)
			}
		}
	}
}

func TestRowsOfMatrix(t *testing.T) {
	whole := mat.NewDense(3, 4, []float64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})
	x, err := bijector.RowsOfMatrix(whole.Slice(1, 3, 1, 3).(*mat.Dense))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([][]float64{{5, 6}, {9, 10}}, rowsOf[float64](t, x)); d != "" {
		t.Errorf("rows of a view (-want +got):\n%s", d)
	}
	for name, m := range map[string]*mat.Dense{"nil": nil, "empty": {}} {
		if _, err := bijector.RowsOfMatrix(m); !errors.Is(err, bijector.ErrShape) {
			t.Errorf("%s: error is %v, want ErrShape", name, err)
		}
	}
}

func TestInputOfSlice(t *testing.T) {
	v := []float32{0, 1, 2, 3, 4, 5, 6}
	r, err := bijector.InputOfSlice(v, 3, 1, 3)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([][]float32{{0}, {3}, {6}}, rowsIn(r)); d != "" {
		t.Errorf("rows with a stride (-want +got):\n%s", d)
	}
	for _, c := range [][3]int{{0, 1, 1}, {1, 0, 1}, {2, 3, 2}, {3, 3, 3}, {-1, 2, 2}, {3, 1, math.MaxInt / 2}} {
		if _, err := bijector.InputOfSlice(v, c[0], c[1], c[2]); !errors.Is(err, bijector.ErrShape) {
			t.Errorf("%v of 7 values: error is %v, want ErrShape", c, err)
		}
	}
}

// One context in a slice is for all rows, and n are one a row.
func TestContextOfSlice(t *testing.T) {
	for n, want := range map[int]int{1: 0, 3: 1} {
		c := must(bijector.ContextOfSlice(make([]float32, 2*n), n, 2))
		if got := c.PerContext(); got != want {
			t.Errorf("%d contexts: each is for %d rows, want %d", n, got, want)
		}
	}
}
