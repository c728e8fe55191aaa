package bijector_test

// Bounds: the conformance suite, draws that stay inside, values on the bounds,
// and bounds that come from data.

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/bijector/bijectortest"
)

// mixedBounds has an interval, a free feature, two half-lines, and bounds that no
// binary number is.
func mixedBounds(margin float64) bijector.BoundsSpec {
	s := bijector.BoundsSpec{Dim: 5, Features: []bijector.FeatureBounds{
		bijector.Between(0, 0, 1), bijector.Above(2, -3), bijector.Below(3, 100), bijector.Between(4, 0.1, 0.7),
	}}
	for i := range s.Features {
		s.Features[i].Margin = margin
	}
	return s
}

// withinBounds draws rows for mixedBounds.
func withinBounds(rng *rand.Rand, x []float64) {
	u := func() float64 { return 0.02 + 0.96*rng.Float64() }
	copy(x, []float64{u(), rng.NormFloat64(), -3 + 9*u(), 100 - 50*u(), 0.1 + 0.6*u()})
}

func TestBounds(t *testing.T) {
	infer := mixedBounds(0)
	for i := range infer.Features {
		b := &infer.Features[i]
		b.InferLower, b.InferUpper = b.Lower != nil && i != 0, b.Upper != nil
		b.Upper = nil
		if b.InferLower {
			b.Lower = nil
		}
	}
	for name, s := range map[string]bijector.BoundsSpec{"given": mixedBounds(0), "margin": mixedBounds(0.01), "inferred": infer, "none": {Dim: 5}} {
		t.Run(name, func(t *testing.T) {
			o := bijectortest.Options{Sample: withinBounds}
			bijectortest.RunSpec(t, s, bijector.NewBounds[float32], bijector.NewBounds[float64], o)
		})
	}
	t.Run("inverted", func(t *testing.T) {
		bijectortest.Run(t, invertedBounds[float32], invertedBounds[float64], uniformBetween(-4, 4))
	})
}

func invertedBounds[T bijector.Float]() (*bijector.Inverted[T], error) {
	l, err := bijector.NewBounds[T](mixedBounds(0))
	return bijector.Invert[T](l), err
}

// TestBoundsValues holds values to ones computed with 50 digits.
func TestBoundsValues(t *testing.T) {
	closed := bijector.Between(0, 0, 1)
	closed.Margin = 0.25
	for _, c := range []struct {
		bound       bijector.FeatureBounds
		x, z, slope float64
	}{
		{bijector.Between(0, 2, 6), 5, 1.0986122886681098, 0.28768207245178093}, // log 3, log(4/3)
		{bijector.Above(0, -1), 1, math.Ln2, -math.Ln2},
		{bijector.Below(0, 1), -1, -math.Ln2, -math.Ln2},
		{bijector.Above(0, 0), 1e-300, -690.77552789821371, 690.77552789821371},
		{closed, 0, -1.6094379124341003, 1.5686159179138452}, // log(1/5), log(4.8)
		{closed, 1, 1.6094379124341003, 1.5686159179138452},
		{bijector.Between(0, math.Inf(-1), math.Inf(1)), -7, -7, 0},
	} {
		l := must(bijector.NewBounds[float64](bijector.BoundsSpec{Dim: 1, Features: []bijector.FeatureBounds{c.bound}}))
		name := fmt.Sprintf("%v at %v", l.Spec(), c.x)
		z, ld := applyScalar(l, c.x, false)
		approxEqual(t, name, z, c.z, 4e-15*math.Abs(c.z))
		approxEqual(t, name+": log-det", ld, c.slope, 4e-15*max(1, math.Abs(c.slope)))
		x, back := applyScalar(l, c.z, true)
		approxEqual(t, name+": inverse", x, c.x, 1e-12*math.Abs(c.x)+1e-16*math.Abs(c.x-1))
		approxEqual(t, name+": log-det of the inverse", back, -c.slope, 1e-13*max(1, math.Abs(c.slope)))
	}
}

func TestDrawsStayInside(t *testing.T) {
	t.Run("float32", testDrawsStayInside[float32])
	t.Run("float64", testDrawsStayInside[float64])
}

// testDrawsStayInside walks latents out to the largest number there is.
func testDrawsStayInside[T bijector.Float](t *testing.T) {
	largest := math.MaxFloat32
	if _, is64 := any(T(0)).(float64); is64 {
		largest = math.MaxFloat64
	}
	var latents []T
	for z := 1e-3; z < largest/2; z *= 1.5 {
		latents = append(latents, T(z), T(-z))
	}
	latents = append(latents, 0, T(largest), T(-largest))
	for _, bound := range [][2]float64{{0, 1}, {0.1, 0.7}, {-0.7, -0.1}, {1e6, 1e6 + 1}, {-1e30, 1e-30}, {3, math.Inf(1)}, {0.1, math.Inf(1)}, {math.Inf(-1), 0.1}, {math.Inf(-1), 1e6}} {
		for _, margin := range []float64{0, 1e-3} {
			b := bijector.Between(0, bound[0], bound[1])
			b.Margin = margin
			l := must(bijector.NewBounds[T](bijector.BoundsSpec{Dim: 1, Features: []bijector.FeatureBounds{b}}))
			n := len(latents)
			x, logDet, again := bijector.NewMat[T](1, n), make([]float64, n), make([]float64, n)
			copy(x.Feature(0), latents)
			p := l.NewPass(bijector.PassOptions{MaxBatch: n})
			p.Inverse(x, x, bijector.Mat[T]{}, logDet)
			z := bijector.NewMat[T](1, n)
			p.Forward(z, x, bijector.Mat[T]{}, again)
			reached := map[T]bool{}
			for i, v := range x.Feature(0) {
				inside := float64(v) > bound[0] && float64(v) < bound[1]
				if margin > 0 {
					inside = v >= T(bound[0]) && v <= T(bound[1])
				}
				finite := v-v == 0 && logDet[i]-logDet[i] == 0 && z.Feature(0)[i]-z.Feature(0)[i] == 0
				if !inside || !finite {
					t.Fatalf("bounds %v, margin %v: z = %v becomes x = %v, log-det %v, and that %v", bound, margin, latents[i], v, logDet[i], z.Feature(0)[i])
				}
				if math.Abs(float64(latents[i])) > 2000 {
					reached[v] = true
					approxEqual(t, fmt.Sprintf("bounds %v, margin %v: log-dets at z = %v", bound, margin, latents[i]), logDet[i], -again[i], 1e-12*math.Abs(again[i]))
				}
			}
			if len(reached) != 2 {
				t.Errorf("bounds %v, margin %v: far latents reach %v, want the least and the greatest value", bound, margin, reached)
			}
			if closed := reached[T(bound[0])] || reached[T(bound[1])]; closed != (margin > 0) {
				t.Errorf("bounds %v, margin %v: far latents reach %v", bound, margin, reached)
			}
		}
	}
}

// Values on a bound and beyond.
func TestValuesOnBounds(t *testing.T) {
	open, closed := must(bijector.NewBounds[float32](mixedBounds(0))), must(bijector.NewBounds[float32](mixedBounds(0.01)))
	row := []float32{0.5, 9, 0, 50, 0.5}
	for _, c := range []struct {
		feature     int
		value       float32
		open, close bool // whether it is inside
	}{
		{0, 0, false, true},
		{0, 1, false, true},
		{0, -0.001, false, false},
		{0, 1.001, false, false},
		{2, -3, false, true},
		{2, -3.001, false, false},
		{3, 100, false, true},
		{3, 100.001, false, false},
		{4, 0.1, false, true},
		{4, 0.7, false, true},
		{4, 0.69, true, true},
		{1, -1e30, true, true},
	} {
		x := append([]float32(nil), row...)
		x[c.feature] = c.value
		for l, want := range map[*bijector.Bounds[float32]]bool{open: c.open, closed: c.close} {
			logDet, err := l.LogDetJacobian(must(bijector.RowsOf(x, 1, 5)))
			lo, hi := l.Domain(c.feature)
			v := float64(c.value)
			if inside := !math.IsInf(logDet[0], -1); err != nil || inside != want || inside != (v > lo && v < hi) {
				t.Errorf("feature %d at %v: log-det %v, error %v, domain (%v, %v), want it inside: %v", c.feature, c.value, logDet, err, lo, hi, want)
			}
		}
	}
}

func TestInferredBounds(t *testing.T) {
	s := bijector.BoundsSpec{Dim: 4, Features: []bijector.FeatureBounds{
		{Feature: 0, InferLower: true, InferUpper: true},
		{Feature: 1, InferLower: true},
		{Feature: 3, Lower: new(float64), InferUpper: true}, // constant
	}}
	l := must(bijector.NewBounds[float64](s))
	x := bijector.NewMat[float64](4, 101)
	for i := range x.N {
		x.Feature(0)[i] = 100 + float64(i) // median 150
		x.Feature(1)[i] = float64(i + 1)   // median 51
		x.Feature(3)[i] = 2
	}
	x.Feature(1)[100] = 1e9 // the long tail moves no lower bound
	domains := func() (all [][2]float64) {
		for j := range 4 {
			lo, hi := l.Domain(j)
			all = append(all, [2]float64{lo, hi})
		}
		return all
	}
	inf := math.Inf(1)
	check := func(when string, want [][2]float64) {
		t.Helper()
		for j, d := range domains() {
			for k, v := range d {
				if v != want[j][k] && !(math.Abs(v-want[j][k]) < 1e-9) {
					t.Errorf("%s, feature %d has the domain %v, want %v", when, j, d, want[j])
				}
			}
		}
	}
	none := [2]float64{-inf, inf}
	l.Calibrate(x, bijector.Mat[float64]{}, false, nil)
	check("before the start", [][2]float64{none, none, none, {0, inf}})
	want := [][2]float64{{95, 205}, {-4, inf}, none, {0, 2.2}}
	l.Calibrate(x, bijector.Mat[float64]{}, true, nil)
	check("after it", want)
	x.Feature(0)[7] = 1e4
	l.Calibrate(x, bijector.Mat[float64]{}, true, nil)
	check("after a second", want)

	if lo, hi := l.Limits(3); lo != 0 || math.Abs(hi-2.2) > 1e-12 {
		t.Errorf("the limits are %v and %v, want 0 and 2.2", lo, hi)
	}

	raw := must(json.Marshal(l.Spec()))
	var again bijector.BoundsSpec
	if err := json.Unmarshal(raw, &again); err != nil || fmt.Sprint(must(json.Marshal(again))) != fmt.Sprint(raw) {
		t.Errorf("the spec %s becomes %+v, error %v", raw, again, err)
	}
	for name, hostile := range map[string]func(){
		"NaN":     func() { buffer[float64](t, l, "bounds")[0] = math.NaN() },
		"crossed": func() { buffer[float64](t, l, "bounds")[1] = -1e9 },
		"flag":    func() { buffer[int64](t, l, "initialised")[0] = 2 },
	} {
		before := append([]float64(nil), buffer[float64](t, l, "bounds")...)
		hostile()
		l.Invalidate()
		if err := l.Validate(); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%s: Validate says %v, want ErrSpec", name, err)
		}
		copy(buffer[float64](t, l, "bounds"), before)
		buffer[int64](t, l, "initialised")[0] = 1
	}
}

// In float32 the widened bound may round to the value that it is to leave inside.
func TestInferredBoundsLeaveDataInside(t *testing.T) {
	l := must(bijector.NewBounds[float32](bijector.BoundsSpec{Dim: 1, Features: []bijector.FeatureBounds{{InferLower: true, InferUpper: true}}}))
	x := bijector.NewMat[float32](1, 3)
	copy(x.Feature(0), []float32{16777215, 16777216, 16777218})
	l.Calibrate(x, bijector.Mat[float32]{}, true, nil)
	logDet := make([]float64, 3)
	l.NewPass(bijector.PassOptions{MaxBatch: 3}).Forward(x, x, bijector.Mat[float32]{}, logDet)
	for _, v := range logDet {
		if math.IsInf(v, 0) {
			t.Errorf("log-dets of the data are %v", logDet)
		}
	}
}

func TestBoundsThatDescribeNothing(t *testing.T) {
	nan, one := math.NaN(), 1.0
	margin := func(m float64) bijector.FeatureBounds {
		b := bijector.Between(0, 0, 1)
		b.Margin = m
		return b
	}
	for name, b := range map[string][]bijector.FeatureBounds{
		"a feature too many":  {bijector.Above(2, 0)},
		"a negative feature":  {bijector.Above(-1, 0)},
		"a feature twice":     {bijector.Above(1, 0), bijector.Below(1, 4)},
		"crossed":             {bijector.Between(0, 1, 0)},
		"equal":               {bijector.Between(0, 1, 1)},
		"nothing in between":  {bijector.Between(0, 1, 1+1e-9)},
		"NaN":                 {bijector.Above(0, nan)},
		"out of range":        {bijector.Above(0, 1e200)},
		"infinite":            {bijector.Above(0, math.Inf(1))},
		"a negative margin":   {margin(-1)},
		"a margin of NaN":     {margin(nan)},
		"given and inferred":  {{Lower: &one, InferLower: true}},
		"given and inferred2": {{Upper: &one, InferUpper: true}},
	} {
		if _, err := bijector.NewBounds[float32](bijector.BoundsSpec{Dim: 2, Features: b}); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%s: error is %v, want ErrSpec", name, err)
		}
	}
	if _, err := bijector.NewBounds[float32](bijector.BoundsSpec{}); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("no features: error is %v, want ErrSpec", err)
	}
}

func ExampleNewBounds() {
	b, err := bijector.NewBounds[float64](bijector.BoundsSpec{Dim: 3, Features: []bijector.FeatureBounds{
		bijector.Between(0, 0, 1), // a rate
		bijector.Above(1, 0),      // a duration; column 2 is free
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	z, _ := b.Forward(rows([]float64{0.75, 20, -4}))
	x, _ := b.Inverse(rows([]float64{-30, 3, -4}, []float64{400, -3, 0})) // whatever a flow draws
	fmt.Printf("%.3f\n%.3g\n%v\n", z.Values(), x.Values(), x.Row(1)[0] < 1)
	// Output:
	// [1.099 2.996 -4.000]
	// [9.36e-14 20.1 -4 1 0.0498 0]
	// true
}
