// What the tests of the package's users may see of a run.

package train

import (
	"context"

	"github.com/bijou-flow/bijou/bijector"
)

// Split is split.
var Split = splitSource

// Steps prepares a run of m on data, and returns a function that takes one step
// of its first epoch, batch b, and the number of batches. The function returned
// last ends the run.
func Steps[T bijector.Float](m bijector.Objective[T], data Source, o Options) (step func(b int) (StepEvent, error), batches int, done func(), err error) {
	if o, err = o.withDefaults(); err != nil {
		return nil, 0, nil, err
	}
	if data, err = withoutZeroWeights("data", data); err != nil {
		return nil, 0, nil, err
	}
	f := &fitter[T]{model: m, o: o, report: &Report{}, workers: bijector.NewWorkers(o.Workers)}
	if err := f.prepare(context.Background(), data); err != nil {
		return nil, 0, nil, err
	}
	return func(b int) (StepEvent, error) { return f.trainStep(1, b) }, f.data.batches, f.workers.Close, nil
}
