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

// errTooFew: three times are the fewest.
var errTooFew = errors.New("too few operations in the time; give it longer")

// StepTime trains a model for about d, by so many workers (0: as many as are
// fastest), and returns the seconds of a step of train.Fit, reading, gradient
// and optimiser, their Median or Mean, over the second half of the time and three steps at least: the
// first is that of finding how many workers are fastest. Its error is that of ctx
// where ctx ends before.
func StepTime(ctx context.Context, m bijector.Objective[float32], data train.Source, batch, workers int, d time.Duration, of func([]float64) float64) (float64, error) {
	timed, cancel := context.WithCancel(ctx)
	defer cancel()
	now := time.Now()
	w := stepTimer{begin: now.Add(d / 2), end: now.Add(d), cancel: cancel}
	_, err := train.Fit(timed, Bare[float32]{m}, data, train.Options{
		Epochs: 1 << 20, Batch: batch, Workers: workers, Rate: 1e-5, Optimizer: train.Adam{WeightDecay: 1e-5}, Observer: &w, ValidationFraction: train.NoValidation,
	})
	if e := ctx.Err(); e != nil {
		return 0, e
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		return 0, err
	}
	return summary(w.times, of)
}

// OpTime repeats f for about d and returns its seconds, their Median or Mean, the
// first tenth of the time left out. Its error is that of ctx where ctx ends before.
func OpTime(ctx context.Context, f func() error, d time.Duration, of func([]float64) float64) (float64, error) {
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
	return summary(times, of)
}

// stepTimer is an Observer that times steps, and ends the run when there are enough.
type stepTimer struct {
	begin, end, last time.Time
	cancel           func()
	times            []float64
}

func (w *stepTimer) Epoch(train.EpochEvent) {}

func (w *stepTimer) Step(train.StepEvent) {
	now := time.Now()
	if w.last.After(w.begin) {
		w.times = append(w.times, now.Sub(w.last).Seconds())
	}
	w.last = now
	if len(w.times) >= 3 && now.After(w.end) {
		w.cancel()
	}
}

func summary(times []float64, of func([]float64) float64) (float64, error) {
	if len(times) < 3 {
		return 0, errTooFew
	}
	return of(times), nil
}

// Median is the one in the middle; it sorts the times.
func Median(times []float64) float64 {
	slices.Sort(times)
	return times[len(times)/2]
}

// Mean has the pauses in it, too, such as those of a process that has used up its
// share of the CPU.
func Mean(times []float64) float64 {
	sum := 0.0
	for _, t := range times {
		sum += t
	}
	return sum / float64(len(times))
}
