// From what a conditioner gives to the knots of a spline: the sizes of its bins
// and its slopes, in either of two ways.

package coupling

import (
	"math"

	"github.com/bijou-flow/bijou/bijector"
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
func (r rationalQuadratic[T]) shares(s *splineScratch, theta bijector.Mat[T]) {
	free := [2]float64{r.x.freeSize, r.y.freeSize}
	if r.clip == 0 {
		kernel.SplineShares(theta.N, r.bins, free, [2]kernel.Strided[T]{rowsFrom(theta, 0), rowsFrom(theta, r.bins)}, s.shares, s.scale)
		return
	}
	for k := range 2 * r.bins {
		from := s.shares[k/r.bins]
		row := from.Data[k%r.bins*from.Stride:][:theta.N]
		for i, v := range theta.Feature(k) {
			row[i] = softClip(float64(v), r.clip/2)
		}
	}
	kernel.SplineShares(theta.N, r.bins, free, s.shares, s.shares, s.scale)
}

// rowsFrom are a matrix' rows from the k-th on.
func rowsFrom[T bijector.Float](m bijector.Mat[T], k int) kernel.Strided[T] {
	return kernel.Strided[T]{Data: m.Data[k*m.Stride:], Stride: m.Stride}
}

// slopes makes slopes from the raw ones at both knots of each value's bin. Those at
// the ends of the box are 1, if they are no parameters.
func (r rationalQuadratic[T]) slopes(s *kernel.Spline[T]) {
	if r.clip == 0 {
		s.SoftplusSlopes()
		return
	}
	for _, end := range []struct {
		slope, factor []float64
		fixed         int
	}{{s.Start, s.StartFactor, 0}, {s.End, s.EndFactor, r.bins - 1}} {
		for i, raw := range end.slope {
			end.slope[i], end.factor[i] = softClip(raw, r.clip), softClipSlope(raw, r.clip)
			if r.ends == 0 && int(s.Bin[i]) == end.fixed {
				end.factor[i] = 0 // its raw slope was 0, and its slope is 1
			}
		}
		kernel.Exp(end.slope, end.slope)
		kernel.Mul(end.factor, end.factor, end.slope)
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
