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
	// Flow is the flow, or the first of a mixture.
	Flow bijector.NamedSpec `json:"flow"`
	// Mixture is the other flows, and the weights of all; nil: there is one flow.
	Mixture *flow.EnsembleSpec `json:"mixture,omitempty"`
	// Scores is the number of scores that are saved, of rows that the model was not
	// fitted to: see Latent.WithScores.
	Scores int `json:"scores,omitempty"`
}

// Values is the number of scores; the parts count for themselves. See registry.Sizer.
func (s LatentSpec) Values() float64 { return float64(s.Scores) }

const maxScores = 1 << 26

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
	if s.Scores < 0 || s.Scores > maxScores {
		return nil, fmt.Errorf("autoencoder: a latent model of %d scores, want 0 to %d: %w", s.Scores, maxScores, bijector.ErrSpec)
	}
	d, err := buildDensity(s, b)
	if err != nil {
		return nil, fmt.Errorf("flow: %w", err)
	}
	l, err := newLatent(encoder, decoder, d)
	if err == nil && s.Scores > 0 {
		l, err = l.WithScores(make([]float64, s.Scores))
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// buildDensity makes the flow, or all flows of a mixture.
func buildDensity[T bijector.Float](s LatentSpec, b Builder[T]) (density[T], error) {
	if s.Mixture == nil {
		return b.Flow(s.Flow)
	}
	all := *s.Mixture
	all.Flows = append([]bijector.NamedSpec{s.Flow}, all.Flows...)
	return flow.BuildEnsemble(all, b)
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
	s := LatentSpec{Encoder: bijector.NamedSpecOf[T](l.encoder), Scores: len(l.scores)}
	if e := l.Ensemble(); e != nil {
		m := e.Spec().(flow.EnsembleSpec)
		s.Flow, m.Flows = m.Flows[0], m.Flows[1:]
		s.Mixture = &m
	} else {
		s.Flow = bijector.NamedSpecOf[T](l.Flow())
	}
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
	return append(all, bijector.Child{Name: "flow", Part: l.density})
}

// Params are the encoder's behind "encoder.", the flow's or the ensemble's behind
// "flow.", and those of a decoder that is not the encoder behind "decoder.".
func (l *Latent[T]) Params() []bijector.Param[T] { return l.children().Params() }

// Buffers are named like Params, and "scores" where there are any.
func (l *Latent[T]) Buffers() []bijector.Buffer {
	all := l.children().Buffers()
	if len(l.scores) > 0 {
		all = append(all, bijector.Buffer{Name: "scores", Shape: []int{len(l.scores)}, Data: l.scores})
	}
	return all
}

// Invalidate tells the parts that their state was written to.
func (l *Latent[T]) Invalidate() { l.children().Invalidate() }

// Validate returns nil where the state of every part is usable: a model file
// is asked after it was read.
func (l *Latent[T]) Validate() error {
	if err := l.children().Validate(); err != nil {
		return err
	}
	return l.calibrate()
}

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
