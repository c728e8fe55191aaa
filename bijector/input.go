// The gate from tensors to passes: a user's batch, checked.

package bijector

import (
	"fmt"
	"unsafe"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/internal/kernel"
	"github.com/bijou-flow/bijou/internal/rows"
)

// Input is a user's batch, checked and readable row by row: the gate between
// tensors and passes. It reads by strides, so row-major tensors, column-major
// ones and sliced views all mean what they say.
type Input[T Float] struct {
	data                    []T
	n, d                    int
	rowStride, columnStride int // in elements
}

// dtypeOf is the tensor dtype of T.
func dtypeOf[T Float]() tensor.Dtype {
	if unsafe.Sizeof(*new(T)) == 4 {
		return tensor.Float32
	}
	return tensor.Float64
}

// InputOf checks that x is a batch of shape (n, d) of T, n at least 1: a
// *tensor.Dense or Rows. Axes after the second, as in images (n, c, h, w), are
// read as one of c*h*w features. A dim other than 0 is the d that is wanted. x
// is not copied: it must not change while the Input is in use.
//
// It returns ErrShape or ErrDType for what is no such batch.
func InputOf[T Float](x tensor.Tensor, dim int) (Input[T], error) {
	var in Input[T]
	t, err := DenseOf(x)
	if err != nil {
		return in, err
	}
	if t.Dtype().Type == nil {
		return in, fmt.Errorf("bijou: tensor is the zero value, want one of shape (n, d): %w", ErrShape)
	}
	if want := dtypeOf[T](); t.Dtype() != want {
		return in, fmt.Errorf("bijou: tensor holds %v, the model computes in %v; convert the data or build the model with the other type: %w", t.Dtype(), want, ErrDType)
	}
	shape, strides := t.Shape(), t.Strides()
	if len(shape) < 2 || len(strides) != len(shape) {
		return in, fmt.Errorf("bijou: tensor has shape %v, want (n, d), a row a sample; reshape a single row to (1, d): %w", shape, ErrShape)
	}
	d, columnStride := 1, strides[len(strides)-1]
	for i := len(shape) - 1; i >= 1; i-- {
		if shape[i] > 1 && d > 1 && strides[i] != d*columnStride {
			return in, fmt.Errorf("bijou: tensor of shape %v and strides %v cannot be read as rows; clone it to a contiguous one: %w", shape, strides, ErrShape)
		}
		if shape[i] > 1 && d == 1 {
			columnStride = strides[i]
		}
		d *= shape[i]
	}
	in = Input[T]{n: shape[0], d: d, rowStride: strides[0], columnStride: columnStride}
	if in.n == 0 || in.d == 0 {
		return in, fmt.Errorf("bijou: tensor has shape %v and no values, want at least one row: %w", shape, ErrShape)
	}
	if t.IsMasked() {
		return in, fmt.Errorf("bijou: tensor has a mask; fill or drop the masked values first: %w", ErrShape)
	}
	if !t.IsNativelyAccessible() {
		return in, fmt.Errorf("bijou: tensor's memory is not accessible from Go: %w", ErrShape)
	}
	// After the dtype check this is a view, not a conversion.
	if in.data = valuesOf[T](t); len(in.data) <= (in.n-1)*in.rowStride+(in.d-1)*in.columnStride {
		return in, fmt.Errorf("bijou: tensor of shape %v and strides %v has only %d values: %w", shape, strides, len(in.data), ErrShape)
	}
	if dim != 0 && in.d != dim {
		return in, fmt.Errorf("bijou: rows have %d values, the model has %d features: %w", in.d, dim, ErrShape)
	}
	return in, nil
}

// DenseOf is the *tensor.Dense behind x: x itself, or that of Rows. It returns
// ErrShape for anything else, and for nil.
func DenseOf(x tensor.Tensor) (*tensor.Dense, error) {
	var t *tensor.Dense
	switch x := x.(type) {
	case nil:
	case *tensor.Dense:
		t = x
	case *Rows[float32]:
		t = x.Dense()
	case *Rows[float64]:
		t = x.Dense()
	default:
		return nil, fmt.Errorf("bijou: a %T, want a *tensor.Dense or Rows of shape (n, d): %w", x, ErrShape)
	}
	if t == nil {
		return nil, fmt.Errorf("bijou: tensor is nil, want one of shape (n, d): %w", ErrShape)
	}
	return t, nil
}

// isNil reports whether x is nil, or a nil pointer in an interface.
func isNil(x tensor.Tensor) bool {
	switch x := x.(type) {
	case nil:
		return true
	case *tensor.Dense:
		return x == nil
	case *Rows[float32]:
		return x == nil
	case *Rows[float64]:
		return x == nil
	}
	return false
}

// valuesOf returns the values behind a tensor of T without copying.
func valuesOf[T Float](x *tensor.Dense) []T {
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

// InputOfSlice is the batch of n rows of d values in data, row i at
// data[i*stride:]. It returns ErrShape where data has no such rows.
func InputOfSlice[T Float](data []T, n, d, stride int) (Input[T], error) {
	if n < 1 || d < 1 || stride < d || n > 1 && stride > len(data)/(n-1) || len(data) < (n-1)*stride+d {
		return Input[T]{}, fmt.Errorf("bijou: %d values cannot be %d rows of %d with stride %d: %w", len(data), n, d, stride, ErrShape)
	}
	return Input[T]{data: data, n: n, d: d, rowStride: stride, columnStride: 1}, nil
}

// Len is the number of rows.
func (in Input[T]) Len() int { return in.n }

// Dim is the number of values in a row.
func (in Input[T]) Dim() int { return in.d }

// Load copies rows lo to lo+dst.N into dst, feature-major, and reports whether
// all their values are finite.
func (in Input[T]) Load(dst Mat[T], lo int) (finite bool) {
	src := in.data[lo*in.rowStride:]
	switch {
	case in.columnStride == 1:
		kernel.Transpose(dst.N, in.d, src, in.rowStride, dst.Data, dst.Stride)
	default:
		for j := range in.d {
			f := dst.Feature(j)
			for i := range f {
				f[i] = src[i*in.rowStride+j*in.columnStride]
			}
		}
	}
	if dst.Stride == dst.N {
		return kernel.Finite(dst.Data[:in.d*dst.N])
	}
	finite = true
	for j := range in.d {
		finite = finite && kernel.Finite(dst.Feature(j))
	}
	return finite
}

// Gather copies the given rows into dst, one after the other.
func (in Input[T]) Gather(dst []T, rows []int) {
	for i, row := range rows {
		out, src := dst[i*in.d:(i+1)*in.d], in.data[row*in.rowStride:]
		if in.columnStride == 1 {
			copy(out, src[:in.d])
			continue
		}
		for j := range out {
			out[j] = src[j*in.columnStride]
		}
	}
}

// MatOf loads a whole tensor of shape (n, d) as a batch. It returns ErrShape,
// ErrDType, or a RowError for a NaN or an infinity.
func MatOf[T Float](x tensor.Tensor, d int) (Mat[T], error) {
	in, err := InputOf[T](x, d)
	if err != nil {
		return Mat[T]{}, err
	}
	m := NewMat[T](in.d, in.n)
	if in.Load(m, 0) {
		return m, nil
	}
	bad := rows.ZeroNonFinite(rows.Features[T](m), nil, make([]bool, in.n), 0)
	return Mat[T]{}, NewRowError("input", bad.First, bad.Count, in.n)
}

// Context is a user's context for a batch: a row a sample, one row for all, or
// nothing.
type Context[T Float] struct {
	in   Input[T]
	each int // rows that a row of in is the context of; 0: one
}

// Len is the number of contexts: 0 for nothing.
func (c Context[T]) Len() int { return c.in.n }

// Each returns the context in which each row stands for k rows, one after the
// other: row i of a batch has the context i/k. One context for all stays that.
func (c Context[T]) Each(k int) Context[T] {
	c.each = max(k, 1)
	return c
}

// ContextOf checks that context suits n rows of a model with d context
// features: shape (n, d), or (1, d) for one context for all, or nil with d 0.
// What does not is ErrContext, beside ErrShape for one of another size.
func ContextOf[T Float](context tensor.Tensor, n, d int) (Context[T], error) {
	if isNil(context) {
		context = nil
	}
	if d == 0 {
		if context != nil {
			if _, err := DenseOf(context); err != nil {
				return Context[T]{}, fmt.Errorf("bijou: a context was given, the model is unconditional: %w: %w", ErrContext, err)
			}
			return Context[T]{}, fmt.Errorf("bijou: a context of shape %v was given, the model is unconditional: %w", context.Shape(), ErrContext)
		}
		return Context[T]{}, nil
	}
	if context == nil {
		return Context[T]{}, fmt.Errorf("bijou: the model is conditional and has no context; bind one of shape (%d, %d) or (1, %d) with Given: %w", n, d, d, ErrContext)
	}
	in, err := InputOf[T](context, 0)
	if err != nil {
		return Context[T]{}, fmt.Errorf("context: %w", err)
	}
	if in.d != d || in.n != 1 && in.n != n {
		return Context[T]{}, fmt.Errorf("bijou: the context has shape (%d, %d), want (%d, %d), or (1, %d) for all rows: %w: %w", in.n, in.d, n, d, d, ErrContext, ErrShape)
	}
	return Context[T]{in: in}, nil
}

// ContextOfSlice is ContextOf for contexts in a slice, row-major: n*d values, or
// d for one context for all rows, or none with d 0. It does not copy them.
func ContextOfSlice[T Float](contexts []T, n, d int) (Context[T], error) {
	switch {
	case d == 0 && len(contexts) > 0:
		return Context[T]{}, fmt.Errorf("bijou: a context of %d values was given, the model is unconditional: %w", len(contexts), ErrContext)
	case d == 0:
		return Context[T]{}, nil
	case n < 1 || d < 1 || len(contexts) != d && (len(contexts)%d != 0 || len(contexts)/d != n):
		return Context[T]{}, fmt.Errorf("bijou: contexts of %d values for %d rows, want %d values a row, or %d for all rows: %w: %w", len(contexts), n, d, d, ErrContext, ErrShape)
	}
	return Context[T]{in: Input[T]{data: contexts, n: len(contexts) / d, d: d, rowStride: d, columnStride: 1}}, nil
}

// PerContext is the number of rows that a context stands for: 1, or what Each
// was told, and 0 where one or none is for all.
func (c Context[T]) PerContext() int {
	if c.in.n <= 1 {
		return 0
	}
	return max(c.each, 1)
}

// Load copies the context of rows lo to lo+dst.N into dst, and reports whether
// all its values are finite.
func (c Context[T]) Load(dst Mat[T], lo int) (finite bool) {
	switch {
	case c.in.n == 0:
		return true
	case c.in.n > 1 && c.each > 1:
		return c.loadEach(dst, lo)
	case c.in.n > 1:
		return c.in.Load(dst, lo)
	}
	finite = true
	for j := range c.in.d {
		v, f := c.in.data[j*c.in.columnStride], dst.Feature(j)
		for i := range f {
			f[i] = v
		}
		finite = finite && rows.IsFinite(v)
	}
	return finite
}

// loadEach is Load where a row of contexts stands for several.
func (c Context[T]) loadEach(dst Mat[T], lo int) (finite bool) {
	finite = true
	for j := range c.in.d {
		f := dst.Feature(j)
		for i := range f {
			f[i] = c.in.data[(lo+i)/c.each*c.in.rowStride+j*c.in.columnStride]
		}
		finite = finite && kernel.Finite(f)
	}
	return finite
}
