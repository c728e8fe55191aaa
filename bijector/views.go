// Tensors over memory that is already there: what others call a matrix, as the
// rows that the library takes.

package bijector

import (
	"fmt"

	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"
	"gorgonia.org/tensor"
)

// TensorOfStrided is the tensor of shape (n, d) whose row i is
// data[i*stride:][:d], without copying: the tensor and data share their
// values. The last row may end where data does. It returns ErrShape where data
// has no such rows.
//
// With gaps between its rows the tensor is what the tensor package calls a
// view, and what this library reads row by row. Beware of that package's own
// functions, though: its MatMul takes no account of strides. Clone the tensor
// for those.
func TensorOfStrided[T Float](data []T, n, d, stride int) (*tensor.Dense, error) {
	if _, err := RowsOfSlice(data, n, d, stride); err != nil {
		return nil, err
	}
	if n == 1 || stride == d {
		return TensorOf(data[:n*d:n*d], n, d), nil
	}
	// Slicing a tensor would need the gap behind the last row, and loses an
	// axis of length 1.
	size := (n-1)*stride + d
	t := tensor.New(tensor.WithShape(size), tensor.WithBacking(data[:size:size]))
	t.AP = tensor.MakeAP(tensor.Shape{n, d}, []int{stride, 1}, tensor.MakeDataOrder(tensor.NonContiguous), tensor.NotTriangle)
	return t, nil
}

// TensorOfMatrix is the tensor of a gonum matrix's rows, without copying, as
// TensorOfStrided.
func TensorOfMatrix(m *mat.Dense) (*tensor.Dense, error) {
	if m == nil || m.IsEmpty() {
		return nil, fmt.Errorf("bijou: matrix is empty, want at least one row: %w", ErrShape)
	}
	return TensorOfGeneral64(m.RawMatrix())
}

// TensorOfGeneral64 is the tensor of a matrix's rows as gonum's BLAS has it,
// without copying, as TensorOfStrided.
func TensorOfGeneral64(g blas64.General) (*tensor.Dense, error) {
	return TensorOfStrided(g.Data, g.Rows, g.Cols, g.Stride)
}

// TensorOfGeneral32 is TensorOfGeneral64 in float32.
func TensorOfGeneral32(g blas32.General) (*tensor.Dense, error) {
	return TensorOfStrided(g.Data, g.Rows, g.Cols, g.Stride)
}

// TensorOfRows is the tensor of shape (n, d) of n rows of d values. It copies
// them: rows of their own are nowhere together in memory. It returns ErrShape
// for no rows, and for one of another length than the first.
func TensorOfRows[T Float](rows [][]T) (*tensor.Dense, error) {
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
	return TensorOf(data, len(rows), d), nil
}
