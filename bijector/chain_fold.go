// Runs of a chain's members that permute, scale and shift, evaluated as one map.

package bijector

import "github.com/bijou-flow/bijou/internal/kernel"

// fold is a run of a chain's members that only reorder, scale and shift
// features, evaluated as one map
//
//	z_j = a_j x_{from(j)} + b_j,  log|det dz/dx| = sum_j log a_j.
//
// A flow has one between any two couplings: batch norm and a permutation. It
// equals the members one after the other but for the rounding of a and b,
// which are computed in float64.
type fold[T Float] struct {
	chain   *Chain[T]
	members []Layer[T]
	version int64 // of the chain, when the numbers below were computed

	order, inverseOrder []int // x_{from(j)} becomes z_j; z_{back(k)} comes from x_k
	scale, shift        []T
	invScale, invShift  []T // x_k = ia_k z_{back(k)} + ib_k
	logDet              float64
}

// foldable reports whether a member can be part of a fold.
func foldable[T Float](l Layer[T]) bool {
	switch l.(type) {
	case permuter[T], Diagonal:
		return true
	}
	return false
}

// permuter is a layer that is a permutation of features.
type permuter[T Float] interface{ permutation() *Permute[T] }

func newFold[T Float](c *Chain[T], members []Layer[T]) *fold[T] {
	d := c.dim
	f := &fold[T]{
		chain: c, members: members, order: make([]int, d), inverseOrder: make([]int, d),
		scale: make([]T, d), shift: make([]T, d), invScale: make([]T, d), invShift: make([]T, d),
	}
	f.compute()
	return f
}

// refresh computes the numbers anew where the chain has changed.
func (f *fold[T]) refresh() {
	if f.version != f.chain.version.Load() {
		f.compute()
	}
}

// compute multiplies the members out.
func (f *fold[T]) compute() {
	f.version = f.chain.version.Load()
	d := len(f.order)
	from, a, b := make([]int, d), make([]float64, d), make([]float64, d)
	for j := range d {
		from[j], a[j] = j, 1
	}
	f.logDet = 0
	for _, m := range f.members {
		switch m := m.(type) {
		case permuter[T]:
			pf, pa, pb := make([]int, d), make([]float64, d), make([]float64, d)
			for j, k := range m.permutation().order {
				pf[j], pa[j], pb[j] = from[k], a[k], b[k]
			}
			from, a, b = pf, pa, pb
		case Diagonal:
			for j := range d {
				s, t, logS := m.Coefficients(j)
				a[j], b[j] = s*a[j], s*b[j]+t
				f.logDet += logS
			}
		}
	}
	for j, k := range from {
		f.order[j], f.inverseOrder[k] = k, j
		f.scale[j], f.shift[j] = T(a[j]), T(b[j])
		f.invScale[k], f.invShift[k] = T(1/a[j]), T(-b[j]/a[j])
	}
}

// Forward sets z = f(x); z and x must not overlap.
func (f *fold[T]) Forward(z, x Mat[T], logDet []float64) {
	f.refresh()
	permuteAffine(z, x, f.order, f.scale, f.shift)
	addConstant(logDet, f.logDet)
}

// Inverse sets x = f^-1(z); x and z must not overlap.
func (f *fold[T]) Inverse(x, z Mat[T], logDet []float64) {
	f.refresh()
	permuteAffine(x, z, f.inverseOrder, f.invScale, f.invShift)
	addConstant(logDet, -f.logDet)
}

// permuteAffine sets feature j of dst to a_j src_{from(j)} + b_j.
func permuteAffine[T Float](dst, src Mat[T], from []int, a, b []T) {
	if dst.N == 1 && dst.Stride == 1 && src.Stride == 1 {
		for j, k := range from {
			dst.Data[j] = T(a[j]*src.Data[k]) + b[j]
		}
		return
	}
	for j, k := range from {
		kernel.Affine(dst.Feature(j), src.Feature(k), a[j], b[j])
	}
}
