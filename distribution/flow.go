// Flow: a bijector over a base distribution, as its user meets it.

package distribution

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/chunk"
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
// Layer and base must agree on the number of features, and on the number of
// context features where both are conditional. Where they do not, every
// method that returns an error says so, and Check does.
//
// A Flow may be used by several goroutines at once while nobody trains it.
// Calls with more rows than 128 run on all cores, see SetParallelism.
type Flow[T bijector.Float] struct {
	*parts[T]
	context *tensor.Dense
	drawing
}

// drawing is how draws are made.
type drawing struct {
	temperature float64
	redraws     int
}

// parts is what a flow shares with its copies under Given and WithTemperature.
type parts[T bijector.Float] struct {
	layer      bijector.Layer[T]
	base       Base[T]
	embedding  bijector.Map[T] // nil: layer and base see the context itself
	dim        int
	contextDim int   // of what the user gives
	seenDim    int   // of what layer and base see
	err        error // why the parts make no flow
	pool       chunk.Pool[session[T]]
}

// NewFlow returns the flow of layer over base, unconditional as long as no
// context is given, at temperature 1.
func NewFlow[T bijector.Float](layer bijector.Layer[T], base Base[T]) *Flow[T] {
	return NewConditional(layer, base, nil)
}

// NewConditional returns the flow of layer over base under contexts that pass
// through a map first: p(x | c) = p(x | h), h = embedding(c). A user's context
// has embedding.In() features, layer and base see embedding.Out(). The map,
// such as a coupling.MLP, is trained, saved and loaded with the flow, and runs
// once a row. A nil embedding is none.
func NewConditional[T bijector.Float](layer bijector.Layer[T], base Base[T], embedding bijector.Map[T]) *Flow[T] {
	p := &parts[T]{layer: layer, base: base, embedding: embedding}
	p.dim, p.seenDim, p.err = agree(layer, base)
	p.contextDim = p.seenDim
	if embedding != nil {
		p.contextDim = embedding.In()
		if out := embedding.Out(); p.err == nil && out != p.seenDim {
			p.err = fmt.Errorf("distribution: the embedding (%T) makes %d context features, layer and base take %d, want the same number: %w: %w", embedding, out, p.seenDim, bijector.ErrContext, bijector.ErrShape)
		}
	}
	return &Flow[T]{parts: p, drawing: drawing{temperature: 1}}
}

// agree returns the common number of features and of context features.
func agree[T bijector.Float](layer bijector.Layer[T], base Base[T]) (dim, context int, err error) {
	switch {
	case layer == nil:
		return 0, 0, fmt.Errorf("distribution: a flow without a layer: %w", bijector.ErrSpec)
	case base == nil:
		return 0, 0, fmt.Errorf("distribution: a flow without a base distribution: %w", bijector.ErrSpec)
	}
	dim, context = layer.Dim(), max(layer.ContextDim(), base.ContextDim())
	if err := validate(base); err != nil {
		return dim, context, err
	}
	if dim < 1 || base.Dim() != dim {
		return dim, context, fmt.Errorf("distribution: the layer (%T) has %d features and the base (%T) %d, want the same number: %w", layer, dim, base, base.Dim(), bijector.ErrShape)
	}
	if l, b := layer.ContextDim(), base.ContextDim(); l > 0 && b > 0 && l != b {
		return dim, context, fmt.Errorf("distribution: the layer (%T) takes %d context features and the base (%T) %d, want the same number: %w: %w", layer, l, base, b, bijector.ErrContext, bijector.ErrShape)
	}
	return dim, context, nil
}

// Given returns the flow under a context: shape (n, c), a row for each row of
// later calls, or (1, c) for all of them. The copy shares parameters, passes
// and parallelism with f. Training takes its context from the data instead.
func (f *Flow[T]) Given(context *tensor.Dense) *Flow[T] {
	g := *f
	g.context = context
	return &g
}

// WithTemperature returns the flow with draws at a temperature t: the base
// distribution's deviations from its mode are multiplied by t before they are
// mapped to data. Below 1 draws are more typical and less varied, 0 draws the
// mode alone, 1 is the model. A negative or non-finite t is an error of the
// methods that draw. Densities stay those of the model.
func (f *Flow[T]) WithTemperature(t float64) *Flow[T] {
	g := *f
	g.temperature = t
	return &g
}

// WithRedraws returns the flow with up to k further attempts at a draw that
// overflows within the flow. A row that is still not finite after them is NaN
// and named by the error, as all such rows are at 0, the start: what a flow
// cannot map to data is seen then, and not hidden. With redraws the draws come
// from the model given that they are finite, and depend on the seed alone, as
// before. SampleWithLogProb gives the model's own density all the same.
func (f *Flow[T]) WithRedraws(k int) *Flow[T] {
	g := *f
	g.redraws = k
	return &g
}

// SetParallelism bounds the goroutines of a call, here and in all copies; n
// below 1 means GOMAXPROCS, as at the start. Results do not depend on it.
func (f *Flow[T]) SetParallelism(n int) { f.pool.SetParallelism(n) }

// Dim is the number of features of a row.
func (f *Flow[T]) Dim() int { return f.dim }

// ContextDim is the number of context features, 0 for an unconditional flow.
func (f *Flow[T]) ContextDim() int { return f.contextDim }

// Layer is the bijector, data to latent.
func (f *Flow[T]) Layer() bijector.Layer[T] { return f.layer }

// Base is the distribution of the latent.
func (f *Flow[T]) Base() Base[T] { return f.base }

// Embedding is the map that contexts pass through, nil where there is none.
func (f *Flow[T]) Embedding() bijector.Map[T] { return f.embedding }

// check returns an error unless draws can be made like that.
func (d drawing) check() error {
	if t := d.temperature; !(t >= 0) || math.IsInf(t, 1) {
		return fmt.Errorf("distribution: temperature %v, want a finite one of at least 0: %w", t, bijector.ErrSpec)
	}
	if d.redraws < 0 {
		return fmt.Errorf("distribution: %d redraws, want at least 0: %w", d.redraws, bijector.ErrSpec)
	}
	return nil
}

// ready returns an error unless n draws of dim features can be made from rng.
func (d drawing) ready(rng *rand.Rand, n, dim int) error {
	if err := d.check(); err != nil {
		return err
	}
	if rng == nil {
		return fmt.Errorf("distribution: no random generator to draw with, want one like rand.New(rand.NewPCG(1, 2)): %w", bijector.ErrSpec)
	}
	if n < 1 || n > math.MaxInt/64/dim {
		return fmt.Errorf("distribution: %d draws of %d features asked for, want at least 1 and what memory holds: %w", n, dim, bijector.ErrShape)
	}
	return nil
}

// explain says that the rows of a RowError among n are draws.
func (d drawing) explain(r report, n int) error {
	err := r.err(n)
	switch {
	case err == nil:
		return nil
	case d.redraws > 0:
		return fmt.Errorf("distribution: drawing, and again up to %d times: %w", d.redraws, err)
	}
	return fmt.Errorf("distribution: drawing: %w", err)
}

// open checks a batch and the context that goes with it.
func (f *Flow[T]) open(x *tensor.Dense) (rows bijector.Rows[T], cond bijector.Context[T], err error) {
	if f.err != nil {
		return rows, cond, f.err
	}
	if rows, err = bijector.RowsOf[T](x); err != nil {
		return rows, cond, err
	}
	if err = bijector.CheckWidth(rows.Dim(), f.dim); err != nil {
		return rows, cond, err
	}
	cond, err = bijector.ContextOf[T](f.context, rows.Len(), f.contextDim)
	return rows, cond, err
}
