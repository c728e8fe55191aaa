// Gaussianize: the conformance suite once it is calibrated, what it leaves
// alone, and draws that stay finite.

package bijector_test

import (
	"math"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/bijector/bijectortest"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// heavyRows has a Cauchy, a log-normal, a normal, a discrete and a contaminated
// feature.
func heavyRows[T bijector.Float](n int) bijector.Mat[T] {
	rng := testkit.NewRand(3)
	x := bijector.NewMat[T](5, n)
	for i := range n {
		x.Feature(0)[i] = T(rng.NormFloat64() / rng.NormFloat64())
		x.Feature(1)[i] = T(math.Exp(2 * rng.NormFloat64()))
		x.Feature(2)[i] = T(7 + rng.NormFloat64())
		x.Feature(3)[i] = T(rng.IntN(5))
		x.Feature(4)[i] = T(rng.NormFloat64())
		if i%20 == 0 {
			x.Feature(4)[i] *= 1e4
		}
	}
	return x
}

func calibratedGaussianize[T bijector.Float]() (*bijector.Gaussianize[T], error) {
	l, err := bijector.NewGaussianize[T](bijector.GaussianizeSpec{Dim: 5})
	if err == nil {
		l.Calibrate(heavyRows[T](4000), bijector.Mat[T]{}, true, nil)
	}
	return l, err
}

func TestGaussianize(t *testing.T) {
	bijectortest.Run(t, calibratedGaussianize[float32], calibratedGaussianize[float64], uniformBetween(0.01, 3))
}

func TestGaussianizeMakesNormals(t *testing.T) {
	l := must(calibratedGaussianize[float64]())
	x := heavyRows[float64](20_000)
	z, logDet := bijector.NewMat[float64](x.D, x.N), make([]float64, x.N)
	l.NewPass(bijector.PassOptions{MaxBatch: x.N}).Forward(z, x, bijector.Mat[float64]{}, logDet)
	for _, j := range []int{0, 1, 4} {
		if d := testkit.Distance(append([]float64(nil), z.Feature(j)...), func(v float64) float64 { return (1 + math.Erf(v/math.Sqrt2)) / 2 }); d > 0.03 {
			t.Errorf("feature %d is %v from a normal", j, d)
		}
	}
	for _, j := range []int{2, 3} {
		testkit.Equal(t, "a normal and a discrete feature", z.Feature(j), x.Feature(j))
	}
}

// The inverse of whatever a flow may draw is finite and increases.
func TestGaussianizeOfFarLatents(t *testing.T) {
	l := must(calibratedGaussianize[float32]())
	p := l.NewPass(bijector.PassOptions{MaxBatch: 1})
	for j := range 5 {
		last := float32(math.Inf(-1))
		for v := -40.0; v <= 40; v += 0.25 {
			z, x, logDet := bijector.NewMat[float32](5, 1), bijector.NewMat[float32](5, 1), make([]float64, 1)
			z.Feature(j)[0] = float32(v)
			p.Inverse(x, z, bijector.Mat[float32]{}, logDet)
			got := x.Feature(j)[0]
			if got-got != 0 || math.IsInf(logDet[0], 0) || math.IsNaN(logDet[0]) || got <= last {
				t.Fatalf("feature %d, latent %v: %v after %v, log-det %v", j, v, got, last, logDet[0])
			}
			last = got
		}
	}
}

// What a file may not hold.
func TestGaussianizeValidates(t *testing.T) {
	for name, spoil := range map[string]func(b []bijector.Buffer){
		"bins":       func(b []bijector.Buffer) { b[0].Data.([]int64)[0] = 99 },
		"no bins":    func(b []bijector.Buffer) { b[0].Data.([]int64)[0] = -1 },
		"knots":      func(b []bijector.Buffer) { b[1].Data.([]float64)[1] = b[1].Data.([]float64)[0] },
		"latents":    func(b []bijector.Buffer) { b[2].Data.([]float64)[1] = 9 },
		"slope":      func(b []bijector.Buffer) { b[3].Data.([]float64)[0] = 0 },
		"NaN":        func(b []bijector.Buffer) { b[1].Data.([]float64)[40*4] = math.NaN() },
		"tail shape": func(b []bijector.Buffer) { b[4].Data.([]float64)[0] = -0.5 },
		"tail to 0":  func(b []bijector.Buffer) { b[4].Data.([]float64)[0] = -2 }, // of a Cauchy
		"tail scale": func(b []bijector.Buffer) { b[4].Data.([]float64)[1] = 0 },
		"flag":       func(b []bijector.Buffer) { b[5].Data.([]int64)[0] = 2 },
	} {
		l := must(calibratedGaussianize[float64]())
		if err := l.Validate(); err != nil {
			t.Fatal(err)
		}
		spoil(l.Buffers())
		l.Invalidate()
		if err := l.Validate(); err == nil {
			t.Errorf("%s: no objection", name)
		}
		l.Forward(rows([]float64{1, 2, 3, 4, 5})) // does not panic
	}
}
