package benchmarks

import (
	"context"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/train"
)

// Ring is a Source that repeats the rows of a tensor.
type Ring struct {
	X, Context *tensor.Dense // Context may be nil
	N          int           // rows, repetitions included
}

// Len is N.
func (r Ring) Len() int { return r.N }

// Dim is the width of X.
func (r Ring) Dim() int { return r.X.Shape()[1] }

// ContextDim is the width of Context.
func (r Ring) ContextDim() int {
	if r.Context == nil {
		return 0
	}
	return r.Context.Shape()[1]
}

// Read copies rows, starting over where X ends.
func (r Ring) Read(rows []int, x, context *tensor.Dense) error {
	n := r.X.Shape()[0]
	for i, row := range rows {
		copyRow(x, r.X, i, row%n)
		if context != nil {
			copyRow(context, r.Context, i, row%n)
		}
	}
	return nil
}

// copyRow copies row j of src to row i of dst.
func copyRow(dst, src *tensor.Dense, i, j int) {
	d := src.Shape()[1]
	if src.Dtype() == tensor.Float32 {
		copy(dst.Float32s()[i*d:(i+1)*d], src.Float32s()[j*d:])
	} else {
		copy(dst.Float64s()[i*d:(i+1)*d], src.Float64s()[j*d:])
	}
}

// Bare hides that a model is a Calibrator: the benchmark is about steps.
type Bare[T bijector.Float] struct{ bijector.Objective[T] }

// fit takes b.N training steps, reading and the optimiser included.
func fit[T bijector.Float](b *testing.B, m bijector.Objective[T], data Ring) {
	fitBatch(b, m, data, Batch)
}

// fitBatch is fit in batches of another size.
func fitBatch[T bijector.Float](b *testing.B, m bijector.Objective[T], data Ring, batch int) {
	b.ReportAllocs()
	b.ResetTimer()
	r, err := train.Fit(context.Background(), Bare[T]{m}, data, train.Options{Epochs: 1, Batch: batch, Rate: 1e-4})
	if err != nil {
		b.Fatal(err)
	}
	if r.BadSteps > 0 {
		b.Fatalf("%d steps of %d were not finite", r.BadSteps, r.Steps+r.BadSteps)
	}
	perSecond(b, data.N)
}
