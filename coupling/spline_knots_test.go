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

// TestFreeEnds: a spline of two equal bins whose slopes are 2, 1/2 and 3.
func TestFreeEnds(t *testing.T) {
	s := coupling.SplineSpec{Dim: 5, ContextDim: 2, FreeEnds: true, Bins: 4, Bound: 2, Hidden: hidden, Seed: 3}
	bijectortest.RunSpec(t, s, coupling.NewSpline[float32], coupling.NewSpline[float64], bijectortest.Options{Seed: 3})

	raw := func(slope float64) float64 { // of 0.001 + softplus(r + c)
		unplus := func(v float64) float64 { return math.Log(math.Expm1(v)) }
		return unplus(slope-1e-3) - unplus(1-1e-3)
	}
	q := splineOf(coupling.SplineSpec{Bins: 2, Bound: 2, FreeEnds: true}, []float64{0, 0, 0, 0, raw(2), raw(0.5), raw(3)})
	x := []float64{-2, -1, 0, 1, 2, 2.5}
	y, logDet := applySpline(q, x, false)
	// In the middle of a bin of mean slope 1: 2(1/2)/(1 + (d0+d1-2)/4) times (1 + d0)/2 from its start.
	compareSlices(t, "y", y, []float64{-2, -2 + 2*(0.25+0.5)/(1+0.125), 0, 2 * (0.25 + 0.125) / (1 + 0.375), 2, 2.5}, 1e-14)
	compareSlices(t, "log-det", logDet, []float64{math.Log(2), math.Log(1.125 / (1.125 * 1.125)), math.Log(0.5), math.Log(1.375 / (1.375 * 1.375)), math.Log(3), 0}, 1e-13)
	back, _ := applySpline(q, y, true)
	compareSlices(t, "x", back, x, 1e-13)
	if _, err := coupling.RationalQuadratic[float64](coupling.SplineSpec{HalfTurn: true, FreeEnds: true}); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("free ends of a circle: %v, want ErrSpec", err)
	}
}
