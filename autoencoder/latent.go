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
type Latent[T bijector.Float] struct {
	encoder     Encoder[T]
	decoder     Decoder[T] // nil: none
	sharedCoder bool       // the decoder is the encoder
	flow        *flow.Flow[T]
}

// NewLatent joins an encoder with a flow on its embeddings. Where decoder is
// nil, the encoder decodes if it can; without a decoder Sample returns
// ErrNoDecoder.
func NewLatent[T bijector.Float](encoder Encoder[T], decoder Decoder[T], flow *flow.Flow[T]) (*Latent[T], error) {
	if nilcheck.IsNil(encoder) || flow == nil {
		return nil, fmt.Errorf("autoencoder: a latent model without an encoder or without a flow: %w", bijector.ErrSpec)
	}
	if decoder != nil && nilcheck.IsNil(decoder) {
		return nil, fmt.Errorf("autoencoder: the decoder is a nil %T: %w", decoder, bijector.ErrSpec)
	}
	if err := flow.Validate(); err != nil {
		return nil, err
	}
	single := sameValue(encoder, decoder)
	if decoder == nil {
		decoder, single = encoder.(Decoder[T])
	}
	l := &Latent[T]{encoder: encoder, decoder: decoder, sharedCoder: single, flow: flow}
	for _, part := range [...]any{encoder, decoder} {
		if e, ok := part.(bijector.Embedder); ok && e.Embedding() != flow.Dim() {
			return nil, fmt.Errorf("autoencoder: %T has embeddings of %d values, the flow has %d features: %w", part, e.Embedding(), flow.Dim(), bijector.ErrShape)
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
// of l.
func (l *Latent[T]) Flow() *flow.Flow[T] { return l.flow }

// Encoder is what embeds.
func (l *Latent[T]) Encoder() Encoder[T] { return l.encoder }

// Decoder is what turns draws into data, nil for a latent model without one.
func (l *Latent[T]) Decoder() Decoder[T] { return l.decoder }

// Given returns l under a context, as flow.Flow.Given: shape (n, c),
// or (1, c) for all rows. The copy shares everything else with l.
func (l *Latent[T]) Given(context tensor.Tensor) *Latent[T] {
	g := *l
	g.flow = l.flow.Given(context)
	return &g
}

// WithTemperature returns l with draws at a temperature, as
// flow.Flow.WithTemperature.
func (l *Latent[T]) WithTemperature(t float64) *Latent[T] {
	g := *l
	g.flow = l.flow.WithTemperature(t)
	return &g
}

// WithRedraws returns l with further attempts at draws that overflow, as
// flow.Flow.WithRedraws.
func (l *Latent[T]) WithRedraws(k int) *Latent[T] {
	g := *l
	g.flow = l.flow.WithRedraws(k)
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
	logp, later := l.flow.LogProb(z)
	if err == nil {
		err = later
	}
	return logp, err
}

// Posterior is the probability of each class for each row of x, shape (n, C),
// by the flow's densities of its embedding, as flow.Flow.Posterior.
func (l *Latent[T]) Posterior(x tensor.Tensor, c flow.Classes) (*bijector.Rows[T], error) {
	z, err := l.encoder.Encode(x)
	if z == nil || !someRowsValid(err) {
		return nil, checkEncoded(z, err)
	}
	p, later := l.flow.Posterior(z, c)
	if err == nil {
		err = later
	}
	return p, err
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
	z, err := l.flow.Sample(rng, n)
	return l.decodeDraws(z, err)
}

// SampleWithLogProb draws like Sample and returns the log-density of each
// drawn embedding under the flow, in nats. Encoding the decoded
// draw again gives about that embedding, and about that density.
func (l *Latent[T]) SampleWithLogProb(rng *rand.Rand, n int) (draws *bijector.Rows[T], logp []float64, err error) {
	if err := l.canDecode(); err != nil {
		return nil, nil, err
	}
	z, logp, err := l.flow.SampleWithLogProb(rng, n)
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
	if err == nil {
		err = later
	}
	return x, err
}
