// Rows of values that are safe to read.

package bijector

import (
	"fmt"
	"runtime"

	"gonum.org/v1/gonum/mat"
	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/internal/nilcheck"
)

// Rows is a batch that the library hands out, and a way to make one of values
// that are there: n rows, the memory row-major. It is a tensor.Tensor, and
// goes into every function of the library, and of gorgonia's tensor package,
// that takes one; Dense is the *tensor.Dense for those that take that.
//
// What Rows adds is that it can be read in the natural way. The Data method of
// a *tensor.Dense makes its slice of a number, which does not keep the memory:
// a tensor whose last use that call is may be collected while the slice is
// read, and what is read is another's. Data, Values, Row, Slice and Clone of
// Rows are ordinary slices of it. Of a *tensor.Dense call Float32s or Float64s
// instead.
type Rows[T Float] struct {
	*dense
	values []T
}

// dense is embedded for its methods, under a name that keeps the field unexported.
type dense = tensor.Dense

// NewRows returns n rows of d zeros. Like make it panics where one is negative.
func NewRows[T Float](n, d int) *Rows[T] { return newRows(make([]T, n*d), n, d) }

// newRows is the Rows over values, which has as many as the shape.
func newRows[T Float](values []T, shape ...int) *Rows[T] {
	t := tensor.New(tensor.WithShape(shape...), tensor.WithBacking(values))
	// The tensor package takes the backing by its address.
	runtime.KeepAlive(values)
	return &Rows[T]{dense: t, values: values}
}

// RowsOf is n rows of d values over data, row-major, without copying. It
// returns ErrShape where data has not n*d values.
func RowsOf[T Float](data []T, n, d int) (*Rows[T], error) {
	if n < 1 || d < 1 || len(data)%d != 0 || len(data)/d != n {
		return nil, fmt.Errorf("bijou: %d values cannot be %d rows of %d: %w", len(data), n, d, ErrShape)
	}
	return newRows(data, n, d), nil
}

// RowsOfStrided is the n rows data[i*stride:][:d], without copying. The last row
// may end where data does. It returns ErrShape where data has no such rows.
//
// With gaps between its rows the tensor is what the tensor package calls a
// view, and what this library reads row by row. Beware of that package's own
// functions, though: its MatMul takes no account of strides. Clone the rows
// for those.
func RowsOfStrided[T Float](data []T, n, d, stride int) (*Rows[T], error) {
	if _, err := InputOfSlice(data, n, d, stride); err != nil {
		return nil, err
	}
	if n == 1 || stride == d {
		return newRows(data[:n*d:n*d], n, d), nil
	}
	// Slicing a tensor would need the gap behind the last row, and loses an
	// axis of length 1.
	size := (n-1)*stride + d
	r := newRows(data[:size:size], size)
	r.AP = tensor.MakeAP(tensor.Shape{n, d}, []int{stride, 1}, tensor.MakeDataOrder(tensor.NonContiguous), tensor.NotTriangle)
	return r, nil
}

// RowsOfMatrix is the rows of a gonum matrix: those of a *mat.Dense without
// copying, those of others copied. It returns ErrShape for a nil or an empty
// matrix.
func RowsOfMatrix(m mat.Matrix) (*Rows[float64], error) {
	d, isDense := m.(*mat.Dense)
	if nilcheck.IsNil(m) || isDense && d.IsEmpty() {
		return nil, fmt.Errorf("bijou: matrix is empty, want at least one row: %w", ErrShape)
	}
	if !isDense {
		if n, k := m.Dims(); n < 1 || k < 1 {
			return nil, fmt.Errorf("bijou: matrix is empty, want at least one row: %w", ErrShape)
		}
		d = mat.DenseCopyOf(m)
	}
	raw := d.RawMatrix()
	return RowsOfStrided(raw.Data, raw.Rows, raw.Cols, raw.Stride)
}

// RowsOfSlices is n rows of d values. It copies them: rows of their own are
// nowhere together in memory. It returns ErrShape for no rows, and for one of
// another length than the first.
func RowsOfSlices[T Float](rows [][]T) (*Rows[T], error) {
	if len(rows) == 0 || len(rows[0]) == 0 {
		return nil, fmt.Errorf("bijou: no rows or no values in them, want at least one row: %w", ErrShape)
	}
	d := len(rows[0])
	data := make([]T, 0, len(rows)*d)
	for i, row := range rows {
		if len(row) != d {
			return nil, fmt.Errorf("bijou: row %d has %d values, the first has %d: %w", i, len(row), d, ErrShape)
		}
		data = append(data, row...)
	}
	return newRows(data, len(rows), d), nil
}

// Dense is the tensor by itself. Keep r, or values of it, for as long as what
// the tensor's Data returned is in use.
func (r *Rows[T]) Dense() *tensor.Dense {
	if r == nil {
		return nil
	}
	return r.dense
}

// Values are the values in memory, row after row: r.Data without the
// assertion of a type.
func (r *Rows[T]) Values() []T { return r.values }

// Data is a []T of the values in memory, as the tensor package's method of that
// name.
func (r *Rows[T]) Data() any { return r.values }

// Len is the number of rows, 0 for the zero value.
func (r *Rows[T]) Len() int {
	if r.isZero() {
		return 0
	}
	return r.Shape()[0]
}

// Dim is the number of values of a row, 0 for the zero value.
func (r *Rows[T]) Dim() int {
	if r.isZero() {
		return 0
	}
	return tensor.Shape(r.Shape()[1:]).TotalSize()
}

// isZero reports whether there is no tensor, or one without axes.
func (r *Rows[T]) isZero() bool { return r == nil || r.dense == nil || len(r.Shape()) == 0 }

// Row is row i, the values in place. Rows of which the tensor was transposed
// are copied. Like a slice it panics where there is no such row.
func (r *Rows[T]) Row(i int) []T {
	in, err := InputOf[T](r.dense, 0)
	if err != nil || i < 0 || i >= in.n {
		panic(fmt.Sprintf("bijector: row %d of %d rows of %d values", i, r.Len(), r.Dim()))
	}
	if in.columnStride == 1 {
		return in.data[i*in.rowStride:][:in.d:in.d]
	}
	row := make([]T, in.d)
	in.Gather(row, []int{i})
	return row
}

// Slice is the tensor package's method: a view of some rows and columns. It
// returns ErrShape for the zero value.
func (r *Rows[T]) Slice(slices ...tensor.Slice) (tensor.View, error) {
	if r.isZero() {
		return nil, fmt.Errorf("bijou: a slice of no rows: %w", ErrShape)
	}
	v, err := r.dense.Slice(slices...)
	if err != nil {
		return nil, err
	}
	t := v.(*tensor.Dense)
	return &Rows[T]{dense: t, values: valuesOf[T](t)}, nil
}

// Clone is a copy, a *Rows[T].
func (r *Rows[T]) Clone() any {
	if r.isZero() {
		return &Rows[T]{}
	}
	t := r.dense.Clone().(*tensor.Dense)
	return &Rows[T]{dense: t, values: valuesOf[T](t)}
}
