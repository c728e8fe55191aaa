// The error of a round trip, in units of the data.

package flow

import (
	"context"
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/rows"
	"github.com/bijou-flow/bijou/train"
)

// measureDeviations finds the standard deviation of each column, by Welford's
// recurrence.
func (e *diagnoser[T]) measureDeviations(ctx context.Context, data train.Source, batch int) error {
	d, n := e.flow.Dim(), 0
	mean, squares := make([]float64, d), make([]float64, d)
	err := train.EachBatch(ctx, data, d, e.flow.ContextDim(), batch, func(x, _ bijector.Mat[T]) error {
		for j := range d {
			for i, v := range x.Feature(j) {
				delta := float64(v) - mean[j]
				mean[j] += delta / float64(n+i+1)
				squares[j] += delta * (float64(v) - mean[j])
			}
		}
		n += x.N
		return nil
	})
	e.deviations = squares
	for j, s := range squares {
		if e.deviations[j] = math.Sqrt(s / float64(max(n, 1))); !(e.deviations[j] > 0) || math.IsInf(e.deviations[j], 1) {
			e.deviations[j] = 1
		}
	}
	return err
}

// roundTripError is the relative error of sample i, NaN or infinite where it or its
// latent is.
func (e *diagnoser[T]) roundTripError(back, x, z bijector.Mat[T], i int) (worst float64) {
	if !isFiniteSample(z, i) || !isFiniteSample(back, i) {
		return math.NaN()
	}
	for j := range x.D {
		v := float64(x.Feature(j)[i])
		worst = max(worst, math.Abs(float64(back.Feature(j)[i])-v)/max(e.deviations[j], math.Abs(v)))
	}
	return worst
}

// isFiniteSample reports whether every feature of sample i is finite.
func isFiniteSample[T bijector.Float](m bijector.Mat[T], i int) bool {
	return rows.IsFiniteSample(rows.Features[T](m), i)
}

// cloneSample is a copy of sample i, as a batch of one.
func cloneSample[T bijector.Float](m bijector.Mat[T], i int) bijector.Mat[T] {
	c := bijector.NewMat[T](m.D, 1)
	for j := range m.D {
		c.Feature(j)[0] = m.Feature(j)[i]
	}
	return c
}
