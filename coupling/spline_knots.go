// From what a conditioner gives to the knots of a spline: the sizes of its bins
// and its slopes, in either of two ways.

package coupling

import (
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/conditioned"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// softClip brings v within bound, v/(1 + |v|/bound), and softClipSlope is its
// derivative.
func softClip(v, bound float64) float64 { return v / (1 + math.Abs(v)/bound) }

func softClipSlope(v, bound float64) float64 {
	u := 1 / (1 + math.Abs(v)/bound)
	return u * u
}

// shares sets the shares of the widths and of the heights in the box.
func (r rationalQuadratic[T]) shares(s splineScratch, theta bijector.Mat[T]) {
	for k, shares := range s.shares {
		raw := theta.Features(k*r.bins, (k+1)*r.bins)
		if r.clip == 0 {
			conditioned.Softmax(shares, raw, s.startWork, s.endWork, s.endWork)
			continue
		}
		for j := range r.bins {
			row := shares.Feature(j)
			for i, v := range raw.Feature(j) {
				row[i] = softClip(float64(v), r.clip/2)
			}
		}
		conditioned.Softmax(shares, shares, s.startWork, s.endWork, s.endWork)
	}
}

// slopeRows are the rows of theta with the raw slopes at the start and at the end of
// a bin, or -1 at an end of the box where the slope is 1.
func (q *splineShape) slopeRows(bin int) (start, end int) {
	start = 2*q.bins + bin - 1 + q.ends
	end = start + 1
	if q.ends == 0 && bin == 0 {
		start = -1
	}
	if q.ends == 0 && bin == q.bins-1 {
		end = -1
	}
	return start, end
}

// slopes sets the slopes at both knots of each value's bin. Those at the ends of
// the box are 1, if they are no parameters.
func (r rationalQuadratic[T]) slopes(s splineScratch, theta bijector.Mat[T]) {
	if r.clip > 0 {
		r.exponents(s.start, s.end, s.bin, theta, softClip)
		kernel.Exp(s.start, s.start)
		kernel.Exp(s.end, s.end)
		return
	}
	r.rawSlopes(s.start, s.end, s.bin, theta)
	kernel.Softplus(s.start, s.start)
	kernel.Softplus(s.end, s.end)
	for i, b := range s.bin {
		s.start[i] += r.minSlope
		s.end[i] += r.minSlope
		start, end := r.slopeRows(int(b))
		if start < 0 {
			s.start[i] = 1
		}
		if end < 0 {
			s.end[i] = 1
		}
	}
}

// slopeFactors sets, in both rows of work, the derivatives of a bin's slopes by
// what the conditioner gives for them.
func (r rationalQuadratic[T]) slopeFactors(s splineScratch, theta bijector.Mat[T]) {
	if r.clip > 0 {
		r.exponents(s.startWork, s.endWork, s.bin, theta, softClipSlope)
		kernel.Mul(s.startWork, s.startWork, s.start)
		kernel.Mul(s.endWork, s.endWork, s.end)
		return
	}
	r.rawSlopes(s.startWork, s.endWork, s.bin, theta)
	kernel.Sigmoid(s.startWork, s.startWork)
	kernel.Sigmoid(s.endWork, s.endWork)
}

// exponents gathers f of the raw slopes at both knots of each bin, and 0 where there
// is no parameter.
func (r rationalQuadratic[T]) exponents(start, end, bins []float64, theta bijector.Mat[T], f func(v, bound float64) float64) {
	for i, b := range bins {
		start[i], end[i] = 0, 0
		first, second := r.slopeRows(int(b))
		if first >= 0 {
			start[i] = f(float64(theta.Data[first*theta.Stride+i]), r.clip)
		}
		if second >= 0 {
			end[i] = f(float64(theta.Data[second*theta.Stride+i]), r.clip)
		}
	}
}

// rawSlopes gathers what softplus makes the slopes at both knots of each bin from.
// A knot without a parameter gets a number that is as good as any.
func (r rationalQuadratic[T]) rawSlopes(start, end, bins []float64, theta bijector.Mat[T]) {
	for i, b := range bins {
		start[i], end[i] = r.slopeOffset, r.slopeOffset
		first, second := r.slopeRows(int(b))
		if first >= 0 {
			start[i] += min(float64(theta.Data[first*theta.Stride+i]), r.maxRawSlope)
		}
		if second >= 0 {
			end[i] += min(float64(theta.Data[second*theta.Stride+i]), r.maxRawSlope)
		}
	}
}

// clipGradients takes the gradients of clipped sizes through the clipping.
func (r rationalQuadratic[T]) clipGradients(dtheta, theta bijector.Mat[T]) {
	if r.clip == 0 {
		return
	}
	for k := range 2 * r.bins {
		d := dtheta.Feature(k)
		for i, v := range theta.Feature(k) {
			d[i] *= T(softClipSlope(float64(v), r.clip/2))
		}
	}
}

// turn is where the spline finds v: of a circle half of it on, and the value
// itself elsewhere. Turning twice is the identity on the circle.
func (q *splineShape) turn(v float64) float64 {
	if !q.turned {
		return v
	}
	at := v - 2*q.bound*math.Floor(v/(2*q.bound))
	return min(max(at-q.bound, -q.bound), q.bound)
}
