// The fits of the normal distribution's tail against other formulas.

package onnx

import (
	"math"
	"testing"
)

// millsByFraction is Mills' ratio by Laplace's continued fraction
// 1/(z + 1/(z + 2/(z + 3/(z + ...)))), for z from 1 on.
func millsByFraction(z float64) float64 {
	f := z
	for k := 2000; k > 0; k-- {
		f = z + float64(k)/f
	}
	return 1 / f
}

func TestLogMills(t *testing.T) {
	for z := 1.0; z <= farLatent; z += 1.0 / 64 {
		if got, want := logMills(z), math.Log(millsByFraction(z)); math.Abs(got-want) > 4e-14 {
			t.Errorf("log M(%v) is %v, want %v", z, got, want)
		}
	}
}

func (p fit) at(v float64, n int) (sum float64) {
	a, b, c := p.coefficients(n)
	for k := n - 1; k >= 0; k-- {
		sum = sum*(a-b/(v+p.pole)) + c[k]
	}
	return sum
}

func TestFits(t *testing.T) {
	tail := func(z float64) float64 { return math.Sqrt(logTail(z)) }
	for z := 0.0; z <= farLatent; z += 1.0 / 32 {
		for _, c := range []struct {
			name      string
			got, want float64
			most      float64
		}{
			{"log M in float32", logMillsFit.at(z, logMillsFit.single), logMills(z), 4e-9},
			{"log M in float64", logMillsFit.at(z, logMillsFit.double), logMills(z), 5e-14},
			{"the quantile in float32", tailQuantileFit.at(tail(z), tailQuantileFit.single), z, 4e-9},
			{"the quantile in float64", tailQuantileFit.at(tail(z), tailQuantileFit.double), z, 5e-14},
		} {
			if !(math.Abs(c.got-c.want) <= c.most) {
				t.Errorf("%s at z = %v is %v, want %v: off by %.1e", c.name, z, c.got, c.want, c.got-c.want)
			}
		}
	}
}
