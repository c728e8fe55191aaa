// The latent model as a model file sees it.

package autoencoder

import (
	"fmt"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/nilcheck"
)

// LatentSpec describes a Latent by its parts.
type LatentSpec struct {
	Encoder bijector.NamedSpec `json:"encoder"`
	// Decoder is nil where the encoder decodes, or nothing does.
	Decoder *bijector.NamedSpec `json:"decoder,omitempty"`
	Flow    bijector.NamedSpec  `json:"flow"`
}

// Builder makes the parts of a Latent from their specs. The registry
// implements it.
type Builder[T bijector.Float] interface {
	Encoder(bijector.NamedSpec) (Encoder[T], error)
	Decoder(bijector.NamedSpec) (Decoder[T], error)
	Flow(bijector.NamedSpec) (*flow.Flow[T], error)
}

// BuildLatent makes a Latent from its spec, with errors that name the part.
func BuildLatent[T bijector.Float](s LatentSpec, b Builder[T]) (*Latent[T], error) {
	if nilcheck.IsNil(b) {
		return nil, fmt.Errorf("autoencoder: a latent model without a builder of its parts: %w", bijector.ErrSpec)
	}
	encoder, err := b.Encoder(s.Encoder)
	if err != nil {
		return nil, fmt.Errorf("encoder: %w", err)
	}
	var decoder Decoder[T]
	if s.Decoder != nil {
		if decoder, err = b.Decoder(*s.Decoder); err != nil {
			return nil, fmt.Errorf("decoder: %w", err)
		}
	}
	flow, err := b.Flow(s.Flow)
	if err != nil {
		return nil, fmt.Errorf("flow: %w", err)
	}
	return NewLatent(encoder, decoder, flow)
}

// distinctDecoder is the decoder where it is something else than the encoder, which
// is stored once.
func (l *Latent[T]) distinctDecoder() Decoder[T] {
	if l.sharedCoder {
		return nil
	}
	return l.decoder
}

// Spec is the LatentSpec of the parts. An encoder or decoder without a spec
// leaves a nil one, which saving refuses by name.
func (l *Latent[T]) Spec() any {
	s := LatentSpec{Encoder: bijector.NamedSpecOf[T](l.encoder), Flow: bijector.NamedSpecOf[T](l.flow)}
	if d := l.distinctDecoder(); d != nil {
		n := bijector.NamedSpecOf[T](d)
		s.Decoder = &n
	}
	return s
}

// children are what is stored, with the names it is stored under.
func (l *Latent[T]) children() bijector.Children[T] {
	all := bijector.Children[T]{{Name: "encoder", Part: l.encoder}}
	if d := l.distinctDecoder(); d != nil {
		all = append(all, bijector.Child{Name: "decoder", Part: d})
	}
	return append(all, bijector.Child{Name: "flow", Part: l.flow})
}

// Params are the encoder's behind "encoder.", the flow's behind "flow.", and
// those of a decoder that is not the encoder behind "decoder.".
func (l *Latent[T]) Params() []bijector.Param[T] { return l.children().Params() }

// Buffers are named like Params.
func (l *Latent[T]) Buffers() []bijector.Buffer { return l.children().Buffers() }

// Invalidate tells the parts that their state was written to.
func (l *Latent[T]) Invalidate() { l.children().Invalidate() }

// Validate returns nil where the state of every part is usable: a model file
// is asked after it was read.
func (l *Latent[T]) Validate() error { return l.children().Validate() }

var (
	_ bijector.Objective[float32] = (*Autoencoder[float32])(nil)
	_ bijector.Stateful[float32]  = (*Autoencoder[float32])(nil)
	_ bijector.TargetChecker      = (*Autoencoder[float32])(nil)
	_ bijector.Embedder           = (*Autoencoder[float32])(nil)
	_ bijector.Stateful[float32]  = (*PCA[float32])(nil)
	_ bijector.Stateful[float32]  = (*Identity[float32])(nil)
	_ bijector.Stateful[float32]  = (*Latent[float32])(nil)
	_ bijector.Invalidator        = (*Latent[float32])(nil)
)
