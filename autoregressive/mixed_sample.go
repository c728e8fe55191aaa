// Draws from a Mixed: whole rows, and rows of which some values are given.

package autoregressive

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mathext"

	"github.com/bijou-flow/bijou/bijector"
)

// drawing is what draws take.
type drawing struct {
	uniforms    bijector.Mat[float64] // two a column
	temperature float64
	known       []bool    // by column and sample; nil: none
	logWeights  []float64 // nil: not wanted
	drawFn      func(lo, hi int)
}

func (p *MixedPass[T]) makeDrawing(n int) {
	p.uniforms = bijector.NewMat[float64](2*len(p.dist.parts), n)
	p.drawFn = p.draw
}

// Sample draws sample by sample, so that fewer samples are the first of more.
func (p *MixedPass[T]) Sample(rng *rand.Rand, z, cond bijector.Mat[T], temperature float64) {
	p.Complete(rng, z, cond, nil, temperature, nil)
}

// Complete draws the values of z that are not known, known[j*z.N+i] telling of column j of
// row i, and leaves the others; nil known are none. A column is drawn given all
// before it in the order. Where logWeights is not nil, it is set to the sum of the
// terms log p(x_j | x_<j) of the known values of each row: what is drawn is
// drawn given those before it alone, and has this for an importance weight of
// draws given all. Where the known columns are the first in the order, the draws are exact and the weight is the
// log-density of what is known.
func (p *MixedPass[T]) Complete(rng *rand.Rand, z, cond bijector.Mat[T], known []bool, temperature float64, logWeights []float64) {
	p.setBatch(z, cond)
	if z.N == 1 { // with the bits of one of many: a product by a single vector has others
		p.in, p.y = p.in.Resize(2), p.y.Resize(2)
		p.in.N, p.y.N = 1, 1
	}
	p.uniforms = p.uniforms.Resize(z.N)
	for i := range z.N {
		for k := range p.uniforms.D {
			u := rng.Float64()
			for u == 0 { // one in 2^53
				u = rng.Float64()
			}
			p.uniforms.Data[k*p.uniforms.Stride+i] = u
		}
	}
	p.known, p.temperature, p.logWeights = known, temperature, logWeights
	p.parallelSamples(p.drawFn)
}

// draw draws samples lo to hi, column by column.
func (p *MixedPass[T]) draw(lo, hi int) {
	p.encodeContext(lo, hi)
	if p.logWeights != nil {
		clear(p.logWeights[lo:hi])
	}
	in := p.inputs()
	for place := range p.dist.parts {
		p.net.Step(p.y, in, place, lo, hi)
		p.drawColumn(place, lo, hi)
		p.encode(place, lo, hi)
		if p.logWeights == nil || p.known == nil {
			continue
		}
		p.scoreColumn(place, lo, hi)
		j := p.dist.columns[place]
		term, known := p.terms.Feature(j), p.known[j*p.z.N:]
		for i := lo; i < hi; i++ {
			if known[i] {
				p.logWeights[i] += term[i]
			}
		}
	}
}

// drawColumn draws the values of the column at a place that are not known.
func (p *MixedPass[T]) drawColumn(place, lo, hi int) {
	c, w, j := &p.dist.parts[place], p.work[place], p.dist.columns[place]
	x, choice, quantile := p.z.Feature(j), p.uniforms.Feature(2*place), p.uniforms.Feature(2*place+1)
	c.coolWeights(w, p.y, p.temperature, lo, hi)
	if c.margin != nil {
		c.parameters(w, p.y, lo, hi)
		if c.truncated {
			for i := lo; i < hi; i++ {
				c.setBounds(w, i)
			}
			c.place(p.dist, w, 1, 1, lo, hi)
			c.place(p.dist, w, 2, 2, lo, hi)
		}
		c.drawLatents(p.dist, w, quantile, p.temperature, lo, hi)
	}
	for i := lo; i < hi; i++ {
		if p.known != nil && p.known[j*p.z.N+i] {
			continue
		}
		switch k := c.choose(w, choice[i], i); k - len(c.column.Atoms) {
		case 0:
			x[i] = c.value(w.points[0].z[i])
		case 1:
			below, above := c.zLo, c.zHi
			if !c.truncated { // the first and the last rounded number take what lies beyond
				below, above = math.Inf(-1), math.Inf(1)
			}
			x[i] = c.value(coolQuantile(quantile[i], below, above, p.temperature))
		default:
			x[i] = T(c.column.Atoms[k])
		}
	}
}

// coolWeights sets prob, at a temperature: the logits are divided by it.
func (p *mixedColumn[T]) coolWeights(w *mixedWork, y bijector.Mat[T], temperature float64, lo, hi int) {
	p.weights(w, y, lo, hi)
	if p.logits == 0 || temperature == 1 {
		return
	}
	for i := lo; i < hi; i++ {
		best, sum := 0, 0.0
		for k := range p.logits {
			if w.prob.Feature(k)[i] > w.prob.Feature(best)[i] {
				best = k
			}
		}
		top := w.prob.Feature(best)[i]
		for k := range p.logits {
			q := 0.0
			switch {
			case k == best:
				q = 1
			case temperature > 0:
				q = math.Pow(w.prob.Feature(k)[i]/top, 1/temperature)
			}
			w.prob.Feature(k)[i] = q
			sum += q
		}
		for k := range p.logits {
			w.prob.Feature(k)[i] /= sum
		}
	}
}

// choose is the choice at the place u in [0, 1) of the weights.
func (p *mixedColumn[T]) choose(w *mixedWork, u float64, i int) int {
	last := 0
	for k := range p.logits {
		q := w.prob.Data[k*w.prob.Stride+i]
		if q > 0 {
			last = k
		}
		if u -= q; u < 0 {
			return k
		}
	}
	return last // rounding left u at 0
}

// drawLatents sets z of the first point to draws of the continuous part.
func (p *mixedColumn[T]) drawLatents(m *Mixed[T], w *mixedWork, quantile []float64, temperature float64, lo, hi int) {
	a := &w.points[0]
	for i := lo; i < hi; i++ {
		below, above := math.Inf(-1), math.Inf(1)
		if p.truncated {
			below, above = w.points[1].t[i], w.points[2].t[i]
		}
		a.t[i] = coolQuantile(quantile[i], below, above, temperature)
	}
	clear(w.first[lo:hi])
	m.spline.Inverse(a.u[lo:hi], a.t[lo:hi], w.args(0, lo, hi), w.first[lo:hi])
	for i := lo; i < hi; i++ {
		a.z[i] = w.loc[i] + a.u[i]/w.exp[i]
	}
}

// coolQuantile is a quantile of a standard normal between two points, at a
// temperature: its distance from the median is multiplied by it.
func coolQuantile(u, a, b, temperature float64) float64 {
	t := truncatedQuantile(u, a, b)
	if temperature == 1 {
		return t
	}
	middle := truncatedQuantile(0.5, a, b)
	return min(max(middle+temperature*(t-middle), a), b)
}

// truncatedQuantile is that of a standard normal between two points.
func truncatedQuantile(u, a, b float64) float64 {
	if a > 0 { // where the masses are small numbers
		return -truncatedQuantile(1-u, -b, -a)
	}
	below, above := math.Erfc(-a/math.Sqrt2)/2, math.Erfc(-b/math.Sqrt2)/2
	q := below + u*(above-below)
	if !(q > 0) { // a mass that underflows: next to the bound that is nearest
		return b
	}
	if q >= 1 {
		return min(b, 38)
	}
	return min(max(mathext.NormalQuantile(q), a), b)
}

// value is the value of T at a place under the margin: a rounded number, or
// one within bounds.
func (p *mixedColumn[T]) value(z float64) T {
	x, _ := p.margin.Inverse(z)
	if p.step > 0 {
		return T(p.nearest(x))
	}
	if !(math.Abs(x) < math.MaxFloat32) { // far out in a heavy tail
		x = math.Copysign(math.MaxFloat32/2, x)
	}
	return min(max(T(x), p.minX), p.maxX)
}

// nearest is the rounded number nearest to x, within bounds.
func (p *mixedColumn[T]) nearest(x float64) float64 {
	k := math.Round((x - p.origin) / p.step)
	if !math.IsInf(p.lo, 0) {
		k = max(k, math.Ceil((p.lo-p.origin)/p.step-edgeSlack))
	}
	if !math.IsInf(p.hi, 0) {
		k = min(k, math.Floor((p.hi-p.origin)/p.step+edgeSlack))
	}
	return p.origin + p.step*k
}
