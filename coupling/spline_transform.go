// The monotonic rational-quadratic spline: value, root and gradient.

package coupling

import (
	"math"

	"github.com/bijou-flow/bijou/bijector"
)

// splineShape are the numbers that all splines of a coupling share.
type splineShape struct {
	bins        int
	bound       float64
	x, y        binAxis
	minSlope    float64
	slopeOffset float64 // softplus(shift) = 1 - minSlope
	maxRawSlope float64 // raw slopes are clipped to it
	clip        float64 // exponential knots: the bound of a slope's logarithm; 0: the others
	turned      bool    // the box is a circle, turned by half before the spline
	ends        int     // 1: the slopes at the box's ends are parameters too
}

// binAxis makes a bin's size from its share p of a softmax: least + spread*p.
type binAxis struct{ minSize, freeSize float64 }

// rationalQuadratic is g of Spline, with theta = (widths, heights, slopes) as
// the conditioner gives them.
type rationalQuadratic[T bijector.Float] struct{ splineShape }

// The rows of its scratch after the 2K shares of the widths and heights.
const (
	rowBin       = iota // the bin of a value
	rowLeft             // its corner: x
	rowBottom           // and y
	rowWidth            // its size
	rowHeight           //
	rowStart            // the slope at its left knot
	rowEnd              // and at its right one
	rowWorkspace        // two rows of work
	splineRows   = rowWorkspace + 2
)

func (r rationalQuadratic[T]) Params() int     { return 3*r.bins - 1 + 2*r.ends }
func (rationalQuadratic[T]) Shared() []float64 { return nil }
func (r rationalQuadratic[T]) Scratch() int    { return 2*r.bins + splineRows }

// splineScratch is the scratch by name: the softmax of the widths and of the
// heights, and rows of what belongs to each value's bin.
type splineScratch struct {
	shares                           [2]bijector.Mat[float64]
	bin, left, bottom, width, height []float64
	start, end, startWork, endWork   []float64
}

func (r rationalQuadratic[T]) scratch(m bijector.Mat[float64]) splineScratch {
	row := func(k int) []float64 { return m.Feature(2*r.bins + k) }
	return splineScratch{
		shares: [2]bijector.Mat[float64]{m.Features(0, r.bins), m.Features(r.bins, 2*r.bins)},
		bin:    row(rowBin), left: row(rowLeft), bottom: row(rowBottom), width: row(rowWidth), height: row(rowHeight),
		start: row(rowStart), end: row(rowEnd), startWork: row(rowWorkspace), endWork: row(rowWorkspace + 1),
	}
}

// findBin returns the bin that v is in, its lower end and its size. What is
// outside the box gets the bin at that end, and NaN the first, so that nothing
// is ever out of range. The last bin ends at the bound, whatever the sums were
// rounded to.
func (q *splineShape) findBin(a binAxis, shares bijector.Mat[float64], i int, v float64) (bin int, at, size float64) {
	at = -q.bound
	for bin < q.bins-1 {
		size = a.minSize + a.freeSize*shares.Data[bin*shares.Stride+i]
		if !(v >= at+size) {
			return bin, at, size
		}
		at += size
		bin++
	}
	return bin, at, q.bound - at
}

// binBounds returns the lower end of a bin and its size, to the same bits as find.
func (q *splineShape) binBounds(a binAxis, shares bijector.Mat[float64], i, bin int) (at, size float64) {
	at = -q.bound
	for k := range bin {
		at += a.minSize + a.freeSize*shares.Data[k*shares.Stride+i]
	}
	if bin == q.bins-1 {
		return at, q.bound - at
	}
	return at, a.minSize + a.freeSize*shares.Data[bin*shares.Stride+i]
}

// inBox reports whether the spline moves v; NaN is inside.
func (q *splineShape) inBox(v float64) bool { return !(v < -q.bound || v > q.bound) }

// locate finds the bins of the values on one axis and all that belongs to
// them. The callers leave values outside the box alone, and use none of it. The
// shares are those in the scratch same, unless it is empty.
func (r rationalQuadratic[T]) locate(values []T, f TransformArgs[T], same bijector.Mat[float64], inverse bool) splineScratch {
	s := r.scratch(f.Scratch)
	if same.Empty() {
		r.shares(s, f.Theta)
	} else {
		f.Scratch.Features(0, 2*r.bins).CopyFrom(same.Features(0, 2*r.bins))
	}
	for i, v := range values {
		var bin int
		if inverse {
			bin, s.bottom[i], s.height[i] = r.findBin(r.y, s.shares[1], i, float64(v))
			s.left[i], s.width[i] = r.binBounds(r.x, s.shares[0], i, bin)
		} else {
			bin, s.left[i], s.width[i] = r.findBin(r.x, s.shares[0], i, r.turn(float64(v)))
			s.bottom[i], s.height[i] = r.binBounds(r.y, s.shares[1], i, bin)
		}
		s.bin[i] = float64(bin)
	}
	r.slopes(s, f.Theta)
	return s
}

// edge is the largest T of at most bound, which is positive: the last value
// that the spline moves.
func edge[T bijector.Float](bound float64) T {
	e := T(bound)
	if float64(e) > bound { // only where T is float32
		e = T(math.Nextafter32(float32(e), 0))
	}
	return e
}

// within is where a value from of the box goes that the spline takes to: the
// box's ends stay, and rounding moves nothing out of the box. NaN stays.
func within[T bijector.Float](to, from, edge T) T {
	if from == edge || from == -edge {
		return from
	}
	return min(max(to, -edge), edge)
}

func (r rationalQuadratic[T]) Forward(y, x []T, f TransformArgs[T], logDet []float64) {
	r.ForwardAgain(y, x, f, bijector.Mat[float64]{}, logDet)
}

// ForwardAgain is Forward of further values under parameters that were used
// before: same is the scratch of that call, or empty. A nil logDet is not wanted.
func (r rationalQuadratic[T]) ForwardAgain(y, x []T, f TransformArgs[T], same bijector.Mat[float64], logDet []float64) {
	s := r.locate(x, f, same, false)
	edge := edge[T](r.bound)
	for i, v := range x {
		u := r.turn(float64(v))
		if !r.inBox(u) {
			y[i] = v
			continue
		}
		p := splineBin{s.height[i] / s.width[i], s.start[i], s.end[i]}
		num, den, inner := p.eval(clampUnit((u - s.left[i]) / s.width[i]))
		y[i] = within(T(s.bottom[i]+s.height[i]*(num/den)), T(u), edge)
		if logDet != nil {
			m := p.s / den
			logDet[i] += math.Log(m * m * inner)
		}
	}
}

func (r rationalQuadratic[T]) Inverse(x, y []T, f TransformArgs[T], logDet []float64) {
	s := r.locate(y, f, bijector.Mat[float64]{}, true)
	edge := edge[T](r.bound)
	for i, v := range y {
		if !r.inBox(float64(v)) {
			x[i] = v
			if r.turned {
				x[i] = min(max(T(r.turn(float64(v))), -edge), edge)
			}
			continue
		}
		p := splineBin{s.height[i] / s.width[i], s.start[i], s.end[i]}
		q := p.solve(float64(v)-s.bottom[i], s.height[i])
		q = p.refine(q, float64(v)-s.bottom[i], s.width[i], s.height[i])
		_, den, inner := p.eval(q)
		x[i] = within(T(s.left[i]+s.width[i]*q), v, edge)
		if r.turned {
			x[i] = min(max(T(r.turn(s.left[i]+s.width[i]*q)), -edge), edge)
		}
		m := p.s / den
		logDet[i] -= math.Log(m * m * inner)
	}
}

// Backward. In a bin with corner (x0, y0), width w and height h, with
// q = (x-x0)/w, t = q(1-q), s = h/w, and N = s q^2 + d0 t, D = s(1-2t) +
// (d0+d1) t, E = d1 q^2 + 2s t + d0 (1-q)^2,
//
//	y = y0 + h N/D,  L = log|dy/dx| = 2 log s + log E - 2 log D.
//
// The partial derivatives with q, s, d0, d1 and h for variables are
//
//	y_q  = w s^2 E/D^2,            L_q  = 2(d1 q + s(1-2q) - d0(1-q))/E - 2(d0+d1-2s)(1-2q)/D,
//	y_s  = h(q^2 - (1-2t) N/D)/D,  L_s  = 2/s + 2t/E - 2(1-2t)/D,
//	y_d0 = h t(1 - N/D)/D,         L_d0 = (1-q)^2/E - 2t/D,
//	y_d1 = -h t (N/D)/D,           L_d1 = q^2/E - 2t/D,
//
// and y_h = N/D. With dq, ds, ... the sums of dy y_q + dLogDet L_q, ...,
//
//	dx = dq/w,  dx0 = -dq/w,  dw = -(q dq + s ds)/w,  dy0 = dy,  dh = dy N/D + ds/w.
//
// x0 is the sum of the widths before w, so these have the gradient dx0 and
// those after it none; heights likewise. A width is least + spread*p_k with
// p the softmax of the raw widths, so with g_k the gradients of the widths
// d raw_k = spread p_k (g_k - sum_j p_j g_j), and that sum needs x0 and w
// alone. A raw slope has d raw = dd sigmoid(raw + shift), and 0 where clipped, or
// with exponential knots dd d/(1 + |raw|/C)^2, where raw sizes have 1/(1 + 2|raw|/C)^2
// as another factor.
// Outside the box, dx = dy and all else is 0.
func (r rationalQuadratic[T]) Backward(dx []T, dtheta bijector.Mat[T], dy, x []T, f TransformArgs[T], dLogDet []float64) {
	s := r.scratch(f.Scratch)
	r.slopeFactors(s, f.Theta)
	for k := 2 * r.bins; k < dtheta.D; k++ {
		clear(dtheta.Feature(k))
	}
	for i, v := range x {
		u := r.turn(float64(v))
		if !r.inBox(u) {
			dx[i] = dy[i]
			for k := range 2 * r.bins {
				dtheta.Data[k*dtheta.Stride+i] = 0
			}
			continue
		}
		g, l := float64(dy[i]), dLogDet[i]
		w, h := s.width[i], s.height[i]
		p := splineBin{h / w, s.start[i], s.end[i]}
		q := clampUnit((u - s.left[i]) / w)
		dq, ds, dd0, dd1, n := p.partials(q, w, h, g, l)

		dx[i] = T(dq / w)
		bin := int(s.bin[i])
		r.backwardBin(r.x, dtheta, s.shares[0], i, bin, 0, s.left[i], w, -dq/w, -(q*dq+p.s*ds)/w)
		r.backwardBin(r.y, dtheta, s.shares[1], i, bin, r.bins, s.bottom[i], h, g, g*n+ds/w)
		start, end := r.slopeRows(bin)
		if start >= 0 && !(float64(f.Theta.Data[start*f.Theta.Stride+i]) > r.maxRawSlope) {
			dtheta.Data[start*dtheta.Stride+i] = T(dd0 * s.startWork[i])
		}
		if end >= 0 && !(float64(f.Theta.Data[end*f.Theta.Stride+i]) > r.maxRawSlope) {
			dtheta.Data[end*dtheta.Stride+i] = T(dd1 * s.endWork[i])
		}
	}
	r.clipGradients(dtheta, f.Theta)
}

// backwardBin hands the gradients of a bin's lower end and of its size on to the
// raw sizes of one axis, which are dtheta's rows from first on.
func (r rationalQuadratic[T]) backwardBin(a binAxis, dtheta bijector.Mat[T], shares bijector.Mat[float64], i, bin, first int, at, size, dat, dsize float64) {
	mean := dat*(at+r.bound-float64(bin)*a.minSize) + dsize*(size-a.minSize) // spread times sum_j p_j g_j
	for k := range r.bins {
		g := -mean
		if k < bin {
			g += a.freeSize * dat
		} else if k == bin {
			g += a.freeSize * dsize
		}
		dtheta.Data[(first+k)*dtheta.Stride+i] = T(shares.Data[k*shares.Stride+i] * g)
	}
}
