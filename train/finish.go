// The end of a run: what it leaves in the model.

package train

import (
	"errors"
	"fmt"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
	"github.com/bijou-flow/bijou/internal/rows"
)

// finish leaves the model ready for use: the best state, or the last one or
// the average, with statistics of its own. Where the last steps were not finite
// that is the state before the step that led there, since nothing is known to be
// finite at the one behind it. It returns ErrDiverged where the run has not
// left what its options promise.
func (f *fitter[T]) finish() error {
	n := len(f.report.Epochs)
	if f.keepBest() && f.report.BestEpoch > 0 && (f.report.BestEpoch < n || f.report.Stopped != "") {
		f.best.restore(f.model)
		f.report.Restored = true
		return f.validationError()
	}
	if f.report.Stopped == "diverged" {
		f.updater.undo()
	}
	f.updater.ema.swapIn()
	f.calibrate(false)
	if f.report.Stopped != "diverged" && f.takeBack() {
		return fmt.Errorf("train: the loss is not finite after the last of %d steps, which was taken back (%d more were left out); try a lower learning rate, ClipNorm, or look for outliers in the data: %w",
			f.report.Steps, f.report.BadSteps, ErrDiverged)
	}
	return f.validationError()
}

// validationError is ErrDiverged where no validation was finite.
func (f *fitter[T]) validationError() error {
	n, others := len(f.report.Epochs), ""
	if n == 0 || f.report.BadValidations < n {
		return nil
	}
	if f.report.BestEpoch > 0 {
		others = fmt.Sprintf("; by the other rows epoch %d is the best", f.report.BestEpoch)
	}
	return fmt.Errorf("train: no validation loss of %d epochs was finite, in the last for %d of %d rows, the first of which is row %d; look at that row, or try a lower learning rate or ClipNorm%s: %w",
		n, f.notFinite.count, f.validation.loader.src.Len(), f.notFinite.first, others, ErrDiverged)
}

// takeBack undoes the last step where it left a model that has no finite loss
// and the one before has, and reports so. Where neither has, the data is to
// blame.
func (f *fitter[T]) takeBack() bool {
	if f.isUsable() {
		return false
	}
	var last snapshot[T]
	last.take(f.model)
	f.swapOutEMA()
	f.updater.undo()
	f.updater.ema.swapIn()
	f.calibrate(false)
	if f.isUsable() {
		return true
	}
	last.restore(f.model)
	return !f.isFinite()
}

// isUsable reports whether the model's state is finite, and so are the losses
// of most rows of the latest batch: a few may lie where a density is 0.
func (f *fitter[T]) isUsable() bool {
	if !f.isFinite() {
		return false
	}
	x, cond := f.lastX, f.lastCond
	if x.N == 0 {
		return true
	}
	loss, bad := f.loss[:x.N], 0
	f.model.NewLossPass(bijector.PassOptions{MaxBatch: x.N, Workers: f.workers}).Loss(x, cond, loss)
	for _, v := range loss {
		if !rows.IsFinite(v) {
			bad++
		}
	}
	return 2*bad <= len(loss)
}

// isFinite reports whether the model's parameters and buffers are.
func (f *fitter[T]) isFinite() bool {
	for _, p := range f.model.Params() {
		if !kernel.Finite(p.Data) {
			return false
		}
	}
	for _, b := range f.model.Buffers() {
		if v, ok := b.Data.([]float64); ok && !kernel.Finite(v) {
			return false
		}
	}
	return true
}

// checkDomain names rows of the training set and of the validation set that lie
// outside the domain of a layer, in the order of the user's data.
func (f *fitter[T]) checkDomain(c bijector.DomainChecker[T], data Source) error {
	err := inUserRows(c.CheckDomain(f.x), data, f.x.N)
	if err != nil || f.o.Validation == nil {
		return err
	}
	x, _, err := readEvenlySpaced[T](f.o.Validation, calibrationValues/f.model.Dim())
	if err != nil {
		return err
	}
	if err := inUserRows(c.CheckDomain(x), f.o.Validation, x.N); err != nil {
		return fmt.Errorf("train: validation data: %w", err)
	}
	return nil
}

// inUserRows makes the rows of a DomainError, of k evenly spaced rows of a
// source, those of the user's data.
func inUserRows(err error, s Source, k int) error {
	var e *bijector.DomainError
	if errors.As(err, &e) {
		values := map[int]float64{}
		for i, row := range e.Rows {
			e.Rows[i] = userRow(s, row*s.Len()/k)
			values[e.Rows[i]] = e.Values[i]
		}
		slices.Sort(e.Rows)
		for i, row := range e.Rows {
			e.Values[i] = values[row]
		}
		if k == s.Len() {
			e.N = userLen(s)
		}
	}
	return err
}
