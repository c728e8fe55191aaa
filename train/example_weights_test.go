package train_test

import (
	"context"
	"fmt"
	"log"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/train"
)

// A survey asked 900 people of a city and 100 of the countryside, where as many
// live. Weights make each half of the rows count as half of the people.
func ExampleTensorSource_Weighted() {
	rng := rand.New(rand.NewPCG(1, 2))
	minutes, weights := bijector.NewRows[float64](1000, 1), make([]float64, 1000)
	for i := range weights {
		if i < 900 {
			minutes.Row(i)[0], weights[i] = 20+5*rng.NormFloat64(), 0.5/900
		} else {
			minutes.Row(i)[0], weights[i] = 60+5*rng.NormFloat64(), 0.5/100
		}
	}
	fit := func(data train.Source) (mean, deviation float64) {
		layer, err := bijector.NewActNorm[float64](bijector.ActNormSpec{Dim: 1})
		if err != nil {
			log.Fatal(err)
		}
		f, err := flow.New(layer, distribution.StandardNormal[float64](1))
		if err != nil {
			log.Fatal(err)
		}
		if _, err := train.Fit(context.Background(), f, data, train.Options{Epochs: 5}); err != nil {
			log.Fatal(err)
		}
		scale, shift, _ := layer.Coefficients(0)
		return -shift / scale, 1 / scale
	}
	mean, deviation := fit(train.Tensor(minutes))
	fmt.Printf("of those asked:  %.0f minutes, deviation %.0f\n", mean, deviation)
	mean, deviation = fit(train.Tensor(minutes).Weighted(weights))
	fmt.Printf("of those living: %.0f minutes, deviation %.0f\n", mean, deviation)
	// Output:
	// of those asked:  24 minutes, deviation 13
	// of those living: 40 minutes, deviation 21
}
