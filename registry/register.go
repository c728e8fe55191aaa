// What a program calls at start-up, and what it asks for by name.

package registry

import (
	"fmt"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
)

// Register gives a layer a name, so that a spec can ask for it and a file can
// hold it. The constructors are the two instances of one generic function:
//
//	registry.Register("example.swirl", NewSwirl[float32], NewSwirl[float64])
//
// S is the layer's spec, a struct of its own; the layer's Spec method returns
// it, and saving finds the name by its type. It is decoded from JSON with
// unknown fields refused. A spec may be a Sizer.
//
// Call it from an init function or a package variable of the package that
// defines the layer. It panics on a name or a spec type that is taken, on a
// nil constructor, and on a name that is not package.type in lower case. It
// may be called at any time, by several goroutines.
func Register[S any, A bijector.Layer[float32], B bijector.Layer[float64]](name string, new32 func(S) (A, error), new64 func(S) (B, error)) {
	global.add(newPartEntry(Bijectors, name, new32, new64))
}

// RegisterContainer is Register for layers whose spec has those of other
// parts, which the constructor asks the builder for, as bijector.BuildChain
// does.
func RegisterContainer[S any, A bijector.Layer[float32], B bijector.Layer[float64]](name string,
	new32 func(S, bijector.Builder[float32]) (A, error), new64 func(S, bijector.Builder[float64]) (B, error),
) {
	global.add(newEntry(Bijectors, name, new32, new64))
}

// RegisterBase is Register for base distributions.
func RegisterBase[S any, A distribution.Base[float32], B distribution.Base[float64]](name string, new32 func(S) (A, error), new64 func(S) (B, error)) {
	global.add(newPartEntry(Bases, name, new32, new64))
}

// RegisterNetwork is Register for networks: conditioners of couplings,
// embeddings of contexts.
func RegisterNetwork[S any, A bijector.Network[float32], B bijector.Network[float64]](name string, new32 func(S) (A, error), new64 func(S) (B, error)) {
	global.add(newPartEntry(Networks, name, new32, new64))
}

// RegisterEncoder is Register for encoders of latent models. One that is to be
// saved is a bijector.Stateful of its model's element type, and one that also
// decodes is an autoencoder.Decoder.
func RegisterEncoder[S any, A autoencoder.Encoder[float32], B autoencoder.Encoder[float64]](name string, new32 func(S) (A, error), new64 func(S) (B, error)) {
	global.add(newPartEntry(Encoders, name, new32, new64))
}

// RegisterDecoder is Register for decoders that are no encoders.
func RegisterDecoder[S any, A autoencoder.Decoder[float32], B autoencoder.Decoder[float64]](name string, new32 func(S) (A, error), new64 func(S) (B, error)) {
	global.add(newPartEntry(Decoders, name, new32, new64))
}

// Names lists what is registered of a kind, sorted.
func Names(kind Kind) []string { return global.names(kind) }

// New makes the layer that is registered as name from its spec in JSON, {} or
// nothing for the zero spec. It returns ErrNotRegistered, with the names there
// are, for a name there is not; ErrSpec for a spec that is malformed, has a
// field twice or one the layer does not know; ErrTooLarge for one out of all
// proportion; and the constructor's own error.
func New[T bijector.Float](name string, spec []byte) (bijector.Layer[T], error) {
	return result(newBuilder[T]().Layer(bijector.NamedSpec{Name: name, Spec: spec}))
}

// NewBase makes a base distribution, as New does a layer.
func NewBase[T bijector.Float](name string, spec []byte) (distribution.Base[T], error) {
	return result(newBuilder[T]().Base(bijector.NamedSpec{Name: name, Spec: spec}))
}

// NewNetwork makes a network, as New does a layer.
func NewNetwork[T bijector.Float](name string, spec []byte) (bijector.Network[T], error) {
	return result(newBuilder[T]().Network(bijector.NamedSpec{Name: name, Spec: spec}))
}

// NewEncoder makes an encoder, as New does a layer. Those of the library decode
// too: they are autoencoder.Decoder values.
func NewEncoder[T bijector.Float](name string, spec []byte) (autoencoder.Encoder[T], error) {
	return result(newBuilder[T]().Encoder(bijector.NamedSpec{Name: name, Spec: spec}))
}

// NewFlow makes a whole flow from one JSON document:
//
//	{"bijector": {"type": "bijector.chain", "spec": {"layers": [...]}},
//	 "base":     {"type": "distribution.normal", "spec": {"dim": 2}}}
//
// It returns the errors of New, which name the part.
func NewFlow[T bijector.Float](spec []byte) (*flow.Flow[T], error) {
	return result(buildEntry[*flow.Flow[T]](newBuilder[T](), flowEntry, spec))
}

// NewEnsemble makes a mixture of flows from one JSON document:
//
//	{"flows": [{"type": "distribution.flow", "spec": {"bijector": ..., "base": ...}}, ...],
//	 "weights": [2, 1], "learned": true}
func NewEnsemble[T bijector.Float](spec []byte) (*flow.Ensemble[T], error) {
	return result(buildEntry[*flow.Ensemble[T]](newBuilder[T](), ensembleEntry, spec))
}

// NewLatent makes a whole latent model from one JSON document:
//
//	{"encoder": {"type": "autoencoder.conv", "spec": {"embedding": 20}},
//	 "flow":    {"type": "distribution.flow", "spec": {"bijector": ..., "base": ...}}}
//
// where "decoder" may name another part than the encoder.
func NewLatent[T bijector.Float](spec []byte) (*autoencoder.Latent[T], error) {
	return result(buildEntry[*autoencoder.Latent[T]](newBuilder[T](), latentEntry, spec))
}

// NewNamed makes a layer from a document that also names it:
//
//	{"type": "bijector.permute", "spec": {"dim": 2}}
//
// This is what MarshalSpec returns for a layer.
func NewNamed[T bijector.Float](document []byte) (bijector.Layer[T], error) {
	var n bijector.NamedSpec
	if err := decode(document, &n, ofSpec); err != nil {
		return result[bijector.Layer[T]](nil, err)
	}
	return result(newBuilder[T]().Layer(n))
}

// result says who speaks in an error, and returns nothing beside it.
func result[P any](p P, err error) (P, error) {
	if err != nil {
		return *new(P), fmt.Errorf("registry: %w", err)
	}
	return p, nil
}
