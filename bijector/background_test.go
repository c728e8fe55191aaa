// Background: the conformance suite, values known from elsewhere, and what it is
// for: the noise of a blank pixel is a normal behind it.

package bijector_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/bijector/bijectortest"
)

// drawing draws pixels of which most are blank.
func drawing(rng *rand.Rand, x []float64) {
	for j := range x {
		x[j] = rng.Float64() / 256
		if rng.IntN(3) == 0 {
			x[j] = 0.02 + 0.96*rng.Float64()
		}
	}
}

func TestBackground(t *testing.T) {
	for _, s := range []bijector.BackgroundSpec{{Dim: 5}, {Dim: 1, Gap: 1}, {Dim: 3, Levels: 2, Gap: 4}} {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			bijectortest.RunSpec(t, s, bijector.NewBackground[float32], bijector.NewBackground[float64], bijectortest.Options{Sample: drawing})
		})
	}
}

// TestBackgroundValues holds values to a normal's quantiles, from tables: with c =
// Phi(2.5) the lowest of 4 levels ends at 2.5, and the shares start even.
func TestBackgroundValues(t *testing.T) {
	l := must(bijector.NewBackground[float64](bijector.BackgroundSpec{Dim: 1, Levels: 4}))
	const c = 0.9937903346742238 // Phi(2.5)
	for _, v := range []struct{ x, z float64 }{
		{0.25 * 0.5 / c, 0},
		{0.25 * 0.8413447460685429 / c, 1},
		{0.25 * 0.02275013194817921 / c, -2},
		{0.25, 2.5},
		{1 - 0.75*0.5/c, 5},
		{1 - 0.75*0.02275013194817921/c, 7},
	} {
		z, logDet := applyScalar(l, v.x, false)
		approxEqual(t, fmt.Sprintf("%v", v.x), z, v.z, 5e-4)
		u, width := z, 0.25
		if v.z >= 2.5 {
			u, width = z-5, 0.75
		}
		approxEqual(t, fmt.Sprintf("log-det at %v", v.x), logDet, math.Log(c/width)+u*u/2+math.Log(2*math.Pi)/2, 1e-4)
	}
	for _, x := range []float64{0, 1} { // finite at the ends
		if z, logDet := applyScalar(l, x, false); math.IsInf(z, 0) || math.IsInf(logDet, 0) || math.Abs(z-2.5) > 8 {
			t.Errorf("%v goes to %v, %v", x, z, logDet)
		}
	}
	for _, x := range []float64{-1e-9, 1 + 1e-9} {
		if _, logDet := applyScalar(l, x, false); !math.IsInf(logDet, -1) {
			t.Errorf("%v has the log-det %v, want -Inf", x, logDet)
		}
	}
	for _, z := range []float64{-1e30, -30, 50, 1e30} {
		if x, _ := applyScalar(l, z, true); x != 0 && x != 1 {
			t.Errorf("%v is drawn as %v", z, x)
		}
	}
}

// TestBackgroundCounts: shares are those of the levels, once.
func TestBackgroundCounts(t *testing.T) {
	l := must(bijector.NewBackground[float32](bijector.BackgroundSpec{Dim: 2, Levels: 4}))
	x := bijector.NewMat[float32](2, 4)
	copy(x.Feature(0), []float32{0.1, 0.3, 0.3, 0.8})
	copy(x.Feature(1), []float32{0, 0.2, 0.74, 1})
	w := bijector.NewWorkers(1)
	defer w.Close()
	l.CalibrateWeighted(x, bijector.Mat[float32]{}, []float64{1, 2, 1, 1}, true, w)
	shares := l.Buffers()[0].Data.([]float64)
	for i, want := range []float64{3. / 6, 1. / 6, 2. / 6} {
		approxEqual(t, fmt.Sprintf("share %d", i+1), shares[i], want*0.999+1e-3/3, 1e-12)
	}
	if err := l.Validate(); err != nil {
		t.Error(err)
	}
	before := shares[0]
	l.Calibrate(bijector.NewMat[float32](2, 4), bijector.Mat[float32]{}, true, w)
	if shares[0] != before {
		t.Error("the shares moved")
	}
	shares[0] = -1
	if err := l.Validate(); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("a negative share: %v", err)
	}
}

// TestBackgroundNoise: the noise of the lowest level is nearly normal: its entropy
// is within 0.015 bits of that of a normal with its variance, where behind a logit
// it is 0.25 bits off.
func TestBackgroundNoise(t *testing.T) {
	const n = 200_000
	short := func(l bijector.Layer[float64]) float64 {
		var sum, squares, logDet float64
		for i := range n {
			z, ld := applyScalar(l, (float64(i)+0.5)/n/256, false)
			sum, squares, logDet = sum+z, squares+z*z, logDet+ld
		}
		variance := squares/n - sum/n*sum/n
		entropy := logDet/n - math.Log(256) // of z, for a density of 256 on x
		return (math.Log(2*math.Pi*math.E*variance)/2 - entropy) / math.Ln2
	}
	if got := short(must(bijector.NewBackground[float64](bijector.BackgroundSpec{Dim: 1}))); !(got > 0 && got < 0.015) {
		t.Errorf("%v bits short of a normal's entropy, want at most 0.015", got)
	}
	for alpha, want := range map[float64]float64{0.05: 0.255, 1e-6: 0.6} {
		got := short(must(bijector.NewLogit[float64](bijector.LogitSpec{Dim: 1, Alpha: alpha})))
		if math.Abs(got-want) > 0.02 {
			t.Errorf("a logit with alpha %v is %v bits short, want %v", alpha, got, want)
		}
	}
}

func TestBackgroundRefuses(t *testing.T) {
	for _, s := range []bijector.BackgroundSpec{{}, {Dim: 1, Levels: 1}, {Dim: 1, Levels: 1<<16 + 1}, {Dim: 1, Gap: 0.4}, {Dim: 1, Gap: math.NaN()}, {Dim: 1, Gap: 7}} {
		if _, err := bijector.NewBackground[float32](s); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%+v: %v, want ErrSpec", s, err)
		}
	}
}

func ExampleNewBackground() {
	l, err := bijector.NewBackground[float64](bijector.BackgroundSpec{Dim: 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	z, _ := l.Forward(rows([]float64{0.3 / 256, 0.9 / 256, 0.7})) // blank, blank and grey
	fmt.Printf("%.2f\n", z.Values())
	// Output: [-0.53 1.25 5.53]
}
