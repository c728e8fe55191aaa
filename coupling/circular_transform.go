// The circular rational-quadratic spline: a circle onto itself, without a seam.

package coupling

import (
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// circularQuadratic is the transform of a circle from lo to hi, with theta =
// (widths, heights, slopes, phase). Its box is from -pi to pi: a value is an angle
// of (x - mid) scale.
type circularQuadratic[T bijector.Float] struct {
	rationalQuadratic[T]
	mid, scale  float64
	least, most T // within lo and hi
}

func newCircularQuadratic[T bijector.Float](q splineShape, c Circle) circularQuadratic[T] {
	lo, hi := c.Interval()
	r := circularQuadratic[T]{rationalQuadratic: rationalQuadratic[T]{q}, mid: lo + (hi-lo)/2, scale: 2 * math.Pi / (hi - lo)}
	if r.least = T(lo); float64(r.least) < lo { // only where T is float32
		r.least = T(math.Nextafter32(float32(r.least), float32(math.Inf(1))))
	}
	if r.most = T(hi); float64(r.most) > hi {
		r.most = T(math.Nextafter32(float32(r.most), float32(math.Inf(-1))))
	}
	return r
}

// Params are widths, heights and slopes of the bins, and the phase.
func (r circularQuadratic[T]) Params() int { return 3*r.bins + 1 }

// wrap brings an angle to [-pi, pi]. What is there stays, NaN too.
func wrap(a float64) float64 {
	if a < -math.Pi || a > math.Pi {
		a -= 2 * math.Pi * math.Floor((a+math.Pi)/(2*math.Pi))
		a = min(max(a, -math.Pi), math.Pi)
	}
	return a
}

// angle of a value, and value of an angle, which rounding keeps on the circle.
func (r circularQuadratic[T]) angle(v T) float64 { return wrap((float64(v) - r.mid) * r.scale) }

func (r circularQuadratic[T]) value(a float64) T {
	return min(max(T(r.mid+wrap(a)/r.scale), r.least), r.most)
}

// phase is how far the spline's values are turned.
func (r circularQuadratic[T]) phase(theta bijector.Mat[T], i int) float64 {
	return float64(theta.Data[3*r.bins*theta.Stride+i])
}

// locate finds the bins of the values on one axis, turned back where it is that of
// the results, and all that belongs to them.
func (r circularQuadratic[T]) locate(s *kernel.Spline[T], values []T, f TransformArgs[T], axes [2]int) {
	rows := r.scratch(f.Scratch)
	r.shares(&rows, f.Theta)
	r.fill(s, &rows, f, axes)
	for i, v := range values {
		if s.At[i] = r.angle(v); axes == alongY {
			s.At[i] = wrap(s.At[i] - r.phase(f.Theta, i))
		}
	}
	s.Locate()
	s.SoftplusSlopes()
}

// fill sets what the kernels are told of a row's splines. The last bin ends where the
// first begins.
func (r circularQuadratic[T]) fill(s *kernel.Spline[T], rows *splineScratch, f TransformArgs[T], axes [2]int) {
	fill(s, &r.splineShape, rows, f.Theta, 2*r.bins+1, axes)
	s.FreeEnds, s.First, s.Last = true, f.Theta.Feature(2*r.bins), f.Theta.Feature(2*r.bins)
}

func (r circularQuadratic[T]) Forward(y, x []T, f TransformArgs[T], logDet []float64) {
	var s kernel.Spline[T]
	r.locate(&s, x, f, alongX)
	for i, a := range s.At {
		w, h := s.Size[0][i], s.Size[1][i]
		p := kernel.SplineBin{S: h / w, D0: s.Start[i], D1: s.End[i]}
		num, den, inner := p.Eval(min(max((a-s.Low[0][i])/w, 0), 1))
		y[i] = r.value(s.Low[1][i] + h*(num/den) + r.phase(f.Theta, i))
		m := p.S / den
		logDet[i] += math.Log(m * m * inner)
	}
}

func (r circularQuadratic[T]) Inverse(x, y []T, f TransformArgs[T], logDet []float64) {
	var s kernel.Spline[T]
	r.locate(&s, y, f, alongY)
	for i, a := range s.At {
		w, h := s.Size[1][i], s.Size[0][i]
		p := kernel.SplineBin{S: h / w, D0: s.Start[i], D1: s.End[i]}
		q := p.Solve(a-s.Low[0][i], h)
		_, den, inner := p.Eval(q)
		x[i] = r.value(s.Low[1][i] + w*q)
		m := p.S / den
		logDet[i] -= math.Log(m * m * inner)
	}
}

// Backward is that of rationalQuadratic within the box, in angles a = (x - mid)
// scale. With b = spline(a) + phase the angle of y,
//
//	db = dy/scale,  dphase = db,  da from (db, dLogDet) as there,  dx = da scale,
//
// since turning moves no slope, and the two scales take each other out of the
// log-det. All slopes are learned, and each is that of the end of one bin and of
// the start of the next.
func (r circularQuadratic[T]) Backward(dx []T, dtheta bijector.Mat[T], dy, x []T, f TransformArgs[T], dLogDet []float64) {
	rows := r.scratch(f.Scratch)
	var s kernel.Spline[T]
	r.fill(&s, &rows, f, alongX)
	for k := 2 * r.bins; k < dtheta.D; k++ {
		clear(dtheta.Feature(k))
	}
	for i, a := range s.At {
		g := float64(dy[i]) / r.scale
		p := s.Partials(i, a, g, dLogDet[i])
		dx[i] = T(p.Dx * r.scale)
		bin := int(s.Bin[i])
		for k := range 2 * r.bins {
			axis, at := k/r.bins, k%r.bins
			d := p.Above[axis]
			if at < bin {
				d = p.Below[axis]
			} else if at == bin {
				d = p.Inside[axis]
			}
			share := s.Shares[axis]
			dtheta.Data[k*dtheta.Stride+i] = T(share.Data[at*share.Stride+i] * d)
		}
		dtheta.Data[(2*r.bins+bin)*dtheta.Stride+i] = T(p.DStart)
		dtheta.Data[(2*r.bins+(bin+1)%r.bins)*dtheta.Stride+i] = T(p.DEnd)
		dtheta.Data[3*r.bins*dtheta.Stride+i] = T(g)
	}
}

// lineQuadratic is the spline of a feature that lies on no circle, with as many
// parameters: it ignores the last two.
type lineQuadratic[T bijector.Float] struct{ rationalQuadratic[T] }

func (r lineQuadratic[T]) Params() int { return 3*r.bins + 1 }
