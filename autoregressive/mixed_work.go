// The log-probability of one column of a Mixed, for a range of samples.

package autoregressive

import (
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/internal/conditioned"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// scaleRange bounds the log-scale of a continuous part, so that a column that
// follows from those before it has a density that is large and finite.
const scaleRange = 8

// mixedWork is what the log-probability of a column is computed in, and what its
// gradient reads again. Ranges of samples do not meet.
type mixedWork struct {
	prob            bijector.Mat[float64] // of atoms, and of the continuous part
	logNorm         []float64             // log of the sum of the exponentials of the logits
	theta           bijector.Mat[float64] // the spline's
	loc, scale, exp []float64             // l, s and e^s
	points          [3]mixedPoint
	isPart          []bool    // rows that the continuous part has a value in
	part            []float64 // their log-density or log-mass under its conditional component
	base            []float64 // and under its marginal one
	norm            []float64 // log of the mass within bounds
	bend            []float64 // derivative of the margin's log-slope
	first, second   []float64 // work
}

// mixedPoint is one place on a column's line, under all maps: the value or an end of its
// cell, and the bounds.
type mixedPoint struct {
	z, u, t  []float64
	slope    []float64             // log of the spline's slope
	margin   []float64             // log of the margin's slope
	infinite []bool                // t is infinite, and nothing moves it
	scratch  bijector.Mat[float64] // of the spline
}

func newMixedWork[T bijector.Float](m *Mixed[T], parts []mixedColumn[T], n int) *mixedWork {
	choices, points, continuous := 0, 0, false
	for i := range parts {
		choices = max(choices, parts[i].logits)
		points = max(points, parts[i].points())
		continuous = continuous || parts[i].margin != nil
	}
	row := func() []float64 { return make([]float64, n) }
	w := &mixedWork{prob: bijector.NewMat[float64](choices, n), logNorm: row(), first: row(), second: row(), isPart: make([]bool, n), part: row(), base: row()}
	if !continuous {
		return w
	}
	w.theta = bijector.NewMat[float64](m.spline.Params(), n)
	w.loc, w.scale, w.exp, w.norm, w.bend = row(), row(), row(), row(), row()
	for k := range points {
		w.points[k] = mixedPoint{z: row(), u: row(), t: row(), slope: row(), margin: row(), infinite: make([]bool, n), scratch: bijector.NewMat[float64](m.spline.Scratch(), n)}
	}
	return w
}

// resize is for n samples; of a single one all parameters are next to each other.
func (w *mixedWork) resize(n int) {
	w.prob, w.theta = w.prob.Resize(n), w.theta.Resize(n)
	for k := range w.points {
		w.points[k].scratch = w.points[k].scratch.Resize(n)
	}
}

// points is how many places on the line a value takes.
func (p *mixedColumn[T]) points() int {
	switch {
	case p.margin == nil:
		return 0
	case p.step > 0:
		return 2
	case p.truncated:
		return 3
	}
	return 1
}

// args are a point's, for samples lo to hi.
func (w *mixedWork) args(k, lo, hi int) coupling.TransformArgs[float64] {
	return coupling.TransformArgs[float64]{Theta: w.theta.Samples(lo, hi), Scratch: w.points[k].scratch.Samples(lo, hi)}
}

// weights sets prob and logNorm from the logits.
func (p *mixedColumn[T]) weights(w *mixedWork, y bijector.Mat[T], lo, hi int) {
	if p.logits == 0 {
		return
	}
	most, sum := w.first[lo:hi], w.logNorm[lo:hi]
	conditioned.Softmax(w.prob.Features(0, p.logits).Samples(lo, hi), y.Features(p.out, p.out+p.logits).Samples(lo, hi), most, sum, w.second[lo:hi])
	for i, v := range sum {
		sum[i] = most[i] + math.Log(v)
	}
}

// logWeight is the log-probability of choice k in row i.
func (p *mixedColumn[T]) logWeight(w *mixedWork, y bijector.Mat[T], k, i int) float64 {
	if p.logits == 0 {
		return 0
	}
	return float64(y.Data[(p.out+k)*y.Stride+i]) - w.logNorm[i]
}

// parameters reads location, log-scale and spline from the outputs.
func (p *mixedColumn[T]) parameters(w *mixedWork, y bijector.Mat[T], lo, hi int) {
	at := p.out + p.logits
	kernel.Widen(w.loc[lo:hi], y.Feature(at)[lo:hi])
	kernel.Widen(w.scale[lo:hi], y.Feature(at + 1)[lo:hi])
	for i := lo; i < hi; i++ {
		w.scale[i] /= scaleRange
	}
	kernel.Tanh(w.scale[lo:hi], w.scale[lo:hi])
	for i := lo; i < hi; i++ {
		w.scale[i] *= scaleRange
	}
	kernel.Exp(w.exp[lo:hi], w.scale[lo:hi])
	if w.theta.Stride == 1 && y.Stride == 1 {
		kernel.Widen(w.theta.Data[:w.theta.D], y.Data[at+2:at+2+w.theta.D])
		return
	}
	for k := range w.theta.D {
		kernel.Widen(w.theta.Feature(k)[lo:hi], y.Feature(at + 2 + k)[lo:hi])
	}
}

// unbounded is where point k is the same infinity in every row, 0 where it is not.
func (p *mixedColumn[T]) unbounded(k int) int {
	switch {
	case p.truncated && k == 1 && math.IsInf(p.zLo, -1):
		return -1
	case p.truncated && k == 2 && math.IsInf(p.zHi, 1):
		return 1
	}
	return 0
}

// place sets point k from its z, and its log-slope where that counts, at the value of a
// density. The shares of the spline's bins are those of the point from, which was
// placed before; k itself works them out.
func (p *mixedColumn[T]) place(m *Mixed[T], w *mixedWork, k, from, lo, hi int) {
	a := &w.points[k]
	if sign := p.unbounded(k); sign != 0 {
		for i := lo; i < hi; i++ {
			a.t[i] = math.Inf(sign)
		}
		return
	}
	for i := lo; i < hi; i++ {
		if a.infinite[i] {
			a.u[i] = 0
			continue
		}
		a.u[i] = w.exp[i] * (a.z[i] - w.loc[i])
	}
	var slope []float64
	if k == 0 && p.step == 0 {
		slope = a.slope[lo:hi]
		clear(slope)
	}
	var same bijector.Mat[float64]
	if from != k {
		same = w.points[from].scratch.Samples(lo, hi)
	}
	m.spline.ForwardAgain(a.t[lo:hi], a.u[lo:hi], w.args(k, lo, hi), same, slope)
	for i := lo; i < hi; i++ {
		if a.infinite[i] {
			a.t[i] = math.Copysign(math.Inf(1), a.z[i])
		}
	}
}

// setPoint sets z of a point in row i from a place x on the line.
func (p *mixedColumn[T]) setPoint(a *mixedPoint, i int, x float64) {
	if math.IsInf(x, 0) {
		a.z[i], a.infinite[i] = x, true
		return
	}
	a.z[i], a.infinite[i] = p.margin.Place(x), false
}

// setBounds sets the points of the bounds in row i, where the density is divided by
// the mass between them.
func (p *mixedColumn[T]) setBounds(w *mixedWork, i int) {
	if p.truncated {
		w.points[1].z[i], w.points[1].infinite[i] = p.zLo, math.IsInf(p.zLo, 0)
		w.points[2].z[i], w.points[2].infinite[i] = p.zHi, math.IsInf(p.zHi, 0)
	}
}

// snap is the rounded number that v is, among those of a column with a step.
func (p *mixedColumn[T]) snap(v float64) float64 {
	return p.origin + p.step*math.Round((v-p.origin)/p.step)
}

// edgeSlack is the share of a step by which rounding may move a value.
const edgeSlack = 1e-3

// cell are the ends of the cell of a rounded number. The first and the last one
// take what lies beyond.
func (p *mixedColumn[T]) cell(v float64) (lo, hi float64) {
	v = p.snap(v)
	lo, hi = v-p.step/2, v+p.step/2
	if v-p.step < p.lo-edgeSlack*p.step {
		lo = math.Inf(-1)
	}
	if v+p.step > p.hi+edgeSlack*p.step {
		hi = math.Inf(1)
	}
	return lo, hi
}

// logProb sets term to the log-probability of values x of the column, of
// samples lo to hi; atoms says which atom each is.
func (p *mixedColumn[T]) logProb(m *Mixed[T], w *mixedWork, term []float64, x []T, atoms []int32, y bijector.Mat[T], lo, hi int) {
	p.weights(w, y, lo, hi)
	if p.margin != nil {
		p.parameters(w, y, lo, hi)
		p.logPart(m, w, x, atoms, lo, hi)
	}
	part := len(p.column.Atoms)
	for i := lo; i < hi; i++ {
		a := int(atoms[i])
		logp := math.Inf(-1)
		if a >= 0 {
			logp = p.logWeight(w, y, a, i)
		}
		if p.margin != nil && w.isPart[i] {
			logp = logAddExp(logp, p.logWeight(w, y, part, i)+w.part[i])
			logp = logAddExp(logp, p.logWeight(w, y, part+1, i)+w.base[i])
		}
		if x[i] != x[i] {
			logp = math.NaN()
		}
		term[i] = logp
	}
}

// isPart tells whether the continuous part has a value at v, which is atom a or
// none: an atom has no density, and among rounded numbers the mass of both.
func (p *mixedColumn[T]) isPart(v T, a int) bool {
	if a >= 0 {
		return p.both[a]
	}
	return p.within(v)
}

// logPart sets the log-density of the continuous part, or its log-mass where
// numbers are rounded.
func (p *mixedColumn[T]) logPart(m *Mixed[T], w *mixedWork, x []T, atoms []int32, lo, hi int) {
	first := &w.points[0]
	for i := lo; i < hi; i++ {
		w.isPart[i] = p.isPart(x[i], int(atoms[i]))
		v := float64(x[i])
		switch {
		case !w.isPart[i]:
			first.z[i], first.margin[i], first.infinite[i], w.bend[i] = 0, 0, false, 0
			if p.step > 0 {
				w.points[1].z[i], w.points[1].infinite[i] = 1, false
			}
		case p.step > 0:
			below, above := p.cell(v)
			p.setPoint(first, i, below)
			p.setPoint(&w.points[1], i, above)
		default:
			first.z[i], first.margin[i], w.bend[i] = p.margin.Forward(v)
			first.infinite[i] = false
		}
		p.setBounds(w, i)
	}
	for k := range p.points() {
		p.place(m, w, k, 0, lo, hi)
	}
	for i := lo; i < hi; i++ {
		switch {
		case p.step > 0:
			w.part[i] = logMass(first.t[i], w.points[1].t[i])
			w.base[i] = logMass(first.z[i], w.points[1].z[i])
			continue
		case p.truncated:
			w.norm[i] = logMass(w.points[1].t[i], w.points[2].t[i])
		default:
			w.norm[i] = 0
		}
		t, z := first.t[i], first.z[i]
		w.base[i] = -z*z/2 - halfLog2Pi + first.margin[i] - p.logRange
		w.part[i] = -t*t/2 - halfLog2Pi + first.slope[i] + w.scale[i] + first.margin[i] - w.norm[i]
	}
}
