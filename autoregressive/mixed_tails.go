// How far out in its column's conditional distribution a value is.

package autoregressive

import (
	"math"

	"github.com/bijou-flow/bijou/bijector"
)

// Tails sets terms as Terms does, and tails, a feature a column, to the
// log-probability under p(. | x_<j) of values that are at least as far out as x_j of
// every row: of a number
//
//	log min(1, 2 min(P(X_j <= x_j), P(X_j >= x_j)))
//
// with atoms and the continuous part in one order, and of a category log P(p(X_j)
// <= p(x_j)), all choices that are at most as likely; of a missing cell among
// numbers log p(x_j). Unlike a density it has no unit, so that atoms and numbers,
// and columns in any unit, compare. It is -Inf for a value that its column does not
// have, and NaN for NaN.
func (p *MixedPass[T]) Tails(terms, tails bijector.Mat[float64], z, cond bijector.Mat[T]) {
	p.setBatch(z, cond)
	p.parallelSamples(func(lo, hi int) {
		p.evaluate(lo, hi)
		for place := range p.dist.parts {
			p.scoreColumn(place, lo, hi)
			j := p.dist.columns[place]
			tail := tails.Feature(j)
			copy(tail[lo:hi], p.terms.Feature(j)[lo:hi])
			p.dist.parts[place].logTail(p.dist, p.work[place], tail, p.z.Feature(j), p.atomsOf(place), p.y, lo, hi)
		}
	})
	terms.CopyFrom(p.terms)
}

// logTail sets those of tail that are not NaN or -Inf to the log-probability of
// values as far out as x, of samples lo to hi; atoms says which atom each is. It
// follows logProb, which leaves the column's weights and parameters in w.
func (p *mixedColumn[T]) logTail(m *Mixed[T], w *mixedWork, tail []float64, x []T, atoms []int32, y bijector.Mat[T], lo, hi int) {
	if p.margin != nil {
		p.cutPoints(m, w, x, lo, hi)
	}
	numbers := len(p.column.Atoms)
	if p.column.Missing {
		numbers--
	}
	for i := lo; i < hi; i++ {
		switch a := int(atoms[i]); {
		case tail[i] != tail[i] || math.IsInf(tail[i], -1):
		case p.column.numeric() && a < numbers:
			tail[i] = p.asFarOut(w, y, x[i], numbers, i)
		case p.column.numeric():
			tail[i] = p.logWeight(w, y, a, i)
		default:
			tail[i] = p.asUnlikely(w, y, a, i)
		}
	}
}

// asFarOut is the log-probability of numbers as far out as x in row i; so many
// atoms are numbers.
func (p *mixedColumn[T]) asFarOut(w *mixedWork, y bijector.Mat[T], x T, numbers, i int) float64 {
	below, above := math.Inf(-1), math.Inf(-1)
	for k, v := range p.sorted {
		at := p.index[k]
		if at >= numbers {
			continue
		}
		logp := p.logWeight(w, y, at, i)
		if v <= x {
			below = logAddExp(below, logp)
		}
		if v >= x {
			above = logAddExp(above, logp)
		}
	}
	if p.margin != nil {
		for k, c := range p.cuts(w, i) {
			logp := p.logWeight(w, y, len(p.column.Atoms)+k, i)
			below, above = logAddExp(below, logp+c.below), logAddExp(above, logp+c.above)
		}
	}
	return min(0, math.Ln2+min(below, above))
}

// asUnlikely is the log-probability of all categories that are at most as likely as
// atom a in row i.
func (p *mixedColumn[T]) asUnlikely(w *mixedWork, y bijector.Mat[T], a, i int) float64 {
	if p.logits == 0 {
		return 0
	}
	const slack = 1e-12
	sum, most := math.Inf(-1), p.logWeight(w, y, a, i)+slack
	for k := range p.logits {
		if v := p.logWeight(w, y, k, i); v <= most {
			sum = logAddExp(sum, v)
		}
	}
	return min(sum, 0)
}

// cutPoints places values x, or the ends of their cells, on the line, and the bounds.
func (p *mixedColumn[T]) cutPoints(m *Mixed[T], w *mixedWork, x []T, lo, hi int) {
	for i := lo; i < hi; i++ {
		v := float64(x[i])
		if p.step > 0 {
			below, above := p.cell(v)
			p.setPoint(&w.points[0], i, below)
			p.setPoint(&w.points[1], i, above)
			continue
		}
		p.setPoint(&w.points[0], i, v)
		p.setBounds(w, i)
	}
	for k := range p.points() {
		p.place(m, w, k, 0, lo, hi)
	}
}

// cut are the log-masses of a component up to a value and from it on.
type cut struct{ below, above float64 }

// cuts are those of the conditional and of the marginal component in row i. A cell
// of rounded numbers counts on both sides.
func (p *mixedColumn[T]) cuts(w *mixedWork, i int) [2]cut {
	a, b, c := &w.points[0], &w.points[1], &w.points[2]
	switch {
	case p.step > 0:
		return [2]cut{cutAt(math.Inf(-1), a.t[i], b.t[i], math.Inf(1)), cutAt(math.Inf(-1), a.z[i], b.z[i], math.Inf(1))}
	case p.truncated:
		return [2]cut{cutAt(b.t[i], a.t[i], a.t[i], c.t[i]), cutAt(b.z[i], a.z[i], a.z[i], c.z[i])}
	}
	return [2]cut{cutAt(math.Inf(-1), a.t[i], a.t[i], math.Inf(1)), cutAt(math.Inf(-1), a.z[i], a.z[i], math.Inf(1))}
}

// cutAt cuts a normal distribution within bounds, given lower and upper end of a cell.
func cutAt(first, lower, upper, last float64) cut {
	whole := logMass(first, last)
	return cut{min(logMass(first, upper)-whole, 0), min(logMass(lower, last)-whole, 0)}
}
