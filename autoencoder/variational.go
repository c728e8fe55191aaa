// Variational: an autoencoder and the flow that is the prior of its embeddings,
// trained together.

package autoencoder

import (
	"fmt"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
)

// Variational is the objective of an autoencoder that draws its embeddings and of
// a flow p on them that is trained along with it, in the place of N(0, I): of a row
// x of d values, the negative of the bound of Kingma and Welling (2014, arXiv
// 1312.6114, equation 3) over d,
//
//	1/d (-log p(x|z) - log p(z) - H(N(m, v))),  z = m + sqrt(v) u,
//
// with the encoder's m and v, one draw u ~ N(0, I) (equations 6 and 9) and the
// entropy H in closed form. A learned prior follows where the embeddings lie,
// rather than pulling them into a ball (Chen et al. 2017, arXiv 1611.02731,
// section 3.2). What comes of it is a Latent: NewLatent(a, nil, f).
//
// The embeddings move while training goes on. Layers that take their state from
// data would hold on to where they lay before the first step, and are left as they
// are: give the flow a chain without such layers (Recipe.Raw, Norm "none").
type Variational[T bijector.Float] struct {
	coder *Autoencoder[T]
	prior *flow.Flow[T]
}

// NewVariational joins an autoencoder whose spec has Variational or Noise with a
// flow on its embeddings. A flow with contexts makes a conditional objective:
// contexts are those of the prior.
func NewVariational[T bijector.Float](a *Autoencoder[T], prior *flow.Flow[T]) (*Variational[T], error) {
	if a == nil || prior == nil {
		return nil, fmt.Errorf("autoencoder: a variational objective without an autoencoder or without a flow: %w", bijector.ErrSpec)
	}
	if !a.criterion.stochastic() {
		return nil, fmt.Errorf("autoencoder: an autoencoder that draws no embeddings as a variational one; set Variational or Noise in its spec: %w", bijector.ErrSpec)
	}
	if prior.Dim() != a.Embedding() {
		return nil, fmt.Errorf("autoencoder: embeddings of %d values, and the flow has %d features: %w", a.Embedding(), prior.Dim(), bijector.ErrShape)
	}
	return &Variational[T]{coder: a, prior: prior}, nil
}

// Dim is the number of values of a row of data.
func (v *Variational[T]) Dim() int { return v.coder.Dim() }

// ContextDim is the number of values of a row's context, that of the flow.
func (v *Variational[T]) ContextDim() int { return v.prior.ContextDim() }

// Check returns nil where the flow can be trained.
func (v *Variational[T]) Check() error { return v.prior.Check() }

// CheckTargets is the autoencoder's.
func (v *Variational[T]) CheckTargets(x tensor.Tensor) error { return v.coder.CheckTargets(x) }

// MinBatch is the flow's: see bijector.MinBatcher.
func (v *Variational[T]) MinBatch() int { return v.prior.MinBatch() }

// NewLossPass returns a pass that sets loss[i] to the loss of row i, with a draw
// that depends on the seed and the row.
func (v *Variational[T]) NewLossPass(o bijector.PassOptions) bijector.LossPass[T] {
	return v.coder.newLossPass(v.prior, o)
}

// NewStepPass returns a pass that sets the same loss, but for the draws, and adds
// the gradient of its mean over the batch. It panics where Check returns an error.
func (v *Variational[T]) NewStepPass(o bijector.PassOptions) bijector.StepPass[T] {
	return v.coder.newStepPass(v.prior, o)
}

func (v *Variational[T]) children() bijector.Children[T] {
	return bijector.Children[T]{{Name: "encoder", Part: v.coder}, {Name: "flow", Part: v.prior}}
}

// Params are the autoencoder's behind "encoder." and the flow's behind "flow.", as
// those of a Latent.
func (v *Variational[T]) Params() []bijector.Param[T] { return v.children().Params() }

// Buffers are named like Params.
func (v *Variational[T]) Buffers() []bijector.Buffer { return v.children().Buffers() }

// Spec is that of the Latent of both.
func (v *Variational[T]) Spec() any {
	return LatentSpec{Encoder: bijector.NamedSpecOf[T](v.coder), Flow: bijector.NamedSpecOf[T](v.prior)}
}

// Invalidate tells both that their state was written to.
func (v *Variational[T]) Invalidate() { v.children().Invalidate() }

// Validate returns nil where the state of both is usable.
func (v *Variational[T]) Validate() error { return v.children().Validate() }

var (
	_ bijector.Objective[float32] = (*Variational[float32])(nil)
	_ bijector.Stateful[float32]  = (*Variational[float32])(nil)
	_ bijector.TargetChecker      = (*Variational[float32])(nil)
	_ bijector.MinBatcher         = (*Variational[float32])(nil)
)
