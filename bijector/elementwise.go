// What the layers that bend each feature by one fixed function share: Logit,
// Sigmoid, Tanh, Softplus and Background each say which function.

package bijector

import "math"

// curve is an increasing function f of one variable. Arguments outside the
// domain, which is open, give NaN or an infinity, and those within it a number:
// that is how a pass tells them apart. All arithmetic is float64, whatever the layer's type.
type curve interface {
	// forward is f(x) and log f'(x).
	forward(x float64) (z, logSlope float64)
	// inverse is the x where f(x) = z, and log f'(x) there, computed from z:
	// where f is flat, x is known to fewer digits than z.
	inverse(z float64) (x, logSlope float64)
	// derivatives are f'(x) and d/dx log f'(x).
	derivatives(x float64) (slope, bend float64)
	// domain and image are the open intervals that x and z are from.
	domain() (lo, hi float64)
	image() (lo, hi float64)
}

// elementwise is a layer that applies a curve to every feature, mostly the same
// one. It has neither parameters nor buffers.
type elementwise[T Float] struct {
	TensorMethods[T]
	dim     int
	curveOf func(j int) curve // of feature j; nil leaves it as it is
}

func newElementwise[T Float](dim int, c curve) *elementwise[T] {
	return newFeaturewise[T](dim, func(int) curve { return c })
}

// newFeaturewise gives each feature a curve of its own.
func newFeaturewise[T Float](dim int, curveOf func(j int) curve) *elementwise[T] {
	e := &elementwise[T]{dim: dim, curveOf: curveOf}
	e.TensorMethods = NewTensorMethods[T](e)
	return e
}

// Dim is the number of features.
func (e *elementwise[T]) Dim() int { return e.dim }

// ContextDim is 0.
func (e *elementwise[T]) ContextDim() int { return 0 }

// Params: the function is fixed.
func (e *elementwise[T]) Params() []Param[T] { return nil }

// Buffers: none.
func (e *elementwise[T]) Buffers() []Buffer { return nil }

// NewPass returns an evaluation pass.
func (e *elementwise[T]) NewPass(o PassOptions) Pass[T] { return e.newPass(o) }

// Domain is the open interval that feature j of x is from.
func (e *elementwise[T]) Domain(j int) (lo, hi float64) {
	if c := e.curveOf(j); c != nil {
		return c.domain()
	}
	return math.Inf(-1), math.Inf(1)
}

// Image is the open interval that feature j of z is from.
func (e *elementwise[T]) Image(j int) (lo, hi float64) {
	if c := e.curveOf(j); c != nil {
		return c.image()
	}
	return math.Inf(-1), math.Inf(1)
}

// NewGradPass returns a training pass; the layer trains nothing, but gradients
// go through it. It is no Reverser: a value near the end of the range does not
// say where it came from.
func (e *elementwise[T]) NewGradPass(o PassOptions) GradPass[T] { return e.newPass(o) }

// keepInside moves values of a feature that rounding took to the end of an open
// interval, or beyond, to the nearest number of T inside: what is drawn is where
// the layer has a density. Those of samples outside the domain stay.
func keepInside[T Float](values []T, logDet []float64, lo, hi float64) {
	if math.IsInf(lo, -1) && math.IsInf(hi, 1) {
		return
	}
	least, most := T(lo), T(hi)
	if float64(least) <= lo {
		least = T(nextOf[T](float64(least), math.Inf(1)))
	}
	if float64(most) >= hi {
		most = T(nextOf[T](float64(most), math.Inf(-1)))
	}
	for i, v := range values {
		if (v < least || v > most) && !math.IsInf(logDet[i], -1) {
			values[i] = min(max(v, least), most)
		}
	}
}

// newInverseGradPass returns a training pass of the layer run backwards.
func (e *elementwise[T]) newInverseGradPass(o PassOptions) GradPass[T] {
	p := e.newPass(o)
	p.forwardFn, p.inverseFn, p.backwardFn = p.inverseSamples, p.forwardSamples, p.inverseBackwardSamples
	return p
}

func (e *elementwise[T]) newPass(o PassOptions) *curvePass[T] {
	p := &curvePass[T]{curveOf: e.curveOf, workers: o.Workers, inverted: o.inverted}
	p.forwardFn, p.inverseFn, p.backwardFn = p.forwardSamples, p.inverseSamples, p.backwardSamples
	return p
}

// elementwiseParallelThreshold is shareAbove for curves, whose values cost some ten times those
// of a diagonal layer.
const elementwiseParallelThreshold = parallelThreshold / 8

// curvePass shares a batch by samples, so that each log-det is summed by one
// worker over the features in order. A sample outside the domain has the log-det
// -Inf and zeros for an output, see Pass.
type curvePass[T Float] struct {
	curveOf                          func(j int) curve
	workers                          *Workers
	inverted                         bool // Forward draws, and Inverse scores
	dst, src, dz                     Mat[T]
	logDet                           []float64
	forwardFn, inverseFn, backwardFn func(lo, hi int)
}

func (p *curvePass[T]) parallelSamples(f func(lo, hi int)) {
	if p.src.D*p.src.N > elementwiseParallelThreshold {
		p.workers.For(p.src.N, 16, f)
		return
	}
	f(0, p.src.N)
}

func (p *curvePass[T]) Forward(z, x, _ Mat[T], logDet []float64) {
	p.dst, p.src, p.logDet = z, x, logDet
	p.parallelSamples(p.forwardFn)
}

func (p *curvePass[T]) Inverse(x, z, _ Mat[T], logDet []float64) {
	p.dst, p.src, p.logDet = x, z, logDet
	p.parallelSamples(p.inverseFn)
}

func (p *curvePass[T]) forwardSamples(lo, hi int) {
	for j := range p.src.D {
		z, x, c := p.dst.Feature(j), p.src.Feature(j), p.curveOf(j)
		if c == nil {
			copy(z[lo:hi], x[lo:hi])
			continue
		}
		for i := lo; i < hi; i++ {
			v, logSlope := c.forward(float64(x[i]))
			if isOutside(v, x[i]) {
				v, logSlope = 0, math.Inf(-1)
			}
			z[i] = T(v)
			p.logDet[i] += logSlope
		}
		if p.inverted {
			at, to := c.image()
			keepInside(z[lo:hi], p.logDet[lo:hi], at, to)
		}
	}
	p.zeroOutside(lo, hi)
}

func (p *curvePass[T]) inverseSamples(lo, hi int) {
	for j := range p.src.D {
		x, z, c := p.dst.Feature(j), p.src.Feature(j), p.curveOf(j)
		if c == nil {
			copy(x[lo:hi], z[lo:hi])
			continue
		}
		for i := lo; i < hi; i++ {
			v, logSlope := c.inverse(float64(z[i]))
			if isOutside(v, z[i]) {
				v, logSlope = 0, math.Inf(1)
			}
			x[i] = T(v)
			p.logDet[i] -= logSlope
		}
		if !p.inverted {
			at, to := c.domain()
			keepInside(x[lo:hi], p.logDet[lo:hi], at, to)
		}
	}
	p.zeroOutside(lo, hi)
}

// isOutside reports whether a finite argument has a value that is not.
func isOutside[T Float](value float64, argument T) bool {
	return value-value != 0 && argument-argument == 0
}

// zeroOutside sets the outputs of samples outside the domain to 0.
func (p *curvePass[T]) zeroOutside(lo, hi int) {
	for i := lo; i < hi; i++ {
		if math.IsInf(p.logDet[i], -1) {
			for j := range p.dst.D {
				p.dst.Feature(j)[i] = 0
			}
		}
	}
}

// Backward. With z_j = f(x_j) and the log-det sum_j log f'(x_j),
//
//	dx_j = f'(x_j) dz_j + (log f')'(x_j) dLogDet.
func (p *curvePass[T]) Backward(dx, _, dz, x, _, _ Mat[T], dLogDet []float64) {
	p.dst, p.dz, p.src, p.logDet = dx, dz, x, dLogDet
	p.parallelSamples(p.backwardFn)
}

func (p *curvePass[T]) backwardSamples(lo, hi int) {
	for j := range p.src.D {
		dx, dz, x, c := p.dst.Feature(j), p.dz.Feature(j), p.src.Feature(j), p.curveOf(j)
		if c == nil {
			copy(dx[lo:hi], dz[lo:hi])
			continue
		}
		for i := lo; i < hi; i++ {
			slope, bend := c.derivatives(float64(x[i]))
			dx[i] = T(slope*float64(dz[i]) + bend*p.logDet[i])
		}
	}
}

// inverseBackwardSamples is Backward of the inverse: with z_j = f^-1(x_j) and the
// log-det sum_j -log f'(z_j),
//
//	dx_j = (dz_j - (log f')'(z_j) dLogDet) / f'(z_j).
//
// z is computed anew, to the digits that x has.
func (p *curvePass[T]) inverseBackwardSamples(lo, hi int) {
	for j := range p.src.D {
		dx, dz, x, c := p.dst.Feature(j), p.dz.Feature(j), p.src.Feature(j), p.curveOf(j)
		if c == nil {
			copy(dx[lo:hi], dz[lo:hi])
			continue
		}
		for i := lo; i < hi; i++ {
			z, _ := c.inverse(float64(x[i]))
			slope, bend := c.derivatives(z)
			dx[i] = T((float64(dz[i]) - bend*p.logDet[i]) / slope)
		}
	}
}

func (p *curvePass[T]) Grads() [][]T { return nil }
