package bijector_test

// Logit, Sigmoid, Tanh and Softplus: the conformance suite inside their
// domains, and values known from elsewhere at and beyond the ends of them.

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/bijector/bijectortest"
)

// uniformBetween draws rows between lo and hi.
func uniformBetween(lo, hi float64) bijectortest.Options {
	return bijectortest.Options{Sample: func(rng *rand.Rand, x []float64) {
		for j := range x {
			x[j] = lo + (hi-lo)*rng.Float64()
		}
	}}
}

func TestLogit(t *testing.T) {
	for _, s := range []bijector.LogitSpec{{Dim: 5}, {Dim: 5, Alpha: 0.05}, {Dim: 1, Alpha: 1e-6}, {Dim: 3, Alpha: 0.4}, {Dim: 2, Alpha: 0.05, Clamp: true}, {Dim: 2, Clamp: true}} {
		t.Run(fmt.Sprint(s.Alpha, s.Clamp), func(t *testing.T) {
			bijectortest.RunSpec(t, s, bijector.NewLogit[float32], bijector.NewLogit[float64], uniformBetween(0.02, 0.98))
		})
	}
}

func TestSigmoid(t *testing.T) {
	s := bijector.SigmoidSpec{Dim: 5}
	bijectortest.RunSpec(t, s, bijector.NewSigmoid[float32], bijector.NewSigmoid[float64], uniformBetween(-5, 5))
}

func TestTanh(t *testing.T) {
	s := bijector.TanhSpec{Dim: 5}
	bijectortest.RunSpec(t, s, bijector.NewTanh[float32], bijector.NewTanh[float64], uniformBetween(-3, 3))
}

func TestSoftplus(t *testing.T) {
	s := bijector.SoftplusSpec{Dim: 5}
	o := uniformBetween(-10, 40)
	bijectortest.RunSpec(t, s, bijector.NewSoftplus[float32], bijector.NewSoftplus[float64], o)
}

// applyScalar maps one value in both directions.
func applyScalar(l bijector.Layer[float64], v float64, inverse bool) (out, logDet float64) {
	p := l.NewPass(bijector.PassOptions{MaxBatch: 1})
	m, ld := bijector.NewMat[float64](1, 1), []float64{0}
	m.Data[0] = v
	if inverse {
		p.Inverse(m, m, bijector.Mat[float64]{}, ld)
	} else {
		p.Forward(m, m, bijector.Mat[float64]{}, ld)
	}
	return m.Data[0], ld[0]
}

func curves() map[string]bijector.Layer[float64] {
	return map[string]bijector.Layer[float64]{
		"logit":       must(bijector.NewLogit[float64](bijector.LogitSpec{Dim: 1})),
		"logit 0.05":  must(bijector.NewLogit[float64](bijector.LogitSpec{Dim: 1, Alpha: 0.05})),
		"logit 0.001": must(bijector.NewLogit[float64](bijector.LogitSpec{Dim: 1, Alpha: 0.001})),
		"sigmoid":     must(bijector.NewSigmoid[float64](bijector.SigmoidSpec{Dim: 1})),
		"tanh":        must(bijector.NewTanh[float64](bijector.TanhSpec{Dim: 1})),
		"softplus":    must(bijector.NewSoftplus[float64](bijector.SoftplusSpec{Dim: 1})),
	}
}

// TestCurveValues holds values to ones computed with 50 digits.
func TestCurveValues(t *testing.T) {
	all := curves()
	for _, c := range []struct {
		layer       string
		x, z, slope float64 // slope is log f'(x)
	}{
		{"logit", 0.5, 0, 2 * math.Ln2},
		{"logit", 0.75, 1.0986122886681098, 1.6739764335716716},
		{"logit", 1e-300, -690.77552789821371, 690.77552789821371},
		{"logit 0.05", 0.5, 0, 1.2809338454620642},
		{"logit 0.05", 0, -2.9444389791664405, 2.941665052283715},
		{"logit 0.05", 1, 2.9444389791664405, 2.941665052283715},
		{"logit 0.001", 0.25, -1.095947397017733, 1.670643317226029},
		{"sigmoid", 0, 0.5, -2 * math.Ln2},
		{"sigmoid", -100, 3.7200759760208361e-44, -100},
		{"sigmoid", 3, 0.95257412682243322, -3.097174703147484},
		{"tanh", 0, 0, 0},
		{"tanh", 0.5, 0.46211715726000976, -0.24022901391655505},
		{"tanh", -1.5, -0.90514825364486644, -1.7108803420275935},
		{"softplus", 0, math.Ln2, -math.Ln2},
		{"softplus", -23.025850929890457, 1e-10, -23.025850929990457},
		{"softplus", 50, 50, -1.9287498479639178e-22},
		{"softplus", 1, 1.3132616875182229, -0.31326168751822284},
	} {
		name := fmt.Sprintf("%s at %v", c.layer, c.x)
		z, ld := applyScalar(all[c.layer], c.x, false)
		approxEqual(t, name, z, c.z, 4e-15*math.Max(math.Abs(c.z), 1e-10))
		approxEqual(t, name+": log-det", ld, c.slope, 4e-15*math.Max(1e-12, math.Abs(c.slope)))
		x, back := applyScalar(all[c.layer], c.z, true)
		approxEqual(t, name+": inverse", x, c.x, 1e-14*math.Max(1, math.Abs(c.x)))
		approxEqual(t, name+": log-det of the inverse", back, -c.slope, 1e-13*math.Max(1, math.Abs(c.slope)))
	}
}

// TestCurvesFarOut: where z has no digits left, the log-det has all.
func TestCurvesFarOut(t *testing.T) {
	all := curves()
	for _, c := range []struct {
		layer    string
		x, slope float64
	}{
		{"sigmoid", 800, -800},
		{"sigmoid", -800, -800},
		{"tanh", 400, 2*math.Ln2 - 800},
		{"tanh", -400, 2*math.Ln2 - 800},
		{"softplus", -800, -800},
		{"softplus", 1e300, 0},
	} {
		_, ld := applyScalar(all[c.layer], c.x, false)
		approxEqual(t, fmt.Sprintf("log-det of %s at %v", c.layer, c.x), ld, c.slope, 1e-12)
	}
}

// TestOutsideTheDomain: nothing is clamped, the row is named by what maps it, and
// its log-det is -Inf.
func TestOutsideTheDomain(t *testing.T) {
	type transform interface {
		bijector.Layer[float64]
		bijector.Transform[float64]
	}
	all := curves()
	for _, c := range []struct {
		layer   string
		inverse bool
		values  []float64
	}{
		{"logit", false, []float64{-0.1, 0, 1, 1.1, 7}},
		{"logit 0.05", false, []float64{-0.06, 1.06}},
		{"sigmoid", true, []float64{-0.1, 0, 1, 1.1}},
		{"tanh", true, []float64{-1.5, -1, 1, 1.5}},
		{"softplus", true, []float64{0, -1e-9, -3}},
	} {
		l := all[c.layer].(transform)
		for _, v := range c.values {
			in := rows([]float64{0.5}, []float64{0.25}, []float64{v}, []float64{0.75})
			scored := bijector.Transform[float64](l)
			if c.inverse {
				scored = bijector.Invert[float64](l)
			}
			for name, call := range map[string]func() error{
				"Forward":  func() error { return errOf(scored.Forward(in)) },
				"Inverted": func() error { return errOf(bijector.Invert[float64](scored.(bijector.Layer[float64])).Inverse(in)) },
			} {
				var re *bijector.RowError
				if err := call(); !errors.As(err, &re) || re.Row != 2 || re.Count != 1 || !errors.Is(err, bijector.ErrNonFinite) {
					t.Errorf("%s: %s of %v: error is %v, want one about row 2", c.layer, name, v, err)
				}
			}
			logDet, err := scored.LogDetJacobian(in)
			if err != nil || !math.IsInf(logDet[2], -1) {
				t.Errorf("%s: log-dets at %v are %v, error %v, want -Inf", c.layer, v, logDet, err)
			}
			if inside := must(scored.LogDetJacobian(rows([]float64{0.5}, []float64{0.25}, []float64{0.75}))); logDet[0] != inside[0] || logDet[1] != inside[1] || logDet[3] != inside[2] {
				t.Errorf("%s: other rows have log-dets %v, without row 2 they have %v", c.layer, logDet, inside)
			}
		}
	}
	// A little beyond the ends, where samples of a flow may lie, all is well.
	x, _ := applyScalar(all["logit 0.05"], 5, true)
	if z, _ := applyScalar(all["logit 0.05"], x, false); !(x > 1 && math.Abs(z-5) < 1e-12) {
		t.Errorf("logit 0.05 of %v, the inverse of 5, is %v", x, z)
	}
}

func TestCurveSpecsThatDescribeNothing(t *testing.T) {
	for name, err := range map[string]error{
		"sigmoid": errOf(bijector.NewSigmoid[float32](bijector.SigmoidSpec{})),
		"tanh":    errOf(bijector.NewTanh[float32](bijector.TanhSpec{Dim: -1})),
		"soft":    errOf(bijector.NewSoftplus[float32](bijector.SoftplusSpec{Dim: huge})),
		"logit":   errOf(bijector.NewLogit[float32](bijector.LogitSpec{})),
		"-1":      errOf(bijector.NewLogit[float32](bijector.LogitSpec{Dim: 1, Alpha: -1e-9})),
		"0.5":     errOf(bijector.NewLogit[float32](bijector.LogitSpec{Dim: 1, Alpha: 0.5})),
		"NaN":     errOf(bijector.NewLogit[float32](bijector.LogitSpec{Dim: 1, Alpha: math.NaN()})),
	} {
		if !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%s: error is %v, want ErrSpec", name, err)
		}
	}
}

func ExampleNewLogit() {
	l, err := bijector.NewLogit[float64](bijector.LogitSpec{Dim: 3, Alpha: 0.05})
	if err != nil {
		fmt.Println(err)
		return
	}
	z, _ := l.Forward(rows([]float64{0, 0.5, 1})) // black, grey and white
	x, _ := l.Inverse(z)
	fmt.Printf("%.3f %.3f\n", z.Values(), x.Values())
	_, err = l.Forward(rows([]float64{0, 128, 255}))
	fmt.Println(errors.Is(err, bijector.ErrNonFinite))
	// Output:
	// [-2.944 0.000 2.944] [0.000 0.500 1.000]
	// true
}

func ExampleNewSigmoid() {
	s, err := bijector.NewSigmoid[float64](bijector.SigmoidSpec{Dim: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	z, _ := s.Forward(rows([]float64{0, 2}))
	fmt.Printf("%.4f\n", z.Values())
	// Output: [0.5000 0.8808]
}

func ExampleNewTanh() {
	h, err := bijector.NewTanh[float64](bijector.TanhSpec{Dim: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	logDet, _ := h.LogDetJacobian(rows([]float64{0.5}, []float64{300}))
	fmt.Printf("%.4f\n", logDet)
	// Output: [-0.2402 -598.6137]
}

// Inverted, a softplus takes positive data to the real line.
func ExampleNewSoftplus() {
	s, err := bijector.NewSoftplus[float64](bijector.SoftplusSpec{Dim: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	z, _ := bijector.Invert(s).Forward(rows([]float64{0.001, 50}))
	fmt.Printf("%.4f\n", z.Values())
	// Output: [-6.9073 50.0000]
}

// Inverted, they have gradients too.
func TestInvertedElementwise(t *testing.T) {
	for name, c := range map[string]struct {
		layer32 func() (bijector.Layer[float32], error)
		layer64 func() (bijector.Layer[float64], error)
		sample  bijectortest.Options
	}{
		"logit":    {elementwiseOf[float32]("logit"), elementwiseOf[float64]("logit"), uniformBetween(-4, 4)},
		"sigmoid":  {elementwiseOf[float32]("sigmoid"), elementwiseOf[float64]("sigmoid"), uniformBetween(0.02, 0.98)},
		"tanh":     {elementwiseOf[float32]("tanh"), elementwiseOf[float64]("tanh"), uniformBetween(-0.95, 0.95)},
		"softplus": {elementwiseOf[float32]("softplus"), elementwiseOf[float64]("softplus"), uniformBetween(0.05, 30)},
	} {
		t.Run(name, func(t *testing.T) {
			bijectortest.Run(t,
				func() (*bijector.Inverted[float32], error) { return bijector.Invert(must(c.layer32())), nil },
				func() (*bijector.Inverted[float64], error) { return bijector.Invert(must(c.layer64())), nil }, c.sample)
			if err := bijector.CheckTrainable[float64](bijector.Invert(must(c.layer64()))); err != nil {
				t.Error(err)
			}
		})
	}
}

func elementwiseOf[T bijector.Float](kind string) func() (bijector.Layer[T], error) {
	return func() (bijector.Layer[T], error) {
		switch kind {
		case "logit":
			return bijector.NewLogit[T](bijector.LogitSpec{Dim: 3, Alpha: 0.05})
		case "sigmoid":
			return bijector.NewSigmoid[T](bijector.SigmoidSpec{Dim: 3})
		case "tanh":
			return bijector.NewTanh[T](bijector.TanhSpec{Dim: 3})
		}
		return bijector.NewSoftplus[T](bijector.SoftplusSpec{Dim: 3})
	}
}

// Domain and image are where a pass has finite values.
func TestDomainAndImage(t *testing.T) {
	for _, kind := range []string{"logit", "sigmoid", "tanh", "softplus"} {
		for _, l := range []bijector.Layer[float64]{must(elementwiseOf[float64](kind)()), bijector.Invert(must(elementwiseOf[float64](kind)()))} {
			r := l.(bijector.Ranged)
			for _, inverse := range []bool{false, true} {
				lo, hi := r.Domain(0)
				if inverse {
					lo, hi = r.Image(0)
				}
				inside := func(v float64) bool {
					_, logDet := applyScalar(l, v, inverse)
					return !math.IsInf(logDet, 0)
				}
				for _, b := range []float64{lo, hi} {
					if math.IsInf(b, 0) {
						if !inside(math.Copysign(30, b)) {
							t.Errorf("%T of %s, inverse %v: %v is outside of (%v, %v)", l, kind, inverse, math.Copysign(30, b), lo, hi)
						}
						continue
					}
					in, out := b+1e-9, b-1e-9
					if b == hi {
						in, out = out, in
					}
					if !inside(in) || inside(out) {
						t.Errorf("%T of %s, inverse %v: the bound %v of (%v, %v) does not part inside from outside", l, kind, inverse, b, lo, hi)
					}
				}
			}
		}
	}
}
