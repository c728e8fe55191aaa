// Mat: the feature-major batch that passes read and write, and its element types.

package bijector

import (
	"golang.org/x/exp/constraints"

	"github.com/bijou-flow/bijou/internal/kernel"
)

// Float is the element type of a model: float32 or float64. It is
// constraints.Float narrowed to the two predeclared types, because kernels are
// chosen by size and tensors by their exact dtype.
type Float interface {
	constraints.Float
	float32 | float64
}

// Mat is a batch inside a pass: D features of N samples, feature-major.
// Feature j is the contiguous Data[j*Stride:][:N]. The zero Mat means "none":
// no context, a gradient nobody wants.
type Mat[T Float] struct {
	Data   []T
	D, N   int // features, samples
	Stride int // elements from one feature to the next, at least N
}

// stride pads a feature to whole cache lines, so that workers on neighbouring
// sample ranges write to different ones; a single sample stays contiguous for
// matrix-vector products.
func stride(n int) int {
	if n <= 1 {
		return n
	}
	return (n + 15) &^ 15
}

// NewMat returns a zeroed batch of d features and n samples, aligned for
// vector loads.
func NewMat[T Float](d, n int) Mat[T] {
	s := stride(n)
	return Mat[T]{Data: kernel.Make[T](d * s), D: d, N: n, Stride: s}
}

// Resize returns a view of m's storage that holds n samples, n at most the
// number m was made for. It keeps m's number of features and none of its
// contents.
func (m Mat[T]) Resize(n int) Mat[T] {
	s := stride(n)
	if m.D*s > len(m.Data) {
		panic("bijector: batch larger than the pass's MaxBatch")
	}
	return Mat[T]{Data: m.Data, D: m.D, N: n, Stride: s}
}

// Empty reports whether m holds nothing: no features or no samples.
func (m Mat[T]) Empty() bool { return m.D == 0 || m.N == 0 }

// Feature returns feature j, one value a sample.
func (m Mat[T]) Feature(j int) []T {
	o := j * m.Stride
	return m.Data[o : o+m.N : o+m.N]
}

// Samples returns the view of samples lo to hi, hi not included.
func (m Mat[T]) Samples(lo, hi int) Mat[T] {
	if m.D == 0 {
		return Mat[T]{N: hi - lo}
	}
	return Mat[T]{Data: m.Data[lo : (m.D-1)*m.Stride+hi], D: m.D, N: hi - lo, Stride: m.Stride}
}

// Features returns the view of features lo to hi, hi not included.
func (m Mat[T]) Features(lo, hi int) Mat[T] {
	if lo == hi {
		return Mat[T]{N: m.N, Stride: m.Stride}
	}
	return Mat[T]{Data: m.Data[lo*m.Stride : (hi-1)*m.Stride+m.N], D: hi - lo, N: m.N, Stride: m.Stride}
}

// CopyFrom copies src, of the same size, into m. Copying a batch onto itself
// does nothing.
func (m Mat[T]) CopyFrom(src Mat[T]) {
	if m.D != src.D || m.N != src.N {
		panic("bijector: copy between batches of different size")
	}
	if m.Empty() || &m.Data[0] == &src.Data[0] {
		return
	}
	for j := range m.D {
		copy(m.Feature(j), src.Feature(j))
	}
}

// Zero sets every value to 0.
func (m Mat[T]) Zero() {
	for j := range m.D {
		clear(m.Feature(j))
	}
}

// sameMat reports whether two batches are one.
func sameMat[T Float](a, b Mat[T]) bool {
	return !a.Empty() && !b.Empty() && &a.Data[0] == &b.Data[0]
}
