// Importance weights of proposals around the states of Markov chains.

package flow

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

const (
	centres     = 256  // of the mixture that proposes
	globalShare = 0.25 // of a single component around all of them
	kernelTail  = 8    // degrees of freedom of the components
	globalTail  = 5
	globalScale = 1.3
	rounds      = 4 // of proposals, each around the weighted ones before it
)

// importance is a weighted sample of values of the free features.
type importance struct {
	x                          []float64
	weights                    []float64 // which sum to 1
	logMean, stdErr, effective float64
}

// weigh returns weighted proposals. Some rounds of fewer tell around which centres
// they have the largest effective size; the weights are those of new ones, since
// the best of several estimates is no fair one.
func (s *search[T]) weigh() importance {
	b, pilot := len(s.c.free), max(s.c.o.Proposals/4, centres)
	middle := make([]float64, centres*b)
	for i := range centres {
		at, c := s.kept[s.rng.IntN(len(s.kept))], s.rng.IntN(states)
		copy(middle[i*b:(i+1)*b], at[c*b:(c+1)*b])
	}
	var best *proposals
	most := -1.0
	for range rounds {
		p, ok := newProposals(middle, b, s.scale)
		if !ok {
			break
		}
		w := s.propose(p, pilot)
		if w.effective > most {
			best, most = p, w.effective
		}
		if w.effective > 0.5*float64(pilot) || w.effective < float64(4*b) {
			break
		}
		middle = make([]float64, centres*b)
		for i, k := range w.resample(s.rng, centres) {
			copy(middle[i*b:(i+1)*b], w.x[k*b:(k+1)*b])
		}
	}
	if best == nil {
		return importance{logMean: math.Inf(-1)}
	}
	return s.propose(best, s.c.o.Proposals)
}

// propose returns n weighted draws of p.
func (s *search[T]) propose(p *proposals, n int) importance {
	b := p.b
	w := importance{x: make([]float64, n*b)}
	logq, logp := make([]float64, n), make([]float64, n)
	for i := range n {
		p.draw(s.rng, w.x[i*b:(i+1)*b])
	}
	s.target(w.x, logp)
	for i := range n {
		logq[i] = p.logProb(w.x[i*b : (i+1)*b])
	}
	w.normalise(logp, logq)
	return w
}

// normalise sets the weights p/q and what they say.
func (w *importance) normalise(logp, logq []float64) {
	floats.Sub(logp, logq)
	top := floats.Max(logp)
	w.weights = logp
	if math.IsInf(top, 0) {
		w.logMean, w.stdErr = math.Inf(-1), math.NaN()
		return
	}
	sum, n := 0.0, float64(len(logp))
	for i, v := range logp {
		w.weights[i] = math.Exp(v - top)
		sum += w.weights[i]
	}
	floats.Scale(1/sum, w.weights)
	w.effective = 1 / floats.Dot(w.weights, w.weights)
	w.logMean = top + math.Log(sum/n)
	w.stdErr = math.Sqrt(max(0, 1/w.effective-1/n))
}

// resample draws n indices by the weights, at equal distances (systematic
// resampling), in random order.
func (w *importance) resample(rng *rand.Rand, n int) []int {
	chosen, k, sum := make([]int, n), 0, w.weights[0]
	start := rng.Float64()
	for i := range chosen {
		for at := (start + float64(i)) / float64(n); sum < at && k < len(w.weights)-1; {
			k++
			sum += w.weights[k]
		}
		chosen[i] = k
	}
	rng.Shuffle(n, func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
	return chosen
}

// proposals is a mixture of Student t distributions around centres, and of a wide
// one around their mean. A component's spread is that of all centres, made
// narrower for their number (Silverman 1986, section 4.3), or for the distance to
// its neighbours where that is less: modes may be far apart and thin.
type proposals struct {
	b       int
	mean    []float64
	low     mat.TriDense // the Cholesky factor of the centres' covariance
	logDet  float64      // of low
	centre  []float64    // in the units of the data
	centres []float64    // in those in which their covariance is 1
	widths  []float64    // in those units
	factors []float64    // of the components' densities, relative to the largest
	top     float64      // the logarithm of that one
	u, x    *mat.VecDense
}

// newProposals returns false for centres that lie in one place.
func newProposals(middle []float64, b int, scale []float64) (*proposals, bool) {
	n := len(middle) / b
	p := &proposals{b: b, mean: make([]float64, b), u: mat.NewVecDense(b, nil), x: mat.NewVecDense(b, nil), centre: middle}
	points := mat.NewDense(n, b, middle)
	var cov mat.SymDense
	stat.CovarianceMatrix(&cov, points, nil)
	for j := range b {
		p.mean[j] = stat.Mean(mat.Col(nil, j, points), nil)
		tiny := 1e-6 * scale[j]
		cov.SetSym(j, j, cov.At(j, j)*(1+1e-9)+tiny*tiny)
	}
	var chol mat.Cholesky
	if !chol.Factorize(&cov) {
		return nil, false
	}
	chol.LTo(&p.low)
	p.logDet = chol.LogDet() / 2
	p.centres = make([]float64, len(middle))
	for i := range n {
		p.whiten(middle[i*b:(i+1)*b], p.centres[i*b:(i+1)*b])
	}
	p.setWidths(n)
	return p, true
}

// setWidths sets the width of each of n components, and the factor in front of
// its density.
func (p *proposals) setWidths(n int) {
	b := float64(p.b)
	widest := math.Pow(4/(b+2)/float64(n), 1/(b+4))
	near := int(math.Sqrt(float64(n)))
	squares := make([]float64, n)
	for i := range n {
		for k := range n {
			squares[k] = 0
			for j := range p.b {
				d := p.centres[i*p.b+j] - p.centres[k*p.b+j]
				squares[k] += d * d
			}
		}
		slices.Sort(squares)
		width := max(min(widest, 1.5*math.Sqrt(squares[near]/b)), 1e-3*widest)
		p.widths = append(p.widths, width)
		p.factors = append(p.factors, studentT(kernelTail, p.b, width)+math.Log((1-globalShare)/float64(n)))
	}
	p.top = floats.Max(p.factors)
	for i, v := range p.factors { // many features have factors that no number holds
		p.factors[i] = math.Exp(v - p.top)
	}
}

// whiten sets u to the coordinates of x in which the centres have the covariance
// 1.
func (p *proposals) whiten(x, u []float64) {
	for i := range p.b {
		v := x[i] - p.mean[i]
		for j := range i {
			v -= p.low.At(i, j) * u[j]
		}
		u[i] = v / p.low.At(i, i)
	}
}

// draw sets x to a draw.
func (p *proposals) draw(rng *rand.Rand, x []float64) {
	from, tail, width := p.mean, float64(globalTail), globalScale
	if rng.Float64() >= globalShare {
		k := rng.IntN(len(p.centre) / p.b)
		from, tail, width = p.centre[k*p.b:(k+1)*p.b], kernelTail, p.widths[k]
	}
	chi := 0.0
	for range int(tail) {
		v := rng.NormFloat64()
		chi += v * v
	}
	width *= math.Sqrt(tail / chi)
	u := p.u.RawVector().Data
	for j := range u {
		u[j] = width * rng.NormFloat64()
	}
	p.x.MulVec(&p.low, p.u)
	for j := range x {
		x[j] = from[j] + p.x.AtVec(j)
	}
}

// logProb is the log-density of the mixture at x.
func (p *proposals) logProb(x []float64) float64 {
	u := p.u.RawVector().Data
	p.whiten(x, u)
	sum, power := 0.0, -float64(kernelTail+p.b)/2
	for k, width := range p.widths {
		square := 0.0
		for j, v := range u {
			d := v - p.centres[k*p.b+j]
			square += d * d
		}
		sum += p.factors[k] * math.Pow(1+square/(width*width*kernelTail), power)
	}
	square := floats.Dot(u, u) / (globalScale * globalScale)
	wide := math.Log(globalShare) - float64(globalTail+p.b)/2*math.Log1p(square/globalTail) + studentT(globalTail, p.b, globalScale)
	return floats.LogSumExp([]float64{p.top + math.Log(sum), wide}) - p.logDet
}

// studentT is the logarithm of the factor in front of a multivariate Student t of
// tail degrees of freedom, b dimensions and a width in each.
func studentT(tail float64, b int, width float64) float64 {
	over, _ := math.Lgamma((tail + float64(b)) / 2)
	under, _ := math.Lgamma(tail / 2)
	return over - under - float64(b)*(math.Log(tail*math.Pi)/2+math.Log(width))
}
