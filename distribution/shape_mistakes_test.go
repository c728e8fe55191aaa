// Every shape mistake is ErrShape, whatever else it is.

package distribution

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/nn"
)

func TestShapeMistakes(t *testing.T) {
	f, g := flowOf[float64](3, 0), flowOf[float64](3, 2)
	x := rowsOf[float64](4, 3)
	rng := rand.New(rand.NewPCG(1, 2))
	laplace := MarginalSpec{Kind: "laplace", Params: []float64{0, 1}}
	e := must(NewEnsemble(Mixing{}, flowOf[float64](3, 2), flowOf[float64](3, 2)))
	net := must(nn.NewMLP[float64](nn.MLPSpec{In: 3, Out: 1}))
	bend := func(d, context int) bijector.Layer[float64] { return newBend[float64](d, context, 1) }
	for name, c := range map[string]struct{ err, also error }{
		"width":                   {second(f.LogProb(rowsOf[float64](4, 2))), nil},
		"destination":             {f.LogProbInto(make([]float64, 3), x), nil},
		"context's width":         {second(g.Given(rowsOf[float64](4, 1)).LogProb(x)), bijector.ErrContext},
		"context's rows":          {second(g.Given(rowsOf[float64](3, 2)).LogProb(x)), bijector.ErrContext},
		"draws, context's width":  {second(g.Given(rowsOf[float64](1, 3)).Sample(rng, 4)), bijector.ErrContext},
		"draws, context's rows":   {second(g.Given(rowsOf[float64](3, 2)).Sample(rng, 4)), bijector.ErrContext},
		"gonum, context's rows":   {second(g.Given(rowsOf[float64](2, 2)).Gonum(nil)), bijector.ErrContext},
		"ensemble, width":         {second(e.Given(rowsOf[float64](1, 3)).LogProb(x)), bijector.ErrContext},
		"ensemble, rows":          {second(e.Given(rowsOf[float64](5, 2)).LogProb(x)), bijector.ErrContext},
		"ensemble's contexts":     {second(NewEnsemble(Mixing{}, g, flowOf[float64](3, 1))), bijector.ErrContext},
		"ensemble's features":     {second(NewEnsemble(Mixing{}, f, flowOf[float64](2, 0))), nil},
		"ensemble's weights":      {second(NewEnsemble(Mixing{Weights: []float64{1}}, f, flowOf[float64](3, 0))), bijector.ErrSpec},
		"contexts of the classes": {second(g.Posterior(x, Classes{Contexts: rowsOf[float64](2, 3)})), bijector.ErrContext},
		"prior":                   {second(g.Posterior(x, Classes{Prior: []float64{1}})), bijector.ErrSpec},
		"layer and base":          {NewFlow(bend(3, 0), StandardNormal[float64](2)).Check(), nil},
		"context of the base":     {NewFlow[float64](bend(3, 2), conditional{StandardNormal[float64](3)}).Check(), bijector.ErrContext},
		"embedding":               {NewConditional(bend(3, 2), StandardNormal[float64](3), net).Check(), bijector.ErrContext},
		"locations":               {second(NewNormal[float64](NormalSpec{Dim: 3, Loc: []float64{1}})), bijector.ErrSpec},
		"scales":                  {second(NewLogistic[float64](LogisticSpec{Dim: 3, Scale: []float64{1}})), bijector.ErrSpec},
		"degrees of freedom":      {second(NewStudentT[float64](StudentTSpec{Dim: 3, DF: []float64{1}})), bijector.ErrSpec},
		"lower bounds":            {second(NewUniform[float64](UniformSpec{Dim: 3, Lo: []float64{0}})), bijector.ErrSpec},
		"upper bounds":            {second(NewUniform[float64](UniformSpec{Dim: 3, Hi: []float64{1}})), bijector.ErrSpec},
		"marginals":               {second(NewIndependent[float64](IndependentSpec{Dim: 3, Marginals: []MarginalSpec{laplace, laplace}})), bijector.ErrSpec},
		"parameters":              {second(NewIndependent[float64](IndependentSpec{Dim: 1, Marginals: []MarginalSpec{{Kind: "laplace", Params: []float64{1}}}})), bijector.ErrSpec},
	} {
		if !errors.Is(c.err, bijector.ErrShape) {
			t.Errorf("%s: %v, want one that wraps ErrShape", name, c.err)
		}
		if c.also != nil && !errors.Is(c.err, c.also) {
			t.Errorf("%s: %v, want one that wraps %q", name, c.err, c.also)
		}
	}
}
