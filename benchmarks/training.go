package benchmarks

import (
	"context"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/train"
)

// ring is a Source that repeats the rows of a tensor.
type ring struct {
	x, context *tensor.Dense
	n          int
}

func (r ring) Len() int { return r.n }
func (r ring) Dim() int { return r.x.Shape()[1] }

func (r ring) ContextDim() int {
	if r.context == nil {
		return 0
	}
	return r.context.Shape()[1]
}

func (r ring) Read(rows []int, x, context *tensor.Dense) error {
	n := r.x.Shape()[0]
	for i, row := range rows {
		copyRow(x, r.x, i, row%n)
		if context != nil {
			copyRow(context, r.context, i, row%n)
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

// bare hides that a model is a Calibrator: the benchmark is about steps.
type bare[T bijector.Float] struct{ bijector.Objective[T] }

// fit takes b.N training steps, reading and the optimiser included.
func fit[T bijector.Float](b *testing.B, m bijector.Objective[T], data ring) {
	b.ReportAllocs()
	b.ResetTimer()
	r, err := train.Fit(context.Background(), bare[T]{m}, data, train.Options{Epochs: 1, Batch: batch, Rate: 1e-4})
	if err != nil {
		b.Fatal(err)
	}
	if r.BadSteps > 0 {
		b.Fatalf("%d steps of %d were not finite", r.BadSteps, r.Steps+r.BadSteps)
	}
	perSecond(b, data.n)
}
