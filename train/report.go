// What a run tells: of each step, of each epoch, and at its end.

package train

import "time"

// StepEvent tells of one step.
type StepEvent struct {
	Epoch, Epochs int     // counted from 1
	Step, Steps   int     // within the epoch, counted from 1
	Rows          int     // rows of this step
	Loss          float64 // mean over them, by their weights, before the step
	GradNorm      float64 // before clipping
	Rate          float64 // learning rate
	Bad           bool    // loss or gradient not finite: the step was left out
}

// EpochEvent tells of one epoch.
type EpochEvent struct {
	Epoch      int     // counted from 1
	Epochs     int     // planned
	Loss       float64 // mean over the rows trained on, by their weights, as training went; NaN: none
	Validation float64 // mean over the validation set, by its weights, after the epoch; NaN: none
	// BadValidation tells that there was a validation and its loss is not
	// finite. Such an epoch is better than another only where that had as many
	// rows without a finite loss, or more, and a higher mean over the others.
	BadValidation bool
	Best          bool          // the lowest validation loss so far, see BadValidation
	BadSteps      int           // steps that were left out
	Time          time.Duration // of the epoch, validation included
	Rows          int           // trained on
}

// Report is what a training run did, before it was taken up too.
type Report struct {
	Epochs []EpochEvent
	// Steps taken and steps left out because a loss or gradient was not
	// finite.
	Steps, BadSteps int
	// BadValidations is the number of epochs whose validation loss is not
	// finite.
	BadValidations int
	// BestEpoch has the lowest validation loss; 0: no held-out row ever had a
	// finite one, or there was no validation.
	BestEpoch int
	// Restored tells that the model holds the parameters of BestEpoch, not
	// those of the last.
	Restored bool
	// Ties are the columns of the training set in which values repeat, where the
	// model was calibrated on it or checked it.
	Ties []ColumnTies
	// Stopped is why training ended before its last epoch: "patience",
	// "cancelled", "diverged", "options" (a schedule gave a rate below 0 or not finite),
	// "data" or "checkpoint" (one that could not be saved); "": it did not.
	Stopped string
	Time    time.Duration // of a run that was taken up, all of it
}

// Loss is the last epoch's mean training loss, NaN before the first.
func (r *Report) Loss() float64 {
	if len(r.Epochs) == 0 {
		return nan
	}
	return r.Epochs[len(r.Epochs)-1].Loss
}
