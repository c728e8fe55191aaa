// Finding principal components: by the eigenvectors of the covariance where
// there are at least as many rows as columns, and by the singular vectors of
// the rows where there are fewer.

package autoencoder

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
	"github.com/bijou-flow/bijou/internal/rows"
)

// Fit finds mean and components of the rows of x, shape (n, d), n larger than
// the number of components, in float64. The component's sign is such that its
// largest value is positive. The PCA is left as it was where there is an
// error: rows too few or not finite, or, with Whiten, components along which
// the data does not vary.
func (p *PCA[T]) Fit(x tensor.Tensor) error {
	in, err := bijector.InputOf[T](x, p.spec.In)
	if err != nil {
		return err
	}
	n, d, k := in.Len(), p.spec.In, p.spec.Embedding
	if n <= k {
		return fmt.Errorf("autoencoder: %d rows do not determine %d components, want at least %d: %w", n, k, k+1, bijector.ErrShape)
	}
	f := newPCAFit(in)
	if err := f.computeMean(); err != nil {
		return err
	}
	var vectors *mat.Dense // (d, at least k), leading first
	var variance []float64
	if n >= d {
		vectors, variance, err = f.eigenCovariance()
	} else {
		vectors, variance, err = f.svd()
	}
	if err != nil {
		return err
	}
	total := kernel.Sum(variance)
	if !kernel.Finite([]float64{total}) {
		return errOverflow()
	}
	if last := variance[k-1]; p.spec.Whiten && last <= 1e-12*variance[0] {
		return fmt.Errorf("autoencoder: the data varies by %v only along component %d of %d, which cannot be whitened; take fewer: %w", last, k-1, k, bijector.ErrSpec)
	}
	for i := range k {
		row := p.components[i*d : (i+1)*d]
		mat.Col(row, i, vectors)
		fixSign(row)
	}
	copy(p.mean, f.mean)
	copy(p.variance, variance)
	p.totalVariance[0], p.samples[0] = total, int64(n)
	p.Invalidate()
	return nil
}

// fixSign makes the largest value of v positive.
func fixSign(v []float64) {
	largest := 0.0
	for _, c := range v {
		if math.Abs(c) > math.Abs(largest) {
			largest = c
		}
	}
	if largest < 0 {
		kernel.Scale(v, -1)
	}
}

// pcaChunk is how many rows are read at a time.
const pcaChunk = 256

type pcaFit[T bijector.Float] struct {
	in   bijector.Input[T]
	n, d int
	mean []float64
	x    bijector.Mat[T]       // rows of a piece
	c    bijector.Mat[float64] // the same, less the mean
}

func newPCAFit[T bijector.Float](in bijector.Input[T]) *pcaFit[T] {
	n, d := in.Len(), in.Dim()
	return &pcaFit[T]{
		in: in, n: n, d: d, mean: make([]float64, d),
		x: bijector.NewMat[T](d, min(n, pcaChunk)),
		c: bijector.NewMat[float64](d, min(n, pcaChunk)),
	}
}

// computeMean also reports rows that are not finite.
func (f *pcaFit[T]) computeMean() error {
	var report rows.Report
	bad := make([]bool, pcaChunk)
	for lo := 0; lo < f.n; lo += pcaChunk {
		x := f.x.Resize(min(pcaChunk, f.n-lo))
		if !f.in.Load(x, lo) {
			clear(bad)
			report.Input.Merge(rows.ZeroNonFinite(rows.Features[T](x), nil, bad, lo))
		}
		for j := range f.mean {
			f.mean[j] += kernel.Sum(x.Feature(j))
		}
	}
	kernel.Scale(f.mean, 1/float64(f.n))
	return report.Err(f.n, bijector.NewRowError)
}

// centeredRows reads up to pcaPiece rows from lo, less the mean.
func (f *pcaFit[T]) centeredRows(lo int) bijector.Mat[float64] {
	n := min(pcaChunk, f.n-lo)
	x, c := f.x.Resize(n), f.c.Resize(n)
	f.in.Load(x, lo)
	for j, m := range f.mean {
		kernel.Widen(c.Feature(j), x.Feature(j))
		kernel.Affine(c.Feature(j), c.Feature(j), 1, -m)
	}
	return c
}

// eigenCovariance returns the eigenvectors of X'X/(n-1), leading first, and all
// eigenvalues. The workers share the rows of the upper triangle.
func (f *pcaFit[T]) eigenCovariance() (*mat.Dense, []float64, error) {
	d := f.d
	cov := kernel.Make[float64](d * d)
	across := kernel.Make[float64](pcaChunk * d) // a sample a row
	w := bijector.NewWorkers(0)
	defer w.Close()
	const block = 32 // rows of the triangle that begin at one column
	for lo := 0; lo < f.n; lo += pcaChunk {
		c := f.centeredRows(lo)
		kernel.Transpose(d, c.N, c.Data, c.Stride, across, d)
		w.For((d+block-1)/block, 1, func(first, end int) {
			for b := first; b < end; b++ {
				i := b * block
				kernel.Gemm(min(block, d-i), d-i, c.N, c.Data[i*c.Stride:], c.Stride, 1,
					across[i:], d, cov[i*d+i:], d, kernel.Epilogue[float64]{Mode: kernel.Add})
			}
		})
	}
	kernel.Scale(cov, 1/float64(f.n-1))
	if !kernel.Finite(cov) {
		return nil, nil, errOverflow()
	}
	var eig mat.EigenSym
	if !eig.Factorize(mat.NewSymDense(d, cov), true) {
		return nil, nil, fmt.Errorf("autoencoder: the covariance's eigenvectors were not found: %w", bijector.ErrNonFinite)
	}
	rising := eig.Values(nil)
	var vectors mat.Dense
	eig.VectorsTo(&vectors)
	falling := mat.NewDense(d, d, nil)
	values := make([]float64, d)
	column := make([]float64, d)
	for i := range d {
		values[i] = max(0, rising[d-1-i]) // rounding can leave -1e-17 of a zero
		falling.SetCol(i, mat.Col(column, d-1-i, &vectors))
	}
	return falling, values, nil
}

func errOverflow() error {
	return fmt.Errorf("autoencoder: the rows' squares overflow; scale the data: %w", bijector.ErrNonFinite)
}

// svd returns the right singular vectors of the centred rows,
// leading first, and the variances s^2/(n-1).
func (f *pcaFit[T]) svd() (*mat.Dense, []float64, error) {
	x := kernel.Make[float64](f.n * f.d)
	for lo := 0; lo < f.n; lo += pcaChunk {
		rows.Store(x, rows.Features[float64](f.centeredRows(lo)), lo)
	}
	if !kernel.Finite(x) {
		return nil, nil, errOverflow()
	}
	var svd mat.SVD
	if !svd.Factorize(mat.NewDense(f.n, f.d, x), mat.SVDThinV) {
		return nil, nil, fmt.Errorf("autoencoder: the rows' singular vectors were not found: %w", bijector.ErrNonFinite)
	}
	values := svd.Values(nil)
	for i, s := range values {
		values[i] = s * s / float64(f.n-1)
	}
	var v mat.Dense
	svd.VTo(&v)
	return &v, values, nil
}
