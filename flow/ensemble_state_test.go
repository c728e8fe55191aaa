// Mixtures of flows: what they refuse, their parameters and spec.

package flow

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/internal/testkit"
)

func TestEnsembleRefuses(t *testing.T) {
	f, g := flowOf[float64](2, 0), flowOf[float64](2, 1)
	shared := newFlow(f.Layer(), distribution.Base[float64](distribution.StandardNormal[float64](2)))
	for name, c := range map[string]struct {
		m     Mixing
		flows []*Flow[float64]
		want  error
		says  string
	}{
		"none":            {Mixing{}, nil, bijector.ErrSpec, "no flows"},
		"nil":             {Mixing{}, []*Flow[float64]{f, nil}, bijector.ErrSpec, "flow 1"},
		"features":        {Mixing{}, []*Flow[float64]{f, flowOf[float64](3, 0)}, bijector.ErrShape, "3 features"},
		"contexts":        {Mixing{}, []*Flow[float64]{f, g, flowOf[float64](2, 2)}, bijector.ErrContext, "flow 2"},
		"twice":           {Mixing{}, []*Flow[float64]{f, f.WithTemperature(2)}, bijector.ErrSpec, "share"},
		"a shared layer":  {Mixing{}, []*Flow[float64]{f, shared}, bijector.ErrSpec, `"bijector.0.a"`},
		"few weights":     {Mixing{Weights: []float64{1}}, []*Flow[float64]{f, g}, bijector.ErrSpec, "1 weights, want one for each flow, 2"},
		"a zero":          {Mixing{Weights: []float64{1, 0}}, []*Flow[float64]{f, g}, bijector.ErrSpec, "weight of flow 1 is 0"},
		"infinite weight": {Mixing{Weights: []float64{math.Inf(1), 1}}, []*Flow[float64]{f, g}, bijector.ErrSpec, "weight of flow 0"},
		"NaN":             {Mixing{Weights: []float64{1, math.NaN()}}, []*Flow[float64]{f, g}, bijector.ErrSpec, "weight of flow 1"},
	} {
		if e, err := NewEnsemble(c.m, c.flows...); !errors.Is(err, c.want) || e != nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %v with %q", name, err, c.want, c.says)
		}
	}
	e := testkit.Must(NewEnsemble(Mixing{}, f, g))
	x, rng := rowsOf[float64](2, 2), testkit.NewRand(1)
	given := e.Given(rowsOf[float64](1, 1))
	for name, c := range map[string]struct{ got, want error }{
		"no context":      {errOf(e.LogProb(x)), bijector.ErrContext},
		"features":        {errOf(given.LogProb(rowsOf[float64](1, 3))), bijector.ErrShape},
		"type":            {errOf(given.LogProb(rowsOf[float32](1, 2))), bijector.ErrDType},
		"destination":     {given.LogProbInto(make([]float64, 3), x), bijector.ErrShape},
		"draw, context":   {errOf(e.Sample(rng, 1)), bijector.ErrContext},
		"no draws":        {errOf(given.Sample(rng, 0)), bijector.ErrShape},
		"no generator":    {errOf(given.Sample(nil, 1)), bijector.ErrSpec},
		"temperature":     {errOf(given.WithTemperature(-1).Sample(rng, 1)), bijector.ErrSpec},
		"redraws":         {errOf(given.WithRedraws(-1).Sample(rng, 1)), bijector.ErrSpec},
		"into nothing":    {given.SampleInto(nil, rng), bijector.ErrShape},
		"check":           {e.WithTemperature(math.NaN()).Check(), bijector.ErrSpec},
		"without a grad.": {testkit.Must(NewEnsemble(Mixing{}, newFlow[float64](untrainableLayer{newBend[float64](2, 0, 1)}, distribution.StandardNormal[float64](2)))).Check(), bijector.ErrNotTrainable},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
}

func errOf[V any](_ V, err error) error { return err }

func TestEnsembleState(t *testing.T) {
	e := threeFlows[float64](Mixing{Weights: []float64{3, 1, 2}, Learned: true})
	var names []string
	for _, p := range e.Params() {
		names = append(names, p.Name)
	}
	if got := strings.Join(names, " "); !strings.HasPrefix(got, "0.bijector.a ") || !strings.Contains(got, " 1.embedding.1.bias 2.bijector.a ") || !strings.HasSuffix(got, " logits") {
		t.Errorf("parameters %s", got)
	}
	s := e.Spec().(EnsembleSpec)
	s.Weights[0] = 7
	again := e.Spec().(EnsembleSpec)
	again.Flows = nil // of layers that are not registered
	text := string(testkit.Must(json.Marshal(again)))
	if !strings.HasSuffix(text, `"weights":[3,1,2],"learned":true}`) || len(s.Flows) != 3 {
		t.Errorf("spec %s", text)
	}
	e.logits[1] = math.NaN()
	if err := e.Validate(); !errors.Is(err, bijector.ErrNonFinite) {
		t.Errorf("a NaN logit: %v", err)
	}
	e.logits[1] = 0
	if err := e.Validate(); err != nil {
		t.Error(err)
	}
	layer := &callCounter{bend: newBend[float64](2, 0, 1), validateErr: bijector.ErrNonFinite}
	e = testkit.Must(NewEnsemble(Mixing{}, flowOf[float64](2, 0), newFlow[float64](layer, distribution.StandardNormal[float64](2))))
	e.Invalidate()
	e.Calibrate(bijector.NewMat[float64](2, 5), bijector.Mat[float64]{}, true, nil)
	if err := e.Validate(); layer.invalidated != 1 || layer.calibrated != 1 || !errors.Is(err, bijector.ErrNonFinite) || !strings.Contains(err.Error(), "flow 1") {
		t.Errorf("told of %d changes and %d calibrations; Validate says %v", layer.invalidated, layer.calibrated, err)
	}
}
