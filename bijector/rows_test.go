// Rows over memory that is there.

package bijector_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/google/go-cmp/cmp"
)

// readsAs checks that the library sees the values that want has.
func readsAs[T bijector.Float](t *testing.T, what string, x tensor.Tensor, err error, n, d int, want func(i, j int) T) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	m, err := bijector.MatOf[T](x, d)
	if err != nil || m.N != n {
		t.Fatalf("%s: %d rows, %v", what, m.N, err)
	}
	for i := range n {
		for j := range d {
			if got := m.Feature(j)[i]; got != want(i, j) {
				t.Fatalf("%s: value (%d, %d) is %v, want %v", what, i, j, got, want(i, j))
			}
			if v, err := x.At(i, j); err != nil || v != want(i, j) {
				t.Fatalf("%s: At(%d, %d) is %v, %v, want %v", what, i, j, v, err, want(i, j))
			}
		}
	}
}

func TestRowsOfStrided(t *testing.T) {
	t.Run("float32", rowsOfStrided[float32])
	t.Run("float64", rowsOfStrided[float64])
}

func rowsOfStrided[T bijector.Float](t *testing.T) {
	for _, c := range []struct{ n, d, stride, spare int }{
		{1, 1, 1, 0}, {1, 3, 5, 0}, {4, 1, 1, 2}, {4, 1, 3, 0}, {4, 3, 3, 0}, {4, 3, 7, 0}, {4, 3, 7, 4}, {200, 5, 6, 9},
	} {
		data := make([]T, (c.n-1)*c.stride+c.d+c.spare)
		for i := range data {
			data[i] = T(math.NaN()) // what nobody is to read
		}
		for i := range c.n {
			for j := range c.d {
				data[i*c.stride+j] = T(100*i + j)
			}
		}
		x, err := bijector.RowsOfStrided(data, c.n, c.d, c.stride)
		want := func(i, j int) T { return data[i*c.stride+j] }
		readsAs(t, fmt.Sprint(c), x, err, c.n, c.d, want)
		data[(c.n-1)*c.stride] = -7 // shared
		readsAs(t, fmt.Sprint(c), x, err, c.n, c.d, want)
		if gaps := c.n > 1 && c.stride > c.d; x.RequiresIterator() != gaps {
			t.Errorf("%v: RequiresIterator is %v", c, !gaps)
		}
		if twice, err := x.Add(x.Dense()); err != nil {
			t.Errorf("%v: %v", c, err)
		} else {
			readsAs(t, "twice", twice, nil, c.n, c.d, func(i, j int) T { return 2 * want(i, j) })
		}
		if clone := x.Clone().(*bijector.Rows[T]); !clone.Shape().Eq(tensor.Shape{c.n, c.d}) {
			t.Errorf("%v: a clone of shape %v", c, clone.Shape())
		} else {
			readsAs(t, "clone", clone, nil, c.n, c.d, want)
		}
	}
	for _, c := range []struct{ size, n, d, stride int }{{6, 2, 3, 2}, {5, 2, 3, 3}, {6, 0, 3, 3}, {6, 2, 0, 3}, {6, -2, 3, 3}} {
		if x, err := bijector.RowsOfStrided(make([]T, c.size), c.n, c.d, c.stride); !errors.Is(err, bijector.ErrShape) || x != nil {
			t.Errorf("%v: %v, %v, want ErrShape", c, x, err)
		}
	}
}

// Parts of gonum matrices, whose rows lie apart.
func TestRowsOfMatrices(t *testing.T) {
	whole := mat.NewDense(5, 6, nil)
	for i := range 5 {
		for j := range 6 {
			whole.Set(i, j, float64(10*i+j))
		}
	}
	part := whole.Slice(1, 4, 2, 5).(*mat.Dense)
	x, err := bijector.RowsOfMatrix(part)
	readsAs(t, "a part of a mat.Dense", x, err, 3, 3, part.At)
	whole.Set(3, 4, -1)
	readsAs(t, "after a change", x, err, 3, 3, part.At)
	x, err = bijector.RowsOfMatrix(whole)
	readsAs(t, "a mat.Dense", x, err, 5, 6, whole.At)

	x, err = bijector.RowsOfMatrix(part.T())
	readsAs(t, "a transposed part, copied", x, err, 3, 3, part.T().At)

	for _, m := range []*mat.Dense{nil, {}} {
		if _, err := bijector.RowsOfMatrix(m); !errors.Is(err, bijector.ErrShape) {
			t.Errorf("no matrix: %v", err)
		}
	}
	if _, err := bijector.RowsOfMatrix(nil); !errors.Is(err, bijector.ErrShape) {
		t.Errorf("nil: %v", err)
	}
}

func TestRowsOfSlices(t *testing.T) {
	rows := [][]float32{{1, 2}, {3, 4}, {5, 6}}
	x, err := bijector.RowsOfSlices(rows)
	rows[1][0] = 9 // copied
	readsAs(t, "rows", x, err, 3, 2, func(i, j int) float32 { return float32(2*i + j + 1) })
	for _, rows := range [][][]float64{nil, {{}}, {{1, 2}, {3}}, {{1}, nil}} {
		if x, err := bijector.RowsOfSlices(rows); !errors.Is(err, bijector.ErrShape) || x != nil {
			t.Errorf("%v: %v, %v, want ErrShape", rows, x, err)
		}
	}
}

// What is read of rows is what they hold, however their tensor was bent.
func TestRowsRead(t *testing.T) {
	r := testkit.Rows([]float64{0, 1, 2, 3, 4, 5}, 3, 2)
	if d := cmp.Diff([]float64{2, 3}, r.Row(1)); d != "" || r.Len() != 3 || r.Dim() != 2 {
		t.Errorf("row 1 of %d of %d (-want +got):\n%s", r.Len(), r.Dim(), d)
	}
	r.Row(1)[0] = 7 // in place
	if d := cmp.Diff([]float64{0, 1, 7, 3, 4, 5}, r.Data()); d != "" {
		t.Errorf("Data (-want +got):\n%s", d)
	}
	v, err := r.Slice(tensor.S(1, 3))
	if err != nil {
		t.Fatal(err)
	}
	part, ok := v.(*bijector.Rows[float64])
	if !ok || part.Len() != 2 || !cmp.Equal([]float64{7, 3, 4, 5}, part.Data()) || !cmp.Equal([]float64{4, 5}, part.Row(1)) {
		t.Errorf("rows 1 and 2 are %v", v)
	}
	clone := r.Clone().(*bijector.Rows[float64])
	clone.Row(0)[0] = -1
	if r.Row(0)[0] != 0 || clone.Dense() == r.Dense() {
		t.Error("a clone shares its values")
	}
	if err := r.T(); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]float64{1, 3, 5}, r.Row(1)); d != "" {
		t.Errorf("row 1 of the transposed (-want +got):\n%s", d)
	}
	for _, bad := range []struct{ n, d int }{{3, 3}, {0, 0}, {-1, -6}, {6, 0}} {
		if r, err := bijector.RowsOf(make([]float32, 6), bad.n, bad.d); !errors.Is(err, bijector.ErrShape) || r != nil {
			t.Errorf("6 values as %v: %v, want ErrShape", bad, err)
		}
	}
}

// A part of a gonum matrix goes through a layer without being copied first.
func ExampleRowsOfMatrix() {
	m := mat.NewDense(2, 3, []float64{1, 2, 3, 4, 5, 6})
	x, err := bijector.RowsOfMatrix(m.Slice(0, 2, 1, 3).(*mat.Dense)) // the last two columns
	if err != nil {
		fmt.Println(err)
		return
	}
	reverse, err := bijector.NewPermute[float64](bijector.PermuteSpec{Dim: 2, Kind: "reverse"})
	if err != nil {
		fmt.Println(err)
		return
	}
	z, err := reverse.Forward(x)
	fmt.Println(z.Float64s(), err)
	// Output: [3 2 6 5] <nil>
}

// A batch within a wider one, as C and Fortran programs keep them.
func ExampleRowsOfStrided() {
	data := []float32{1, 2, 0, 3, 4, 0, 5, 6} // rows of two, three apart
	x, err := bijector.RowsOfStrided(data, 3, 2, 3)
	if err != nil {
		fmt.Println(err)
		return
	}
	data[7] = 7 // seen through x
	last, err := x.At(2, 1)
	fmt.Println(x.Shape(), x.Strides(), last, err)
	// Output: (3, 2) [3 1] 7 <nil>
}
