// PCA: principal components as encoder and decoder.

package autoencoder

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// PCASpec describes a PCA. Its components come from Fit, or with the model
// file.
type PCASpec struct {
	In int `json:"in"` // values of a row
	// Embedding is the number of components, 0 means 20, or In where that is
	// less.
	Embedding int `json:"embedding,omitempty"`
	// Whiten gives every embedding value variance 1.
	Whiten bool `json:"whiten,omitempty"`
	// Residual adds one value to the embedding, behind the components: the logarithm
	// of the distance of the row from what they give back.
	Residual bool `json:"residual,omitempty"`
}

// width is the number of values of an embedding.
func (s PCASpec) width() int {
	if s.Residual {
		return s.Embedding + 1
	}
	return s.Embedding
}

// embedding is the spec's, or its default.
func (s PCASpec) embedding() int { return cmp.Or(s.Embedding, min(defaultEmbedding, s.In)) }

// Values is the number of values that are saved, or a little less: see
// registry.Sizer.
func (s PCASpec) Values() float64 { return float64(s.In) * float64(s.embedding()) }

// PCA embeds rows by their principal components (Pearson 1901, Hotelling
// 1933): with the mean m and the k leading eigenvectors V of the covariance of
// the data, in columns,
//
//	z = V' (x - m),  x ~ m + V z,
//
// or with Whiten z_i = V_i' (x - m) / sqrt(variance_i), and back. Of all
// affine maps to k values and back, it has the least squared error. Decode
// does not clamp: rows of data in [0, 1] may come back a little outside.
//
// The components say nothing of what they leave out, so that a row far from the
// plane they span, unlike all of the data, may have the embedding of an ordinary
// one. Residual adds its distance r from the plane as one more value,
//
//	1/2 log(r^2 + 1e-10 s^2),  r = |x - m - V V' (x - m)|,
//
// with s^2 the variance of the data in all directions: a density of such embeddings
// is one of where a row lies along the plane and of how far from it. Decode takes
// no notice of it.
//
// A PCA may be used by several goroutines at once, but not during Fit.
type PCA[T bijector.Float] struct {
	spec          PCASpec
	samples       []int64   // one value: rows it was fitted to; 0: none
	mean          []float64 // (in)
	components    []float64 // (embedding, in), orthonormal rows, by falling variance
	variance      []float64 // (embedding)
	totalVariance []float64 // one value: the variance of the data, all directions

	cached         atomic.Pointer[pcaProjection[T]]
	encode, decode rowTransform[T]
}

// pcaProjection is the state in T, whitening folded in.
type pcaProjection[T bijector.Float] struct {
	mean           []T
	encode, decode []T // (embedding, in)
}

// NewPCA makes a PCA without components.
func NewPCA[T bijector.Float](s PCASpec) (*PCA[T], error) {
	s.Embedding = s.embedding()
	const most = 1 << 14
	if s.In < 1 || s.In > most || s.Embedding < 1 || s.Embedding > s.In {
		return nil, fmt.Errorf("autoencoder: %d components of %d values, want 1 to %d values and no more components: %w: %w", s.Embedding, s.In, most, bijector.ErrSpec, bijector.ErrShape)
	}
	p := &PCA[T]{
		spec:          s,
		samples:       make([]int64, 1),
		mean:          make([]float64, s.In),
		components:    make([]float64, s.Embedding*s.In),
		variance:      make([]float64, s.Embedding),
		totalVariance: make([]float64, 1),
	}
	p.encode.in, p.encode.out, p.encode.newApply = s.In, s.width(), func() func(y, x bijector.Mat[T]) { return p.encodeBatch }
	p.decode.in, p.decode.out, p.decode.newApply = s.width(), s.In, func() func(y, x bijector.Mat[T]) { return p.decodeBatch }
	return p, nil
}

// Embedding is the number of values of an embedding: the components, and the
// residual where the spec asks for it.
func (p *PCA[T]) Embedding() int { return p.spec.width() }

// SetParallelism bounds the goroutines of Encode and Decode; n below 1 means
// GOMAXPROCS, as at the start. Results do not depend on it.
func (p *PCA[T]) SetParallelism(n int) {
	p.encode.pool.SetParallelism(n)
	p.decode.pool.SetParallelism(n)
}

// ExplainedVariance is the variance of the data along each component, falling;
// zeros before Fit. The variance along all directions together is total.
func (p *PCA[T]) ExplainedVariance() (along []float64, total float64) {
	return slices.Clone(p.variance), p.totalVariance[0]
}

// Encode maps rows (n, d) to embeddings (n, k). Rows with a NaN or an infinity
// have NaN embeddings and are named by a bijector.RowError. Before Fit it
// returns ErrNotFitted.
func (p *PCA[T]) Encode(x tensor.Tensor) (*bijector.Rows[T], error) {
	if err := p.checkFitted(); err != nil {
		return nil, err
	}
	return p.encode.run(x)
}

// Decode maps embeddings (n, k) to rows (n, d), with the errors of Encode.
func (p *PCA[T]) Decode(z tensor.Tensor) (*bijector.Rows[T], error) {
	if err := p.checkFitted(); err != nil {
		return nil, err
	}
	return p.decode.run(z)
}

func (p *PCA[T]) checkFitted() error {
	if p.samples[0] < 1 {
		return fmt.Errorf("autoencoder: the PCA has no components yet, call Fit with data first: %w", ErrNotFitted)
	}
	return nil
}

// projection returns the state in T. Two goroutines may make it at once, to the same
// values.
func (p *PCA[T]) projection() *pcaProjection[T] {
	if m := p.cached.Load(); m != nil {
		return m
	}
	d := p.spec.In
	m := &pcaProjection[T]{
		mean:   kernel.Make[T](d),
		encode: kernel.Make[T](len(p.components)),
		decode: kernel.Make[T](len(p.components)),
	}
	kernel.Narrow(m.mean, p.mean)
	for i, v := range p.components {
		scale := 1.0
		if p.spec.Whiten {
			scale = math.Sqrt(p.variance[i/d])
		}
		m.encode[i], m.decode[i] = T(v/scale), T(v*scale)
	}
	p.cached.Store(m)
	return m
}

// encodeBatch subtracts the mean first, in place: folded into a bias it would cost
// digits where the data lies far from zero.
func (p *PCA[T]) encodeBatch(z, x bijector.Mat[T]) {
	m, d := p.projection(), p.spec.In
	for j := range d {
		kernel.Affine(x.Feature(j), x.Feature(j), 1, -m.mean[j])
	}
	k := p.spec.Embedding
	kernel.Gemm(k, z.N, d, m.encode, d, 1, x.Data, x.Stride, z.Data, z.Stride, kernel.Epilogue[T]{})
	if p.spec.Residual {
		p.residual(z.Feature(k), z.Features(0, k), x)
	}
}

// residual sets dst to the logarithm of the distance of centred rows x, which it
// overwrites, from what their components z give back. The difference is taken value by value:
// that of squared lengths would lose the digits of a small one.
func (p *PCA[T]) residual(dst []T, z, x bijector.Mat[T]) {
	m, d := p.projection(), p.spec.In
	for j := range z.D {
		kernel.Scale(z.Feature(j), -1)
	}
	kernel.Gemm(d, x.N, p.spec.Embedding, m.decode, 1, d, z.Data, z.Stride, x.Data, x.Stride, kernel.Epilogue[T]{Mode: kernel.Add})
	for j := range z.D {
		kernel.Scale(z.Feature(j), -1)
	}
	for i := range dst {
		squares := p.residualFloor()
		for j := range d {
			v := float64(x.Data[j*x.Stride+i])
			squares += v * v
		}
		dst[i] = T(math.Log(squares) / 2)
	}
}

// residualFloor is what is added to the squared distance of a row: the squared
// rounding of float32, so that a row on the plane has a finite logarithm.
func (p *PCA[T]) residualFloor() float64 {
	return 1e-10*p.totalVariance[0] + math.SmallestNonzeroFloat32
}

func (p *PCA[T]) decodeBatch(x, z bijector.Mat[T]) {
	m, d := p.projection(), p.spec.In
	kernel.Gemm(d, x.N, p.spec.Embedding, m.decode, 1, d, z.Data, z.Stride, x.Data, x.Stride, kernel.Epilogue[T]{Bias: m.mean})
}

// Params: none.
func (p *PCA[T]) Params() []bijector.Param[T] { return nil }

// Buffers are "samples" (the number of rows fitted to, 0 before), "mean"
// (in), "components" (embedding, in), "variance" (embedding) and
// "total_variance".
func (p *PCA[T]) Buffers() []bijector.Buffer {
	return []bijector.Buffer{
		{Name: "samples", Shape: []int{1}, Data: p.samples},
		{Name: "mean", Shape: []int{p.spec.In}, Data: p.mean},
		{Name: "components", Shape: []int{p.spec.Embedding, p.spec.In}, Data: p.components},
		{Name: "variance", Shape: []int{p.spec.Embedding}, Data: p.variance},
		{Name: "total_variance", Shape: []int{1}, Data: p.totalVariance},
	}
}

// Spec is the PCASpec, with defaults filled in.
func (p *PCA[T]) Spec() any { return p.spec }

// Invalidate drops what was derived from the buffers.
func (p *PCA[T]) Invalidate() { p.cached.Store(nil) }

// Validate returns an error unless the buffers can be those of a PCA: finite,
// variances not negative, and positive where it whitens.
func (p *PCA[T]) Validate() error {
	for _, b := range [...][]float64{p.mean, p.components, p.variance, p.totalVariance} {
		if !kernel.Finite(b) {
			return fmt.Errorf("autoencoder: the PCA's state has a NaN or an infinity: %w", bijector.ErrNonFinite)
		}
	}
	if p.samples[0] < 0 || p.totalVariance[0] < 0 {
		return fmt.Errorf("autoencoder: a PCA of %d rows with variance %v, want neither negative: %w", p.samples[0], p.totalVariance[0], bijector.ErrSpec)
	}
	for i, v := range p.variance {
		if v < 0 || p.spec.Whiten && p.samples[0] > 0 && v == 0 {
			return fmt.Errorf("autoencoder: component %d of the PCA has variance %v: %w", i, v, bijector.ErrSpec)
		}
	}
	return nil
}
