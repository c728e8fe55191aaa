// What the benchmarks of training share: a source that repeats its rows, and runs of Fit.

package benchmarks

import (
	"context"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/train"
)

// repeatedSource is a Source that repeats the rows of a tensor.
type repeatedSource struct {
	*train.TensorSource
	n    int // rows, repetitions included
	rows []int
}

// newRepeatedSource repeats the rows of x, and of context where it is not nil, up to n.
func newRepeatedSource(x, context tensor.Tensor, n int) *repeatedSource {
	return &repeatedSource{TensorSource: train.Tensor(x).Given(context), n: n}
}

// Len is n.
func (r *repeatedSource) Len() int { return r.n }

// Read reads rows, starting over where the tensor ends.
func (r *repeatedSource) Read(rows []int, x, context *tensor.Dense) error {
	r.rows = r.rows[:0]
	for _, row := range rows {
		r.rows = append(r.rows, row%r.TensorSource.Len())
	}
	return r.TensorSource.Read(r.rows, x, context)
}

// Bare hides that a model is a Calibrator: the benchmark is about steps.
type Bare[T bijector.Float] struct{ bijector.Objective[T] }

// fit takes b.N training steps, reading and the optimiser included.
func fit[T bijector.Float](b *testing.B, m bijector.Objective[T], data *repeatedSource) {
	fitBatch(b, m, data, Batch)
}

// fitBatch is fit in batches of another size.
func fitBatch[T bijector.Float](b *testing.B, m bijector.Objective[T], data *repeatedSource, batch int) {
	b.ReportAllocs()
	b.ResetTimer()
	r, err := train.Fit(context.Background(), Bare[T]{m}, data, train.Options{Epochs: 1, Batch: batch, Rate: 1e-4, ValidationFraction: train.NoValidation})
	if err != nil {
		b.Fatal(err)
	}
	if r.BadSteps > 0 {
		b.Fatalf("%d steps of %d were not finite", r.BadSteps, r.Steps+r.BadSteps)
	}
	perSecond(b, data.n)
}
