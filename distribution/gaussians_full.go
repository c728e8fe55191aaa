// Components of a mixture whose covariances are full: solves with their lower
// triangles L, z = loc + L u.

package distribution

import (
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
)

// triangle is the number of values below the diagonal of a matrix of d rows.
func triangle(d int) int { return d * (d - 1) / 2 }

// lowerRow is row j of component m's triangle, without the diagonal.
func (g *gaussians[T]) lowerRow(m, j int) []T {
	return g.lower[m*triangle(g.dim)+triangle(j):][:j]
}

// whiten sets u to inv(L) (z - loc) of component m, from the first feature on.
func (p *gaussiansPass[T]) whiten(m, lo, hi int) {
	d := p.dist.dim
	for j := range d {
		u, loc, inv := p.u.Feature(j)[lo:hi], float64(p.dist.loc[m*d+j]), p.inv[m*d+j]
		for i, v := range p.z.Feature(j)[lo:hi] {
			u[i] = float64(v) - loc
		}
		for k, l := range p.dist.lowerRow(m, j) {
			for i, v := range p.u.Feature(k)[lo:hi] {
				u[i] -= float64(l) * v
			}
		}
		for i := range u {
			u[i] *= inv
		}
	}
}

// score turns u into inv(L') u, minus the gradient of log N with respect to z.
func (p *gaussiansPass[T]) score(m, lo, hi int) {
	for j := p.dist.dim - 1; j >= 0; j-- {
		v, inv := p.u.Feature(j)[lo:hi], p.inv[m*p.dist.dim+j]
		for i := range v {
			v[i] *= inv
		}
		for k, l := range p.dist.lowerRow(m, j) {
			u := p.u.Feature(k)[lo:hi]
			for i, v := range v {
				u[i] -= float64(l) * v
			}
		}
	}
}

// addSquares adds the squares of component m's u to q. What has overflowed stays.
func (p *gaussiansPass[T]) addSquares(q []float64, m, lo, hi int) {
	p.whiten(m, lo, hi)
	for j := range p.dist.dim {
		for i, u := range p.u.Feature(j)[lo:hi] {
			if q[i] <= math.MaxFloat64 {
				q[i] += u * u
			}
		}
	}
}

// drawFull sets sample i of z to loc + temperature L e, e normal.
func (p *gaussiansPass[T]) drawFull(rng *rand.Rand, z bijector.Mat[T], m, i int, temperature float64) {
	d := p.dist.dim
	for j := range p.noise {
		p.noise[j] = temperature * rng.NormFloat64()
	}
	for j, e := range p.noise {
		v := float64(p.dist.loc[m*d+j]) + e/p.inv[m*d+j]
		for k, l := range p.dist.lowerRow(m, j) {
			v += float64(l) * p.noise[k]
		}
		z.Data[j*z.Stride+i] = T(v)
	}
}

// fullGradients are what one component's sums need.
type fullGradients struct{ u, v, loc, logScale, lower []float64 }

func newFullGradients(d int) fullGradients {
	all := make([]float64, 4*d+triangle(d))
	return fullGradients{all[:d], all[d : 2*d], all[2*d : 3*d], all[3*d : 4*d], all[4*d:]}
}

// subScores subtracts sum_m r_m v_m from dz, with v as in score.
func (p *gaussiansGradPass[T]) subScores(lo, hi int) {
	for j := range p.dist.dim {
		clear(p.sum.Feature(j)[lo:hi])
	}
	for m := range p.respSum {
		p.whiten(m, lo, hi)
		p.score(m, lo, hi)
		r := p.resp.Feature(m)[lo:hi]
		for j := range p.dist.dim {
			sum := p.sum.Feature(j)[lo:hi]
			for i, v := range p.u.Feature(j)[lo:hi] {
				if r[i] != 0 { // v may have overflowed where r is 0
					sum[i] -= r[i] * v
				}
			}
		}
	}
	for j := range p.dist.dim {
		out := p.dz.Feature(j)[lo:hi]
		for i, v := range p.sum.Feature(j)[lo:hi] {
			out[i] = T(p.dlogp[lo+i] * v)
		}
	}
}

// backwardFull sums over the samples for component m: with u = inv(L) (z-loc),
// v = inv(L') u, s the diagonal of L, and g = dlogp r,
//
//	dloc = sum_i g v,  dlog s_j = sum_i g (u_j v_j s_j - 1),  dL_jk = sum_i g v_j u_k.
func (p *gaussiansGradPass[T]) backwardFull(m int) {
	d, f, inv := p.dist.dim, &p.full[m], p.inv[m*p.dist.dim:]
	clear(f.loc)
	clear(f.logScale)
	clear(f.lower)
	for i, r := range p.resp.Feature(m) {
		g := p.dlogp[i] * r
		if g == 0 {
			continue
		}
		for j := range d {
			u := float64(p.z.Feature(j)[i]) - float64(p.dist.loc[m*d+j])
			for k, l := range p.dist.lowerRow(m, j) {
				u -= float64(l) * f.u[k]
			}
			f.u[j] = u * inv[j]
		}
		copy(f.v, f.u)
		for j := d - 1; j >= 0; j-- {
			f.v[j] *= inv[j]
			for k, l := range p.dist.lowerRow(m, j) {
				f.v[k] -= float64(l) * f.v[j]
			}
		}
		for j, v := range f.v {
			f.loc[j] += g * v
			f.logScale[j] += g * (f.u[j]*v/inv[j] - 1)
			row := f.lower[triangle(j):]
			for k, u := range f.u[:j] {
				row[k] += g * v * u
			}
		}
	}
	addTo(p.dloc[m*d:], f.loc)
	addTo(p.dlogScale[m*d:], f.logScale)
	addTo(p.dlower[m*triangle(d):], f.lower)
}

// addTo adds v to the values at the front of dst.
func addTo[T bijector.Float](dst []T, v []float64) {
	for i, v := range v {
		dst[i] += T(v)
	}
}
