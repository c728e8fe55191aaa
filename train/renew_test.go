// A Source that was trained on before starts over.

package train_test

import (
	"context"
	"slices"
	"testing"

	"github.com/bijou-flow/bijou/train"
)

func TestFitRenewsFromTheStart(t *testing.T) {
	data := train.Dequantize(train.Tensor(dense[float64](40, 3, func(i, j int) float64 { return float64((i*(j+3))%8) / 7 })), 8, 1)
	fit := func() []uint64 {
		flow := someFlow[float64]("act", 0, 1) // which starts from the first rows it sees
		must(train.Fit(context.Background(), flow, data, train.Options{ValidationFraction: train.NoValidation, Epochs: 2, Batch: 20}))
		return bits[float64](flow)
	}
	if !slices.Equal(fit(), fit()) {
		t.Error("the second run depends on the first")
	}
}
