// Splines at the ends of their box: exact, and nothing inside gets out.

package coupling_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
)

func TestSplineEnds(t *testing.T) {
	t.Run("float32", splineEnds[float32])
	t.Run("float64", splineEnds[float64])
}

// splineEnds: of 1,000 random splines, each takes -B and B to themselves in
// both directions, and no other value of the box out of it.
func splineEnds[T bijector.Float](t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	next := func(v T, towards float64) T {
		if w, ok := any(v).(float32); ok {
			return T(math.Nextafter32(w, float32(towards)))
		}
		return T(math.Nextafter(float64(v), towards))
	}
	missed, outside := 0, 0
	for trial := range 1000 {
		// Bounds that T holds, and others.
		bound := []float64{5, 3, 1, 0.1, 7 * rng.Float64()}[trial%5]
		last := T(bound) // of the box, in T
		if float64(last) > bound {
			last = next(last, 0)
		}
		x := []T{-last, last, T(bound), -T(bound)}
		for v := last; len(x) < 36; x = append(x, v, -v) {
			v = next(v, 0)
		}
		for len(x) < 64 {
			x = append(x, T(bound*(2*rng.Float64()-1)))
		}
		bins := 2 + rng.IntN(15)
		g, err := coupling.RationalQuadratic[T](coupling.SplineSpec{Bins: bins, Bound: bound})
		if err != nil {
			t.Fatal(err)
		}
		n := len(x)
		f := coupling.TransformArgs[T]{Theta: bijector.NewMat[T](g.Params(), n), Scratch: bijector.NewMat[float64](g.Scratch(), n)}
		for p, v := range randomRawParams(bins, 1+2*rng.Float64(), rng) {
			row := f.Theta.Feature(p)
			for i := range row {
				row[i] = T(v)
			}
		}
		for direction, apply := range map[string]func(to, from []T, f coupling.TransformArgs[T], logDet []float64){"forward": g.Forward, "inverse": g.Inverse} {
			y, logDet := make([]T, n), make([]float64, n)
			apply(y, x, f, logDet)
			for i, v := range x {
				what := fmt.Sprintf("trial %d, %s, B %v: %v becomes %v", trial, direction, bound, v, y[i])
				switch {
				case i < 4 && y[i] != v:
					missed++
					t.Log(what)
				case i >= 4 && !(math.Abs(float64(y[i])) <= bound) && math.Abs(float64(v)) <= bound:
					outside++
					t.Log(what)
				}
				if math.Abs(float64(v)) == bound && !(math.Abs(logDet[i]) <= 1e-15) {
					t.Errorf("%s: log-slope %v, want 0", what, logDet[i])
				}
			}
		}
	}
	if missed > 0 || outside > 0 {
		t.Errorf("%d ends are moved, and %d values leave the box", missed, outside)
	}
}
