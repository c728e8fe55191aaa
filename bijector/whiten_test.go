package bijector_test

// Whiten.

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/bijector/bijectortest"
	"github.com/bijou-flow/bijou/internal/kernel"
)

func TestWhiten(t *testing.T) {
	s := bijector.WhitenSpec{Dim: 6}
	bijectortest.RunSpec(t, s, bijector.NewWhiten[float32], bijector.NewWhiten[float64])
}

// dependent is n rows of a normal with means 10 j and dependent columns.
func dependent(d, n int, seed uint64) bijector.Mat[float64] {
	rng := rand.New(rand.NewPCG(seed, 5))
	x := bijector.NewMat[float64](d, n)
	for i := range n {
		common := rng.NormFloat64()
		for j := range d {
			x.Feature(j)[i] = 10*float64(j) + float64(j+1)*(common+rng.NormFloat64())
		}
	}
	return x
}

// What comes out of the training data has mean 0 and the identity as covariance,
// up to the shrinkage, and the log-det is that of the covariance.
func TestWhitenMoments(t *testing.T) {
	const d, n = 4, 3000
	l := must(bijector.NewWhiten[float64](bijector.WhitenSpec{Dim: d, Shrinkage: 1e-8}))
	x := dependent(d, n, 1)
	l.Calibrate(x, bijector.Mat[float64]{}, false, nil)
	if l.Factor()[0] != 1 {
		t.Error("an evaluation started the layer")
	}
	l.Calibrate(x, bijector.Mat[float64]{}, true, nil)
	if err := l.Validate(); err != nil {
		t.Fatal(err)
	}
	z, logDet := bijector.NewMat[float64](d, n), make([]float64, n)
	l.NewPass(bijector.PassOptions{MaxBatch: n}).Forward(z, x, bijector.Mat[float64]{}, logDet)
	for j := range d {
		approxEqual(t, "mean", kernel.Sum(z.Feature(j))/n, 0, 1e-10)
		for k := range j + 1 {
			want := 0.0
			if j == k {
				want = 1
			}
			approxEqual(t, fmt.Sprintf("covariance %d,%d", j, k), kernel.Dot(z.Feature(j), z.Feature(k))/n, want, 1e-6)
		}
	}
	want := 0.0
	for j := range d {
		want -= math.Log(l.Factor()[j*d+j])
	}
	approxEqual(t, "log-det", logDet[7], want, 1e-12)
	before := l.Factor()
	l.Calibrate(dependent(d, n, 2), bijector.Mat[float64]{}, true, nil)
	if l.Factor()[d] != before[d] {
		t.Error("a second start moved the factor")
	}
}

// Two columns that differ by a ten-thousandth stay apart in float32, and come back.
func TestWhitenNearlyDependent(t *testing.T) {
	const n = 20000
	rng := rand.New(rand.NewPCG(3, 4))
	x := bijector.NewMat[float32](2, n)
	for i := range n {
		v := rng.NormFloat64()
		x.Feature(0)[i], x.Feature(1)[i] = float32(v), float32(v+1e-4*rng.NormFloat64())
	}
	l := must(bijector.NewWhiten[float32](bijector.WhitenSpec{Dim: 2}))
	l.Calibrate(x, bijector.Mat[float32]{}, true, nil)
	approxEqual(t, "deviation of the difference", l.Factor()[3], 1e-4, 3e-6)
}

// Few rows of independent columns are shrunk to independence, many rows of
// dependent ones are left alone.
func TestWhitenShrinks(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	x := bijector.NewMat[float64](20, 40)
	for i := range x.Data {
		x.Data[i] = rng.NormFloat64()
	}
	held := bijector.NewMat[float64](20, 1000)
	for i := range held.Data {
		held.Data[i] = rng.NormFloat64()
	}
	loss := func(shrinkage float64) float64 {
		l := must(bijector.NewWhiten[float64](bijector.WhitenSpec{Dim: 20, Shrinkage: shrinkage}))
		l.Calibrate(x, bijector.Mat[float64]{}, true, nil)
		z, logDet := bijector.NewMat[float64](20, held.N), make([]float64, held.N)
		l.NewPass(bijector.PassOptions{MaxBatch: held.N}).Forward(z, held, bijector.Mat[float64]{}, logDet)
		sum := 0.0
		for i := range logDet {
			for j := range 20 {
				sum += z.Feature(j)[i] * z.Feature(j)[i] / 2
			}
			sum -= logDet[i]
		}
		return sum / float64(held.N) / 20
	}
	estimated, none, full := loss(0), loss(1e-8), loss(1)
	if estimated > full+0.02 || none < full+0.2 {
		t.Errorf("nats a column: %.3f estimated, %.3f without shrinkage, %.3f of columns apart; want the first near the last", estimated, none, full)
	}
}

func TestWhitenRefuses(t *testing.T) {
	for name, err := range map[string]error{
		"no features":       errOf(bijector.NewWhiten[float32](bijector.WhitenSpec{})),
		"too many features": errOf(bijector.NewWhiten[float32](bijector.WhitenSpec{Dim: 2049})),
		"shrinkage":         errOf(bijector.NewWhiten[float32](bijector.WhitenSpec{Dim: 2, Shrinkage: 1.5})),
		"no number":         errOf(bijector.NewWhiten[float32](bijector.WhitenSpec{Dim: 2, Shrinkage: math.NaN()})),
	} {
		if !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%s: error is %v, want ErrSpec", name, err)
		}
	}
	for name, hostile := range map[string][]float64{"zero": {0, 0, 1, 1}, "upper": {1, 1, 0, 1}, "negative": {1, 0, 0, -1}, "nan": {1, 0, math.NaN(), 1}} {
		l := must(bijector.NewWhiten[float64](bijector.WhitenSpec{Dim: 2}))
		copy(buffer[float64](t, l, "factor"), hostile)
		l.Invalidate()
		if err := l.Validate(); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("a factor with %s: Validate says %v, want ErrSpec", name, err)
		}
	}
}

// Constant columns, columns whose squares overflow, and fewer rows than columns
// leave a finite map.
func TestWhitenOddColumns(t *testing.T) {
	for _, n := range []int{1, 2, 3, 50} {
		x := dependent(6, n, 9)
		for i := range n {
			x.Feature(1)[i] = 3
			x.Feature(2)[i] = 1e300 * float64(1-2*(i%2))
		}
		l := must(bijector.NewWhiten[float64](bijector.WhitenSpec{Dim: 6}))
		l.Calibrate(x, bijector.Mat[float64]{}, true, nil)
		if err := l.Validate(); err != nil {
			t.Errorf("%d rows: %v", n, err)
		}
		deviation := 0.0 // of column 2, which is 1 where there is one row, and else about 1e300
		for _, v := range l.Factor()[2*6 : 2*6+3] {
			deviation = math.Hypot(deviation, v)
		}
		if want := map[int]float64{1: 1, 3: math.Sqrt(8) / 3 * 1e300}[n]; want == 0 && math.Abs(deviation-1e300) > 1e290 || want != 0 && math.Abs(deviation-want) > 1e-10*want {
			t.Errorf("%d rows: the column whose squares overflow has deviation %v", n, deviation)
		}
	}
}

func ExampleNewWhiten() {
	l, err := bijector.NewWhiten[float64](bijector.WhitenSpec{Dim: 2, Shrinkage: 1e-8})
	if err != nil {
		fmt.Println(err)
		return
	}
	// Rows with variances 1 and 4 and the correlation 0.6, as train.Fit hands
	// them over.
	rng := rand.New(rand.NewPCG(1, 2))
	x := bijector.NewMat[float64](2, 100_000)
	for i := range x.N {
		a, b := rng.NormFloat64(), rng.NormFloat64()
		x.Feature(0)[i], x.Feature(1)[i] = a, 2*(0.6*a+0.8*b)
	}
	l.Calibrate(x, bijector.Mat[float64]{}, true, nil)
	z, _ := l.Forward(rows([]float64{1, 2}))
	logDet, _ := l.LogDetJacobian(rows([]float64{1, 2}))
	fmt.Printf("%.1f %.1f\n", z.Values(), logDet)
	// Output: [1.0 0.5] [-0.5]
}
