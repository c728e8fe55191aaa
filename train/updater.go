// The update of all parameters by an optimiser's step.

package train

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// updater applies an optimiser to all parameters of a model, sharing the work
// by number of values.
type updater[T bijector.Float] struct {
	opt      Optimizer
	params   []bijector.Param[T]
	grads    [][]T
	state    [][][]T           // for each parameter, the optimiser's slots
	previous [][]T             // each parameter before the latest step
	zeroing  *bijector.Zeroing // of the gradients that passes write anew; nil: of none
	zeroed   []bool            // by gradient: whether it does
	ema      *ema[T]           // of the parameters over the steps; nil: not wanted
	starts   []int             // first value of each parameter among all
	total    int
	norms    []float64 // squared norm of each gradient
	workers  *bijector.Workers
	steps    int // steps taken

	rate, scale      float64
	stepFn, squareFn func(lo, hi int)
}

func newUpdater[T bijector.Float](opt Optimizer, params []bijector.Param[T], grads [][]T, w *bijector.Workers) (*updater[T], error) {
	u := &updater[T]{opt: opt, params: params, grads: grads, norms: make([]float64, len(params)), workers: w, zeroed: make([]bool, len(grads))}
	if len(params) != len(grads) {
		return nil, fmt.Errorf("train: the model has %d parameters and %d gradients: %w", len(params), len(grads), bijector.ErrShape)
	}
	for i, p := range params {
		if len(p.Data) != len(grads[i]) {
			return nil, fmt.Errorf("train: parameter %q has %d values and a gradient of %d: %w", p.Name, len(p.Data), len(grads[i]), bijector.ErrShape)
		}
		slots := make([][]T, opt.slots())
		for k := range slots {
			slots[k] = kernel.Make[T](len(p.Data))
		}
		u.state = append(u.state, slots)
		u.previous = append(u.previous, append([]T(nil), p.Data...))
		u.starts = append(u.starts, u.total)
		u.total += len(p.Data)
	}
	u.stepFn, u.squareFn = u.stepRange, u.squareRange
	return u, nil
}

// handOver leaves the gradients that z has to it.
func (u *updater[T]) handOver(z *bijector.Zeroing) {
	u.zeroing = z
	for i, g := range u.grads {
		u.zeroed[i] = bijector.IsHandedOver(z, g)
	}
}

// zeroGrads clears the gradients, or makes them count as zero.
func (u *updater[T]) zeroGrads() {
	u.zeroing.Zero()
	for i, g := range u.grads {
		if !u.zeroed[i] {
			clear(g)
		}
	}
}

// gradNorm is the Euclidean norm of the whole gradient, NaN or infinite where a
// value is.
func (u *updater[T]) gradNorm() float64 {
	u.workers.For(len(u.params), 1, u.squareFn)
	sum := 0.0
	for _, s := range u.norms {
		sum += s
	}
	return math.Sqrt(sum)
}

func (u *updater[T]) squareRange(lo, hi int) {
	for i := lo; i < hi; i++ {
		u.norms[i] = kernel.SumSquares(u.grads[i], 0)
	}
}

// apply takes one step at a learning rate, the gradients scaled first, and
// clears them.
func (u *updater[T]) apply(rate, scale float64) {
	u.steps++
	u.rate, u.scale = rate, scale
	u.ema.beginStep()
	u.workers.For(u.total, 1024, u.stepFn)
	u.zeroing.Zero()
}

// undo puts the parameters back to where they were before the latest step.
func (u *updater[T]) undo() {
	for i, p := range u.params {
		copy(p.Data, u.previous[i])
	}
	u.ema.undo()
}

// stepRange does values lo to hi of all parameters laid end to end.
func (u *updater[T]) stepRange(lo, hi int) {
	var c stepConstants
	for i, p := range u.params {
		a, b := max(lo-u.starts[i], 0), min(hi-u.starts[i], len(p.Data))
		if a >= b {
			continue
		}
		rate, decay := u.rate, u.opt.weightDecay()
		if p.Rate != 0 {
			rate *= p.Rate
		}
		if p.NoDecay {
			decay = 0
		}
		u.updateParam(i, a, b, rate, decay, &c)
		if !u.zeroed[i] {
			clear(u.grads[i][a:b])
		}
		u.ema.update(i, a, b)
	}
}

// stepConstants are Adam's for a rate and a decay, which most parameters have in common.
type stepConstants struct {
	rate, decay float64
	adam        kernel.AdamStep
	known       bool
}

// updateParam hands values a to b of parameter i to the optimiser, which keeps what
// they were. decay is 0 for a parameter that is not to decay.
func (u *updater[T]) updateParam(i, a, b int, rate, decay float64, c *stepConstants) {
	p, g, before, state := u.params[i].Data[a:b], u.grads[i][a:b], u.previous[i][a:b], u.state[i]
	switch o := u.opt.(type) {
	case Adam:
		if !c.known || c.rate != rate || c.decay != decay {
			*c = stepConstants{rate, decay, o.constants(u.steps, rate, decay), true}
			c.adam.Scale = u.scale
		}
		kernel.Adam(p, g, state[0][a:b], state[1][a:b], before, c.adam)
	case SGD:
		copy(before, p)
		sgd(p, g, state[0][a:b], T(u.scale), T(o.Momentum), T(rate), T(decay))
	}
}
