// Fit: a training run from its first step to its report.

package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/parallelism"
	"github.com/bijou-flow/bijou/internal/rows"
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
// Rows with weights (WeightedSource) count by them in all of this: see Weights
// in the package's documentation. Those of weight 0 are left out first of all.
//
// A model that is a bijector.DataChecker is asked about the data first. A flow
// is not fitted to rows that have no density, where its own would grow without
// bound: a column that is constant or follows from others is
// flow.ErrDegenerate, which names the columns. Options.Noise is a way on. Rows
// of training or validation data outside the domain of a layer are a
// bijector.DomainError, which names column and rows.
//
// What Fit leaves is finite: a run whose last steps had a loss or a gradient
// that was not, or that ends with a model that has no finite loss, is taken back
// to the parameters before the step that led there. The error is ErrDiverged
// where that was so, and where there was validation and none was finite. Where that
// is for some held-out rows alone, epochs are compared by the others: Patience and
// KeepBest go on, and the error names the first such row.
//
// A NaN or an infinity in the data is a bijector.RowError: it names the first
// such row of the batch it was found in, counted in the data as it was given,
// whatever the shuffle and the split.
func Fit[T bijector.Float](ctx context.Context, m bijector.Objective[T], data Source, o Options) (*Report, error) {
	if err := checkCall(ctx, m); err != nil {
		return nil, err
	}
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
	if data, err = withoutZeroWeights("training data", data); err != nil {
		return nil, err
	}
	if o = o.forRows(data.Len()); o.ValidationFraction > 0 {
		if data.Len() < 2 {
			return nil, fmt.Errorf("train: one row cannot be split into training and validation: %w: %w", ErrOptions, bijector.ErrShape)
		}
		data, o.Validation = splitSource(data, o.ValidationFraction, o.Seed)
	} else if o.Validation != nil {
		if err := checkSource[T]("validation data", o.Validation, m.Dim(), m.ContextDim()); err != nil {
			return nil, err
		}
		if o.Validation, err = withoutZeroWeights("validation data", o.Validation); err != nil {
			return nil, err
		}
	}
	f := &fitter[T]{model: m, o: o, report: &Report{}, workers: bijector.NewWorkers(o.Workers)}
	defer f.workers.Close()
	if err := f.prepare(ctx, data); err != nil {
		return nil, err
	}
	f.start = time.Now()
	err = f.run(ctx)
	if e := f.finish(); e != nil && !errors.Is(err, ErrDiverged) {
		if f.report.Stopped == "" {
			f.report.Stopped = stopReason(e)
		}
		err = errors.Join(err, e)
	}
	f.report.Time = f.elapsed()
	return f.report, err
}

// fitter is a training run.
type fitter[T bijector.Float] struct {
	model   bijector.Objective[T]
	o       Options
	report  *Report
	workers *bijector.Workers
	sharing parallelism.Chooser // of the workers, where nobody said how many

	data        *loader[T]
	step        bijector.StepPass[T]
	updater     *updater[T]
	zeroing     bijector.Zeroing // of the gradients
	loss        []float64
	batchWeight float64 // of the latest batch: the sum of its weights, or its rows
	calibrator  bijector.Calibrator[T]
	x, cond     bijector.Mat[T] // what calibration sees
	xWeights    []float64       // of its rows; nil: all the same
	lastX       bijector.Mat[T] // the latest batch
	lastCond    bijector.Mat[T]
	noise       *noise[T] // nil: none

	validation *evaluator[T]
	notFinite  badLosses // rows without a finite loss in the latest validation
	best       snapshot[T]

	progress      progress
	checkpoints   checkpointState
	start         time.Time
	elapsedBefore time.Duration // spent before the run was taken up
}

// progress is how far a run is.
type progress struct {
	position
	event           EpochEvent // of the epoch, so far
	sum             float64    // of its losses over rows, by their weights
	weight          float64    // of those rows
	badInRow        int        // bad steps in a row
	epochsSinceBest int        // epochs since the best
	bestLoss        float64    // the order of the best validation
}

// elapsed is the time of the run.
func (f *fitter[T]) elapsed() time.Duration { return f.elapsedBefore + time.Since(f.start) }

// prepare makes all that a run needs, so that a step allocates nothing.
func (f *fitter[T]) prepare(ctx context.Context, data Source) error {
	var err error
	setEpoch(data, 0) // it may have been trained on before
	if f.o.Checkpoint.Dir != "" {
		if f.checkpoints.resumeFrom, err = f.o.Checkpoint.open(); err != nil {
			return err
		}
		if f.checkpoints.identity, err = f.runSettings(data); err != nil {
			return err
		}
	}
	if f.data, err = newLoader[T]("training data", data, f.o.Batch); err != nil {
		return err
	}
	if b, ok := f.model.(bijector.MinBatcher); ok {
		if n, least := data.Len()/f.data.batches, b.MinBatch(); n < least {
			return fmt.Errorf("train: %d rows in batches of %d, and the model takes statistics of each batch, such as batch norm's, of %d rows or more; raise Options.Batch, or take another norm (Recipe.Norm \"act\" or \"none\"): %w", data.Len(), n, least, ErrOptions)
		}
	}
	if f.data.relative != nil {
		if err := checkWeighted(f.model); err != nil {
			return err
		}
	}
	calib, calibrates := f.model.(bijector.Calibrator[T])
	checker, checks := f.model.(bijector.DataChecker[T])
	domain, hasBounds := f.model.(bijector.DomainChecker[T])
	hasBounds = hasBounds && domain.HasBounds()
	if calibrates || checks || hasBounds || f.o.Noise > 0 {
		if f.x, f.cond, err = readEvenlySpaced[T](data, calibrationValues/f.model.Dim()); err != nil {
			return err
		}
		f.xWeights = evenlySpacedWeights(data, f.x.N)
		f.report.Ties = TiesOf(f.x)
		if f.o.Noise > 0 {
			f.noise = newNoise(f.o.Noise, f.x, f.xWeights, f.o.Seed)
			f.noise.add(f.x, -1)
		}
	}
	if hasBounds {
		if err := f.checkDomain(domain, data); err != nil {
			return err
		}
	}
	if checks {
		if err := checker.CheckData(f.x); err != nil {
			return err
		}
	}
	if calibrates {
		f.calibrator = calib
		if f.checkpoints.resumeFrom == "" {
			f.calibrate(true)
		}
	}
	f.step = f.model.NewStepPass(bijector.PassOptions{MaxBatch: f.data.x.N, Workers: f.workers}.WithMemory(f.o.Memory).WithZeroing(&f.zeroing))
	if f.updater, err = newUpdater(f.o.Optimizer, f.model.Params(), f.step.Grads(), f.workers); err != nil {
		return err
	}
	f.updater.handOver(&f.zeroing)
	f.updater.zeroGrads()
	f.sharing = parallelism.NewChooser(f.workers.Count())
	if f.o.Average > 0 {
		f.updater.ema = newEMA(f.o.Average, f.model.Params())
	}
	f.loss = make([]float64, f.data.x.N)
	f.progress = progress{position: position{epoch: 1}, bestLoss: math.Inf(1)}
	if f.o.Validation != nil {
		if f.validation, err = newEvaluator("validation data", f.model, f.o.Validation, f.workers); err != nil {
			return err
		}
	}
	if f.checkpoints.resumeFrom != "" {
		return f.resume(ctx, f.checkpoints.resumeFrom)
	}
	return nil
}

// calibrate makes the model ready for evaluation, with statistics of the
// training set. Steps wrote to its parameters, and calibration evaluates
// layers and writes to them in turn: they are told before and after.
func (f *fitter[T]) calibrate(start bool) {
	invalidate(f.model)
	if f.calibrator != nil {
		bijector.CalibrateWeighted(f.calibrator, f.x, f.cond, f.xWeights, start, f.workers)
		invalidate(f.model)
	}
}

// run is the loop over epochs. It returns why it ended early, if it did.
func (f *fitter[T]) run(ctx context.Context) error {
	for {
		switch {
		case f.patienceExhausted():
			f.report.Stopped = "patience"
			return nil
		case f.progress.epoch > f.o.Epochs:
			return nil
		}
		err := f.epoch(ctx)
		if err == nil {
			err = f.validate(ctx)
		}
		if err != nil && ctx.Err() == err {
			if e := f.save(); e != nil {
				err = errors.Join(err, e)
			}
		}
		if err != nil {
			f.report.Stopped = stopReason(err)
			return err
		}
		e := f.progress.event
		f.report.Epochs = append(f.report.Epochs, e)
		if f.progress.epochsSinceBest++; e.Best {
			f.progress.epochsSinceBest = 0
		}
		f.progress.position, f.progress.event, f.progress.sum, f.progress.weight = position{epoch: f.progress.epoch + 1}, EpochEvent{}, 0, 0
		if err := f.saveAfterEpoch(); err != nil {
			f.report.Stopped = stopReason(err)
			return err
		}
		if f.o.Observer != nil {
			f.o.Observer.Epoch(e)
		}
	}
}

// patienceExhausted says whether validation has waited long enough for a new low.
func (f *fitter[T]) patienceExhausted() bool {
	return f.o.Patience > 0 && f.progress.epochsSinceBest >= f.o.Patience
}

// stopReason is the word for an error in a Report.
func stopReason(err error) string {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "cancelled"
	case errors.Is(err, ErrDiverged):
		return "diverged"
	case errors.Is(err, ErrOptions):
		return "options"
	case errors.As(err, new(saveError)):
		return "checkpoint"
	}
	return "data"
}

// validate fills in the epoch's validation loss and keeps the best state.
func (f *fitter[T]) validate(ctx context.Context) error {
	if f.validation == nil {
		return nil
	}
	start, e := time.Now(), &f.progress.event
	f.updater.ema.swapIn()
	defer f.swapOutEMA()
	f.calibrate(false)
	v, bad, err := f.validation.mean(ctx)
	if err != nil {
		return err
	}
	e.Validation, f.notFinite = v, bad
	if e.BadValidation = !rows.IsFinite(v); e.BadValidation {
		f.report.BadValidations++
	}
	if order := bad.order(v); order < f.progress.bestLoss {
		f.progress.bestLoss, e.Best, f.report.BestEpoch = order, true, e.Epoch
		if f.keepBest() {
			f.best.take(f.model)
		}
	}
	e.Time += time.Since(start)
	return nil
}

// swapOutEMA puts the parameters back into the model that validation saw the
// average of.
func (f *fitter[T]) swapOutEMA() {
	if f.updater.ema.swapOut() {
		invalidate(f.model)
	}
}

func (f *fitter[T]) keepBest() bool { return f.o.KeepBest || f.o.Patience > 0 }
