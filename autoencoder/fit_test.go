package autoencoder_test

import (
	"context"
	"errors"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/train"
)

// TestFitNamesBadTargets: data outside [0, 1] is refused by name, not reported
// as a training run that diverged.
func TestFitNamesBadTargets(t *testing.T) {
	ae, err := autoencoder.NewDense[float64](autoencoder.DenseSpec{In: 4, Hidden: []int{3}, Embedding: 2, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	data := []float64{0, 0.5, 1, 0.25, 0, 0, 255, 1}
	x := tensor.New(tensor.WithShape(2, 4), tensor.WithBacking(data))
	before := append([]float64(nil), ae.Params()[0].Data...)
	report, err := train.Fit(context.Background(), ae, train.Tensor(x), train.Options{ValidationFraction: train.NoValidation, Epochs: 2})
	if !errors.Is(err, autoencoder.ErrTarget) {
		t.Fatalf("got %v, want ErrTarget", err)
	}
	if report.Stopped != "data" || report.Steps != 0 {
		t.Errorf("stopped by %q after %d steps, want data after 0", report.Stopped, report.Steps)
	}
	for i, v := range ae.Params()[0].Data {
		if v != before[i] {
			t.Fatal("the refused batch changed the model")
		}
	}
}
