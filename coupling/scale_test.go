package coupling

import (
	"errors"
	"math"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

// scaleDefinitions are the parametrisations as their documentation has them,
// with softclamp's clamp. The factor of learned-tanh is the coupling's affair.
var scaleDefinitions = map[string]func(r, clamp float64) float64{
	"tanh":         func(r, _ float64) float64 { return math.Tanh(r) },
	"learned-tanh": func(r, _ float64) float64 { return math.Tanh(r) },
	"softclamp":    func(r, c float64) float64 { return 2 / math.Pi * c * math.Atan(r/c) },
	"softsign":     func(r, c float64) float64 { return r / (1 + math.Abs(r)/c) },
	"sigmoid":      func(r, _ float64) float64 { return math.Log(1/(1+math.Exp(-r-2)) + 0.001) },
	"softplus":     func(r, c float64) float64 { return math.Log(math.Log1p(math.Exp(r)) + c) },
	"exp":          func(r, _ float64) float64 { return r },
}

func TestLogScaleValueAndSlope(t *testing.T) {
	const h = 1e-5
	for name, define := range scaleDefinitions {
		for _, clamp := range []float64{0, 0.6} {
			if clamp != 0 && name != "softclamp" && name != "softsign" && name != "softplus" {
				continue
			}
			l, err := newLogScale(name, clamp)
			if err != nil {
				t.Fatal(err)
			}
			if clamp == 0 {
				clamp = map[string]float64{"softclamp": 1.9, "softsign": math.Log(1000), "softplus": 1e-3}[name]
			}
			var rs []float64
			for r := -12.0; r <= 12; r += 0.37 {
				rs = append(rs, r)
			}
			s, kept, ds := make([]float64, len(rs)), append([]float64(nil), rs...), make([]float64, len(rs))
			l.eval(s, kept)
			for i := range ds {
				ds[i] = 0.5
			}
			l.gradient(ds, kept)
			for i, r := range rs {
				if want := define(r, clamp); math.Abs(s[i]-want) > 1e-13*max(1, math.Abs(want)) {
					t.Errorf("%s(%g) = %.17g, want %.17g", name, r, s[i], want)
				}
				want := 0.5 * (define(r+h, clamp) - define(r-h, clamp)) / (2 * h)
				if math.Abs(ds[i]-want) > 1e-9 {
					t.Errorf("%s'(%g)/2 = %.12g, want %.12g", name, r, ds[i], want)
				}
			}
		}
	}
}

// TestLogScaleExtremes: within its bounds, no NaN from finite outputs of the
// conditioner, and NaN from NaN.
func TestLogScaleExtremes(t *testing.T) {
	bounds := map[string][2]float64{
		"tanh":      {-1, 1},
		"softclamp": {-1.9 - 1e-12, 1.9 + 1e-12},
		"softsign":  {-math.Log(1000) - 1e-12, math.Log(1000) + 1e-12},
		"sigmoid":   {math.Log(0.001) - 1e-12, math.Log(1.001) + 1e-12},
		"softplus":  {math.Log(0.001) - 1e-12, math.Log(math.MaxFloat32)},
		"exp":       {-math.MaxFloat32, math.MaxFloat32},
	}
	for name, b := range bounds {
		l, err := newLogScale(name, 0)
		if err != nil {
			t.Fatal(err)
		}
		r := []float64{-math.MaxFloat32, -1000, -50, 50, 1000, math.MaxFloat32, math.NaN()}
		s, ds := make([]float64, len(r)), make([]float64, len(r))
		l.eval(s, r)
		for i := range ds {
			ds[i] = 1
		}
		l.gradient(ds, r)
		last := len(r) - 1
		for i := range last {
			if !(s[i] >= b[0] && s[i] <= b[1]) {
				t.Errorf("%s: value %d is %g, want one within %g and %g", name, i, s[i], b[0], b[1])
			}
			if !(ds[i] >= 0 && ds[i] <= 1) {
				t.Errorf("%s: slope %d is %g", name, i, ds[i])
			}
		}
		if !math.IsNaN(s[last]) || name != "exp" && !math.IsNaN(ds[last]) {
			t.Errorf("%s: NaN gives %g and slope %g", name, s[last], ds[last])
		}
	}
}

func TestLogScaleRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		clamp float64
	}{
		{"square", 0}, {"softplus", 1}, {"tanh", 1}, {"", 2}, {"softclamp", -1}, {"softsign", -1}, {"sigmoid", 1}, {"exp", 1}, {"softclamp", math.NaN()}, {"softclamp", math.Inf(1)},
	} {
		if _, err := newLogScale(c.name, c.clamp); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("scale %q with clamp %g: %v, want ErrSpec", c.name, c.clamp, err)
		}
	}
}
