// Every shape mistake is ErrShape, whatever else it is.

package distribution

import (
	"errors"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

func TestShapeMistakes(t *testing.T) {
	laplace := MarginalSpec{Kind: "laplace", Params: []float64{0, 1}}
	for name, c := range map[string]struct{ err, also error }{
		"locations":          {errOf(NewNormal[float64](NormalSpec{Dim: 3, Loc: []float64{1}})), bijector.ErrSpec},
		"scales":             {errOf(NewLogistic[float64](LogisticSpec{Dim: 3, Scale: []float64{1}})), bijector.ErrSpec},
		"degrees of freedom": {errOf(NewStudentT[float64](StudentTSpec{Dim: 3, DF: []float64{1}})), bijector.ErrSpec},
		"lower bounds":       {errOf(NewUniform[float64](UniformSpec{Dim: 3, Lo: []float64{0}})), bijector.ErrSpec},
		"upper bounds":       {errOf(NewUniform[float64](UniformSpec{Dim: 3, Hi: []float64{1}})), bijector.ErrSpec},
		"marginals":          {errOf(NewIndependent[float64](IndependentSpec{Dim: 3, Marginals: []MarginalSpec{laplace, laplace}})), bijector.ErrSpec},
		"parameters":         {errOf(NewIndependent[float64](IndependentSpec{Dim: 1, Marginals: []MarginalSpec{{Kind: "laplace", Params: []float64{1}}}})), bijector.ErrSpec},
	} {
		if !errors.Is(c.err, bijector.ErrShape) {
			t.Errorf("%s: %v, want one that wraps ErrShape", name, c.err)
		}
		if c.also != nil && !errors.Is(c.err, c.also) {
			t.Errorf("%s: %v, want one that wraps %q", name, c.err, c.also)
		}
	}
}

func errOf[V any](_ V, err error) error { return err }
