// Whiten: columns that depend on each other linearly, made uncorrelated before
// a flow sees them. What it estimates is in whiten_fit.go.

package bijector

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/internal/kernel"
	"github.com/bijou-flow/bijou/internal/rows"
)

// WhitenSpec describes a Whiten.
type WhitenSpec struct {
	Dim int `json:"dim"` // features, at most 2048
	// Shrinkage is the share lambda of the identity in the correlations, in
	// (0, 1]: 1 leaves all features apart. 0 means the one of 1e-14 to 1 under
	// which normal densities of four fifths of the training rows describe the
	// other fifth best, over all five fifths.
	Shrinkage float64 `json:"shrinkage,omitempty"`
}

// Values is the number of values that are saved: see registry.Sizer.
func (s WhitenSpec) Values() float64 { return (float64(s.Dim) + 1) * float64(s.Dim) }

// Whiten gives the training data mean 0 and the identity as covariance,
//
//	z = C^-1 (x - mean),  x = C z + mean,  log|det dz/dx| = -sum_j log C_jj
//
// where C is the lower triangular Cholesky factor of their covariance (Kessy,
// Lewin and Strimmer 2018, "Optimal whitening and decorrelation", section 2).
// Feature j of z is a function of features 0 to j of x alone, so that an
// autoregressive flow behind it keeps its order. With the normal base it is the
// Gaussian fit, and a flow behind it starts there.
//
// The correlations R of few rows, or of more features than rows, are
// shrunk, (1 - lambda) R + lambda I (Schaefer and Strimmer 2005; see
// WhitenSpec.Shrinkage). A constant feature has the deviation 1.
//
// It starts as the identity. The first Calibrate with start sets the state, and
// nothing moves it afterwards: it has no parameters. Every x is in the domain;
// the cost is one product of a matrix with the batch, d^2 operations a sample.
// It is estimated and factored in float64, at O(n d^2 + d^3).
//
// Buffers are "mean", "factor", the matrix C, and "initialised", which is 1
// once the data was seen.
type Whiten[T Float] struct {
	TensorMethods[T]
	spec         WhitenSpec
	mean, factor []float64
	initialised  []int64
	// Of the buffers: C^-1 and C, row-major, and the log-det.
	forward, inverse []T
	logDet           float64
}

// NewWhiten makes a Whiten that is still the identity. It returns ErrSpec for
// more features than 2048 and a shrinkage outside [0, 1].
func NewWhiten[T Float](s WhitenSpec) (*Whiten[T], error) {
	if s.Dim < 1 || s.Dim > maxLU {
		return nil, fmt.Errorf("bijector: a whitening of %d features, want 1 to %d: %w", s.Dim, maxLU, ErrSpec)
	}
	if !(s.Shrinkage >= 0 && s.Shrinkage <= 1) {
		return nil, fmt.Errorf("bijector: a whitening with shrinkage %v, want 0 for an estimated one, to 1: %w", s.Shrinkage, ErrSpec)
	}
	l := &Whiten[T]{
		spec: s, mean: make([]float64, s.Dim), factor: make([]float64, s.Dim*s.Dim), initialised: make([]int64, 1),
		forward: kernel.Make[T](s.Dim * s.Dim), inverse: kernel.Make[T](s.Dim * s.Dim),
	}
	for j := range s.Dim {
		l.factor[j*s.Dim+j] = 1
	}
	l.TensorMethods = NewTensorMethods[T](l)
	l.Invalidate()
	return l, nil
}

// Dim is the number of features.
func (l *Whiten[T]) Dim() int { return l.spec.Dim }

// ContextDim is 0.
func (l *Whiten[T]) ContextDim() int { return 0 }

// Params: nothing is trained.
func (l *Whiten[T]) Params() []Param[T] { return nil }

// Buffers are "mean", "factor" and "initialised".
func (l *Whiten[T]) Buffers() []Buffer {
	d := l.spec.Dim
	return []Buffer{
		{Name: "mean", Shape: []int{d}, Data: l.mean},
		{Name: "factor", Shape: []int{d, d}, Data: l.factor},
		{Name: "initialised", Shape: []int{1}, Data: l.initialised},
	}
}

// Spec is the WhitenSpec.
func (l *Whiten[T]) Spec() any { return l.spec }

// Validate returns ErrSpec where a mean is not finite, and where the factor is
// no lower triangular matrix of finite values with a positive diagonal.
func (l *Whiten[T]) Validate() error {
	d := l.spec.Dim
	for j, m := range l.mean {
		if !rows.IsFinite(m) {
			return fmt.Errorf("bijector: the mean of feature %d of a whitening is %v: %w", j, m, ErrSpec)
		}
		for k, v := range l.factor[j*d : (j+1)*d] {
			if !rows.IsFinite(v) || k > j && v != 0 || k == j && v < minDeviation[T]() {
				return fmt.Errorf("bijector: the factor of a whitening has %v in row %d and column %d, want a lower triangular matrix with at least %v on its diagonal: %w", v, j, k, minDeviation[T](), ErrSpec)
			}
		}
	}
	return checkFlag("a whitening", l.initialised[0])
}

// Invalidate makes the matrices of the buffers anew.
func (l *Whiten[T]) Invalidate() {
	d := l.spec.Dim
	inverse := make([]float64, d*d)
	invertLower(inverse, l.factor, d)
	l.logDet = 0
	for i, v := range l.factor {
		l.inverse[i], l.forward[i] = T(v), T(inverse[i])
	}
	for j := range d {
		l.logDet -= math.Log(l.factor[j*d+j])
	}
}

// Matrix is C^-1, row-major, and the mean: z = C^-1 (x - mean).
func (l *Whiten[T]) Matrix() (forward, mean []float64) {
	d := l.spec.Dim
	forward = make([]float64, d*d)
	invertLower(forward, l.factor, d)
	return forward, append([]float64(nil), l.mean...)
}

// Factor is C, row-major.
func (l *Whiten[T]) Factor() []float64 { return append([]float64(nil), l.factor...) }

// Calibrate estimates mean and factor on x, once.
func (l *Whiten[T]) Calibrate(x, cond Mat[T], start bool, w *Workers) {
	l.CalibrateWeighted(x, cond, nil, start, w)
}

// CalibrateWeighted estimates them on weighted rows, once.
func (l *Whiten[T]) CalibrateWeighted(x, _ Mat[T], weights []float64, start bool, w *Workers) {
	if !start || l.initialised[0] != 0 || x.N == 0 {
		return
	}
	mean, factor := whitening(x, sharesOf(weights, 1), l.spec.Shrinkage, w)
	copy(l.mean, mean)
	copy(l.factor, factor)
	l.initialised[0] = 1
	l.Invalidate()
}

// NewPass returns an evaluation pass.
func (l *Whiten[T]) NewPass(o PassOptions) Pass[T] { return newWhitenPass(l, o) }

// NewGradPass returns a training pass; the layer trains nothing, but gradients
// go through it.
func (l *Whiten[T]) NewGradPass(o PassOptions) GradPass[T] { return newWhitenPass(l, o) }

func newWhitenPass[T Float](l *Whiten[T], o PassOptions) *whitenPass[T] {
	p := &whitenPass[T]{layer: l, workers: o.Workers, y: NewMat[T](l.spec.Dim, o.MaxBatch)}
	p.forwardFn, p.inverseFn, p.backwardFn = p.forwardSamples, p.inverseSamples, p.backwardSamples
	return p
}

// whitenPass is a pass in evaluation and in training. Its methods for Workers
// are made once, and their arguments travel in fields.
type whitenPass[T Float] struct {
	layer                            *Whiten[T]
	workers                          *Workers
	y, dst, src                      Mat[T]
	forwardFn, inverseFn, backwardFn func(lo, hi int)
}

// run is f over the samples of a batch, on several cores where there is much
// to multiply.
func (p *whitenPass[T]) run(dst, src Mat[T], f func(lo, hi int)) {
	p.dst, p.src = dst, src
	if d := p.layer.spec.Dim; d*d*src.N > luParallelThreshold {
		p.workers.For(src.N, 16, f)
	} else if src.N > 0 {
		f(0, src.N)
	}
}

func (p *whitenPass[T]) Forward(z, x, _ Mat[T], logDet []float64) {
	p.run(z, x, p.forwardFn)
	addConstant(logDet, p.layer.logDet)
}

// forwardSamples takes the mean off in float64, so that a large one costs no
// digits.
func (p *whitenPass[T]) forwardSamples(lo, hi int) {
	d, y, src := p.layer.spec.Dim, p.y.Resize(p.src.N).Samples(lo, hi), p.src.Samples(lo, hi)
	for j, m := range p.layer.mean {
		to := y.Feature(j)
		for i, v := range src.Feature(j) {
			to[i] = T(float64(v) - m)
		}
	}
	dst := p.dst.Samples(lo, hi)
	kernel.Gemm(d, y.N, d, p.layer.forward, d, 1, y.Data, y.Stride, dst.Data, dst.Stride, kernel.Epilogue[T]{})
}

func (p *whitenPass[T]) Inverse(x, z, _ Mat[T], logDet []float64) {
	p.run(x, z, p.inverseFn)
	addConstant(logDet, -p.layer.logDet)
}

func (p *whitenPass[T]) inverseSamples(lo, hi int) {
	d, y, src, dst := p.layer.spec.Dim, p.y.Resize(p.src.N).Samples(lo, hi), p.src.Samples(lo, hi), p.dst.Samples(lo, hi)
	kernel.Gemm(d, y.N, d, p.layer.inverse, d, 1, src.Data, src.Stride, y.Data, y.Stride, kernel.Epilogue[T]{})
	for j, m := range p.layer.mean {
		to := dst.Feature(j)
		for i, v := range y.Feature(j) {
			to[i] = T(float64(v) + m)
		}
	}
}

// Backward: z = A (x - mean) has dx = A^T dz, and a log-det that depends on no
// sample.
func (p *whitenPass[T]) Backward(dx, _, dz, _, _, _ Mat[T], _ []float64) { p.run(dx, dz, p.backwardFn) }

func (p *whitenPass[T]) backwardSamples(lo, hi int) {
	d, y, src := p.layer.spec.Dim, p.y.Resize(p.src.N).Samples(lo, hi), p.src.Samples(lo, hi)
	kernel.Gemm(d, y.N, d, p.layer.forward, 1, d, src.Data, src.Stride, y.Data, y.Stride, kernel.Epilogue[T]{})
	p.dst.Samples(lo, hi).CopyFrom(y)
}

// Reverse is Inverse: the matrices do not depend on the batch.
func (p *whitenPass[T]) Reverse(x, z, _ Mat[T]) { p.run(x, z, p.inverseFn) }

func (p *whitenPass[T]) Grads() [][]T { return nil }
