// Which flows have bounds, and small things that are refused or taken.

package flow_test

import (
	"errors"
	"testing"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// An ensemble has bounds where every flow has: then a row beyond those of all is in
// none.
func TestEnsembleHasBounds(t *testing.T) {
	bounded := func() *flow.Flow[float64] {
		return testkit.Must(flow.New[float64](testkit.Must(bijector.NewLogit[float64](bijector.LogitSpec{Dim: 2})), distribution.StandardNormal[float64](2)))
	}
	free := func() *flow.Flow[float64] {
		return testkit.Must(flow.New[float64](testkit.Must(bijector.NewScale[float64](bijector.ScaleSpec{Dim: 2})), distribution.StandardNormal[float64](2)))
	}
	if !bounded().HasBounds() || free().HasBounds() {
		t.Fatal("a logit has bounds, and a scale has none")
	}
	for _, c := range []struct {
		flows []*flow.Flow[float64]
		want  bool
	}{{[]*flow.Flow[float64]{bounded(), bounded()}, true}, {[]*flow.Flow[float64]{bounded(), free()}, false}, {[]*flow.Flow[float64]{free(), free()}, false}} {
		if got := testkit.Must(flow.NewEnsemble(flow.Mixing{}, c.flows...)).HasBounds(); got != c.want {
			t.Errorf("%v, want %v", got, c.want)
		}
	}
}

// Rows of another width have no gradient, but an error that says so.
func TestGradientRefusesRows(t *testing.T) {
	f := testkit.Must(flow.New[float64](testkit.Must(bijector.NewScale[float64](bijector.ScaleSpec{Dim: 2})), distribution.StandardNormal[float64](2)))
	if _, _, err := f.LogProbGrad(bijector.NewRows[float64](3, 5)); !errors.Is(err, bijector.ErrShape) {
		t.Errorf("LogProbGrad: %v", err)
	}
	if err := f.LogProbGradInto(make([]float64, 3), make([]float64, 6), bijector.NewRows[float64](3, 5)); !errors.Is(err, bijector.ErrShape) {
		t.Errorf("LogProbGradInto: %v", err)
	}
}

// Four sweeps are the fewest.
func TestConditionTakesFourSweeps(t *testing.T) {
	chain := testkit.Must(autoregressive.MAF[float64](autoregressive.Recipe{Dim: 3, Layers: 2, Hidden: []int{8}, Order: "same"}))
	f := testkit.Must(flow.New(chain, distribution.StandardNormal[float64](3)))
	for sweeps, want := range map[int]error{3: bijector.ErrSpec, 4: nil} {
		if _, err := f.Condition(flow.Conditioning{Observed: []int{1}, Sweeps: sweeps}); !errors.Is(err, want) {
			t.Errorf("%d sweeps: %v", sweeps, err)
		}
	}
}
