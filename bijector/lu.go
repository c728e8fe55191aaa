// LU: a trained linear map of all features, the general case of a permutation
// between couplings. Its training pass is in lu_grad.go.

package bijector

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/internal/kernel"
	"gonum.org/v1/gonum/mat"
)

// LUSpec describes an LU.
type LUSpec struct {
	Dim int `json:"dim"` // features, at most 2048
	// Start is what W is before training: "rotation" (the default), a random
	// orthogonal matrix, which mixes all features from the first step on, or
	// "identity".
	Start string `json:"start,omitempty"`
	// Seed of the rotation.
	Seed uint64 `json:"seed,omitempty"`
}

// Values is the number of values that are saved, those of the two factors, the
// bias and the permutation: see registry.Sizer.
func (s LUSpec) Values() float64 { return (float64(s.Dim) + 2) * float64(s.Dim) }

// LU is an invertible linear map whose log-det is a sum,
//
//	z = W x + b with W = P L U,  x = U^-1 L^-1 P^-1 (z - b)
//	log|det dz/dx| = sum_j s_j
//
// where P is a fixed permutation, L lower triangular with ones on its
// diagonal, and U upper triangular with the positive diagonal exp(s) (Kingma
// and Dhariwal 2018, arXiv 1807.03039, section 3.2, equations 10 and 11; also
// Oliva et al. 2018, arXiv 1801.09819). The signs that the paper fixes
// beside P are all +1: the start is a rotation whose rows are negated to suit,
// which a flow cannot tell from another.
//
// Every x is in the domain. Parameters are "factors", both triangles in one
// matrix, s on its diagonal, and "bias", both without weight decay: their size
// is what the likelihood weighs. The buffer "indices" is P: (P y)_i is
// y_indices[i]. Forward costs two matrix products, 4 d^2 operations a sample, and
// Inverse two triangular solves, half as many; neither grows with d^3. The
// constructor does, once, for a rotation.
type LU[T Float] struct {
	TensorMethods[T]
	spec    LUSpec
	pixels  int // features that share a row and a column of W; Conv1x1's, otherwise 1
	factors []T // L below the diagonal, s on it, U above it; row-major
	bias    []T
	order   *Permute[T]
}

// maxLU bounds the d^3 work that a spec can ask for.
const maxLU = 2048

// NewLU makes an LU. It returns ErrSpec for an unknown start and for more
// features than 2048.
func NewLU[T Float](s LUSpec) (*LU[T], error) { return newLU[T](s, 1) }

func newLU[T Float](s LUSpec, pixels int) (*LU[T], error) {
	if s.Dim < 1 || s.Dim > maxLU {
		return nil, fmt.Errorf("bijector: an LU of %d features, want 1 to %d: %w", s.Dim, maxLU, ErrSpec)
	}
	l := &LU[T]{spec: s, pixels: pixels, factors: make([]T, s.Dim*s.Dim), bias: make([]T, s.Dim)}
	l.TensorMethods = NewTensorMethods[T](l)
	order := make([]int, s.Dim)
	for i := range order {
		order[i] = i
	}
	switch s.Start {
	case "", "rotation":
		l.initRotation(order)
	case "identity":
	default:
		return nil, fmt.Errorf("bijector: an LU that starts at %q, want \"rotation\" or \"identity\": %w", s.Start, ErrSpec)
	}
	var err error
	l.order, err = NewPermute[T](PermuteSpec{Dim: s.Dim, Kind: "given", Indices: order})
	return l, err
}

// initRotation factors a random orthogonal matrix Q = P L U and writes P to order.
// With D the signs of U's diagonal, P (D L D) (D U) is orthogonal too: it is Q
// with the signs of rows changed. So any rotation, up to those signs, has
// factors with a positive diagonal.
func (l *LU[T]) initRotation(order []int) {
	d := l.spec.Dim
	rng := rand.New(rand.NewPCG(l.spec.Seed, 0x6c75))
	g := mat.NewDense(d, d, nil)
	for i := range d {
		for j := range d {
			g.Set(i, j, rng.NormFloat64())
		}
	}
	var qr mat.QR
	qr.Factorize(g)
	qr.QTo(g)
	var lu mat.LU
	lu.Factorize(g)
	for i, k := range lu.RowPivots(nil) {
		order[i] = k
	}
	var lower, upper mat.TriDense
	lu.LTo(&lower)
	lu.UTo(&upper)
	sign := func(i int) float64 { return math.Copysign(1, upper.At(i, i)) }
	for i := range d {
		for j := range d {
			v := sign(i) * upper.At(i, j)
			switch {
			case j < i:
				v = sign(i) * lower.At(i, j) * sign(j)
			case j == i:
				v = math.Log(v)
			}
			l.factors[i*d+j] = T(v)
		}
	}
}

// Dim is the number of features.
func (l *LU[T]) Dim() int { return l.spec.Dim * l.pixels }

// ContextDim is 0.
func (l *LU[T]) ContextDim() int { return 0 }

// Params are "factors" and "bias".
func (l *LU[T]) Params() []Param[T] {
	d := l.spec.Dim
	return []Param[T]{
		{Name: "factors", Shape: []int{d, d}, Data: l.factors, NoDecay: true},
		{Name: "bias", Shape: []int{d}, Data: l.bias, NoDecay: true},
	}
}

// Buffers is "indices", the permutation.
func (l *LU[T]) Buffers() []Buffer { return l.order.Buffers() }

// Spec is the LUSpec.
func (l *LU[T]) Spec() any { return l.spec }

// Validate returns ErrSpec where the buffer is no permutation, or where exp(s) or
// its reciprocal is 0 or infinite in T: such a matrix has no inverse.
func (l *LU[T]) Validate() error {
	for k := range l.spec.Dim {
		if err := checkLogScale[T]("an LU", "factors", k, float64(l.factors[k*l.spec.Dim+k])); err != nil {
			return err
		}
	}
	return l.order.Validate()
}

// Invalidate reads the buffer again.
func (l *LU[T]) Invalidate() { l.order.Invalidate() }

// logDet is the sum of s, once for each pixel.
func (l *LU[T]) logDet() float64 {
	sum := 0.0
	for k := range l.spec.Dim {
		sum += float64(l.factors[k*l.spec.Dim+k])
	}
	return float64(l.pixels) * sum
}

// pixel is the view of m's features whose number is p modulo the pixels: one
// of each channel.
func (l *LU[T]) pixel(m Mat[T], p int) Mat[T] {
	step := l.pixels * m.Stride
	return Mat[T]{Data: m.Data[p*m.Stride : p*m.Stride+(l.spec.Dim-1)*step+m.N], D: l.spec.Dim, N: m.N, Stride: step}
}

// multiply is dst = A src + bias at each pixel, for a square A, transposed by
// its strides.
func (l *LU[T]) multiply(dst Mat[T], a []T, rsa, csa int, src Mat[T], bias []T) {
	for p := range l.pixels {
		to, from := l.pixel(dst, p), l.pixel(src, p)
		kernel.Gemm(to.D, to.N, from.D, a, rsa, csa, from.Data, from.Stride, to.Data, to.Stride, kernel.Epilogue[T]{Bias: bias})
	}
}

// denseFactors writes the triangles out as the dense matrices U and P L.
func (l *LU[T]) denseFactors(upper, lower []T) {
	d := l.spec.Dim
	for k := range d {
		row := upper[k*d : (k+1)*d]
		clear(row[:k])
		copy(row[k+1:], l.factors[k*d+k+1:(k+1)*d])
		row[k] = T(math.Exp(float64(l.factors[k*d+k])))
	}
	for i, k := range l.order.order {
		row := lower[i*d : (i+1)*d]
		copy(row[:k], l.factors[k*d:k*d+k])
		row[k] = 1
		clear(row[k+1:])
	}
}

// NewPass returns an evaluation pass.
func (l *LU[T]) NewPass(o PassOptions) Pass[T] {
	d := l.spec.Dim
	p := &luPass[T]{
		layer: l, workers: o.Workers, y: NewMat[T](l.Dim(), o.MaxBatch),
		a: kernel.Make[T](d * d), b: kernel.Make[T](d * d), invDiagonal: make([]T, d),
	}
	p.forwardFn, p.inverseFn = p.forwardSamples, p.inverseSamples
	return p
}

// luPass evaluates an LU. The factors are written out anew for each call,
// which costs less than one product, since parameters are read live.
type luPass[T Float] struct {
	layer                *LU[T]
	workers              *Workers
	a, b                 []T // Forward: U and P L; Inverse: the factors negated, and nothing
	invDiagonal          []T // exp(-s)
	y, dst, src          Mat[T]
	forwardFn, inverseFn func(lo, hi int)
}

// luParallelThreshold is the number of products above which an LU shares a batch.
const luParallelThreshold = 1 << 17

// multiplyAdds is the number of products in one multiplication of n samples.
func (l *LU[T]) multiplyAdds(n int) int { return l.Dim() * l.spec.Dim * n }

// parallelSamples runs f over the samples of a batch, on several cores where
// there is much to multiply.
func (l *LU[T]) parallelSamples(w *Workers, n int, f func(lo, hi int)) {
	if l.multiplyAdds(n) > luParallelThreshold {
		w.For(n, 16, f)
		return
	}
	if n > 0 {
		f(0, n)
	}
}

func (p *luPass[T]) Forward(z, x, _ Mat[T], logDet []float64) {
	p.layer.denseFactors(p.a, p.b)
	p.dst, p.src = z, x
	p.layer.parallelSamples(p.workers, x.N, p.forwardFn)
	addConstant(logDet, p.layer.logDet())
}

func (p *luPass[T]) forwardSamples(lo, hi int) {
	d := p.layer.spec.Dim
	y := p.y.Resize(p.src.N).Samples(lo, hi)
	p.layer.multiply(y, p.a, d, 1, p.src.Samples(lo, hi), nil)
	p.layer.multiply(p.dst.Samples(lo, hi), p.b, d, 1, y, p.layer.bias)
}

func (p *luPass[T]) Inverse(x, z, _ Mat[T], logDet []float64) {
	d := p.layer.spec.Dim
	for i, v := range p.layer.factors {
		p.a[i] = -v
	}
	for k := range d {
		p.invDiagonal[k] = T(math.Exp(-float64(p.layer.factors[k*d+k])))
	}
	p.dst, p.src = x, z
	p.layer.parallelSamples(p.workers, z.N, p.inverseFn)
	addConstant(logDet, -p.layer.logDet())
}

func (p *luPass[T]) inverseSamples(lo, hi int) {
	src, dst := p.src.Samples(lo, hi), p.dst.Samples(lo, hi)
	for q := range p.layer.pixels {
		z, y := p.layer.pixel(src, q), p.layer.pixel(p.y.Resize(p.src.N).Samples(lo, hi), q)
		for i, k := range p.layer.order.order {
			kernel.Affine(y.Feature(k), z.Feature(i), 1, -p.layer.bias[i])
		}
		p.solve(y)
		p.layer.pixel(dst, q).CopyFrom(y)
	}
}

// luBlock is how many unknowns are solved for before the others see them, in
// one product.
const luBlock = 16

// solve overwrites y with U^-1 L^-1 y. The matrix is the factors negated, so
// that what is known is added.
func (p *luPass[T]) solve(y Mat[T]) {
	d := y.D
	for lo := 0; lo < d; lo += luBlock {
		hi := min(lo+luBlock, d)
		p.addProduct(y, lo, hi, 0, lo)
		for k := lo + 1; k < hi; k++ {
			p.addProduct(y, k, k+1, lo, k)
		}
	}
	for hi := d; hi > 0; hi -= luBlock {
		lo := max(hi-luBlock, 0)
		p.addProduct(y, lo, hi, hi, d)
		for k := hi - 1; k >= lo; k-- {
			p.addProduct(y, k, k+1, k+1, hi)
			kernel.Scale(y.Feature(k), p.invDiagonal[k])
		}
	}
}

// addProduct adds features from to end of y, multiplied, to features lo to hi.
func (p *luPass[T]) addProduct(y Mat[T], lo, hi, from, end int) {
	if from == end {
		return
	}
	dst, src := y.Features(lo, hi), y.Features(from, end)
	kernel.Gemm(hi-lo, y.N, end-from, p.a[lo*y.D+from:], y.D, 1, src.Data, src.Stride,
		dst.Data, dst.Stride, kernel.Epilogue[T]{Mode: kernel.Add})
}
