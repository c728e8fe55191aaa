// Latent: a flow on the embeddings of an encoder, which scores and draws data.

package autoencoder

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/nilcheck"
)

// Latent is a flow on the embeddings of an encoder: it scores data by the
// density of what is encoded, and draws data by decoding draws of the flow.
//
// The density is that of the embedding, in nats an embedding, and no density
// of the data: an encoder that throws information away has none. Compare
// figures for one and the same encoder only.
//
// Train the encoder first, then the flow on its embeddings.
//
// Package latent makes one in a call, with the threshold that an alarm needs.
type Latent[T bijector.Float] struct {
	encoder     Encoder[T]
	decoder     Decoder[T] // nil: none
	sharedCoder bool       // the decoder is the encoder
	density     density[T]
	calibration *flow.Calibration // nil: none
	scores      []float64         // that it is of, rising
}

// density is what a flow and an ensemble have in common.
type density[T bijector.Float] interface {
	bijector.Stateful[T]
	bijector.Validator
	bijector.Invalidator
	Dim() int
	ContextDim() int
	LogProb(x tensor.Tensor) ([]float64, error)
	LogProbRows(dst []float64, x []T) error
	LogProbRowsGiven(dst []float64, x, contexts []T) error
	Posterior(x tensor.Tensor, c flow.Classes) (*bijector.Rows[T], error)
	Sample(rng *rand.Rand, n int) (*bijector.Rows[T], error)
	SampleWithLogProb(rng *rand.Rand, n int) (*bijector.Rows[T], []float64, error)
}

// NewLatent joins an encoder with a flow on its embeddings. Where decoder is
// nil, the encoder decodes if it can; without a decoder Sample returns
// ErrNoDecoder.
func NewLatent[T bijector.Float](encoder Encoder[T], decoder Decoder[T], flow *flow.Flow[T]) (*Latent[T], error) {
	if flow == nil {
		return nil, errNoParts()
	}
	return newLatent(encoder, decoder, density[T](flow))
}

// NewLatentEnsemble is NewLatent with a mixture of flows on the embeddings, such as
// auto.Fit returns.
func NewLatentEnsemble[T bijector.Float](encoder Encoder[T], decoder Decoder[T], mixture *flow.Ensemble[T]) (*Latent[T], error) {
	if mixture == nil {
		return nil, errNoParts()
	}
	return newLatent(encoder, decoder, density[T](mixture))
}

func errNoParts() error {
	return fmt.Errorf("autoencoder: a latent model without an encoder or without a flow: %w", bijector.ErrSpec)
}

func newLatent[T bijector.Float](encoder Encoder[T], decoder Decoder[T], d density[T]) (*Latent[T], error) {
	if nilcheck.IsNil(encoder) || nilcheck.IsNil(d) {
		return nil, errNoParts()
	}
	if decoder != nil && nilcheck.IsNil(decoder) {
		return nil, fmt.Errorf("autoencoder: the decoder is a nil %T: %w", decoder, bijector.ErrSpec)
	}
	if err := d.Validate(); err != nil {
		return nil, err
	}
	single := sameValue(encoder, decoder)
	if decoder == nil {
		decoder, single = encoder.(Decoder[T])
	}
	l := &Latent[T]{encoder: encoder, decoder: decoder, sharedCoder: single, density: d}
	for _, part := range [...]any{encoder, decoder} {
		if e, ok := part.(bijector.Embedder); ok && e.Embedding() > 0 && e.Embedding() != d.Dim() {
			return nil, fmt.Errorf("autoencoder: %T has embeddings of %d values, the flow has %d features: %w", part, e.Embedding(), d.Dim(), bijector.ErrShape)
		}
	}
	return l, nil
}

// sameValue says whether a and b are one value. Those that Go cannot compare are
// not.
func sameValue(a, b any) bool {
	t := reflect.TypeOf(a)
	return t != nil && t == reflect.TypeOf(b) && t.Comparable() && a == b
}

// Flow is the density of the embeddings, with the context and the temperature
// of l; nil where that is an Ensemble.
func (l *Latent[T]) Flow() *flow.Flow[T] {
	f, _ := l.density.(*flow.Flow[T])
	return f
}

// Ensemble is the density of the embeddings where that is a mixture of flows, and
// nil where it is a Flow.
func (l *Latent[T]) Ensemble() *flow.Ensemble[T] {
	e, _ := l.density.(*flow.Ensemble[T])
	return e
}

// ContextDim is the number of values of a context, 0 for a model without one.
func (l *Latent[T]) ContextDim() int { return l.density.ContextDim() }

// Encoder is what embeds.
func (l *Latent[T]) Encoder() Encoder[T] { return l.encoder }

// Decoder is what turns draws into data, nil for a latent model without one.
func (l *Latent[T]) Decoder() Decoder[T] { return l.decoder }

// Given returns l under a context, as flow.Flow.Given: shape (n, c),
// or (1, c) for all rows. The copy shares everything else with l.
func (l *Latent[T]) Given(context tensor.Tensor) *Latent[T] {
	return l.with(
		func(f *flow.Flow[T]) density[T] { return f.Given(context) },
		func(e *flow.Ensemble[T]) density[T] { return e.Given(context) },
	)
}

// WithTemperature returns l with draws at a temperature, as
// flow.Flow.WithTemperature.
func (l *Latent[T]) WithTemperature(t float64) *Latent[T] {
	return l.with(
		func(f *flow.Flow[T]) density[T] { return f.WithTemperature(t) },
		func(e *flow.Ensemble[T]) density[T] { return e.WithTemperature(t) },
	)
}

// WithRedraws returns l with further attempts at draws that overflow, as
// flow.Flow.WithRedraws.
func (l *Latent[T]) WithRedraws(k int) *Latent[T] {
	return l.with(
		func(f *flow.Flow[T]) density[T] { return f.WithRedraws(k) },
		func(e *flow.Ensemble[T]) density[T] { return e.WithRedraws(k) },
	)
}

// with returns l with a variant of its density.
func (l *Latent[T]) with(ofFlow func(*flow.Flow[T]) density[T], ofEnsemble func(*flow.Ensemble[T]) density[T]) *Latent[T] {
	g := *l
	switch d := l.density.(type) {
	case *flow.Flow[T]:
		g.density = ofFlow(d)
	case *flow.Ensemble[T]:
		g.density = ofEnsemble(d)
	}
	return &g
}

// Encode maps data to embeddings.
func (l *Latent[T]) Encode(x tensor.Tensor) (*bijector.Rows[T], error) { return l.encoder.Encode(x) }

// Decode maps embeddings to data, and returns ErrNoDecoder where it cannot.
func (l *Latent[T]) Decode(z tensor.Tensor) (*bijector.Rows[T], error) {
	if err := l.canDecode(); err != nil {
		return nil, err
	}
	return l.decoder.Decode(z)
}

func (l *Latent[T]) canDecode() error {
	if l.decoder == nil {
		return fmt.Errorf("autoencoder: %T does not decode; give NewLatent a decoder, or draw embeddings with Flow().Sample: %w", l.encoder, ErrNoDecoder)
	}
	return nil
}

// LogProb is the log-density of the embedding of each row of x, in nats. Rows that are not finite are NaN and named by a bijector.RowError.
func (l *Latent[T]) LogProb(x tensor.Tensor) ([]float64, error) {
	z, err := l.encoder.Encode(x)
	if z == nil || !someRowsValid(err) {
		return nil, checkEncoded(z, err)
	}
	logp, later := l.density.LogProb(z)
	return logp, firstOf(err, later)
}

// Posterior is the probability of each class for each row of x, shape (n, C),
// by the flow's densities of its embedding, as flow.Flow.Posterior.
func (l *Latent[T]) Posterior(x tensor.Tensor, c flow.Classes) (*bijector.Rows[T], error) {
	z, err := l.encoder.Encode(x)
	if z == nil || !someRowsValid(err) {
		return nil, checkEncoded(z, err)
	}
	p, later := l.density.Posterior(z, c)
	return p, firstOf(err, later)
}

// checkEncoded is err, or what an encoder is to be blamed for that returns neither
// embeddings nor an error.
func checkEncoded[T bijector.Float](z *bijector.Rows[T], err error) error {
	if z == nil && err == nil {
		return fmt.Errorf("autoencoder: the encoder returned no embeddings: %w", bijector.ErrShape)
	}
	return err
}

// partial says whether results that came with err are valid in some rows.
func someRowsValid(err error) bool {
	var rows *bijector.RowError
	return err == nil || errors.As(err, &rows)
}

// Sample draws n embeddings from the flow and decodes them. Equal seeds give
// equal draws, see flow.Flow.Sample.
func (l *Latent[T]) Sample(rng *rand.Rand, n int) (*bijector.Rows[T], error) {
	if err := l.canDecode(); err != nil {
		return nil, err
	}
	z, err := l.density.Sample(rng, n)
	return l.decodeDraws(z, err)
}

// SampleWithLogProb draws like Sample and returns the log-density of each
// drawn embedding under the flow, in nats. Encoding the decoded
// draw again gives about that embedding, and about that density.
func (l *Latent[T]) SampleWithLogProb(rng *rand.Rand, n int) (draws *bijector.Rows[T], logp []float64, err error) {
	if err := l.canDecode(); err != nil {
		return nil, nil, err
	}
	z, logp, err := l.density.SampleWithLogProb(rng, n)
	if draws, err = l.decodeDraws(z, err); draws == nil {
		return nil, nil, err
	}
	return draws, logp, err
}

func (l *Latent[T]) decodeDraws(z *bijector.Rows[T], err error) (*bijector.Rows[T], error) {
	if z == nil || !someRowsValid(err) {
		return nil, err
	}
	x, later := l.decoder.Decode(z)
	return x, firstOf(err, later)
}
