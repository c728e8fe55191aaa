// The pass that batch norm in evaluation, actnorm and Scale share: each feature
// is scaled and shifted by numbers of its own.

package bijector

import "github.com/bijou-flow/bijou/internal/kernel"

// parallelThreshold is the number of values in a batch above which elementwise layers
// share their features among workers; below it, waking them costs more than
// they save.
const parallelThreshold = 16 << 10

// parallelChannels runs f over the channels of a batch, each of so many features, on
// several cores where it is large.
func parallelChannels[T Float](w *Workers, m Mat[T], pixels int, f func(lo, hi int)) {
	if m.D*m.N > parallelThreshold {
		w.For(m.D/pixels, 1, f)
		return
	}
	f(0, m.D/pixels)
}

// Diagonal is an optional interface of layers that scale and shift each feature
// by numbers that depend on no sample,
//
//	z_j = a_j x_j + b_j with a_j > 0,  log|det dz/dx| = sum_j log a_j.
//
// A chain evaluates a run of them, and of permutations, as one map.
type Diagonal interface {
	// Coefficients are a_j, b_j and log a_j in evaluation.
	Coefficients(j int) (a, b, logA float64)
}

// diagonalPass evaluates a diagonal layer. Its methods for Workers are made
// once, since a method value is an allocation; their arguments travel in
// fields.
type diagonalPass[T Float] struct {
	layer                Diagonal
	pixels               int // features that share their numbers
	workers              *Workers
	logA                 []float64
	dst, src             Mat[T]
	forwardFn, inverseFn func(lo, hi int)
}

func newDiagonalPass[T Float](layer Diagonal, dim, pixels int, w *Workers) *diagonalPass[T] {
	p := &diagonalPass[T]{layer: layer, pixels: pixels, workers: w, logA: make([]float64, dim)}
	p.forwardFn, p.inverseFn = p.forwardFeatures, p.inverseFeatures
	return p
}

func (p *diagonalPass[T]) Forward(z, x, _ Mat[T], logDet []float64) {
	p.dst, p.src = z, x
	parallelChannels(p.workers, x, 1, p.forwardFn)
	addConstant(logDet, kernel.Sum(p.logA))
}

func (p *diagonalPass[T]) Inverse(x, z, _ Mat[T], logDet []float64) {
	p.dst, p.src = x, z
	parallelChannels(p.workers, z, 1, p.inverseFn)
	addConstant(logDet, -kernel.Sum(p.logA))
}

func (p *diagonalPass[T]) forwardFeatures(lo, hi int) {
	for j := lo; j < hi; j++ {
		a, b, logA := p.layer.Coefficients(j)
		p.logA[j] = logA
		kernel.Affine(p.dst.Feature(j), p.src.Feature(j), T(a), T(b))
	}
}

func (p *diagonalPass[T]) inverseFeatures(lo, hi int) {
	for j := lo; j < hi; j++ {
		a, b, logA := p.layer.Coefficients(j)
		p.logA[j] = logA
		kernel.Affine(p.dst.Feature(j), p.src.Feature(j), T(1/a), T(-b/a))
	}
}

// addConstant adds the log-det that all samples share.
func addConstant(logDet []float64, v float64) {
	for i := range logDet {
		logDet[i] += v
	}
}

// diagonalGradPass trains a layer z_j = exp(s_j) x_j + b_j, of which s, b, both
// or neither are parameters, in that order. Its coefficients are
// diagonalPass's.
type diagonalGradPass[T Float] struct {
	*diagonalPass[T]
	ds, db     []T // nil where the layer does not train it
	grads      [][]T
	dx, dz     Mat[T]
	x          Mat[T]
	sumDLogDet float64 // sum of dLogDet over the batch
	backwardFn func(lo, hi int)
}

func newDiagonalGradPass[T Float](layer Diagonal, dim, pixels int, scale, shift bool, w *Workers) *diagonalGradPass[T] {
	p := &diagonalGradPass[T]{diagonalPass: newDiagonalPass[T](layer, dim, pixels, w)}
	if scale {
		p.ds = make([]T, dim/pixels)
		p.grads = append(p.grads, p.ds)
	}
	if shift {
		p.db = make([]T, dim/pixels)
		p.grads = append(p.grads, p.db)
	}
	p.backwardFn = p.backwardChannels
	return p
}

// Backward. With z = exp(s) x + b and log-det sum_j s_j in every sample,
//
//	dx   = exp(s) dz
//	ds_j = sum_i dz_ij exp(s_j) x_ij + sum_i dLogDet_i
//	db_j = sum_i dz_ij,
//
// and where features share s and b, the gradient is the sum of theirs.
func (p *diagonalGradPass[T]) Backward(dx, _, dz, x, _, _ Mat[T], dLogDet []float64) {
	p.dx, p.dz, p.x, p.sumDLogDet = dx, dz, x, kernel.Sum(dLogDet)
	parallelChannels(p.workers, x, p.pixels, p.backwardFn)
}

func (p *diagonalGradPass[T]) backwardChannels(lo, hi int) {
	for c := lo; c < hi; c++ {
		var ds, db float64
		for j := c * p.pixels; j < (c+1)*p.pixels; j++ {
			a, _, _ := p.layer.Coefficients(j)
			dz := p.dz.Feature(j)
			if p.ds != nil {
				ds += a*kernel.Dot(dz, p.x.Feature(j)) + p.sumDLogDet
			}
			if p.db != nil {
				db += kernel.Sum(dz)
			}
			// Last: dx may be dz.
			kernel.Affine(p.dx.Feature(j), dz, T(a), 0)
		}
		if p.ds != nil {
			p.ds[c] += T(ds)
		}
		if p.db != nil {
			p.db[c] += T(db)
		}
	}
}

// Reverse is Inverse: the coefficients do not depend on the batch.
func (p *diagonalGradPass[T]) Reverse(x, z, _ Mat[T]) {
	p.dst, p.src = x, z
	parallelChannels(p.workers, z, 1, p.inverseFn)
}

func (p *diagonalGradPass[T]) Grads() [][]T { return p.grads }
