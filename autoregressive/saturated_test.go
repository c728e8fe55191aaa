// What passes tell of bounds.

package autoregressive_test

import (
	"math"
	"testing"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
)

// TestSaturated: with the shift at 0 the ratio of z and x tells each feature's
// scale, and a sample is saturated where one of them is at the bound. Both
// directions say the same, and so does a sample by itself.
func TestSaturated(t *testing.T) {
	const d, n, bound = 3, 400, 0.5
	a := must(autoregressive.NewAffine[float64](autoregressive.AffineSpec{Dim: d, Scale: "softclamp", Clamp: bound, Hidden: []int{8}, Activation: "tanh", Seed: 3}))
	for i, p := range a.Params()[2:] { // the last layer: rows of raw scales, then of shifts
		rows := len(p.Data) / (2 * d)
		for k := range p.Data {
			p.Data[k] *= 60
			if k >= d*rows || (i == 1 && k == 0) { // feature 0 has its bias for a scale
				p.Data[k] = 0
			}
		}
	}
	a.Invalidate()
	x, z, back := bijector.NewMat[float64](d, n), bijector.NewMat[float64](d, n), bijector.NewMat[float64](d, n)
	for j := range d {
		for i := range n {
			x.Feature(j)[i] = 3 * math.Sin(float64(5*i+j+1))
		}
	}
	p := a.NewPass(bijector.PassOptions{MaxBatch: n})
	none, logDet := bijector.Mat[float64]{}, make([]float64, n)
	there, again, hits := make([]bool, n), make([]bool, n), 0
	p.Forward(z, x, none, logDet)
	p.(bijector.Saturating).Saturated(there)
	p.Inverse(back, z, none, logDet)
	p.(bijector.Saturating).Saturated(again)
	for i := range n {
		want := false
		for j := range d {
			want = want || math.Abs(math.Log(z.Feature(j)[i]/x.Feature(j)[i])) > 0.99*bound
		}
		alone := []bool{false}
		p.Forward(z.Samples(i, i+1), x.Samples(i, i+1), none, logDet[:1])
		p.(bijector.Saturating).Saturated(alone)
		if there[i] != want || again[i] != want || alone[0] != want {
			t.Fatalf("sample %d is saturated: %t; forward says %t, backward %t, by itself %t", i, want, there[i], again[i], alone[0])
		}
		if want {
			hits++
		}
	}
	if hits == 0 || hits == n {
		t.Errorf("%d of %d samples are saturated, which tests little", hits, n)
	}
	spline := must(autoregressive.NewSpline[float64](autoregressive.SplineSpec{Dim: d})).NewPass(bijector.PassOptions{MaxBatch: n})
	spline.Forward(z, x, none, logDet)
	clear(there)
	spline.(bijector.Saturating).Saturated(there)
	for i, hit := range there {
		if hit {
			t.Fatalf("sample %d of a layer without bounds is saturated", i)
		}
	}
}
