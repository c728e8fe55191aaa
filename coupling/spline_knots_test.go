// Exponential knots and boxes that are circles.

package coupling_test

import (
	"errors"
	"math"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/bijector/bijectortest"
	"github.com/bijou-flow/bijou/coupling"
)

func TestExponentialKnots(t *testing.T) {
	s := coupling.SplineSpec{Dim: 5, ContextDim: 2, Knots: "exponential", Bins: 5, MinSlope: 0.05, Hidden: hidden, Seed: 3}
	bijectortest.RunSpec(t, s, coupling.NewSpline[float32], coupling.NewSpline[float64], bijectortest.Options{Seed: 3})

	// Shares 1/4 and 3/4 of the width, 1/2 of the height, and the slope 2 between:
	// u = r/(1 + |r|/C) is log 3 for r = log 3 / (1 - log 3 / C).
	const least = 1e-3
	raw := func(u, bound float64) float64 { return u / (1 - math.Abs(u)/bound) }
	c := -math.Log(least)
	q := splineOf(coupling.SplineSpec{Bins: 2, Bound: 2, MinSlope: least, Knots: "exponential"},
		[]float64{0, raw(math.Log(3), c/2), 7, 7, raw(math.Log(2), c)})
	y, logDet := applySpline(q, []float64{-2, -1.5, -1, 0.5, 2, 3}, false)
	compareSlices(t, "y", y, []float64{-2, -8. / 7, 0, 16. / 13, 2, 3}, 1e-14)
	compareSlices(t, "log-det", logDet, []float64{0, math.Log(16. / 7), math.Log(2), math.Log(16. / 39), 0, 0}, 1e-13)
}

func TestHalfTurn(t *testing.T) {
	q := splineOf(coupling.SplineSpec{Bins: 3, Bound: 2, HalfTurn: true}, make([]float64, 8))
	x := []float64{-2, -0.5, 0, 0.5, 1.5, 5.5}
	y, _ := applySpline(q, x, false)
	compareSlices(t, "y", y, []float64{0, 1.5, -2, -1.5, -0.5, -0.5}, 1e-14)
	back, _ := applySpline(q, y, true)
	compareSlices(t, "x", back, []float64{-2, -0.5, 0, 0.5, 1.5, 1.5}, 1e-14)
}

func TestKnotsRefused(t *testing.T) {
	for _, s := range []coupling.SplineSpec{{Knots: "cubic"}, {Knots: "exponential", MinWidth: 0.01}, {Knots: "exponential", MinHeight: 0.01}} {
		if _, err := coupling.RationalQuadratic[float64](s); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%+v: %v, want ErrSpec", s, err)
		}
	}
}
