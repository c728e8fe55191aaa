// The latent model as a model file sees it.

package autoencoder

import (
	"fmt"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
)

// LatentSpec describes a Latent by its parts.
type LatentSpec struct {
	Encoder bijector.Node `json:"encoder"`
	// Decoder is nil where the encoder decodes, or nothing does.
	Decoder *bijector.Node `json:"decoder,omitempty"`
	Flow    bijector.Node  `json:"flow"`
}

// Builder makes the parts of a Latent from their nodes. The registry
// implements it.
type Builder[T bijector.Float] interface {
	Encoder(bijector.Node) (Encoder, error)
	Decoder(bijector.Node) (Decoder, error)
	Flow(bijector.Node) (*distribution.Flow[T], error)
}

// BuildLatent makes a Latent from its spec, with errors that name the part.
func BuildLatent[T bijector.Float](s LatentSpec, b Builder[T]) (*Latent[T], error) {
	encoder, err := b.Encoder(s.Encoder)
	if err != nil {
		return nil, fmt.Errorf("encoder: %w", err)
	}
	var decoder Decoder
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

// ownDecoder is the decoder where it is something else than the encoder, which
// is stored once.
func (l *Latent[T]) ownDecoder() Decoder {
	if l.single {
		return nil
	}
	return l.decoder
}

// Spec is the LatentSpec of the parts. An encoder or decoder without a spec
// leaves a nil one, which saving refuses by name.
func (l *Latent[T]) Spec() any {
	s := LatentSpec{Encoder: nodeOf[T](l.encoder), Flow: nodeOf[T](l.flow)}
	if d := l.ownDecoder(); d != nil {
		n := nodeOf[T](d)
		s.Decoder = &n
	}
	return s
}

func nodeOf[T bijector.Float](part any) (n bijector.Node) {
	if s, ok := part.(bijector.Stateful[T]); ok {
		n.Spec = s.Spec()
	}
	return n
}

// parts are what is stored, with the names it is stored under.
func (l *Latent[T]) parts() []latentPart {
	ps := []latentPart{{"encoder", l.encoder}}
	if d := l.ownDecoder(); d != nil {
		ps = append(ps, latentPart{"decoder", d})
	}
	return append(ps, latentPart{"flow", l.flow})
}

type latentPart struct {
	name string
	part any
}

// Params are the encoder's behind "encoder.", the flow's behind "flow.", and
// those of a decoder that is not the encoder behind "decoder.".
func (l *Latent[T]) Params() []bijector.Param[T] {
	var all []bijector.Param[T]
	for _, p := range l.parts() {
		if s, ok := p.part.(bijector.Stateful[T]); ok {
			all = append(all, bijector.PrefixParams(p.name, s.Params())...)
		}
	}
	return all
}

// Buffers are named like Params.
func (l *Latent[T]) Buffers() []bijector.Buffer {
	var all []bijector.Buffer
	for _, p := range l.parts() {
		if s, ok := p.part.(bijector.Stateful[T]); ok {
			all = append(all, bijector.PrefixBuffers(p.name, s.Buffers())...)
		}
	}
	return all
}

// Changed tells the parts that their state was written to.
func (l *Latent[T]) Changed() {
	for _, p := range l.parts() {
		if c, ok := p.part.(bijector.Changer); ok {
			c.Changed()
		}
	}
}

// Validate returns nil where the state of every part is usable: a model file
// is asked after it was read.
func (l *Latent[T]) Validate() error {
	for _, p := range l.parts() {
		if v, ok := p.part.(interface{ Validate() error }); ok {
			if err := v.Validate(); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
	}
	return nil
}

var (
	_ bijector.Objective[float32] = (*Autoencoder[float32])(nil)
	_ bijector.Stateful[float32]  = (*Autoencoder[float32])(nil)
	_ bijector.Stateful[float32]  = (*PCA[float32])(nil)
	_ bijector.Stateful[float32]  = (*Identity[float32])(nil)
	_ bijector.Stateful[float32]  = (*Latent[float32])(nil)
	_ bijector.Changer            = (*Latent[float32])(nil)
)
