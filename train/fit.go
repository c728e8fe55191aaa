package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
)

var nan = math.NaN()

// calibrationValues bounds the memory of the rows that data-dependent layers
// are calibrated on: all of the training set up to that many values, and rows
// spread evenly over it beyond.
const calibrationValues = 1 << 24

// Fit trains a model on data: it lowers the mean loss over the rows, for a
// flow the negative log-likelihood in nats. An epoch is cut into
// ceil(n/Batch) batches as equal as can be.
//
// Layers that take statistics from data (bijector.Calibrator) get them from
// the training set: once before the first step, before every validation, and
// at the end. Of a set of more than 2^24 values they see rows spread evenly
// over it.
//
// The model is trained in place and must not be used meanwhile. When ctx ends,
// Fit returns within a step, with ctx's error and a model that is calibrated
// and usable; so it is after any other error that comes with a Report. An
// error without one is about the options, the model or the data, and comes
// before the first step.
//
// A NaN or an infinity in the data is a bijector.RowError: it names the first
// such row of the batch it was found in, counted in the data as it was given,
// whatever the shuffle and the split.
func Fit[T bijector.Float](ctx context.Context, m bijector.Objective[T], data Source, o Options) (*Report, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := m.Check(); err != nil {
		return nil, err
	}
	if err := checkSource[T]("training data", data, m.Dim(), m.ContextDim()); err != nil {
		return nil, err
	}
	if o.ValidationFraction > 0 {
		if data.Len() < 2 {
			return nil, fmt.Errorf("train: one row cannot be split into training and validation: %w", ErrOptions)
		}
		data, o.Validation = split(data, o.ValidationFraction, o.Seed)
	} else if o.Validation != nil {
		if err := checkSource[T]("validation data", o.Validation, m.Dim(), m.ContextDim()); err != nil {
			return nil, err
		}
	}
	f := &fitter[T]{model: m, o: o, report: &Report{}, workers: bijector.NewWorkers(o.Workers)}
	defer f.workers.Close()
	if err := f.prepare(data); err != nil {
		return nil, err
	}
	start := time.Now()
	err = f.run(ctx)
	f.finish()
	f.report.Time = time.Since(start)
	return f.report, err
}

// fitter is a training run.
type fitter[T bijector.Float] struct {
	model   bijector.Objective[T]
	o       Options
	report  *Report
	workers *bijector.Workers

	data    *loader[T]
	step    bijector.StepPass[T]
	update  *updater[T]
	loss    []float64
	bad     int // bad steps in a row
	calib   bijector.Calibrator[T]
	x, cond bijector.Mat[T] // what calibration sees

	valid *evaluator[T]
	best  snapshot[T]
	low   float64
}

// prepare makes all that a run needs, so that a step allocates nothing.
func (f *fitter[T]) prepare(data Source) error {
	var err error
	if f.data, err = newLoader[T]("training data", data, f.o.Batch); err != nil {
		return err
	}
	if c, ok := f.model.(bijector.Calibrator[T]); ok {
		f.calib = c
		if f.x, f.cond, err = readSpread[T](data, calibrationValues/f.model.Dim()); err != nil {
			return err
		}
		f.calibrate(true)
	}
	f.step = f.model.NewStepPass(bijector.PassOptions{MaxBatch: f.data.x.N, Workers: f.workers, Memory: f.o.Memory})
	if f.update, err = newUpdater(f.o.Optimizer, f.model.Params(), f.step.Grads(), f.workers); err != nil {
		return err
	}
	f.update.zero()
	if f.o.Average > 0 {
		f.update.mean = newAverage(f.o.Average, f.model.Params())
	}
	f.loss = make([]float64, f.data.x.N)
	f.low = math.Inf(1)
	if f.o.Validation != nil {
		f.valid, err = newEvaluator("validation data", f.model, f.o.Validation, f.workers)
	}
	return err
}

// calibrate makes the model ready for evaluation, with statistics of the
// training set. Steps wrote to its parameters, and calibration evaluates
// layers and writes to them in turn: they are told before and after.
func (f *fitter[T]) calibrate(start bool) {
	changed(f.model)
	if f.calib != nil {
		f.calib.Calibrate(f.x, f.cond, start, f.workers)
		changed(f.model)
	}
}

// run is the loop over epochs. It returns why it ended early, if it did.
func (f *fitter[T]) run(ctx context.Context) error {
	waited := 0
	for epoch := 1; epoch <= f.o.Epochs; epoch++ {
		e, err := f.epoch(ctx, epoch)
		if err == nil {
			err = f.validate(ctx, &e)
		}
		if err != nil {
			f.report.Stopped = reason(err)
			return err
		}
		f.report.Epochs = append(f.report.Epochs, e)
		if f.o.Observer != nil {
			f.o.Observer.Epoch(e)
		}
		if waited++; e.Best {
			waited = 0
		}
		if f.o.Patience > 0 && waited >= f.o.Patience {
			f.report.Stopped = "patience"
			return nil
		}
	}
	return nil
}

// reason is the word for an error in a Report.
func reason(err error) string {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "cancelled"
	case errors.Is(err, ErrDiverged):
		return "diverged"
	case errors.Is(err, ErrOptions):
		return "options"
	}
	return "data"
}

// epoch takes one pass over the data.
func (f *fitter[T]) epoch(ctx context.Context, epoch int) (EpochEvent, error) {
	start := time.Now()
	renew(f.data.src, epoch)
	if !f.o.InOrder {
		f.data.shuffle(f.o.Seed, epoch)
	}
	e := EpochEvent{Epoch: epoch, Epochs: f.o.Epochs, Validation: nan}
	sum := 0.0
	for b := range f.data.batches {
		if err := ctx.Err(); err != nil {
			return e, err
		}
		s, err := f.one(epoch, b)
		if err != nil {
			return e, err
		}
		if s.Bad {
			e.BadSteps++
		} else {
			sum += s.Loss * float64(s.Rows)
			e.Rows += s.Rows
		}
		if f.o.Observer != nil {
			f.o.Observer.Step(s)
		}
		if f.bad >= f.o.MaxBadSteps {
			return e, fmt.Errorf("train: loss or gradient not finite in %d steps in a row, the last in epoch %d; try a lower learning rate, ClipNorm, or look for outliers in the data: %w",
				f.bad, epoch, ErrDiverged)
		}
	}
	e.Loss = sum / float64(e.Rows)
	e.Time = time.Since(start)
	return e, nil
}

// targetChecker is an optional interface of models whose loss is defined for
// some data only, such as a cross-entropy for values in [0, 1]: it says what
// is wrong with a batch whose loss is not finite.
type targetChecker interface {
	CheckTargets(x *tensor.Dense) error
}

// one takes one step, or leaves it out where its loss or gradient is not
// finite.
func (f *fitter[T]) one(epoch, b int) (StepEvent, error) {
	x, cond, err := f.data.load(b)
	if err != nil {
		return StepEvent{}, err
	}
	loss := f.loss[:x.N]
	f.step.Step(x, cond, loss)
	mean := 0.0
	for _, v := range loss {
		mean += v
	}
	mean /= float64(len(loss))
	s := StepEvent{
		Epoch: epoch, Epochs: f.o.Epochs, Step: b + 1, Steps: f.data.batches,
		Rows: x.N, Loss: mean, GradNorm: f.update.norm(),
	}
	done := (epoch-1)*f.data.batches + b
	s.Rate = f.o.Rate * f.o.Schedule.Factor(done, f.data.batches, f.o.Epochs*f.data.batches)
	if !(s.Rate >= 0) || math.IsInf(s.Rate, 0) {
		return s, fmt.Errorf("train: %T makes the learning rate %g at step %d, want 0 or a finite positive number: %w", f.o.Schedule, s.Rate, done, ErrOptions)
	}
	if bad := mean + s.GradNorm; math.IsNaN(bad) || math.IsInf(bad, 0) {
		if c, ok := f.model.(targetChecker); ok {
			if err := c.CheckTargets(f.data.tensors[x.N].x); err != nil {
				return s, fmt.Errorf("train: a batch of epoch %d: %w", epoch, err)
			}
		}
		s.Bad = true
		f.bad++
		f.report.BadSteps++
		f.update.zero()
		return s, nil
	}
	f.bad = 0
	f.report.Steps++
	scale := 1.0
	if f.o.ClipNorm > 0 && s.GradNorm > f.o.ClipNorm {
		scale = f.o.ClipNorm / s.GradNorm
	}
	f.update.apply(s.Rate, scale)
	return s, nil
}

// validate fills in an epoch's validation loss and keeps the best state.
func (f *fitter[T]) validate(ctx context.Context, e *EpochEvent) error {
	if f.valid == nil {
		return nil
	}
	start := time.Now()
	f.update.mean.lend()
	defer f.takeBack()
	f.calibrate(false)
	v, err := f.valid.mean(ctx)
	if err != nil {
		return err
	}
	e.Validation = v
	if v < f.low {
		f.low, e.Best, f.report.BestEpoch = v, true, e.Epoch
		if f.keepBest() {
			f.best.take(f.model)
		}
	}
	e.Time += time.Since(start)
	return nil
}

// takeBack puts the parameters back into the model that validation saw the
// average of.
func (f *fitter[T]) takeBack() {
	if f.update.mean.takeBack() {
		changed(f.model)
	}
}

func (f *fitter[T]) keepBest() bool { return f.o.KeepBest || f.o.Patience > 0 }

// finish leaves the model ready for use: the best state, or the last one or
// the average, with statistics of its own. After divergence that is the state before the step
// that led there, since nothing is known to be finite at the one behind it.
func (f *fitter[T]) finish() {
	n := len(f.report.Epochs)
	if f.keepBest() && f.report.BestEpoch > 0 && (f.report.BestEpoch < n || f.report.Stopped != "") {
		f.best.restore(f.model)
		f.report.Restored = true
		return
	}
	if f.report.Stopped == "diverged" {
		f.update.undo()
	}
	f.update.mean.lend()
	f.calibrate(false)
}
