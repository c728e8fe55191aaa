package coupling

import (
	"math"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

// With one moved feature the log-det is the log-scale, which tells where it is
// at its bound.
func TestSaturated(t *testing.T) {
	for _, c := range []struct {
		scale string
		clamp float64
		at    func(s float64) bool
	}{
		{"tanh", 0, func(s float64) bool { return math.Abs(s) > 0.99 }},
		{"learned-tanh", 0, func(s float64) bool { return math.Abs(s/0.5) > 0.99 }},
		{"softclamp", 0.1, func(s float64) bool { return math.Abs(s) > 0.099 }},
		{"softsign", 0.1, func(s float64) bool { return math.Abs(s) > 0.099 }},
		{"sigmoid", 0, func(s float64) bool { return s < 0.99*math.Log(1e-3) }},
		{"exp", 0, func(float64) bool { return false }},
	} {
		for _, reverse := range []bool{false, true} {
			a, err := NewAffine[float64](AffineSpec{Dim: 2, Scale: c.scale, Clamp: c.clamp, Reverse: reverse, Hidden: []int{4}, Activation: "tanh", Seed: 3})
			if err != nil {
				t.Fatal(err)
			}
			for k, p := range a.Params() {
				for i := range p.Data {
					if k >= 2 { // the last layer, so that raw scales are far apart and not few
						p.Data[i] *= 30
					}
					if len(p.Data) == 1 {
						p.Data[i] = 0.5 // the learned factor
					}
				}
			}
			a.Invalidate()
			for _, n := range []int{1, 4000} {
				p := a.NewPass(bijector.PassOptions{MaxBatch: 4000})
				x, z := bijector.NewMat[float64](2, n), bijector.NewMat[float64](2, n)
				for j := range 2 {
					for i := range n {
						x.Feature(j)[i] = 3 * math.Sin(float64(5*i+j+1))
					}
				}
				s, hit, hits := make([]float64, n), make([]bool, n), 0
				p.Forward(z, x, bijector.Mat[float64]{}, s)
				p.(bijector.Saturating).Saturated(hit)
				for i, h := range hit {
					if reverse {
						s[i] = -s[i]
					}
					if h != c.at(s[i]) {
						t.Fatalf("%s: log-scale %v of sample %d of %d: saturated is %t", c.scale, s[i], i, n, h)
					}
					if h {
						hits++
					}
				}
				if n > 1 && (hits == 0 || hits == n) != (c.scale == "exp") {
					t.Errorf("%s: %d of %d samples are saturated", c.scale, hits, n)
				}
			}
		}
	}
}
