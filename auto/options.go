// The options of a fit, and the numbers that follow from rows and columns.

package auto

import (
	"errors"
	"fmt"
	"time"

	"github.com/bijou-flow/bijou/internal/parallelism"
	"github.com/bijou-flow/bijou/train"
)

var (
	// ErrOptions: options that describe no fit.
	ErrOptions = errors.New("invalid options")
	// ErrResolution: float32 does not tell the values of a column apart.
	ErrResolution = errors.New("resolution lost")
)

// Options of Fit. The zero value is meant to do well.
type Options struct {
	// Steps of the optimiser in each training run; 0: 1,500 for up to 5,000
	// rows, more for more, at most 6,000.
	Steps int
	// Time is when to stop: runs that are under way then are cut short, and no
	// other is begun. 0: no limit; the work is bounded by Steps and the list of
	// candidates. What is chosen under a limit depends on the machine's speed.
	Time time.Duration
	// Single asks for one flow or one Gaussian, the candidate with the least
	// held-out loss, trained outside the first fold: it is faster to score than
	// the mixture, and less good.
	Single bool
	// Trim is the share of rows, the least likely ones, that are left out: a
	// first fit ranks the rows by held-out densities, a second is fitted to the
	// others. For rows that hold anomalies which the density should not follow;
	// below 0.5.
	Trim float64
	// Round lets float64 rows be read into a float32 model. A column whose
	// values become too few by it is ErrResolution.
	Round bool
	// Workers is how many runs are trained at once, each on one core; 0 means
	// GOMAXPROCS. The result does not depend on it, but for Time.
	Workers int
	// Seed of folds, parameters and the order of rows.
	Seed uint64
	// Progress hears of every epoch and of every run that has ended, from one
	// goroutine at a time; nil: nobody.
	Progress func(Event)
}

// Event tells of one run of a candidate.
type Event struct {
	Candidate string // its name
	Fold      int    // which the run is held out from, counted from 1
	Run, Runs int    // runs that have ended, and those known of so far
	Epoch     train.EpochEvent
	Ended     bool // the run, with the loss below or an error
	Loss      float64
	Err       error
}

// withDefaults fills in the zero values and checks the rest.
func (o Options) withDefaults() (Options, error) {
	if o.Workers == 0 {
		o.Workers = parallelism.Limit()
	}
	switch {
	case o.Steps < 0, o.Time < 0, o.Workers < 0:
		return o, fmt.Errorf("auto: steps %d, time %v, workers %d: none may be negative: %w", o.Steps, o.Time, o.Workers, ErrOptions)
	case !(o.Trim >= 0 && o.Trim < 0.5):
		return o, fmt.Errorf("auto: a share of %v to trim, want 0 to below 0.5: %w", o.Trim, ErrOptions)
	}
	return o, nil
}

const (
	minFlowRows   = 40     // fewer: the Gaussian fit alone
	crossRows     = 5000   // more: one fold
	maxHeldOut    = 20_000 // rows of that fold
	folds         = 5
	minWeight     = 0.02 // of a candidate that stays in the mixture
	maxBatch      = 256
	learningRate  = 2e-3
	startOutScale = 0.01
)

// stepsFor is the number of steps for so many training rows.
func (o Options) stepsFor(rows int) int {
	if o.Steps > 0 {
		return o.Steps
	}
	return min(1500+max(rows-crossRows, 0)/8, 6000)
}

// batchFor is the number of rows in a step.
func batchFor(rows int) int { return min(max(rows/8, 32), maxBatch, rows) }
