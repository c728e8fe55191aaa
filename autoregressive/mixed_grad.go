// The pass of a Mixed that differentiates.

package autoregressive

import (
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
	"github.com/bijou-flow/bijou/internal/nn"
)

type mixedGradPass[T bijector.Float] struct {
	*MixedPass[T]
	net     *nn.MaskedGradPass[T]
	dy, din bijector.Mat[T]
	back    mixedBack
	backFn  func(lo, hi int)

	dz, dcond bijector.Mat[T] // of the current call
	dlogp     []float64
}

// mixedBack is the memory of the gradient of one column.
type mixedBack struct {
	dtheta, sum bijector.Mat[float64]
	dt, dslope  []float64 // of a point
	du          []float64
	dloc        []float64
	dscale      []float64
	gradient    []float64 // of the continuous part's log-density
}

func newMixedGradPass[T bijector.Float](m *Mixed[T], o bijector.PassOptions) *mixedGradPass[T] {
	net := m.net.NewGradPass(o)
	p := &mixedGradPass[T]{MixedPass: newMixedPass(m, o, net.MaskedPass), net: net}
	for i := range m.parts {
		p.work = append(p.work, newMixedWork(m, m.parts[i:i+1], o.MaxBatch))
	}
	p.dy, p.din = bijector.NewMat[T](m.net.Out(), o.MaxBatch), bijector.NewMat[T](p.in.D, o.MaxBatch)
	row := func() []float64 { return make([]float64, o.MaxBatch) }
	k := m.spline.Params()
	p.back = mixedBack{
		dtheta: bijector.NewMat[float64](k, o.MaxBatch), sum: bijector.NewMat[float64](k, o.MaxBatch),
		dt: row(), dslope: row(), du: row(), dloc: row(), dscale: row(), gradient: row(),
	}
	p.backFn = p.backward
	return p
}

// Backward. With p = w_a [atom] + w_c f + w_m f_m of a column, the shares r_a = w_a/p,
// r_c = w_c f/p and r_m = w_m f_m/p of its parts, and g the gradient of the log-density,
//
//	dlogit_k = g (r_k - w_k),  dlog f = g r_c,
//
// where r_k is 0 for the other atoms. Under a step, log f = log(Phi(t1) - Phi(t0))
// has the derivatives phi(t1)/f and -phi(t0)/f; otherwise log f = -t^2/2 + log g'(u) +
// s + log m'(x) - log(Phi(tU) - Phi(tL)). The spline takes dt and dlog g' to du, and
// u = e^s (z - l) to
//
//	dl = -e^s du,  ds = u du,  dz = e^s du.
//
// What the network reads of a column has a gradient of its own, which is added to dz.
func (p *mixedGradPass[T]) Backward(dz, dcond, z, cond bijector.Mat[T], dlogp []float64) {
	p.setBatch(z, cond)
	p.dy, p.din = p.dy.Resize(z.N), p.din.Resize(z.N)
	p.dz, p.dcond, p.dlogp = dz, dcond, dlogp
	p.parallelSamples(p.backFn)
	p.net.Accumulate(p.dy)
}

func (p *mixedGradPass[T]) Grads() [][]T { return p.net.Grads() }

// backward does samples lo to hi.
func (p *mixedGradPass[T]) backward(lo, hi int) {
	for place := range p.dist.parts {
		p.backwardColumn(place, lo, hi)
	}
	in := p.din.Features(0, p.dist.net.In())
	if in.D > 0 {
		p.net.Backward(in, p.dy, p.inputs(), lo, hi)
	} else {
		p.net.Backward(bijector.Mat[T]{}, p.dy, p.inputs(), lo, hi)
	}
	if !p.dcond.Empty() {
		for j := range p.cond.D {
			kernel.AddTo(p.dcond.Feature(j)[lo:hi], p.din.Feature(j)[lo:hi])
		}
	}
	for place := range len(p.dist.parts) - 1 { // what is read of the last one is read by nobody
		c, j := &p.dist.parts[place], p.dist.columns[place]
		if c.margin == nil {
			continue
		}
		number := c.in
		if c.logits > 0 {
			number += len(c.column.Atoms)
		}
		x, atoms, d, out := p.z.Feature(j), p.atomsOf(place), p.din.Feature(number), p.dz.Feature(j)
		for i := lo; i < hi; i++ {
			if atoms[i] < 0 && c.within(x[i]) {
				out[i] += d[i] * T(c.dEncode(float64(x[i])))
			}
		}
	}
}

// backwardColumn sets the outputs' gradients of the column at a place, and its own part of
// dz.
func (p *mixedGradPass[T]) backwardColumn(place, lo, hi int) {
	c, w, j := &p.dist.parts[place], p.work[place], p.dist.columns[place]
	atoms, term, dz := p.atomsOf(place), p.terms.Feature(j), p.dz.Feature(j)
	part, b := len(c.column.Atoms), &p.back
	for k := range c.logits {
		prob, d := w.prob.Feature(k), p.dy.Feature(c.out+k)
		for i := lo; i < hi; i++ {
			d[i] = 0
			if !math.IsInf(term[i], -1) {
				d[i] = T(-p.dlogp[i] * prob[i])
			}
		}
	}
	for i := lo; i < hi; i++ {
		b.gradient[i], dz[i] = 0, 0
		if math.IsInf(term[i], -1) {
			continue
		}
		g, a := p.dlogp[i], int(atoms[i])
		if a >= 0 && c.logits > 0 {
			p.dy.Feature(c.out + a)[i] += T(g * math.Exp(c.logWeight(w, p.y, a, i)-term[i]))
		}
		if c.margin == nil || !w.isPart[i] {
			continue
		}
		share := math.Exp(c.logWeight(w, p.y, part, i) + w.part[i] - term[i])
		rest := math.Exp(c.logWeight(w, p.y, part+1, i) + w.base[i] - term[i])
		p.dy.Feature(c.out + part)[i] += T(g * share)
		p.dy.Feature(c.out + part + 1)[i] += T(g * rest)
		b.gradient[i] = g * share
		if first := &w.points[0]; c.step == 0 {
			dz[i] = T(g * rest * (w.bend[i] - first.z[i]*math.Exp(first.margin[i])))
		}
	}
	if c.margin != nil {
		p.backwardPart(c, w, j, lo, hi)
	}
}

// backwardPart hands the gradient of the continuous part on to location, scale and
// spline.
func (p *mixedGradPass[T]) backwardPart(c *mixedColumn[T], w *mixedWork, j, lo, hi int) {
	b := &p.back
	clear(b.dloc[lo:hi])
	clear(b.dscale[lo:hi])
	sum := b.sum.Resize(p.z.N).Samples(lo, hi)
	sum.Zero()
	for k := range c.points() {
		if c.unbounded(k) != 0 {
			continue
		}
		for i := lo; i < hi; i++ {
			b.dt[i], b.dslope[i] = c.pointGradient(w, k, i, b.gradient[i])
		}
		if c.step == 0 && k == 0 {
			kernel.AddTo(b.dscale[lo:hi], b.gradient[lo:hi])
		}
		a := &w.points[k]
		dtheta := b.dtheta.Resize(p.z.N).Samples(lo, hi)
		p.dist.spline.Backward(b.du[lo:hi], dtheta, b.dt[lo:hi], a.u[lo:hi], w.args(k, lo, hi), b.dslope[lo:hi])
		for q := range sum.D {
			kernel.AddTo(sum.Feature(q), dtheta.Feature(q))
		}
		for i := lo; i < hi; i++ {
			if a.infinite[i] {
				continue
			}
			b.dloc[i] -= w.exp[i] * b.du[i]
			b.dscale[i] += a.u[i] * b.du[i]
			if c.step == 0 && k == 0 && w.isPart[i] {
				slope := math.Exp(a.margin[i])
				p.dz.Feature(j)[i] += T(b.du[i]*w.exp[i]*slope + b.gradient[i]*w.bend[i])
			}
		}
	}
	at := c.out + c.logits
	kernel.Narrow(p.dy.Feature(at)[lo:hi], b.dloc[lo:hi])
	for i := lo; i < hi; i++ {
		r := w.scale[i] / scaleRange
		b.dscale[i] *= 1 - r*r
	}
	kernel.Narrow(p.dy.Feature(at + 1)[lo:hi], b.dscale[lo:hi])
	for q := range sum.D {
		kernel.Narrow(p.dy.Feature(at + 2 + q)[lo:hi], sum.Feature(q))
	}
}

// pointGradient are the derivatives of g log f by t and by the spline's log-slope
// at a point.
func (c *mixedColumn[T]) pointGradient(w *mixedWork, k, i int, g float64) (dt, dslope float64) {
	if g == 0 || w.points[k].infinite[i] {
		return 0, 0
	}
	t := w.points[k].t[i]
	switch {
	case c.step > 0 && k == 0:
		return -g * normalRatio(t, w.part[i]), 0
	case c.step > 0:
		return g * normalRatio(t, w.part[i]), 0
	case k == 0:
		return -g * t, g
	case k == 1: // the lower bound
		return g * normalRatio(t, w.norm[i]), 0
	}
	return -g * normalRatio(t, w.norm[i]), 0
}
