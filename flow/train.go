// The flow as training sees it: an objective, its loss and its gradient.

package flow

import (
	"fmt"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
)

// Check returns nil where the flow can be trained and drawn from, and
// otherwise an error that names what is in the way: a temperature below 0, a
// layer or a base without a gradient.
func (f *Flow[T]) Check() error {
	if err := f.sampleOptions.validate(); err != nil {
		return err
	}
	if b, ok := f.base.(bijector.TrainableChecker); ok {
		if err := b.CheckTrainable(); err != nil {
			return fmt.Errorf("base: %w", err)
		}
	}
	return bijector.CheckTrainable(f.layer)
}

// MinBatch is the least number of rows of a training batch: see
// bijector.MinBatcher.
func (f *Flow[T]) MinBatch() int { return bijector.MinBatch(f.layer) }

// NewLossPass returns a pass that sets loss[i] = -log p(x_i), in nats, in
// evaluation mode.
func (f *Flow[T]) NewLossPass(o bijector.PassOptions) bijector.LossPass[T] {
	return &lossPass[T]{f.newScorePass(o)}
}

type lossPass[T bijector.Float] struct{ *scorePass[T] }

func (p *lossPass[T]) Loss(x, cond bijector.Mat[T], loss []float64) {
	p.logProb(x, cond, loss)
	negate(loss, loss)
}

// NewStepPass returns a pass that sets the same loss in training mode, and
// adds the gradient of its mean. It panics where Check returns an error.
func (f *Flow[T]) NewStepPass(o bijector.PassOptions) bijector.StepPass[T] {
	weights := &bijector.BatchWeights{}
	return &stepPass[T]{gradPass: f.newGradPass(o.WithWeights(weights)), weights: weights, dlogp: make([]float64, o.MaxBatch)}
}

type stepPass[T bijector.Float] struct {
	*gradPass[T]
	weights *bijector.BatchWeights // what the layers see
	dlogp   []float64
	dx      bijector.Mat[T] // of the latest step
}

// Step: the mean loss is L = -1/n sum_i log p(x_i), which has the gradient -1/n
// with respect to each of the log-densities.
func (p *stepPass[T]) Step(x, cond bijector.Mat[T], loss []float64) {
	p.StepWeighted(x, cond, nil, loss)
}

// StepWeighted: L = -1/n sum_i w_i log p(x_i), with the gradients -w_i/n. nil
// weights are those of Step.
func (p *stepPass[T]) StepWeighted(x, cond bijector.Mat[T], weights, loss []float64) {
	p.weights.Set(weights)
	p.logProb(x, cond, loss)
	negate(loss, loss)
	dlogp := p.dlogp[:x.N]
	for i := range dlogp {
		dlogp[i] = -1 / float64(x.N)
	}
	for i, w := range weights {
		dlogp[i] = -w / float64(x.N)
	}
	p.dx = p.backward(x, cond, dlogp)
}

// InputGrad is the gradient of the latest step by its rows.
func (p *stepPass[T]) InputGrad() bijector.Mat[T] { return p.dx }

// scorePass evaluates log-densities of batches.
type scorePass[T bijector.Float] struct {
	layer bijector.Pass[T]
	base  distribution.BasePass[T]
	embed *embeddingPass[T]
	z     bijector.Mat[T]
}

func (f *Flow[T]) newScorePass(o bijector.PassOptions) *scorePass[T] {
	return &scorePass[T]{
		layer: f.layer.NewPass(o),
		base:  f.base.NewBasePass(o),
		embed: newEmbeddingPass(f.embedding, o),
		z:     bijector.NewMat[T](f.dim, o.MaxBatch),
	}
}

// logProb sets logp[i] = log p(x_i).
func (p *scorePass[T]) logProb(x, cond bijector.Mat[T], logp []float64) {
	z, h := p.z.Resize(x.N), p.embed.forward(cond)
	clear(logp)
	p.layer.Forward(z, x, h, logp)
	p.base.LogProb(z, h, logp)
}

// gradPass differentiates log-densities of batches.
type gradPass[T bijector.Float] struct {
	layer bijector.GradPass[T]
	base  distribution.BaseGradPass[T]
	embed *embeddingGradPass[T]
	z, dz bijector.Mat[T]
	grads [][]T
}

func (f *Flow[T]) newGradPass(o bijector.PassOptions) *gradPass[T] {
	t, ok := f.layer.(bijector.Trainable[T])
	if !ok {
		panic("flow: NewStepPass of a flow with a layer that is not trainable")
	}
	p := &gradPass[T]{
		layer: t.NewGradPass(o),
		base:  f.base.NewBaseGradPass(o),
		embed: newEmbeddingGradPass(f.embedding, o),
		z:     bijector.NewMat[T](f.dim, o.MaxBatch),
		dz:    bijector.NewMat[T](f.dim, o.MaxBatch),
	}
	p.grads = append(append(append(p.grads, p.layer.Grads()...), p.base.Grads()...), p.embed.grads()...)
	return p
}

// logProb sets logp[i] = log p(x_i) in training mode.
func (p *gradPass[T]) logProb(x, cond bijector.Mat[T], logp []float64) {
	z, h := p.z.Resize(x.N), p.embed.forward(cond)
	clear(logp)
	p.layer.Forward(z, x, h, logp)
	p.base.LogProb(z, h, logp)
}

// backward adds to the gradients those of a loss whose gradient with respect
// to the latest logProb's values, of the same x and cond, is dlogp: log p is
// the sum of the base's log-density and the log-det, and both have that
// gradient. Both see the context, so its gradient is the sum of theirs, and
// goes on to the embedding. It returns the loss's gradient with respect to x,
// which stays valid up to the next call.
func (p *gradPass[T]) backward(x, cond bijector.Mat[T], dlogp []float64) (dx bijector.Mat[T]) {
	z, dz := p.z.Resize(x.N), p.dz.Resize(x.N)
	h, dh := p.embed.zeroGrad(cond)
	p.base.Backward(dz, dh, z, h, dlogp)
	p.layer.Backward(dz, dh, dz, x, z, h, dlogp)
	p.embed.backward()
	return dz
}

// Grads are those of the parts, in the order of Params.
func (p *gradPass[T]) Grads() [][]T { return p.grads }

// Calibrate sets the state of the parts that take theirs from data.
// An embedding of contexts comes first, so that the layers see what they will
// see in training.
func (f *Flow[T]) Calibrate(x, cond bijector.Mat[T], start bool, w *bijector.Workers) {
	f.CalibrateWeighted(x, cond, nil, start, w)
}

// CalibrateWeighted is Calibrate on weighted rows.
func (f *Flow[T]) CalibrateWeighted(x, cond bijector.Mat[T], weights []float64, start bool, w *bijector.Workers) {
	if c, ok := f.embedding.(bijector.Calibrator[T]); ok {
		bijector.CalibrateWeighted(c, cond, bijector.Mat[T]{}, weights, start, w)
	}
	if c, ok := f.layer.(bijector.Calibrator[T]); ok {
		bijector.CalibrateWeighted(c, x, embedAll(f.embedding, cond, w), weights, start, w)
	}
}

// negate is dst[i] = -src[i].
func negate(dst, src []float64) {
	for i, v := range src {
		dst[i] = -v
	}
}
