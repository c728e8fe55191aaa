// The circular rational-quadratic spline: a circle onto itself, without a seam.

package coupling

import (
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/conditioned"
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

// locate finds the bins of the values on one axis, turned back where it is that
// of the results, and all that belongs to them.
func (r circularQuadratic[T]) locate(values []T, f TransformArgs[T], inverse bool) splineScratch {
	s := r.scratch(f.Scratch)
	for k := range s.shares {
		conditioned.Softmax(s.shares[k], f.Theta.Features(k*r.bins, (k+1)*r.bins), s.startWork, s.endWork, s.endWork)
	}
	for i, v := range values {
		var bin int
		if inverse {
			bin, s.bottom[i], s.height[i] = r.findBin(r.y, s.shares[1], i, wrap(r.angle(v)-r.phase(f.Theta, i)))
			s.left[i], s.width[i] = r.binBounds(r.x, s.shares[0], i, bin)
		} else {
			bin, s.left[i], s.width[i] = r.findBin(r.x, s.shares[0], i, r.angle(v))
			s.bottom[i], s.height[i] = r.binBounds(r.y, s.shares[1], i, bin)
		}
		s.bin[i] = float64(bin)
	}
	r.rawSlopes(s.start, s.end, s.bin, f.Theta)
	kernel.Softplus(s.start, s.start)
	kernel.Softplus(s.end, s.end)
	for i := range s.start {
		s.start[i] += r.minSlope
		s.end[i] += r.minSlope
	}
	return s
}

// slopeRows are where theta has the raw slopes at both knots of a bin: the last
// bin ends where the first begins.
func (r circularQuadratic[T]) slopeRows(bin int) (start, end int) {
	return 2*r.bins + bin, 2*r.bins + (bin+1)%r.bins
}

// rawSlopes gathers what softplus makes the slopes at both knots of each bin from.
func (r circularQuadratic[T]) rawSlopes(start, end, bins []float64, theta bijector.Mat[T]) {
	for i, b := range bins {
		from, to := r.slopeRows(int(b))
		start[i] = r.slopeOffset + min(float64(theta.Data[from*theta.Stride+i]), r.maxRawSlope)
		end[i] = r.slopeOffset + min(float64(theta.Data[to*theta.Stride+i]), r.maxRawSlope)
	}
}

func (r circularQuadratic[T]) Forward(y, x []T, f TransformArgs[T], logDet []float64) {
	s := r.locate(x, f, false)
	for i, v := range x {
		p := splineBin{s.height[i] / s.width[i], s.start[i], s.end[i]}
		num, den, inner := p.eval(clampUnit((r.angle(v) - s.left[i]) / s.width[i]))
		y[i] = r.value(s.bottom[i] + s.height[i]*(num/den) + r.phase(f.Theta, i))
		m := p.s / den
		logDet[i] += math.Log(m * m * inner)
	}
}

func (r circularQuadratic[T]) Inverse(x, y []T, f TransformArgs[T], logDet []float64) {
	s := r.locate(y, f, true)
	for i, v := range y {
		p := splineBin{s.height[i] / s.width[i], s.start[i], s.end[i]}
		q := p.solve(wrap(r.angle(v)-r.phase(f.Theta, i))-s.bottom[i], s.height[i])
		_, den, inner := p.eval(q)
		x[i] = r.value(s.left[i] + s.width[i]*q)
		m := p.s / den
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
	s := r.scratch(f.Scratch)
	r.rawSlopes(s.startWork, s.endWork, s.bin, f.Theta)
	kernel.Sigmoid(s.startWork, s.startWork)
	kernel.Sigmoid(s.endWork, s.endWork)
	for k := 2 * r.bins; k < dtheta.D; k++ {
		clear(dtheta.Feature(k))
	}
	clipped := func(row, i int) bool { return float64(f.Theta.Data[row*f.Theta.Stride+i]) > r.maxRawSlope }
	for i, v := range x {
		g, l := float64(dy[i])/r.scale, dLogDet[i]
		w, h := s.width[i], s.height[i]
		p := splineBin{h / w, s.start[i], s.end[i]}
		q := clampUnit((r.angle(v) - s.left[i]) / w)
		dq, ds, dd0, dd1, n := p.partials(q, w, h, g, l)

		dx[i] = T(dq / w * r.scale)
		bin := int(s.bin[i])
		r.backwardBin(r.x, dtheta, s.shares[0], i, bin, 0, s.left[i], w, -dq/w, -(q*dq+p.s*ds)/w)
		r.backwardBin(r.y, dtheta, s.shares[1], i, bin, r.bins, s.bottom[i], h, g, g*n+ds/w)
		from, to := r.slopeRows(bin)
		if !clipped(from, i) {
			dtheta.Data[from*dtheta.Stride+i] = T(dd0 * s.startWork[i])
		}
		if !clipped(to, i) {
			dtheta.Data[to*dtheta.Stride+i] = T(dd1 * s.endWork[i])
		}
		dtheta.Data[3*r.bins*dtheta.Stride+i] = T(g)
	}
}

// lineQuadratic is the spline of a feature that lies on no circle, with as many
// parameters: it ignores the last two.
type lineQuadratic[T bijector.Float] struct{ rationalQuadratic[T] }

func (r lineQuadratic[T]) Params() int { return 3*r.bins + 1 }
