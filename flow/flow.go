// Flow: a bijector over a base distribution, as its user meets it.

package flow

import (
	"fmt"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/internal/nilcheck"
	"github.com/bijou-flow/bijou/internal/rows"
)

// Flow is a density model: a layer f that maps data to latent, over a base
// distribution p_Z of the latent,
//
//	log p(x) = log p_Z(f(x)) + log|det df/dx|,  x = f^-1(z) with a draw z of p_Z
//
// (Dinh et al. 2017, arXiv 1605.08803, section 3.1, equation 3). The support
// is what f maps into that of p_Z; training's gradient goes back through the
// base and then through f. A row costs one Forward of f and the base's
// density, a draw one Inverse of f. It scores rows, draws rows, and is what
// training trains (a bijector.Objective whose loss is -log p, in nats).
//
// A Flow may be used by several goroutines at once while nobody trains it.
// Calls with more rows than 128 run on all cores, see SetParallelism.
type Flow[T bijector.Float] struct {
	*flowParts[T]
	densityModel[T]
}

// flowParts are what a flow is made of.
type flowParts[T bijector.Float] struct {
	layer         bijector.Layer[T]
	base          distribution.Base[T]
	embedding     bijector.Network[T]        // nil: layer and base see the context itself
	embeddedDim   int                        // context features that layer and base see
	gradients     rows.Pool[*gradSession[T]] // for LogProbGrad
	openGradients func() *gradSession[T]
}

// New returns the flow of layer over base, at temperature 1. It returns
// ErrShape or ErrContext where the two disagree on features or on context
// features, and ErrSpec where one is nil.
func New[T bijector.Float](layer bijector.Layer[T], base distribution.Base[T]) (*Flow[T], error) {
	return NewWithEmbedding(layer, base, nil)
}

// NewWithEmbedding returns the flow of layer over base under contexts that pass
// through a network first: p(x | c) = p(x | h), h = embedding(c). A user's
// context has embedding.In() features, layer and base see embedding.Out(). The
// network, such as that of coupling.NewMLP, is trained, saved and loaded with the flow,
// and runs once a row. Contexts in units of their own want a
// bijector.StandardizeContext first: coupling.NewSequential of it and the network,
// which training sets from its contexts. With a nil embedding it is New.
func NewWithEmbedding[T bijector.Float](layer bijector.Layer[T], base distribution.Base[T], embedding bijector.Network[T]) (*Flow[T], error) {
	dim, embeddedDim, err := commonDims(layer, base)
	if err != nil {
		return nil, err
	}
	if nilcheck.IsNil(embedding) {
		embedding = nil
	}
	contextDim := embeddedDim
	if embedding != nil {
		contextDim = embedding.In()
		if out := embedding.Out(); out != embeddedDim {
			return nil, fmt.Errorf("flow: the embedding (%T) makes %d context features, layer and base take %d, want the same number: %w: %w", embedding, out, embeddedDim, bijector.ErrContext, bijector.ErrShape)
		}
	}
	f := &Flow[T]{flowParts: &flowParts[T]{layer: layer, base: base, embedding: embedding, embeddedDim: embeddedDim}}
	f.openGradients = f.newGradSession
	f.densityModel = newDensity(dim, contextDim, func() session[T] { return f.newSession(dim, contextDim) })
	return f, nil
}

// commonDims returns the common number of features and of context features.
func commonDims[T bijector.Float](layer bijector.Layer[T], base distribution.Base[T]) (dim, context int, err error) {
	switch {
	case nilcheck.IsNil(layer):
		return 0, 0, fmt.Errorf("flow: a flow without a layer: %w", bijector.ErrSpec)
	case nilcheck.IsNil(base):
		return 0, 0, fmt.Errorf("flow: a flow without a base distribution: %w", bijector.ErrSpec)
	}
	if v, ok := base.(bijector.Validator); ok {
		if err := v.Validate(); err != nil {
			return 0, 0, err
		}
	}
	dim, context = layer.Dim(), max(layer.ContextDim(), base.ContextDim())
	if dim < 1 || base.Dim() != dim {
		return 0, 0, fmt.Errorf("flow: the layer (%T) has %d features and the base (%T) %d, want the same number: %w", layer, dim, base, base.Dim(), bijector.ErrShape)
	}
	if l, b := layer.ContextDim(), base.ContextDim(); l > 0 && b > 0 && l != b {
		return 0, 0, fmt.Errorf("flow: the layer (%T) takes %d context features and the base (%T) %d, want the same number: %w: %w", layer, l, base, b, bijector.ErrContext, bijector.ErrShape)
	}
	return dim, context, nil
}

// Given returns the flow under a context: shape (n, c), a row for each row of
// later calls, or (1, c) for all of them. The copy shares parameters, passes
// and parallelism with f. Training takes its context from the data instead.
func (f *Flow[T]) Given(context tensor.Tensor) *Flow[T] {
	return &Flow[T]{f.flowParts, f.given(context)}
}

// WithTemperature returns the flow with draws at a temperature t: the base
// distribution's deviations from its mode are multiplied by t before they are
// mapped to data. Below 1 draws are more typical and less varied, 0 draws the
// mode alone, 1 is the model. A negative or non-finite t is an error of the
// methods that draw. Densities stay those of the model.
func (f *Flow[T]) WithTemperature(t float64) *Flow[T] {
	return &Flow[T]{f.flowParts, f.withTemperature(t)}
}

// WithRedraws returns the flow with up to k further attempts at a draw that
// overflows within the flow. A row that is still not finite after them is NaN
// and named by the error, as all such rows are at 0, the start: what a flow
// cannot map to data is seen then, and not hidden. With redraws the draws come
// from the model given that they are finite, and depend on the seed alone, as
// before. SampleWithLogProb gives the model's own density all the same.
func (f *Flow[T]) WithRedraws(k int) *Flow[T] {
	return &Flow[T]{f.flowParts, f.withRedraws(k)}
}

// Layer is the bijector, data to latent.
func (f *Flow[T]) Layer() bijector.Layer[T] { return f.layer }

// Base is the distribution of the latent.
func (f *Flow[T]) Base() distribution.Base[T] { return f.base }

// Embedding is the network that contexts pass through, nil where layer and base
// see the context itself.
func (f *Flow[T]) Embedding() bijector.Network[T] { return f.embedding }

// Forward maps data x (n, d) to its latent. Rows that are not finite are NaN
// and reported as by LogProb, and so are rows outside the domain of a layer.
func (f *Flow[T]) Forward(x tensor.Tensor) (*bijector.Rows[T], error) { return f.transform(x, false) }

// Inverse maps latents z (n, d) to data. Rows that are not finite are reported
// as by LogProb.
func (f *Flow[T]) Inverse(z tensor.Tensor) (*bijector.Rows[T], error) { return f.transform(z, true) }

func (f *Flow[T]) transform(x tensor.Tensor, inverse bool) (*bijector.Rows[T], error) {
	in, cond, err := f.check(x)
	if err != nil {
		return nil, err
	}
	out := bijector.NewRows[T](in.Len(), f.dim)
	report := f.pool.Run(nil, in.Len(), f.runner.open, func(s session[T], lo, hi int) rows.Report {
		return s.(*flowSession[T]).transform(out.Values(), in, cond, inverse, lo, hi)
	})
	return out, report.Err(in.Len(), bijector.NewRowError)
}
