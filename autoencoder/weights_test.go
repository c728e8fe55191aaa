// An autoencoder trained on weighted rows.

package autoencoder

import (
	"context"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/train"
)

// A row of weight 2 is the row twice, on any number of workers.
func TestWeightTwoIsTheRowTwice(t *testing.T) {
	const n = 37
	w := make([]float64, n)
	for i := range w {
		w[i] = float64((i + 1) % 4)
	}
	for _, name := range []string{"dense", "conv"} {
		weighted, twice := models[float64]()[name], models[float64]()[name]
		if weighted == nil {
			t.Fatalf("no model %q", name)
		}
		x := testkit.RowsBy[float64](n, weighted.Dim(), func(i, j int) float64 { return float64((i*i+3*j)%11) / 10 })
		var rows [][]float64
		for i, v := range w {
			for range int(v) {
				rows = append(rows, x.Row(i))
			}
		}
		all := testkit.Must(bijector.RowsOfSlices(rows))
		o := train.Options{ValidationFraction: train.NoValidation, Epochs: 5, Batch: 1000, Rate: 1e-2, Workers: 2}
		got := testkit.Must(train.Fit(context.Background(), weighted, train.Tensor(x).Weighted(w), o))
		o.Workers = 1
		want := testkit.Must(train.Fit(context.Background(), twice, train.Tensor(all), o))
		testkit.Near(t, name+": loss", got.Loss(), want.Loss(), 1e-10)
		for i, p := range weighted.Params() {
			for k, v := range p.Data {
				testkit.Near(t, name+": "+p.Name, v, twice.Params()[i].Data[k], 1e-9)
			}
		}
	}
}
