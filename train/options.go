// The options of a training run, with their defaults and checks.

package train

import (
	"errors"
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/bijector"
)

var (
	// ErrOptions: options that describe no training run.
	ErrOptions = errors.New("invalid options")
	// ErrDiverged: the loss or its gradient was not finite for too many steps
	// in a row. The model keeps the parameters at which both were last finite,
	// or the best ones under KeepBest.
	ErrDiverged = errors.New("training diverged")
)

// NoValidation as Options.ValidationFraction trains on all rows, to the last
// epoch, and keeps what it left.
const NoValidation = -1

// Options of a training run. The zero value is safe on few rows: it holds a
// tenth of them out, keeps the epoch with the lowest loss on those, and stops
// after a fifth of the epochs without a new low. It trains in batches of 100
// with Adam at 1e-3, for 20 epochs, or as many as make 2,000 steps.
type Options struct {
	Epochs int     // passes over the data; 0 means 20, or more until 2,000 steps
	Batch  int     // rows a step at most; 0 means 100
	Rate   float64 // learning rate; 0 means 1e-3

	Optimizer Optimizer // nil: Adam{}
	Schedule  Schedule  // nil: Constant{}
	// ClipNorm bounds the Euclidean norm of the whole gradient; 0: no bound.
	ClipNorm float64
	// Average is the decay of an exponential moving average of the parameters
	// over the steps, in [0, 1), such as 0.999; 0: none. The average is what
	// is validated, kept as the best, and left in the model at the end; the
	// steps go on from the parameters themselves. See Averaging in the
	// package's documentation.
	Average float64

	// Noise adds normal noise to the rows of every step, new each time and
	// drawn by Seed: its standard deviation in units of each column's, such as
	// 1e-3, or of the magnitude of a column that is constant; 0: none. It
	// lets a flow be fitted to rows that have no density: constant and
	// dependent columns, and values that repeat. Validation sees the rows as
	// they are.
	Noise float64

	// Seed of the order of rows and of the validation split.
	Seed uint64
	// InOrder visits the rows as they stand in every epoch.
	InOrder bool

	// Validation is data that is not trained on. Its loss is reported after
	// every epoch.
	Validation Source
	// ValidationFraction holds out that share of the rows instead (of those
	// with a weight above 0), drawn by Seed. 0 without a Validation means 0.1,
	// KeepBest, and a Patience of max(10, Epochs/5) where none is given;
	// NoValidation holds out none.
	ValidationFraction float64
	// Patience stops after that many epochs without a new lowest validation
	// loss; 0 with a Validation or a fraction of the caller's: never.
	Patience int
	// KeepBest restores, at the end, parameters and buffers of the epoch with
	// the lowest validation loss. Patience implies it.
	KeepBest bool

	// MaxBadSteps in a row, with a loss or gradient that is not finite, end
	// training with ErrDiverged; 0 means 10. A bad step changes nothing.
	MaxBadSteps int
	// Workers is the number of cores to use; 0 means as many as are fastest,
	// found by trying 1, 2, 4 ... GOMAXPROCS in turns now and then, since
	// two hardware threads of one core may be slower than one. The result does
	// not depend on it.
	Workers int
	// Memory is what a flow keeps from its forward pass for the backward one;
	// the zero value keeps all of it.
	Memory bijector.Memory
	// Checkpoint saves the run as it goes, and takes it up again; the zero
	// value does neither.
	Checkpoint Checkpoint
	// Observer hears of every step and epoch, on the goroutine of Fit; nil:
	// nobody.
	Observer Observer
}

// Observer follows a training run.
type Observer interface {
	Step(StepEvent)
	Epoch(EpochEvent)
}

// withDefaults fills in the zero values and checks the rest.
func (o Options) withDefaults() (Options, error) {
	if o.Batch == 0 {
		o.Batch = 100
	}
	if o.Rate == 0 {
		o.Rate = 1e-3
	}
	if o.MaxBadSteps == 0 {
		o.MaxBadSteps = 10
	}
	if o.Schedule == nil {
		o.Schedule = Constant{}
	}
	switch v := o.Optimizer.(type) {
	case nil:
		o.Optimizer = Adam{}
	case Adam, SGD:
	case *Adam:
		if v == nil {
			return o, fmt.Errorf("train: optimizer is a nil *Adam: %w", ErrOptions)
		}
		o.Optimizer = *v
	case *SGD:
		if v == nil {
			return o, fmt.Errorf("train: optimizer is a nil *SGD: %w", ErrOptions)
		}
		o.Optimizer = *v
	default: // a struct that embeds one has its methods
		return o, fmt.Errorf("train: optimizer is a %T, want Adam or SGD: %w", v, ErrOptions)
	}
	switch {
	case o.Epochs < 0, o.Batch < 0, o.Patience < 0, o.MaxBadSteps < 0, o.Workers < 0:
		return o, fmt.Errorf("train: epochs %d, batch %d, patience %d, bad steps %d, workers %d: none may be negative: %w",
			o.Epochs, o.Batch, o.Patience, o.MaxBadSteps, o.Workers, ErrOptions)
	case o.Memory.Mode < bijector.MemoryKeepAll || o.Memory.Mode > bijector.MemoryReverse || o.Memory.Every < 0:
		return o, fmt.Errorf("train: memory %+v, want a mode of package bijector and a distance that is not negative: %w", o.Memory, ErrOptions)
	case !(o.Rate > 0) || math.IsInf(o.Rate, 0):
		return o, fmt.Errorf("train: learning rate %g, want a positive number: %w", o.Rate, ErrOptions)
	case !(o.ClipNorm >= 0):
		return o, fmt.Errorf("train: clip norm %g, want 0 or more: %w", o.ClipNorm, ErrOptions)
	case !(o.Noise >= 0) || math.IsInf(o.Noise, 0):
		return o, fmt.Errorf("train: noise %g, want 0 or a finite positive number: %w", o.Noise, ErrOptions)
	case !(o.Average >= 0 && o.Average < 1):
		return o, fmt.Errorf("train: average %g, want a decay of 0 (none) to below 1: %w", o.Average, ErrOptions)
	case !(o.ValidationFraction >= 0 && o.ValidationFraction < 1) && o.ValidationFraction != NoValidation:
		return o, fmt.Errorf("train: validation fraction %g, want 0 to below 1, or NoValidation: %w", o.ValidationFraction, ErrOptions)
	case o.ValidationFraction > 0 && o.Validation != nil:
		return o, fmt.Errorf("train: both a validation set and a fraction; give one: %w", ErrOptions)
	case (o.Patience > 0 || o.KeepBest) && o.Validation == nil && o.ValidationFraction == NoValidation:
		return o, fmt.Errorf("train: early stopping needs Validation or a ValidationFraction: %w", ErrOptions)
	}
	var err error
	if o.Checkpoint, err = o.Checkpoint.withDefaults(); err != nil {
		return o, err
	}
	return o, o.Optimizer.check()
}

// defaultFraction is the share of rows that are held out where nobody said.
const defaultFraction = 0.1

// forRows fills in what depends on the number of rows: one row alone is not
// split, and few rows are visited more often.
func (o Options) forRows(n int) Options {
	unsaid := o.Validation == nil && o.ValidationFraction == 0
	if unsaid && n > 1 {
		o.ValidationFraction, o.KeepBest = defaultFraction, true
	}
	if o.Epochs == 0 {
		trained := n
		if o.ValidationFraction > 0 {
			trained -= heldOut(n, o.ValidationFraction)
		}
		steps := max((trained+o.Batch-1)/o.Batch, 1)
		o.Epochs = max(20, (2_000+steps-1)/steps)
	}
	if unsaid && n > 1 && o.Patience == 0 {
		o.Patience = max(10, o.Epochs/5)
	}
	return o
}
