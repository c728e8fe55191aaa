// From vectors of an encoder to alarms: the example of the package.

package latent_test

import (
	"context"
	"fmt"
	"log"
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/auto"
	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/latent"
	"github.com/bijou-flow/bijou/train"
)

// vectors are n embeddings of 64 values as a language model gives them, scaled to
// length 1, of texts that differ in few respects.
func vectors(n int, odd bool, seed uint64) *bijector.Rows[float32] {
	rng := rand.New(rand.NewPCG(seed, 1))
	x := bijector.NewRows[float32](n, 64)
	for i := range n {
		topic, tone, norm := rng.NormFloat64(), rng.NormFloat64(), 0.0
		row := make([]float64, 64)
		for j := range row {
			angle := float64(j)
			if odd {
				angle *= 1.7
			}
			row[j] = math.Tanh(topic)*math.Cos(angle) + math.Tanh(tone)*math.Sin(2*angle) + 0.3*math.Cos(5*angle) + 0.1*rng.NormFloat64()
			norm += row[j] * row[j]
		}
		for j, v := range row {
			x.Row(i)[j] = float32(v / math.Sqrt(norm))
		}
	}
	return x
}

// The vectors are there already: the encoder is the identity. Any other stands in
// the same place.
func ExampleFit() {
	encoder, err := autoencoder.NewIdentity[float32](autoencoder.IdentitySpec{Dim: 64})
	if err != nil {
		log.Fatal(err)
	}
	x := vectors(300, false, 1)
	model, report, err := latent.Fit[float32](context.Background(), encoder, train.Tensor(x), latent.Options{
		Share: 0.95, Auto: auto.Options{Steps: 20}, // for the sake of the example; the zero Options are better
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(report.Reduction)
	fmt.Println(report.Calibrated, "rows say what is usual")

	flags, err := model.Flag(vectors(100, true, 2), 0.05)
	if err != nil {
		log.Fatal(err)
	}
	alarms := 0
	for _, odd := range flags {
		if odd {
			alarms++
		}
	}
	fmt.Println(alarms, "of 100 odd vectors raise an alarm")
	logp, err := model.LogProbRow(vectors(1, true, 3).Row(0)) // in a service
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("p-value %.3f\n", model.PValues([]float64{logp})[0])
	// Output:
	// all embeddings have one length: they lie on a sphere
	// 3 principal components have 96.4 % of the variance; of the rest, 3.6 %, the density sees the distance alone
	// 60 rows say what is usual
	// 100 of 100 odd vectors raise an alarm
	// p-value 0.016
}
