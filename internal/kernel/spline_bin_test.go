// The root of a spline's bin: how many digits of it are lost.

package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestSplineRoot inverts bins whose sizes and slopes differ by factors of up to
// a million. What comes back is off by a rounding of the value over the slope, which no
// inverse can undo, times a small number.
func TestSplineRoot(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	worst := 0.0
	for range 200_000 {
		w, h := math.Exp(-7*rng.Float64()), math.Exp(-7*rng.Float64())
		slope := func() float64 { return math.Exp(math.Log(1e-3) + rng.Float64()*math.Log(1e6)) }
		p := SplineBin{h / w, slope(), slope()}
		q := rng.Float64()
		num, den, inner := p.Eval(q)
		v, m := h*(num/den), p.S/den
		least := max(0x1p-52*v/(w*m*m*inner), 0x1p-53*q)
		back := p.Refine(p.Solve(v, h), v, w, h)
		worst = max(worst, math.Abs(back-q)/least)
	}
	if worst > 10 {
		t.Errorf("the root is off by %.3g times what rounding makes of it, want 10 at most", worst)
	}
	t.Logf("worst %.3g", worst)
	for _, q := range []float64{0, 1} {
		p := SplineBin{2, 0.001, 300}
		num, den, _ := p.Eval(q)
		if v := 0.5 * (num / den); p.Refine(p.Solve(v, 0.5), v, 0.25, 0.5) != q {
			t.Errorf("the end %v of a bin moves", q)
		}
	}
}
