package train_test

// Ties: which columns are told of, and how.

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/train"
)

func TestTies(t *testing.T) {
	const n = 1000
	rng := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, 0, 5*n)
	for i := range n {
		spike, cents := rng.NormFloat64(), float64(1+rng.IntN(20000))/100
		if i%5 < 2 {
			spike = 0
		}
		if i == 0 {
			cents = 0.01
		}
		x = append(x, float32(rng.NormFloat64()), float32(spike), float32(i%4), float32(cents), float32(rng.NormFloat64()))
	}
	rows := must(bijector.RowsOf(x, n, 5))
	chain := must(coupling.RealNVP[float32](coupling.Recipe{Dim: 5, Layers: 2, Hidden: []int{4}}))
	f := must(flow.New[float32](chain, distribution.StandardNormal[float32](5)))
	report, err := train.Fit(context.Background(), f, train.Tensor(rows), train.Options{ValidationFraction: train.NoValidation, Epochs: 1})
	if err != nil {
		t.Fatal(err)
	}
	want := []train.ColumnTies{
		{Column: 1, Rows: n, Distinct: 601, Value: 0, Share: 0.4},
		{Column: 2, Rows: n, Distinct: 4, Value: 0, Share: 0.25, Step: 1},
	}
	got := report.Ties
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("ties (-want +got):\n%s", d)
	}
	// A grid of cents is told of where values repeat on it.
	few := bijector.NewMat[float64](1, 300)
	for i := range 300 {
		few.Data[i] = float64(rng.IntN(100))/100 + 7
	}
	if ties := train.TiesOf(few); len(ties) != 1 || ties[0].Step != 0.01 || ties[0].Distinct > 100 {
		t.Errorf("a grid of hundredths: %+v", ties)
	}
}
