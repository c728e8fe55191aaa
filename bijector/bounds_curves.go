// The functions of Bounds: an interval's, that of a half-line, and its mirror
// image.

package bijector

import (
	"fmt"
	"math"
	"unsafe"
)

// nextOf is the number of T next to v, which T holds, on the way to another.
func nextOf[T Float](v, towards float64) float64 {
	if unsafe.Sizeof(*new(T)) == 4 {
		return float64(math.Nextafter32(float32(v), float32(towards)))
	}
	return math.Nextafter(v, towards)
}

// largestBound keeps the distance of any T from a bound finite in float64.
func largestBound[T Float]() float64 { return min(nextOf[T](math.Inf(1), 0), 1e290) }

// smallestDistance is one from a pole that the derivatives count as: their
// quotients stay numbers for whatever T holds.
const smallestDistance = 1e-290

// newBoundsCurve is the curve of a feature between two bounds, -Inf and +Inf for
// none; nil where there is none at all.
func newBoundsCurve[T Float](lo, hi, margin float64) (curve, error) {
	below, above := !math.IsInf(lo, -1), !math.IsInf(hi, 1)
	most := largestBound[T]()
	if !(margin >= 0 && margin <= most) {
		return nil, fmt.Errorf("a margin of %v, want 0 to %v: %w", margin, most, ErrSpec)
	}
	if below && !(math.Abs(lo) <= most) || above && !(math.Abs(hi) <= most) {
		return nil, fmt.Errorf("above %v and below %v, want bounds of a magnitude of at most %v in %T, or none: %w", lo, hi, most, *new(T), ErrSpec)
	}
	if !below && !above {
		return nil, nil
	}
	lo, hi = float64(T(lo)), float64(T(hi))
	r := room{lo: lo, hi: hi, margin: margin, least: lo, most: hi}
	if !below || margin == 0 {
		r.least = nextOf[T](lo, math.Inf(1))
	}
	if !above || margin == 0 {
		r.most = nextOf[T](hi, math.Inf(-1))
	}
	if !(lo < hi && r.least <= r.most) {
		return nil, fmt.Errorf("no %T is above %v and below %v: %w", *new(T), lo, hi, ErrSpec)
	}
	r.before, r.after = nextOf[T](r.least, math.Inf(-1)), nextOf[T](r.most, math.Inf(1))
	switch {
	case !above:
		return aboveCurve{r}, nil
	case !below:
		return mirrored{aboveCurve{r.mirror()}}, nil
	}
	width := hi - lo + 2*margin
	return intervalCurve{r, width, math.Log(width)}, nil
}

// room is where a feature is: its bounds, the poles a margin beyond them, the
// least and the greatest number of the domain, and the ones next to these.
type room struct{ lo, hi, margin, least, most, before, after float64 }

func (r room) mirror() room {
	return room{-r.hi, -r.lo, r.margin, -r.most, -r.least, -r.after, -r.before}
}

func (r room) domain() (lo, hi float64) { return r.before, r.after }

func (r room) image() (lo, hi float64) { return math.Inf(-1), math.Inf(1) }

// outside reports whether x is not in the domain; NaN is.
func (r room) outside(x float64) bool { return x < r.least || x > r.most }

// distances of x from the poles.
func (r room) distances(x float64) (below, above float64) {
	return x - r.lo + r.margin, r.hi - x + r.margin
}

// inside is the x that z is taken to, where it was computed as x, and whether that
// is an end of the domain: the log-slope is then the one there. What comes of a z
// that is not finite is not either.
func (r room) inside(z, x float64) (at float64, end bool) {
	switch {
	case z-z != 0:
		return math.NaN(), true
	case x > r.least && x < r.most:
		return x, false
	}
	return min(max(x, r.least), r.most), true
}

// intervalCurve is log((x - lo + m)/(hi - x + m)), with width the distance of
// its poles.
type intervalCurve struct {
	room
	width, logWidth float64
}

func (c intervalCurve) forward(x float64) (z, logSlope float64) {
	if c.outside(x) {
		return math.NaN(), math.NaN()
	}
	p, q := c.distances(x)
	a, b := math.Log(p), math.Log(q)
	return a - b, c.logWidth - a - b
}

// inverse goes from the pole that is nearer, whose distance keeps its digits.
func (c intervalCurve) inverse(z float64) (x, logSlope float64) {
	e := math.Exp(-math.Abs(z))
	distance := c.width*(e/(1+e)) - c.margin
	x = c.lo + distance
	if z > 0 {
		x = c.hi - distance
	}
	x, end := c.inside(z, x)
	if end {
		_, logSlope = c.forward(x)
		return x, logSlope
	}
	return x, math.Abs(z) + 2*math.Log1p(e) - c.logWidth
}

// derivatives. f' = 1/p + 1/q, and (log f')' = 1/q - 1/p.
func (c intervalCurve) derivatives(x float64) (slope, bend float64) {
	p, q := c.distances(x)
	p, q = 1/max(p, smallestDistance), 1/max(q, smallestDistance)
	return p + q, q - p
}

// aboveCurve is log(x - lo + m).
type aboveCurve struct{ room }

func (c aboveCurve) forward(x float64) (z, logSlope float64) {
	if c.outside(x) {
		return math.NaN(), math.NaN()
	}
	p, _ := c.distances(x)
	z = math.Log(p)
	return z, -z
}

func (c aboveCurve) inverse(z float64) (x, logSlope float64) {
	x, end := c.inside(z, c.lo+(math.Exp(z)-c.margin))
	if end {
		_, logSlope = c.forward(x)
		return x, logSlope
	}
	return x, -z
}

func (c aboveCurve) derivatives(x float64) (slope, bend float64) {
	p, _ := c.distances(x)
	slope = 1 / max(p, smallestDistance)
	return slope, -slope
}

// mirrored is -f(-x).
type mirrored struct{ of aboveCurve }

func (c mirrored) forward(x float64) (z, logSlope float64) {
	z, logSlope = c.of.forward(-x)
	return -z, logSlope
}

func (c mirrored) inverse(z float64) (x, logSlope float64) {
	x, logSlope = c.of.inverse(-z)
	return -x, logSlope
}

func (c mirrored) derivatives(x float64) (slope, bend float64) {
	slope, bend = c.of.derivatives(-x)
	return slope, -bend
}

func (c mirrored) domain() (lo, hi float64) { return -c.of.after, -c.of.before }

func (c mirrored) image() (lo, hi float64) { return c.of.image() }
