// A layer for the tests: autoregressive, conditional, with every kind of
// gradient and a log-det that varies.

package flow

import (
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// bend is z_j = sinh(u_j), u_j = a_j + e^l_j x_j + m_j tanh(x_{j-1}) + w_j c_0,
// with log-det sum_j l_j + log cosh u_j.
type bend[T bijector.Float] struct {
	dim, context int
	a, l, m, w   []T
}

// newBend draws parameters that are far from the identity.
func newBend[T bijector.Float](dim, context int, seed uint64) *bend[T] {
	rng := rand.New(rand.NewPCG(seed, 7))
	draw := func(scale float64) []T {
		p := make([]T, dim)
		for j := range p {
			p[j] = T(float32(scale * (2*rng.Float64() - 1))) // the same in both types
		}
		return p
	}
	return &bend[T]{dim: dim, context: context, a: draw(0.5), l: draw(0.4), m: draw(0.8), w: draw(1)}
}

func (b *bend[T]) Dim() int                                      { return b.dim }
func (b *bend[T]) ContextDim() int                               { return b.context }
func (b *bend[T]) Buffers() []bijector.Buffer                    { return nil }
func (b *bend[T]) Spec() any                                     { return bendSpec{b.dim, b.context} }
func (b *bend[T]) NewPass(bijector.PassOptions) bijector.Pass[T] { return &bendPass[T]{bend: b} }
func (b *bend[T]) NewGradPass(o bijector.PassOptions) bijector.GradPass[T] {
	p := &bendPass[T]{bend: b, du: make([]float64, o.MaxBatch)}
	for range 4 {
		p.grads = append(p.grads, make([]T, b.dim))
	}
	return p
}

type bendSpec struct{ Dim, Context int }

func (b *bend[T]) Params() []bijector.Param[T] {
	var ps []bijector.Param[T]
	for i, p := range [][]T{b.a, b.l, b.m, b.w} {
		ps = append(ps, bijector.Param[T]{Name: "almw"[i : i+1], Shape: []int{b.dim}, Data: p})
	}
	return ps
}

type bendPass[T bijector.Float] struct {
	*bend[T]
	du    []float64
	grads [][]T
}

// offset is u_j without its x_j.
func (p *bendPass[T]) offset(x, cond bijector.Mat[T], i, j int) float64 {
	u := float64(p.a[j])
	if j > 0 {
		u += float64(p.m[j]) * math.Tanh(float64(x.Feature(j - 1)[i]))
	}
	if p.context > 0 {
		u += float64(p.w[j]) * float64(cond.Feature(0)[i])
	}
	return u
}

func (p *bendPass[T]) Forward(z, x, cond bijector.Mat[T], logDet []float64) {
	for j := p.dim - 1; j >= 0; j-- {
		for i := range x.N {
			u := p.offset(x, cond, i, j) + math.Exp(float64(p.l[j]))*float64(x.Feature(j)[i])
			logDet[i] += float64(p.l[j]) + logCosh(u)
			z.Feature(j)[i] = T(math.Sinh(u))
		}
	}
}

func (p *bendPass[T]) Inverse(x, z, cond bijector.Mat[T], logDet []float64) {
	for j := range p.dim {
		for i := range z.N {
			u := math.Asinh(float64(z.Feature(j)[i]))
			logDet[i] -= float64(p.l[j]) + logCosh(u)
			x.Feature(j)[i] = T((u - p.offset(x, cond, i, j)) / math.Exp(float64(p.l[j])))
		}
	}
}

func (p *bendPass[T]) Backward(dx, dcond, dz, x, z, cond bijector.Mat[T], dLogDet []float64) {
	for j := range p.dim {
		e := math.Exp(float64(p.l[j]))
		for i := range x.N {
			v := float64(x.Feature(j)[i])
			u := p.offset(x, cond, i, j) + e*v
			du := float64(dz.Feature(j)[i])*math.Cosh(u) + dLogDet[i]*math.Tanh(u)
			p.grads[0][j] += T(du)
			p.grads[1][j] += T(du*e*v + dLogDet[i])
			if j > 0 {
				t := math.Tanh(float64(x.Feature(j - 1)[i]))
				p.grads[2][j] += T(du * t)
				dx.Feature(j - 1)[i] += T(du * float64(p.m[j]) * (1 - t*t))
			}
			if p.context > 0 {
				p.grads[3][j] += T(du * float64(cond.Feature(0)[i]))
				if !dcond.Empty() {
					dcond.Feature(0)[i] += T(du * float64(p.w[j]))
				}
			}
			dx.Feature(j)[i] = T(du * e)
		}
	}
}

func (p *bendPass[T]) Grads() [][]T { return p.grads }

func logCosh(u float64) float64 {
	u = math.Abs(u)
	return u + math.Log1p(math.Exp(-2*u)) - math.Ln2
}

// newFlow is New for parts that are known to fit.
func newFlow[T bijector.Float](layer bijector.Layer[T], base distribution.Base[T]) *Flow[T] {
	return testkit.Must(New(layer, base))
}
