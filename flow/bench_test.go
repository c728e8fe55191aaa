// What a request of a service costs: a row or many, as tensors and as slices.

package flow_test

import (
	"fmt"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// BenchmarkRequest scores and draws rows of 20 features with a Real NVP of 9
// couplings of 100, a new tensor for each request or plain slices.
func BenchmarkRequest(b *testing.B) {
	const dim, contextDim = 20, 10
	model := func(contextDim int) *flow.Flow[float32] {
		chain := testkit.Must(coupling.RealNVP[float32](coupling.Recipe{Dim: dim, ContextDim: contextDim, Layers: 9, Hidden: []int{100, 100}, Seed: 1}))
		return testkit.Must(flow.New(chain, distribution.StandardNormal[float32](dim)))
	}
	f, conditional := model(0), model(contextDim)
	for _, n := range []int{1, 1000} {
		x, contexts := testkit.Gauss[float32](n, dim, 1).Values(), testkit.Gauss[float32](n, contextDim, 2).Values()
		logp, draws, rng := make([]float64, n), make([]float32, n*dim), testkit.NewRand(1)
		rows := func(v []float32, d int) *bijector.Rows[float32] { return testkit.Must(bijector.RowsOf(v, n, d)) }
		type request struct {
			name string
			run  func() error
		}
		requests := []request{
			{"score/tensor", func() error { _, err := f.LogProb(rows(x, dim)); return err }},
			{"score/slice", func() error { return f.LogProbRows(logp, x) }},
			{"score given/tensor", func() error {
				_, err := conditional.Given(rows(contexts, contextDim)).LogProb(rows(x, dim))
				return err
			}},
			{"score given/slice", func() error { return conditional.LogProbRowsGiven(logp, x, contexts) }},
			{"draw/tensor", func() error { _, err := f.Sample(rng, n); return err }},
			{"draw/slice", func() error { return f.SampleInto(draws, rng) }},
			{"draw given/tensor", func() error { _, err := conditional.Given(rows(contexts, contextDim)).Sample(rng, n); return err }},
			{"draw given/slice", func() error { return conditional.SampleIntoGiven(draws, contexts, rng) }},
		}
		if n == 1 {
			requests = append(requests, request{"score/row", func() error { _, err := f.LogProbRow(x); return err }})
		}
		for _, r := range requests {
			b.Run(fmt.Sprintf("%s/%d", r.name, n), func(b *testing.B) {
				b.ReportAllocs()
				for range b.N {
					if err := r.run(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
