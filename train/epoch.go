// One pass over the data, and one step of it.

package train

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/bijou-flow/bijou/bijector"
)

// epoch takes one pass over the data, or what is left of it.
func (f *fitter[T]) epoch(ctx context.Context) error {
	start := time.Now()
	at, e := &f.progress, &f.progress.event
	before := e.Time
	setEpoch(f.data.src, at.epoch)
	if !f.o.InOrder {
		f.data.shuffle(f.o.Seed, at.epoch)
	}
	e.Epoch, e.Epochs, e.Validation = at.epoch, f.o.Epochs, nan
	for at.batch < f.data.batches {
		if err := ctx.Err(); err != nil {
			return err
		}
		s, err := f.trainStep(at.epoch, at.batch)
		if err != nil {
			return err
		}
		at.batch++
		if s.Bad {
			e.BadSteps++
		} else {
			at.sum += s.Loss * f.batchWeight
			at.weight += f.batchWeight
			e.Rows += s.Rows
		}
		if f.o.Observer != nil {
			f.o.Observer.Step(s)
		}
		if at.badInRow >= f.o.MaxBadSteps {
			return fmt.Errorf("train: loss or gradient not finite in %d steps in a row, the last in epoch %d; try a lower learning rate, ClipNorm, or look for outliers in the data: %w",
				at.badInRow, at.epoch, ErrDiverged)
		}
		e.Time = before + time.Since(start)
		if err := f.saveAfterStep(); err != nil {
			return err
		}
	}
	e.Loss = at.sum / at.weight
	return nil
}

// rate is the learning rate of a step, counted from 0.
func (f *fitter[T]) rate(step int) float64 {
	return f.o.Rate * f.o.Schedule.Factor(step, f.data.batches, f.o.Epochs*f.data.batches)
}

// trainStep takes one step, or leaves it out where its loss or gradient is not
// finite.
func (f *fitter[T]) trainStep(epoch, b int) (StepEvent, error) {
	x, cond, err := f.data.load(b)
	if err != nil {
		return StepEvent{}, err
	}
	done := (epoch-1)*f.data.batches + b
	f.noise.add(x, done)
	f.lastX, f.lastCond = x, cond
	loss := f.loss[:x.N]
	if f.o.Workers == 0 {
		f.workers.SetLimit(f.sharing.Count())
		start := time.Now()
		defer func() { f.sharing.Observe(x.N, time.Since(start)) }()
	}
	if f.data.relative != nil {
		f.step.(bijector.WeightedStepPass[T]).StepWeighted(x, cond, f.data.batchWeights, loss)
	} else {
		f.step.Step(x, cond, loss)
	}
	f.zeroing.Settle()
	var mean float64
	mean, f.batchWeight = weightedMean(loss, f.data.batchWeights)
	s := StepEvent{
		Epoch: epoch, Epochs: f.o.Epochs, Step: b + 1, Steps: f.data.batches,
		Rows: x.N, Loss: mean, GradNorm: f.updater.gradNorm(),
	}
	s.Rate = f.rate(done)
	if !(s.Rate >= 0) || math.IsInf(s.Rate, 0) {
		return s, fmt.Errorf("train: %T makes the learning rate %g at step %d, want 0 or a finite positive number: %w", f.o.Schedule, s.Rate, done, ErrOptions)
	}
	if bad := mean + s.GradNorm; math.IsNaN(bad) || math.IsInf(bad, 0) {
		if c, ok := f.model.(bijector.TargetChecker); ok {
			if err := c.CheckTargets(f.data.tensors[x.N].x); err != nil {
				return s, fmt.Errorf("train: a batch of epoch %d: %w", epoch, err)
			}
		}
		s.Bad = true
		f.progress.badInRow++
		f.report.BadSteps++
		f.updater.zeroGrads()
		return s, nil
	}
	f.progress.badInRow = 0
	f.report.Steps++
	scale := 1.0
	if f.o.ClipNorm > 0 && s.GradNorm > f.o.ClipNorm {
		scale = f.o.ClipNorm / s.GradNorm
	}
	f.updater.apply(s.Rate, scale)
	return s, nil
}
