package bijector

import (
	"fmt"
	"math"
	"unsafe"

	"gonum.org/v1/gonum/mat"
	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/internal/kernel"
)

// Rows is a user's batch, checked and readable row by row: the gate between
// tensors and passes. It reads by strides, so row-major tensors, column-major
// ones and sliced views all mean what they say.
type Rows[T Float] struct {
	data   []T
	n, d   int
	rs, cs int // elements from a row to the next, and from a column to the next
}

// dtypeOf is the tensor dtype of T.
func dtypeOf[T Float]() tensor.Dtype {
	if unsafe.Sizeof(*new(T)) == 4 {
		return tensor.Float32
	}
	return tensor.Float64
}

// RowsOf checks that x is a batch of shape (n, d) of T, n at least 1. Axes
// after the second, as in images (n, c, h, w), are read as one of c*h*w
// features. x is not copied: it must not change while Rows is in use.
func RowsOf[T Float](x *tensor.Dense) (Rows[T], error) {
	var r Rows[T]
	if x == nil {
		return r, fmt.Errorf("bijou: tensor is nil, want one of shape (n, d): %w", ErrShape)
	}
	if x.Dtype().Type == nil {
		return r, fmt.Errorf("bijou: tensor is the zero value, want one of shape (n, d): %w", ErrShape)
	}
	if want := dtypeOf[T](); x.Dtype() != want {
		return r, fmt.Errorf("bijou: tensor holds %v, the model computes in %v; convert the data or build the model with the other type: %w", x.Dtype(), want, ErrDType)
	}
	shape, strides := x.Shape(), x.Strides()
	if len(shape) < 2 || len(strides) != len(shape) {
		return r, fmt.Errorf("bijou: tensor has shape %v, want (n, d), a row a sample; reshape a single row to (1, d): %w", shape, ErrShape)
	}
	d, cs := 1, strides[len(strides)-1]
	for i := len(shape) - 1; i >= 1; i-- {
		if shape[i] > 1 && d > 1 && strides[i] != d*cs {
			return r, fmt.Errorf("bijou: tensor of shape %v and strides %v cannot be read as rows; clone it to a contiguous one: %w", shape, strides, ErrShape)
		}
		if shape[i] > 1 && d == 1 {
			cs = strides[i]
		}
		d *= shape[i]
	}
	r = Rows[T]{n: shape[0], d: d, rs: strides[0], cs: cs}
	if r.n == 0 || r.d == 0 {
		return r, fmt.Errorf("bijou: tensor has shape %v and no values, want at least one row: %w", shape, ErrShape)
	}
	if x.IsMasked() {
		return r, fmt.Errorf("bijou: tensor has a mask; fill or drop the masked values first: %w", ErrShape)
	}
	if !x.IsNativelyAccessible() {
		return r, fmt.Errorf("bijou: tensor's memory is not accessible from Go: %w", ErrShape)
	}
	// After the dtype check this is a view, not a conversion.
	if r.data = slice[T](x); len(r.data) <= (r.n-1)*r.rs+(r.d-1)*r.cs {
		return r, fmt.Errorf("bijou: tensor of shape %v and strides %v has only %d values: %w", shape, strides, len(r.data), ErrShape)
	}
	return r, nil
}

// slice returns the values behind a tensor of T without copying.
func slice[T Float](x *tensor.Dense) []T {
	var zero T
	switch any(zero).(type) {
	case float32:
		s := x.Float32s()
		return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(s))), len(s))
	default:
		s := x.Float64s()
		return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(s))), len(s))
	}
}

// RowsOfSlice is the batch of n rows of d values in data, row i at
// data[i*stride:].
func RowsOfSlice[T Float](data []T, n, d, stride int) (Rows[T], error) {
	if n < 1 || d < 1 || stride < d || len(data) < (n-1)*stride+d {
		return Rows[T]{}, fmt.Errorf("bijou: %d values cannot be %d rows of %d with stride %d: %w", len(data), n, d, stride, ErrShape)
	}
	return Rows[T]{data: data, n: n, d: d, rs: stride, cs: 1}, nil
}

// RowsOfMatrix is the batch whose rows are those of a gonum matrix, in place.
func RowsOfMatrix(m *mat.Dense) (Rows[float64], error) {
	if m == nil || m.IsEmpty() {
		return Rows[float64]{}, fmt.Errorf("bijou: matrix is empty, want at least one row: %w", ErrShape)
	}
	raw := m.RawMatrix()
	return RowsOfSlice(raw.Data, raw.Rows, raw.Cols, raw.Stride)
}

// Len is the number of rows.
func (r Rows[T]) Len() int { return r.n }

// Dim is the number of values in a row.
func (r Rows[T]) Dim() int { return r.d }

// Load copies rows lo to lo+dst.N into dst, feature-major. It returns the
// first row with a NaN or an infinity and how many such rows there are; first
// is -1 where there is none.
func (r Rows[T]) Load(dst Mat[T], lo int) (first, bad int) {
	src := r.data[lo*r.rs:]
	switch {
	case r.cs == 1:
		kernel.Transpose(dst.N, r.d, src, r.rs, dst.Data, dst.Stride)
	default:
		for j := range r.d {
			f := dst.Feature(j)
			for i := range f {
				f[i] = src[i*r.rs+j*r.cs]
			}
		}
	}
	first = -1
	for j := range r.d {
		if !kernel.Finite(dst.Feature(j)) {
			return r.scan(dst.N, lo)
		}
	}
	return first, 0
}

// scan counts the non-finite rows among n from lo.
func (r Rows[T]) scan(n, lo int) (first, bad int) {
	first = -1
	for i := lo; i < lo+n; i++ {
		for j := range r.d {
			if v := float64(r.data[i*r.rs+j*r.cs]); math.IsNaN(v) || math.IsInf(v, 0) {
				if first < 0 {
					first = i
				}
				bad++
				break
			}
		}
	}
	return first, bad
}

// Store copies the features of src into rows of dst, row-major with d = src.D
// values a row, from row lo.
func Store[T Float](dst []T, src Mat[T], lo int) {
	kernel.Transpose(src.D, src.N, src.Data, src.Stride, dst[lo*src.D:], src.D)
}

// MatOf loads a whole tensor of shape (n, d) as a batch, or says why it is
// none: wrong type, rank or width, a mask, no rows, a NaN or an infinity.
func MatOf[T Float](x *tensor.Dense, d int) (Mat[T], error) {
	r, err := RowsOf[T](x)
	if err != nil {
		return Mat[T]{}, err
	}
	if err := CheckWidth(r.d, d); err != nil {
		return Mat[T]{}, err
	}
	m := NewMat[T](r.d, r.n)
	if first, bad := r.Load(m, 0); bad > 0 {
		return Mat[T]{}, &RowError{What: "input", Row: first, Count: bad, N: r.n}
	}
	return m, nil
}

// CheckWidth returns an error unless a batch of got features fits a model of
// want.
func CheckWidth(got, want int) error {
	if got != want {
		return fmt.Errorf("bijou: rows have %d values, the model has %d features: %w", got, want, ErrShape)
	}
	return nil
}

// TensorOf makes a tensor of shape (n, d) from row-major values, without
// copying; d = 0 makes a vector of shape (n).
func TensorOf[T Float](data []T, n, d int) *tensor.Dense {
	if d == 0 {
		return tensor.New(tensor.WithShape(n), tensor.WithBacking(data))
	}
	return tensor.New(tensor.WithShape(n, d), tensor.WithBacking(data))
}

// Gather copies the given rows into dst, one after the other.
func (r Rows[T]) Gather(dst []T, rows []int) {
	for i, row := range rows {
		out, src := dst[i*r.d:(i+1)*r.d], r.data[row*r.rs:]
		if r.cs == 1 {
			copy(out, src[:r.d])
			continue
		}
		for j := range out {
			out[j] = src[j*r.cs]
		}
	}
}
