// The step of the Adam optimiser.

package kernel

import "math"

// AdamStep holds one step's constants. Kingma and Ba, "Adam: a method for stochastic optimization",
// 2014, arXiv 1412.6980, algorithm 1; Decay after Loshchilov and Hutter, "Decoupled weight decay
// regularization", 2017, arXiv 1711.05101, algorithm 2.
type AdamStep struct {
	Scale        float64 // of the gradient, before all else
	Beta1, Beta2 float64 // decay rates of the two moments
	L2           float64 // weight decay as a gradient: g + L2*p
	Decay        float64 // decoupled weight decay, times the learning rate already: p - Decay*p
	Rate         float64 // learning rate over 1 - Beta1^t
	Root         float64 // sqrt(1 - Beta2^t): the bias correction of the second moment's root
	Eps          float64 // added to the corrected root
}

// NewAdamStep returns the constants of step t, counted from 1: weight decay l2 enters by the
// gradient (PyTorch's Adam), decay by the weights (AdamW).
func NewAdamStep(t int, rate, beta1, beta2, eps, l2, decay float64) AdamStep {
	return AdamStep{
		Scale: 1, Beta1: beta1, Beta2: beta2, L2: l2, Decay: rate * decay,
		Rate: rate / (1 - math.Pow(beta1, float64(t))),
		Root: math.Sqrt(1 - math.Pow(beta2, float64(t))),
		Eps:  eps,
	}
}

// Adam moves the parameters p by one step along the gradient g and updates the moments m and v.
// before keeps what p was; it may be g, where nobody wants it. The constants are rounded to T once, and
// the loop runs in T:
//
//	g' := Scale*g[i] + L2*p[i]
//	before[i] = p[i]
//	m[i] = Beta1*m[i] + (1-Beta1)*g'
//	v[i] = Beta2*v[i] + (1-Beta2)*(g'*g')
//	p[i] = (p[i] - Decay*p[i]) - Rate*(m[i]/(sqrt(v[i])*(1/Root) + Eps))
//
// which is PyTorch's p -= lr/(1-Beta1^t) * m/(sqrt(v)/sqrt(1-Beta2^t) + eps). g is not written.
func Adam[T Float](p, g, m, v, before []T, s AdamStep) {
	if len(g) != len(p) || len(m) != len(p) || len(v) != len(p) || len(before) != len(p) {
		panic(lengths)
	}
	scale, b1, a1, b2, a2 := T(s.Scale), T(s.Beta1), T(1-s.Beta1), T(s.Beta2), T(1-s.Beta2)
	l2, decay, rate, inv, eps := T(s.L2), T(s.Decay), T(s.Rate), T(1/s.Root), T(s.Eps)
	if adamVector(p, g, m, v, before, scale, b1, a1, b2, a2, l2, decay, rate, inv, eps) {
		return
	}
	for i := range p {
		x := p[i]
		d := T(scale*g[i]) + T(l2*x)
		before[i] = x
		mi := T(b1*m[i]) + T(a1*d)
		vi := T(b2*v[i]) + T(a2*T(d*d))
		m[i], v[i] = mi, vi
		// The root of a float32 taken in float64 and rounded is the float32 root, correctly rounded.
		x -= T(decay * x)
		p[i] = x - T(rate*(mi/(T(T(math.Sqrt(float64(vi)))*inv)+eps)))
	}
}
