package bijector

// The training pass of diagonal layers whose scale is not trained: Shift and
// Standardize.

import "github.com/bijou-flow/bijou/internal/kernel"

// fixedGradPass trains a layer z_j = a_j x_j + b_j with constants a and,
// optionally, a parameter b. Its coefficients are diagonalPass's.
type fixedGradPass[T Float] struct {
	*diagonalPass[T]
	db       []T // nil for a layer without parameters
	grads    [][]T
	dx, dz   Mat[T]
	backward func(lo, hi int)
}

func newFixedGradPass[T Float](layer diagonal, dim int, shift bool, w *Workers) *fixedGradPass[T] {
	p := &fixedGradPass[T]{diagonalPass: newDiagonalPass[T](layer, dim, w)}
	if shift {
		p.db = make([]T, dim)
		p.grads = [][]T{p.db}
	}
	p.backward = p.backwardFeatures
	return p
}

// Backward. With z = a x + b and a log-det that nothing trained moves,
//
//	dx   = a dz
//	db_j = sum_i dz_ij.
func (p *fixedGradPass[T]) Backward(dx, _, dz, _, _, _ Mat[T], _ []float64) {
	p.dx, p.dz = dx, dz
	share(p.workers, dz, p.backward)
}

func (p *fixedGradPass[T]) backwardFeatures(lo, hi int) {
	for j := lo; j < hi; j++ {
		a, _, _ := p.layer.coefficients(j)
		dz := p.dz.Feature(j)
		if p.db != nil {
			p.db[j] += T(kernel.Sum(dz))
		}
		// Last: dx may be dz.
		kernel.Affine(p.dx.Feature(j), dz, T(a), 0)
	}
}

// Reverse is Inverse: the coefficients do not depend on the batch.
func (p *fixedGradPass[T]) Reverse(x, z, _ Mat[T]) {
	p.dst, p.src = x, z
	share(p.workers, z, p.inverts)
}

func (p *fixedGradPass[T]) Grads() [][]T { return p.grads }
