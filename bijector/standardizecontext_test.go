package bijector_test

// StandardizeContext, and chains that see their context through a network.

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

// embedded returns what n makes of a batch of contexts.
func embedded[T bijector.Float](n bijector.Network[T], c bijector.Mat[T]) bijector.Mat[T] {
	h := bijector.NewMat[T](n.Out(), c.N)
	n.NewNetworkPass(bijector.PassOptions{MaxBatch: c.N}).Forward(h, c, 0, c.N)
	return h
}

func TestStandardizeContextMoments(t *testing.T) {
	t.Run("float32", func(t *testing.T) { testStandardizeContextMoments[float32](t, 2e-6, 3e38) })
	t.Run("float64", func(t *testing.T) { testStandardizeContextMoments[float64](t, 1e-9, 1e307) })
}

func testStandardizeContextMoments[T bijector.Float](t *testing.T, tol, huge float64) {
	const n = 600
	s := must(bijector.NewStandardizeContext[T](bijector.StandardizeContextSpec{Dim: 8}))
	c := randomBatch[T](8, n, 1)
	for i := range n {
		c.Feature(0)[i] = 1e6 + 1e4*c.Feature(0)[i]
		c.Feature(1)[i] *= 1e-9
		c.Feature(2)[i] = T(math.Exp(10 + float64(c.Feature(2)[i])))
		c.Feature(3)[i] *= 1e12
		c.Feature(4)[i] = 0.1               // constant
		c.Feature(5)[i] = T(i % 3 / 2)      // one-hot
		c.Feature(6)[i] = T(huge) * T(i%2)  // its square overflows
		c.Feature(7)[i] = T(i%2*2-1) * 1000 // with values that are not finite below
	}
	c.Feature(7)[0], c.Feature(7)[1] = T(math.NaN()), T(math.Inf(1))
	s.Calibrate(c, bijector.Mat[T]{}, false, nil)
	if h := embedded[T](s, c); h.Feature(0)[3] != c.Feature(0)[3] {
		t.Errorf("an evaluation moved the network: %v of %v", h.Feature(0)[3], c.Feature(0)[3])
	}
	s.Calibrate(c, bijector.Mat[T]{}, true, nil)
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
	h := embedded[T](s, c)
	for _, j := range []int{0, 1, 2, 3, 6} {
		mean, variance := meanVar(h.Feature(j), n)
		approxEqual(t, fmt.Sprint("mean of ", j), mean, 0, tol)
		approxEqual(t, fmt.Sprint("variance of ", j), variance, 1, 2*tol)
	}
	for i := range n {
		if h.Feature(4)[i] != 0 || h.Feature(5)[i] != c.Feature(5)[i] {
			t.Fatalf("row %d: the constant becomes %v, the class %v of %v", i, h.Feature(4)[i], h.Feature(5)[i], c.Feature(5)[i])
		}
	}
	approxEqual(t, "a value beside others that are not finite", float64(h.Feature(7)[2]), -1, 1e-6)
	before, std := s.Moments(0)
	s.Calibrate(randomBatch[T](8, n, 2), bijector.Mat[T]{}, true, nil)
	if m, d := s.Moments(0); m != before || d != std {
		t.Errorf("a second start moved the moments from %v and %v to %v and %v", before, std, m, d)
	}
}

func TestStandardizeContextRefusesHostileBuffers(t *testing.T) {
	for name, values := range map[string][]float64{"std": {0, -1, 1e-310, math.NaN(), math.Inf(1)}, "mean": {math.NaN(), math.Inf(-1)}} {
		for _, v := range values {
			s := must(bijector.NewStandardizeContext[float64](bijector.StandardizeContextSpec{Dim: 2}))
			buffer[float64](t, s, name)[1] = v
			if err := s.Validate(); !errors.Is(err, bijector.ErrSpec) {
				t.Errorf("%s = %v: Validate says %v, want ErrSpec", name, v, err)
			}
		}
	}
	if err := errOf(bijector.NewStandardizeContext[float32](bijector.StandardizeContextSpec{})); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("no features: error is %v, want ErrSpec", err)
	}
}

func ExampleNewStandardizeContext() {
	s, err := bijector.NewStandardizeContext[float64](bijector.StandardizeContextSpec{Dim: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	contexts, _ := bijector.MatOf[float64](rows([]float64{2000, 1}, []float64{2024, 0}), 2)
	// Training does this before its first step.
	s.Calibrate(contexts, bijector.Mat[float64]{}, true, nil)
	y := bijector.NewMat[float64](2, 2)
	s.NewNetworkPass(bijector.PassOptions{MaxBatch: 2}).Forward(y, contexts, 0, 2)
	fmt.Printf("years %.3f classes %v\n", y.Feature(0), y.Feature(1))
	// Output: years [-1.000 1.000] classes [1 0]
}
