// Rows outside the support of a layer: their density is 0, which is an answer.

package flow_test

import (
	"math"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// boundedFlow is a chain of a layer and a RealNVP over a normal.
func boundedFlow[T bijector.Float](first bijector.Layer[T]) *flow.Flow[T] {
	d := first.Dim()
	after := testkit.Must(coupling.RealNVP[T](coupling.Recipe{Dim: d, Layers: 2, Hidden: []int{4}, Seed: 1}))
	return testkit.Must(flow.New[T](testkit.Must(bijector.NewChain[T](first, after)), distribution.StandardNormal[T](d)))
}

func logitOf[T bijector.Float](dim int, alpha float64) bijector.Layer[T] {
	return testkit.Must(bijector.NewLogit[T](bijector.LogitSpec{Dim: dim, Alpha: alpha}))
}

// positivePart takes features lo to hi of dim from the positive half.
func positivePart[T bijector.Float](dim, lo, hi int) bijector.Layer[T] {
	s := testkit.Must(bijector.NewSoftplus[T](bijector.SoftplusSpec{Dim: hi - lo}))
	return testkit.Must(bijector.NewPart[T](dim, lo, hi, bijector.Invert[T](s)))
}

func TestLogProbOutsideTheSupport(t *testing.T) {
	logProbOutsideTheSupport[float32](t)
	logProbOutsideTheSupport[float64](t)
}

func logProbOutsideTheSupport[T bijector.Float](t *testing.T) {
	sigmoid := testkit.Must(bijector.NewSigmoid[T](bijector.SigmoidSpec{Dim: 3}))
	tanh := testkit.Must(bijector.NewTanh[T](bijector.TanhSpec{Dim: 3}))
	softplus := testkit.Must(bijector.NewSoftplus[T](bijector.SoftplusSpec{Dim: 3}))
	for name, c := range map[string]struct {
		layer  bijector.Layer[T]
		values []float64 // outside, or on the bound
	}{
		"logit":             {logitOf[T](3, 0), []float64{0, 1, 1.5, -1}},
		"logit 0.05":        {logitOf[T](3, 0.05), []float64{-0.06, 1.5}},
		"inverted sigmoid":  {bijector.Invert[T](sigmoid), []float64{0, 1, 1.5, -1}},
		"inverted tanh":     {bijector.Invert[T](tanh), []float64{-1, 1, 2}},
		"inverted softplus": {bijector.Invert[T](softplus), []float64{0, -1}},
		"part":              {positivePart[T](3, 1, 3), []float64{0, -1}},
	} {
		f := boundedFlow(c.layer)
		for _, n := range []int{3, 300} {
			x := testkit.RowsBy[T](n, 3, func(i, j int) float64 { return 0.1 + 0.8*math.Mod(float64(i)*0.37+float64(j)*0.21, 1) })
			want := testkit.Must(f.LogProb(x))
			for _, v := range c.values {
				at := n - 2
				x.Values()[at*3+1] = T(v)
				got, err := f.LogProb(x)
				if err != nil || !math.IsInf(got[at], -1) {
					t.Errorf("%s: a row with %v has the log-density %v, error %v, want -Inf and no error", name, v, got[at], err)
				}
				got[at] = want[at]
				testkit.Equal(t, name+": other rows", got, want)
			}
		}
	}
}
