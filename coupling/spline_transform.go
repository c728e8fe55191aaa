// The monotonic rational-quadratic spline: value, root and gradient.

package coupling

import (
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
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
	rowScaleX      = iota // the sizes' free parts over the sums of the shares
	rowScaleY             //
	rowAt                 // where the spline finds a value
	rowBin                // its bin
	rowLeft               // the bin's corner: x
	rowBottom             // and y
	rowWidth              // its size
	rowHeight             //
	rowStart              // the slope at its left knot
	rowEnd                // and at its right one
	rowStartFactor        // their derivatives by the raw ones
	rowEndFactor          //
	splineRows
)

func (r rationalQuadratic[T]) Params() int     { return 3*r.bins - 1 + 2*r.ends }
func (rationalQuadratic[T]) Shared() []float64 { return nil }
func (r rationalQuadratic[T]) Scratch() int    { return 2*r.bins + splineRows }

// splineScratch is the scratch by name, both axes' first x and then y.
type splineScratch struct {
	shares           [2]kernel.Strided[float64]
	scale, low, size [2][]float64
	rest             bijector.Mat[float64]
}

func (s splineScratch) row(k int) []float64 { return s.rest.Feature(k) }

func (q *splineShape) scratch(m bijector.Mat[float64]) splineScratch {
	s := splineScratch{
		shares: [2]kernel.Strided[float64]{rowsFrom(m, 0), rowsFrom(m, q.bins)},
		rest:   m.Features(2*q.bins, 2*q.bins+splineRows),
	}
	s.scale = [2][]float64{s.row(rowScaleX), s.row(rowScaleY)}
	s.low = [2][]float64{s.row(rowLeft), s.row(rowBottom)}
	s.size = [2][]float64{s.row(rowWidth), s.row(rowHeight)}
	return s
}

// fill sets what the kernels are told of a row's splines, for values on the first axis
// that axes names: x is 0, y is 1. The raw slopes at the inner knots are the rows of theta from the
// given one on.
func fill[T bijector.Float](k *kernel.Spline[T], q *splineShape, s *splineScratch, theta bijector.Mat[T], inner int, axes [2]int) {
	k.Bins, k.Bound, k.Edge = q.bins, q.bound, float64(edge[T](q.bound))
	k.MinSlope, k.Offset, k.MaxRaw = q.minSlope, q.slopeOffset, q.maxRawSlope
	sizes := [2]binAxis{q.x, q.y}
	for i, a := range axes {
		k.Least[i], k.Free[i] = sizes[a].minSize, sizes[a].freeSize
		k.Shares[i], k.Scale[i], k.Low[i], k.Size[i] = s.shares[a], s.scale[a], s.low[a], s.size[a]
	}
	k.N, k.Slopes, k.At, k.Bin = s.rest.N, rowsFrom(theta, inner), s.row(rowAt), s.row(rowBin)
	k.Start, k.End, k.StartFactor, k.EndFactor = s.row(rowStart), s.row(rowEnd), s.row(rowStartFactor), s.row(rowEndFactor)
}

// The axis on which values are: x for Forward, and y for Inverse.
var alongX, alongY = [2]int{0, 1}, [2]int{1, 0}

// fill sets what the kernels are told of a row's splines.
func (r rationalQuadratic[T]) fill(k *kernel.Spline[T], s *splineScratch, f TransformArgs[T], axes [2]int) {
	fill(k, &r.splineShape, s, f.Theta, 2*r.bins+r.ends, axes)
	if k.FreeEnds = r.ends > 0; k.FreeEnds {
		k.First, k.Last = f.Theta.Feature(2*r.bins), f.Theta.Feature(3*r.bins)
	}
}

// inBox reports whether the spline moves v; NaN is inside.
func (q *splineShape) inBox(v float64) bool { return !(v < -q.bound || v > q.bound) }

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
	rows := r.scratch(f.Scratch)
	if same.Empty() {
		r.shares(&rows, f.Theta)
	} else {
		known := 2*r.bins + rowScaleY + 1
		f.Scratch.Features(0, known).CopyFrom(same.Features(0, known))
	}
	var s kernel.Spline[T]
	r.fill(&s, &rows, f, alongX)
	kernel.Widen(s.At, x)
	if r.turned {
		for i, v := range s.At {
			s.At[i] = r.turn(v)
		}
	}
	s.Locate()
	r.slopes(&s)
	s.Forward(y, x, logDet)
}

func (r rationalQuadratic[T]) Inverse(x, y []T, f TransformArgs[T], logDet []float64) {
	rows := r.scratch(f.Scratch)
	r.shares(&rows, f.Theta)
	var s kernel.Spline[T]
	r.fill(&s, &rows, f, alongY)
	kernel.Widen(s.At, y)
	s.Locate()
	r.slopes(&s)
	edge := edge[T](r.bound)
	for i, v := range y {
		if !r.inBox(float64(v)) {
			x[i] = v
			if r.turned {
				x[i] = min(max(T(r.turn(float64(v))), -edge), edge)
			}
			continue
		}
		w, h, left, bottom := s.Size[1][i], s.Size[0][i], s.Low[1][i], s.Low[0][i]
		p := kernel.SplineBin{S: h / w, D0: s.Start[i], D1: s.End[i]}
		q := p.Solve(float64(v)-bottom, h)
		q = p.Refine(q, float64(v)-bottom, w, h)
		_, den, inner := p.Eval(q)
		x[i] = within(T(left+w*q), v, edge)
		if r.turned {
			x[i] = min(max(T(r.turn(left+w*q)), -edge), edge)
		}
		m := p.S / den
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
	rows := r.scratch(f.Scratch)
	var s kernel.Spline[T]
	r.fill(&s, &rows, f, alongX)
	d := kernel.SplineGrads[T]{
		Logits: [2]kernel.Strided[T]{rowsFrom(dtheta, 0), rowsFrom(dtheta, r.bins)},
		Slopes: rowsFrom(dtheta, 2*r.bins+r.ends),
	}
	if s.FreeEnds {
		d.First, d.Last = dtheta.Feature(2*r.bins), dtheta.Feature(3*r.bins)
	}
	s.Backward(dx, d, dy, dLogDet)
	for k := r.Params(); k < dtheta.D; k++ { // of a line among circles, which has no use for them
		clear(dtheta.Feature(k))
	}
	r.clipGradients(dtheta, f.Theta)
}
