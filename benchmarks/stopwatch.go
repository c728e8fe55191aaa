// Timing: medians of steps and of operations.

package benchmarks

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/train"
)

// errTooFew: a median wants three times or more.
var errTooFew = errors.New("too few operations in the time; give it longer")

// StepTime trains a model for about d and returns the median seconds of a
// step of train.Fit: reading, gradient and optimiser. Its error is that of ctx
// where ctx ends before.
func StepTime(ctx context.Context, m bijector.Objective[float32], data train.Source, batch int, d time.Duration) (float64, error) {
	timed, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var w stepTimer
	_, err := train.Fit(timed, Bare[float32]{m}, data, train.Options{
		Epochs: 1 << 20, Batch: batch, Rate: 1e-5, Optimizer: train.Adam{WeightDecay: 1e-5}, Observer: &w, ValidationFraction: train.NoValidation,
	})
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return 0, err
	}
	return median(w.times)
}

// OpTime repeats f for about d and returns its median seconds, the first tenth
// of the time left out. Its error is that of ctx where ctx ends before.
func OpTime(ctx context.Context, f func() error, d time.Duration) (float64, error) {
	var times []float64
	start := time.Now()
	for before := start; before.Sub(start) < d || len(times) < 3; before = time.Now() {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if err := f(); err != nil {
			return 0, err
		}
		if before.Sub(start) >= d/10 {
			times = append(times, time.Since(before).Seconds())
		}
	}
	return median(times)
}

// stepTimer is an Observer that times steps.
type stepTimer struct {
	last  time.Time
	times []float64
}

func (w *stepTimer) Epoch(train.EpochEvent) {}

func (w *stepTimer) Step(train.StepEvent) {
	now := time.Now()
	if !w.last.IsZero() {
		w.times = append(w.times, now.Sub(w.last).Seconds())
	}
	w.last = now
}

func median(times []float64) (float64, error) {
	if len(times) < 3 {
		return 0, errTooFew
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}
