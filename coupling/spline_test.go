package coupling_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/bijector/bijectortest"
	"github.com/bijou-flow/bijou/coupling"
)

func TestSpline(t *testing.T) {
	for i, mask := range maskKinds {
		for _, context := range []int{0, 3} {
			s := coupling.SplineSpec{
				Dim: 5, ContextDim: context, Mask: mask, Hidden: hidden, Activation: activations[i%2], Seed: uint64(i),
				Bins: []int{2, 5, 0}[i%3], Bound: []float64{0, 1.5}[i%2],
			}
			t.Run(fmt.Sprintf("mask%d/context%d", i, context), func(t *testing.T) {
				bijectortest.RunSpec(t, s, coupling.NewSpline[float32], coupling.NewSpline[float64], bijectortest.Options{Seed: uint64(i)})
			})
		}
	}
}

// splineOf is a coupling of two features that moves the first by a spline
// with the raw parameters given, whatever the second.
func splineOf(s coupling.SplineSpec, raw []float64) *coupling.Spline[float64] {
	s.Dim, s.Hidden = 2, []int{1}
	c := must(coupling.NewSpline[float64](s))
	for _, p := range c.Params() {
		clear(p.Data)
	}
	bias := c.Params()[3].Data
	if len(bias) != len(raw) {
		panic(fmt.Sprintf("%d raw parameters, want %d", len(raw), len(bias)))
	}
	copy(bias, raw)
	return c
}

// applySpline moves values forth or back.
func applySpline(c *coupling.Spline[float64], v []float64, inverse bool) (out, logDet []float64) {
	m := bijector.NewMat[float64](2, len(v))
	copy(m.Feature(0), v)
	logDet = make([]float64, len(v))
	p := c.NewPass(bijector.PassOptions{MaxBatch: len(v)})
	if inverse {
		p.Inverse(m, m, bijector.Mat[float64]{}, logDet)
	} else {
		p.Forward(m, m, bijector.Mat[float64]{}, logDet)
	}
	return m.Feature(0), logDet
}

func grid(lo, hi float64, n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = lo + (hi-lo)*float64(i)/float64(n-1)
	}
	return v
}

// TestSplineIdentity: raw parameters of 0 move nothing.
func TestSplineIdentity(t *testing.T) {
	for _, bins := range []int{2, 8, 31} {
		s := coupling.SplineSpec{Bins: bins, Bound: 3, MinWidth: 2e-3, MinHeight: 1e-2, MinSlope: 0.3}
		c, v := splineOf(s, make([]float64, 3*bins-1)), grid(-4, 4, 101)
		for _, inverse := range []bool{false, true} {
			out, logDet := applySpline(c, v, inverse)
			compareSlices(t, "identity", out, v, 2e-15)
			compareSlices(t, "its log-det", logDet, make([]float64, len(v)), 1e-13)
		}
	}
}

// threeKnotSpline is a spline with the knots (-2,-2), (-1,0), (2,2) and slopes 1, 2, 1.
func threeKnotSpline() *coupling.Spline[float64] {
	const least = 0.01
	width := func(share float64) float64 { return math.Log((share - least) / (1 - 2*least)) }
	slope := math.Log(math.Expm1(2-least)) - math.Log(math.Expm1(1-least))
	s := coupling.SplineSpec{Bins: 2, Bound: 2, MinWidth: least, MinHeight: least, MinSlope: least}
	return splineOf(s, []float64{width(0.25), width(0.75), 7, 7, slope})
}

// TestSplineByHand: eq. 4 and 5 in fractions.
func TestSplineByHand(t *testing.T) {
	x := []float64{-3, -2, -1.5, -1, 0.5, 2, 7}
	y := []float64{-3, -2, -8. / 7, 0, 16. / 13, 2, 7}
	slopes := []float64{1, 1, 16. / 7, 2, 16. / 39, 1, 1}
	logs, minus := make([]float64, len(x)), make([]float64, len(x))
	for i, v := range slopes {
		logs[i], minus[i] = math.Log(v), -math.Log(v)
	}
	got, logDet := applySpline(threeKnotSpline(), x, false)
	compareSlices(t, "y", got, y, 1e-15)
	compareSlices(t, "log-det", logDet, logs, 1e-14)
	got, logDet = applySpline(threeKnotSpline(), y, true)
	compareSlices(t, "x", got, x, 1e-15)
	compareSlices(t, "log-det of the inverse", logDet, minus, 1e-14)
}

// randomRawParams are raw parameters of a spline far from the identity.
func randomRawParams(bins int, size float64, rng *rand.Rand) []float64 {
	raw := make([]float64, 3*bins-1)
	for i := range raw {
		raw[i] = size * rng.NormFloat64()
	}
	return raw
}

// knots are where the bins meet that raw widths of the default spec make.
func knots(raw []float64, bins int, bound float64) []float64 {
	largest, sum := math.Inf(-1), 0.0
	for _, v := range raw[:bins] {
		largest = max(largest, v)
	}
	for _, v := range raw[:bins] {
		sum += math.Exp(v - largest)
	}
	at := []float64{-bound}
	for _, v := range raw[:bins] {
		share := 1e-3 + (1-1e-3*float64(bins))*math.Exp(v-largest)/sum
		at = append(at, at[len(at)-1]+2*bound*share)
	}
	at[bins] = bound
	return at
}

// TestSplineIsMonotonic and continuous, as is its slope: on both sides of
// every knot and of the box's ends.
func TestSplineIsMonotonic(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		raw := randomRawParams(6, 1.5, rng)
		c := splineOf(coupling.SplineSpec{Bins: 6, Bound: 3}, raw)
		y, logDet := applySpline(c, grid(-3.5, 3.5, 4001), false)
		for i := 1; i < len(y); i++ {
			if !(y[i] > y[i-1]) {
				t.Fatalf("y falls from %v to %v", y[i-1], y[i])
			}
		}
		sum := 0.0 // of the slope: the way from -3.5 to 3.5 is 7 long
		for _, l := range logDet {
			sum += math.Exp(l) * 7 / 4000
		}
		if math.Abs(sum-7) > 0.05 {
			t.Errorf("the slope's integral is %v, want 7", sum)
		}
		for k, at := range knots(raw, 6, 3) {
			const e = 1e-9
			y, logDet := applySpline(c, []float64{at - e, at, at + e}, false)
			slope := math.Exp(logDet[1])
			if y[2]-y[0] > 3*e*slope+1e-14 || math.Abs(logDet[2]-logDet[0]) > 1e-4 {
				t.Errorf("knot %d at %v: y %v, log-slopes %v", k, at, y, logDet)
			}
			if want := 1.0; (k == 0 || k == 6) && math.Abs(slope-want) > 1e-12 {
				t.Errorf("the slope at the end %v is %v, want 1", at, slope)
			}
			if k > 0 && k < 6 {
				d := 1e-3 + math.Log1p(math.Exp(raw[11+k]+math.Log(math.Expm1(1-1e-3))))
				if math.Abs(slope-d) > 1e-6*d {
					t.Errorf("the slope at knot %d is %v, want %v", k, slope, d)
				}
			}
		}
	}
}

// TestSplineExtremes: raw parameters that make bins as narrow and slopes as
// flat and steep as they get, at all places where something may go wrong.
func TestSplineExtremes(t *testing.T) {
	const bins, bound = 8, 5.0
	rng := rand.New(rand.NewPCG(3, 4))
	for trial := range 60 {
		raw := make([]float64, 3*bins-1)
		for i := range raw {
			raw[i] = 50 * float64(rng.IntN(3)-1)
		}
		switch trial {
		case 0: // beyond what is used of a slope
			for i := range bins - 1 {
				raw[2*bins+i] = 1e300
			}
		case 1, 2:
			for i := range raw {
				raw[i] = 1e308 * float64(1-2*((i+trial)%2))
			}
		}
		c := splineOf(coupling.SplineSpec{}, raw)
		x := append(knots(raw, bins, bound), grid(-bound, bound, 97)...)
		for _, v := range x[:bins+1] {
			x = append(x, math.Nextafter(v, 9), math.Nextafter(v, -9))
		}
		x = append(x, 1e6, -1e6, 1e300, 0, math.Copysign(0, -1))
		y, ld := applySpline(c, x, false)
		back, ldBack := applySpline(c, y, true)
		n := len(x)
		g := c.NewGradPass(bijector.PassOptions{MaxBatch: n})
		m := func(v []float64) bijector.Mat[float64] {
			m := bijector.NewMat[float64](2, n)
			copy(m.Feature(0), v)
			return m
		}
		z, dx, dz, dld := m(nil), m(nil), m(nil), make([]float64, n)
		for i := range n {
			dz.Feature(0)[i], dld[i] = rng.NormFloat64(), rng.NormFloat64()
		}
		g.Forward(z, m(x), bijector.Mat[float64]{}, make([]float64, n))
		g.Backward(dx, bijector.Mat[float64]{}, dz, m(x), z, bijector.Mat[float64]{}, dld)
		for i, v := range x {
			scale := max(1, math.Abs(v))
			if sum := y[i] + ld[i] + back[i] + ldBack[i] + dx.Feature(0)[i]; sum-sum != 0 {
				t.Fatalf("trial %d, x %v: y %v, log-det %v, x again %v, its log-det %v, dx %v", trial, v, y[i], ld[i], back[i], ldBack[i], dx.Feature(0)[i])
			}
			if !(math.Abs(back[i]-v) <= 1e-8*scale) || !(math.Abs(y[i]) <= max(bound*(1+1e-15), math.Abs(v))) {
				t.Errorf("trial %d: %v becomes %v becomes %v", trial, v, y[i], back[i])
			}
			if math.Abs(v) > bound && (y[i] != v || ld[i] != 0 || dx.Feature(0)[i] != dz.Feature(0)[i]) {
				t.Errorf("trial %d: outside the box %v becomes %v, log-det %v", trial, v, y[i], ld[i])
			}
		}
		for k, grad := range g.Grads() {
			for _, v := range grad {
				if v-v != 0 {
					t.Fatalf("trial %d: gradient %d is %v", trial, k, grad)
				}
			}
		}
	}
}

// TestSplineClipsSlopes: beyond 1/MinSlope a raw slope changes nothing, and
// has no gradient.
func TestSplineClipsSlopes(t *testing.T) {
	s := coupling.SplineSpec{Bins: 2, Bound: 2, MinSlope: 0.1}
	a, b := splineOf(s, []float64{0, 0, 0, 0, 10}), splineOf(s, []float64{0, 0, 0, 0, 11})
	x := grid(-2, 2, 9)
	y, ld := applySpline(a, x, false)
	again, ldAgain := applySpline(b, x, false)
	if !reflect.DeepEqual(y, again) || !reflect.DeepEqual(ld, ldAgain) {
		t.Errorf("raw slopes of 10 and 11 differ: %v and %v", y, again)
	}
	for c, moved := range map[*coupling.Spline[float64]]bool{a: true, b: false} {
		g := c.NewGradPass(bijector.PassOptions{MaxBatch: 1})
		in, out, d := bijector.NewMat[float64](2, 1), bijector.NewMat[float64](2, 1), bijector.NewMat[float64](2, 1)
		in.Data[0], d.Data[0] = 0.5, 1
		g.Forward(out, in, bijector.Mat[float64]{}, make([]float64, 1))
		g.Backward(d, bijector.Mat[float64]{}, d, in, out, bijector.Mat[float64]{}, make([]float64, 1))
		if got := g.Grads()[3][4] != 0; got != moved {
			t.Errorf("the gradient of a slope is %v", g.Grads()[3][4])
		}
	}
}

// TestSplineNaN: NaN in the value that is moved comes out as NaN, and in the
// kept one too.
func TestSplineNaN(t *testing.T) {
	c := must(coupling.NewSpline[float64](coupling.SplineSpec{Dim: 2, Hidden: []int{3}}))
	for k := range 2 {
		for _, inverse := range []bool{false, true} {
			m, logDet := bijector.NewMat[float64](2, 3), make([]float64, 3)
			m.Feature(k)[1] = math.NaN()
			p := c.NewPass(bijector.PassOptions{MaxBatch: 3})
			if inverse {
				p.Inverse(m, m, bijector.Mat[float64]{}, logDet)
			} else {
				p.Forward(m, m, bijector.Mat[float64]{}, logDet)
			}
			if !math.IsNaN(m.Feature(k)[1]) || !math.IsNaN(logDet[1]) {
				t.Errorf("NaN in feature %d becomes %v, log-det %v", k, m.Feature(k)[1], logDet[1])
			}
			if s := m.Feature(0)[0] + m.Feature(0)[2] + logDet[0] + logDet[2]; s-s != 0 {
				t.Errorf("NaN in feature %d spreads: %v, log-dets %v", k, m.Feature(0), logDet)
			}
		}
	}
}

func TestSplineSpecs(t *testing.T) {
	s := coupling.SplineSpec{
		Dim: 4, ContextDim: 1, Mask: coupling.MaskSpec{Keep: []int{1, 0, 0, 1}}, Bins: 3, Bound: 2, MinWidth: 0.1, MinHeight: 0.2,
		MinSlope: 0.3, Hidden: []int{3, 2}, Activation: "tanh", Seed: 4, OutScale: 0.1,
	}
	a := must(coupling.NewSpline[float64](s))
	if !reflect.DeepEqual(a.Spec(), s) {
		t.Errorf("Spec is %+v, want %+v", a.Spec(), s)
	}
	var again coupling.SplineSpec
	if err := json.Unmarshal(must(json.Marshal(a.Spec())), &again); err != nil {
		t.Fatal(err)
	}
	if b := must(coupling.BuildSpline[float64](again, nil)); !reflect.DeepEqual(a.Params(), b.Params()) || !reflect.DeepEqual(again, s) {
		t.Error("the spec of a Spline makes another one")
	}
	if shape := a.Params()[4].Shape; !reflect.DeepEqual(shape, []int{2 * 8, 2}) {
		t.Errorf("the conditioner's last weights have the shape %v", shape)
	}
	s.Mask.Keep[0], s.Hidden[0] = 7, 7
	if got := a.Spec().(coupling.SplineSpec); got.Mask.Keep[0] != 1 || got.Hidden[0] != 3 {
		t.Errorf("the layer's spec follows the caller's slices: %+v", got)
	}

	var names []string
	w := must(coupling.NewSplineWith(coupling.SplineSpec{Dim: 5}, newSineConditioner[float64]))
	own := w.Spec().(coupling.SplineSpec)
	own.Conditioner.Name = "waves"
	rebuilt := must(coupling.BuildSpline[float64](own, sineConditionerBuilder{&names}))
	if !reflect.DeepEqual(rebuilt.Params(), w.Params()) || !reflect.DeepEqual(rebuilt.Spec(), any(own)) {
		t.Errorf("rebuilt as %+v", rebuilt.Spec())
	}
	if _, err := coupling.NewSpline[float64](own); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("a conditioner without a builder: %v, want ErrSpec", err)
	}
}

func TestSplineRefuses(t *testing.T) {
	for _, s := range []coupling.SplineSpec{
		{Bins: 1},
		{Bins: -1},
		{Bins: 1025},
		{Bins: 1000},
		{Bins: math.MaxInt},
		{Bound: -1},
		{Bound: math.NaN()},
		{Bound: math.Inf(1)},
		{Bound: 1e-9},
		{Bound: 1e9},
		{MinWidth: -1e-3},
		{MinWidth: 0.125},
		{MinWidth: math.NaN()},
		{MinWidth: 1e-7},
		{MinHeight: -1e-3},
		{MinHeight: 0.2},
		{MinHeight: math.Inf(1)},
		{MinSlope: -1},
		{MinSlope: 1},
		{MinSlope: math.NaN()},
		{MinSlope: 1e-12},
		{Activation: "cubic"},
		{Hidden: []int{-1}},
		{ContextDim: -1},
		{Mask: coupling.MaskSpec{Kind: "x"}},
	} {
		s.Dim = 3
		if _, err := coupling.NewSpline[float32](s); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%+v: %v, want ErrSpec", s, err)
		}
	}
	if _, err := coupling.NewSpline[float32](coupling.SplineSpec{}); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("no features: %v, want ErrSpec", err)
	}
	if _, err := coupling.NewSpline[float64](coupling.SplineSpec{Dim: 2, Bins: 1000, MinWidth: 1e-4, MinHeight: 1e-4, Hidden: []int{1}}); err != nil {
		t.Errorf("many narrow bins: %v", err)
	}
}
