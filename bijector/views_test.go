// Tensors over other matrices.

package bijector_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"
	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
)

// readsAs checks that the library sees the values that want has.
func readsAs[T bijector.Float](t *testing.T, what string, x *tensor.Dense, err error, n, d int, want func(i, j int) T) {
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

func TestTensorOfStrided(t *testing.T) {
	t.Run("float32", tensorOfStrided[float32])
	t.Run("float64", tensorOfStrided[float64])
}

func tensorOfStrided[T bijector.Float](t *testing.T) {
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
		x, err := bijector.TensorOfStrided(data, c.n, c.d, c.stride)
		want := func(i, j int) T { return data[i*c.stride+j] }
		readsAs(t, fmt.Sprint(c), x, err, c.n, c.d, want)
		data[(c.n-1)*c.stride] = -7 // shared
		readsAs(t, fmt.Sprint(c), x, err, c.n, c.d, want)
		if gaps := c.n > 1 && c.stride > c.d; x.RequiresIterator() != gaps {
			t.Errorf("%v: RequiresIterator is %v", c, !gaps)
		}
		if twice, err := x.Add(x); err != nil {
			t.Errorf("%v: %v", c, err)
		} else {
			readsAs(t, "twice", twice, nil, c.n, c.d, func(i, j int) T { return 2 * want(i, j) })
		}
		if clone := x.Clone().(*tensor.Dense); !clone.Shape().Eq(tensor.Shape{c.n, c.d}) {
			t.Errorf("%v: a clone of shape %v", c, clone.Shape())
		} else {
			readsAs(t, "clone", clone, nil, c.n, c.d, want)
		}
	}
	for _, c := range []struct{ size, n, d, stride int }{{6, 2, 3, 2}, {5, 2, 3, 3}, {6, 0, 3, 3}, {6, 2, 0, 3}, {6, -2, 3, 3}} {
		if x, err := bijector.TensorOfStrided(make([]T, c.size), c.n, c.d, c.stride); !errors.Is(err, bijector.ErrShape) || x != nil {
			t.Errorf("%v: %v, %v, want ErrShape", c, x, err)
		}
	}
}

// Parts of gonum matrices, whose rows lie apart.
func TestTensorOfMatrices(t *testing.T) {
	whole := mat.NewDense(5, 6, nil)
	for i := range 5 {
		for j := range 6 {
			whole.Set(i, j, float64(10*i+j))
		}
	}
	part := whole.Slice(1, 4, 2, 5).(*mat.Dense)
	x, err := bijector.TensorOfMatrix(part)
	readsAs(t, "a part of a mat.Dense", x, err, 3, 3, part.At)
	whole.Set(3, 4, -1)
	readsAs(t, "after a change", x, err, 3, 3, part.At)
	x, err = bijector.TensorOfMatrix(whole)
	readsAs(t, "a mat.Dense", x, err, 5, 6, whole.At)

	g := blas64.General{Rows: 2, Cols: 2, Stride: 3, Data: []float64{1, 2, 9, 3, 4}}
	x, err = bijector.TensorOfGeneral64(g)
	readsAs(t, "blas64", x, err, 2, 2, func(i, j int) float64 { return g.Data[3*i+j] })
	h := blas32.General{Rows: 2, Cols: 1, Stride: 3, Data: []float32{1, 2, 9, 3}}
	x, err = bijector.TensorOfGeneral32(h)
	readsAs(t, "blas32", x, err, 2, 1, func(i, j int) float32 { return h.Data[3*i+j] })

	for _, m := range []*mat.Dense{nil, {}} {
		if _, err := bijector.TensorOfMatrix(m); !errors.Is(err, bijector.ErrShape) {
			t.Errorf("no matrix: %v", err)
		}
	}
	if _, err := bijector.TensorOfGeneral32(blas32.General{}); !errors.Is(err, bijector.ErrShape) {
		t.Errorf("no matrix: %v", err)
	}
}

func TestTensorOfRows(t *testing.T) {
	rows := [][]float32{{1, 2}, {3, 4}, {5, 6}}
	x, err := bijector.TensorOfRows(rows)
	rows[1][0] = 9 // copied
	readsAs(t, "rows", x, err, 3, 2, func(i, j int) float32 { return float32(2*i + j + 1) })
	for _, rows := range [][][]float64{nil, {{}}, {{1, 2}, {3}}, {{1}, nil}} {
		if x, err := bijector.TensorOfRows(rows); !errors.Is(err, bijector.ErrShape) || x != nil {
			t.Errorf("%v: %v, %v, want ErrShape", rows, x, err)
		}
	}
}

// A part of a gonum matrix goes through a layer without being copied first.
func ExampleTensorOfMatrix() {
	m := mat.NewDense(2, 3, []float64{1, 2, 3, 4, 5, 6})
	x, err := bijector.TensorOfMatrix(m.Slice(0, 2, 1, 3).(*mat.Dense)) // the last two columns
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
func ExampleTensorOfStrided() {
	data := []float32{1, 2, 0, 3, 4, 0, 5, 6} // rows of two, three apart
	x, err := bijector.TensorOfStrided(data, 3, 2, 3)
	if err != nil {
		fmt.Println(err)
		return
	}
	data[7] = 7 // seen through x
	last, err := x.At(2, 1)
	fmt.Println(x.Shape(), x.Strides(), last, err)
	// Output: (3, 2) [3 1] 7 <nil>
}
