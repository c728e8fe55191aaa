// Activations against their formulas.

package nn

import (
	"errors"
	"math"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/bijou-flow/bijou/bijector"
)

func TestActivations(t *testing.T) {
	t.Run("float32", testActivations[float32])
	t.Run("float64", testActivations[float64])
}

func testActivations[T bijector.Float](t *testing.T) {
	type functions struct{ value, slope func(x float64) float64 }
	sigma := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	below := func(x, above, below float64) float64 {
		if x > 0 {
			return above
		}
		return below
	}
	phi := distuv.UnitNormal
	want := map[string]functions{
		"relu":       {func(x float64) float64 { return max(x, 0) }, func(x float64) float64 { return below(x, 1, 0) }},
		"tanh":       {math.Tanh, func(x float64) float64 { return 1 / math.Pow(math.Cosh(x), 2) }},
		"elu":        {func(x float64) float64 { return below(x, x, math.Exp(x)-1) }, func(x float64) float64 { return below(x, 1, math.Exp(x)) }},
		"leaky_relu": {func(x float64) float64 { return below(x, x, x/100) }, func(x float64) float64 { return below(x, 1, 0.01) }},
		"sigmoid":    {sigma, func(x float64) float64 { return sigma(x) * sigma(-x) }},
		"softplus":   {func(x float64) float64 { return math.Log(1 + math.Exp(x)) }, sigma},
		"silu":       {func(x float64) float64 { return x * sigma(x) }, func(x float64) float64 { return sigma(x) + x*sigma(x)*sigma(-x) }},
		"gelu":       {func(x float64) float64 { return x * phi.CDF(x) }, func(x float64) float64 { return phi.CDF(x) + x*phi.Prob(x) }},
	}
	if len(want) != len(activationNames) {
		t.Errorf("%d activations are tested, %d have names", len(want), len(activationNames))
	}
	most := 1e-14
	if _, ok := any(*new(T)).(float32); ok {
		most = 1e-6
	}
	x := []T{-30, -4, -1.5, -0.1, 0, 0.1, 2, 5, 30}
	for name, f := range want {
		a, err := newActivation(name)
		if err != nil {
			t.Fatal(err)
		}
		y, d := make([]T, len(x)), make([]T, len(x))
		activate(a, y, x)
		for i := range d {
			d[i] = 3
		}
		from := y
		if a.keepsInput() {
			from = x
		}
		backwardActivation(a, d, from)
		for i, v := range x {
			if value := f.value(float64(v)); !(math.Abs(float64(y[i])-value) <= most*max(1, math.Abs(value))) {
				t.Errorf("%s(%v) is %v, want %v", name, v, y[i], value)
			}
			if slope := 3 * f.slope(float64(v)); !(math.Abs(float64(d[i])-slope) <= 10*most) {
				t.Errorf("%s: the gradient at %v is %v, want %v", name, v, d[i], slope)
			}
		}
		y[0] = T(math.NaN())
		if activate(a, y[:1], y[:1]); y[0] == y[0] {
			t.Errorf("%s(NaN) is %v", name, y[0])
		}
	}
	if _, err := newActivation("cubic"); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("an activation that there is not: %v", err)
	}
}
