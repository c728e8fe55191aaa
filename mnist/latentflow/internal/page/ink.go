// Digits drawn by hand, made into images like MNIST's, and what the model says
// of them.

package page

import (
	"context"
	"math"

	"github.com/bijou-flow/bijou/bijector"
)

// inkQuestion is a digit drawn by hand, or the index of a test image.
type inkQuestion struct {
	// Strokes are lines through points (x, y): x to the right, y down, in any
	// unit. A stroke of one point is a dot.
	Strokes [][][2]float64 `json:"strokes"`
	Test    *int           `json:"test"`
}

// inkAnswer is the image that the model sees, what it makes of it, and where.
type inkAnswer struct {
	timed
	reading
	Pixels         []byte `json:"pixels"`
	Reconstruction []byte `json:"reconstruction"`
	Label          *int   `json:"label,omitempty"` // of a test image
}

// ink answers /api/ink.
func (e *engine) ink(_ context.Context, q inkQuestion) (*inkAnswer, error) {
	a := &inkAnswer{}
	switch {
	case q.Strokes != nil && q.Test != nil:
		return nil, wrong("test", "strokes and a test image", "one of both")
	case q.Test != nil:
		if err := between("test", *q.Test, 0, e.Test.Len()-1); err != nil {
			return nil, err
		}
		label := e.Test.Label(*q.Test)
		a.Label, a.Pixels = &label, e.Test.Image(*q.Test)
	default:
		if err := checkStrokes(q.Strokes); err != nil {
			return nil, err
		}
		a.Pixels = bytesOf(rasterise(q.Strokes, e.height, e.width))
	}
	x := bijector.NewRows[float32](1, len(a.Pixels))
	for i, v := range a.Pixels {
		x.Row(0)[i] = float32(v) / 255
	}
	z, err := e.Model.Encode(x)
	if err != nil {
		return nil, err
	}
	if a.Reconstruction, err = e.gray(z); err != nil {
		return nil, err
	}
	a.reading, err = e.read(z)
	return a, err
}

// checkStrokes says what is wrong with strokes.
func checkStrokes(strokes [][][2]float64) error {
	if len(strokes) < 1 || len(strokes) > maxStrokes {
		return wrongf("strokes", len(strokes), "1 to %d", maxStrokes)
	}
	points := 0
	for _, s := range strokes {
		if points += len(s); len(s) == 0 {
			return wrong("strokes", "a stroke without a point", "one or more points in each")
		}
		for _, p := range s {
			if !(math.Abs(p[0]) <= 1e6 && math.Abs(p[1]) <= 1e6) {
				return wrongf("strokes", p, "coordinates from -1e6 to 1e6")
			}
		}
	}
	if points > maxPoints {
		return wrongf("strokes", points, "%d points at most", maxPoints)
	}
	return nil
}

// Sizes of MNIST's images, for a side of 28: digits are fitted into a box of 20,
// and the strokes of its pens are some 2 1/2 wide.
const (
	side = 28.0
	box  = 20.0
	pen  = 2.5
)

// rasterise draws strokes as MNIST's images were made: the digit is fitted into
// the box with its proportions kept, and moved until the centre of its mass is
// that of the image. Pixels are covered in part at the edges of a stroke. The
// pen is as wide whatever the size of what was drawn.
func rasterise(strokes [][][2]float64, h, w int) []float32 {
	unit := float64(min(h, w)) / side
	lo, hi := [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)}
	for _, s := range strokes {
		for _, p := range s {
			for i := range p {
				lo[i], hi[i] = min(lo[i], p[i]), max(hi[i], p[i])
			}
		}
	}
	scale := 0.0 // of a dot, which has no size
	if size := max(hi[0]-lo[0], hi[1]-lo[1]); size > 0 {
		scale = (box - pen) * unit / size
	}
	middle := [2]float64{float64(w) / 2, float64(h) / 2}
	fit := func(p [2]float64) (q [2]float64) {
		for i := range p {
			q[i] = middle[i] + scale*(p[i]-(lo[i]+hi[i])/2)
		}
		return q
	}
	image := cover(strokes, fit, pen*unit/2, h, w)
	mass, sum := [2]float64{}, 0.0
	for i, v := range image {
		sum += float64(v)
		mass[0] += float64(v) * (float64(i%w) + 0.5)
		mass[1] += float64(v) * (float64(i/w) + 0.5)
	}
	if sum == 0 {
		return image
	}
	return cover(strokes, func(p [2]float64) [2]float64 {
		q := fit(p)
		return [2]float64{q[0] + middle[0] - mass[0]/sum, q[1] + middle[1] - mass[1]/sum}
	}, pen*unit/2, h, w)
}

// cover is the share of each pixel that strokes of a radius cover, about.
func cover(strokes [][][2]float64, fit func([2]float64) [2]float64, radius float64, h, w int) []float32 {
	image := make([]float32, h*w)
	for _, s := range strokes {
		a := fit(s[0])
		for _, p := range s[min(1, len(s)-1):] {
			b := fit(p)
			for y := clampInt(min(a[1], b[1])-radius-1, h); y < clampInt(max(a[1], b[1])+radius+2, h); y++ {
				for x := clampInt(min(a[0], b[0])-radius-1, w); x < clampInt(max(a[0], b[0])+radius+2, w); x++ {
					d := toSegment([2]float64{float64(x) + 0.5, float64(y) + 0.5}, a, b)
					i := y*w + x
					image[i] = max(image[i], float32(min(max(radius+0.5-d, 0), 1)))
				}
			}
			a = b
		}
	}
	return image
}

// clampInt is v as an index from 0 to n.
func clampInt(v float64, n int) int { return int(min(max(v, 0), float64(n))) }

// toSegment is the distance from p to the segment from a to b.
func toSegment(p, a, b [2]float64) float64 {
	dx, dy := b[0]-a[0], b[1]-a[1]
	t := 0.0
	if l := dx*dx + dy*dy; l > 0 {
		t = min(max(((p[0]-a[0])*dx+(p[1]-a[1])*dy)/l, 0), 1)
	}
	return math.Hypot(p[0]-a[0]-t*dx, p[1]-a[1]-t*dy)
}
