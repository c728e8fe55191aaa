// The flow as training sees it: an objective, its loss and its gradient.

package distribution

import (
	"fmt"

	"github.com/bijou-flow/bijou/bijector"
)

// Check returns nil where the flow can be trained and drawn from, and
// otherwise an error that names the part that is in the way: layer and base do
// not fit, the temperature is none, a layer or the base has no gradient.
func (f *Flow[T]) Check() error {
	if f.err != nil {
		return f.err
	}
	if err := f.checkTemperature(); err != nil {
		return err
	}
	if b, ok := f.base.(interface{ CheckTrainable() error }); ok {
		if err := b.CheckTrainable(); err != nil {
			return fmt.Errorf("base: %w", err)
		}
	}
	return bijector.CheckTrainable(f.layer)
}

// NewLossPass returns a pass that sets loss[i] = -log p(x_i), in nats, in
// evaluation mode. It panics where Check returns an error about the parts.
func (f *Flow[T]) NewLossPass(o bijector.PassOptions) bijector.LossPass[T] {
	f.must()
	return &lossPass[T]{
		layer: f.layer.NewPass(o),
		base:  f.base.NewBasePass(o),
		z:     bijector.NewMat[T](f.dim, o.MaxBatch),
	}
}

// NewStepPass returns a pass that sets the same loss in training mode, and
// adds the gradient of its mean. It panics where Check returns an error.
func (f *Flow[T]) NewStepPass(o bijector.PassOptions) bijector.StepPass[T] {
	f.must()
	t, ok := f.layer.(bijector.Trainable[T])
	if !ok {
		panic("distribution: NewStepPass of a flow with a layer that is not trainable")
	}
	p := &stepPass[T]{
		layer: t.NewGradPass(o),
		base:  f.base.NewBaseGradPass(o),
		z:     bijector.NewMat[T](f.dim, o.MaxBatch),
		dz:    bijector.NewMat[T](f.dim, o.MaxBatch),
		dlogp: make([]float64, o.MaxBatch),
	}
	p.grads = append(append(p.grads, p.layer.Grads()...), p.base.Grads()...)
	return p
}

// must panics unless layer and base fit.
func (f *Flow[T]) must() {
	if f.err != nil {
		panic("distribution: pass of a flow whose layer and base do not fit; Check says why")
	}
}

type lossPass[T bijector.Float] struct {
	layer bijector.Pass[T]
	base  BasePass[T]
	z     bijector.Mat[T]
}

func (p *lossPass[T]) Loss(x, cond bijector.Mat[T], loss []float64) {
	z := p.z.Resize(x.N)
	clear(loss)
	p.layer.Forward(z, x, cond, loss)
	p.base.LogProb(z, cond, loss)
	negate(loss, loss)
}

type stepPass[T bijector.Float] struct {
	layer bijector.GradPass[T]
	base  BaseGradPass[T]
	z, dz bijector.Mat[T]
	dlogp []float64
	grads [][]T
}

// Step: the mean loss is L = -1/n sum_i log p(x_i), and log p(x_i) is the sum
// of the base's log-density and the log-det, so that both have the gradient
// -1/n in every row.
func (p *stepPass[T]) Step(x, cond bijector.Mat[T], loss []float64) {
	var none bijector.Mat[T]
	z, dz, dlogp := p.z.Resize(x.N), p.dz.Resize(x.N), p.dlogp[:x.N]
	clear(loss)
	p.layer.Forward(z, x, cond, loss)
	p.base.LogProb(z, cond, loss)
	negate(loss, loss)
	for i := range dlogp {
		dlogp[i] = -1 / float64(x.N)
	}
	p.base.Backward(dz, none, z, cond, dlogp)
	p.layer.Backward(dz, none, dz, x, z, cond, dlogp)
}

func (p *stepPass[T]) Grads() [][]T { return p.grads }

// Calibrate sets the state of the layers that take theirs from data.
func (f *Flow[T]) Calibrate(x, cond bijector.Mat[T], start bool, w *bijector.Workers) {
	if c, ok := f.layer.(bijector.Calibrator[T]); ok {
		c.Calibrate(x, cond, start, w)
	}
}

// Changed tells layer and base that their state was written to.
func (f *Flow[T]) Changed() {
	for _, part := range [...]any{f.layer, f.base} {
		if c, ok := part.(bijector.Changer); ok {
			c.Changed()
		}
	}
}

// Validate returns nil where layer and base fit and their state is usable: a
// model file is asked after it was read.
func (f *Flow[T]) Validate() error {
	if f.err != nil {
		return f.err
	}
	if err := validate(f.layer); err != nil {
		return fmt.Errorf("bijector: %w", err)
	}
	if err := validate(f.base); err != nil {
		return fmt.Errorf("base: %w", err)
	}
	return nil
}
