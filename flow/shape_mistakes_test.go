// Every shape mistake is ErrShape, whatever else it is.

package flow

import (
	"errors"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/internal/nn"
	"github.com/bijou-flow/bijou/internal/testkit"
)

func TestShapeMistakes(t *testing.T) {
	f, g := flowOf[float64](3, 0), flowOf[float64](3, 2)
	x := rowsOf[float64](4, 3)
	rng := testkit.NewRand(1)
	e := testkit.Must(NewEnsemble(Mixing{}, flowOf[float64](3, 2), flowOf[float64](3, 2)))
	net := testkit.Must(nn.NewMLP[float64](nn.MLPSpec{In: 3, Out: 1}))
	bend := func(d, context int) bijector.Layer[float64] { return newBend[float64](d, context, 1) }
	normal := func(d int) distribution.Base[float64] { return distribution.StandardNormal[float64](d) }
	for name, c := range map[string]struct{ err, also error }{
		"width":                   {errOf(f.LogProb(rowsOf[float64](4, 2))), nil},
		"destination":             {f.LogProbInto(make([]float64, 3), x), nil},
		"context's width":         {errOf(g.Given(rowsOf[float64](4, 1)).LogProb(x)), bijector.ErrContext},
		"context's rows":          {errOf(g.Given(rowsOf[float64](3, 2)).LogProb(x)), bijector.ErrContext},
		"draws, context's width":  {errOf(g.Given(rowsOf[float64](1, 3)).Sample(rng, 4)), bijector.ErrContext},
		"draws, context's rows":   {errOf(g.Given(rowsOf[float64](3, 2)).Sample(rng, 4)), bijector.ErrContext},
		"gonum, context's rows":   {errOf(g.Given(rowsOf[float64](2, 2)).Gonum(nil)), bijector.ErrContext},
		"ensemble, width":         {errOf(e.Given(rowsOf[float64](1, 3)).LogProb(x)), bijector.ErrContext},
		"ensemble, rows":          {errOf(e.Given(rowsOf[float64](5, 2)).LogProb(x)), bijector.ErrContext},
		"ensemble's contexts":     {errOf(NewEnsemble(Mixing{}, g, flowOf[float64](3, 1))), bijector.ErrContext},
		"ensemble's features":     {errOf(NewEnsemble(Mixing{}, f, flowOf[float64](2, 0))), nil},
		"ensemble's weights":      {errOf(NewEnsemble(Mixing{Weights: []float64{1}}, f, flowOf[float64](3, 0))), bijector.ErrSpec},
		"contexts of the classes": {errOf(g.Posterior(x, Classes{Contexts: rowsOf[float64](2, 3)})), bijector.ErrContext},
		"prior":                   {errOf(g.Posterior(x, Classes{Prior: []float64{1}})), bijector.ErrSpec},
		"layer and base":          {errOf(New(bend(3, 0), normal(2))), nil},
		"context of the base":     {errOf(New[float64](bend(3, 2), conditional{distribution.StandardNormal[float64](3)})), bijector.ErrContext},
		"embedding":               {errOf(NewWithEmbedding(bend(3, 2), normal(3), bijector.Network[float64](net))), bijector.ErrContext},
	} {
		if !errors.Is(c.err, bijector.ErrShape) {
			t.Errorf("%s: %v, want one that wraps ErrShape", name, c.err)
		}
		if c.also != nil && !errors.Is(c.err, c.also) {
			t.Errorf("%s: %v, want one that wraps %q", name, c.err, c.also)
		}
	}
}
