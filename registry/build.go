// From names and specs to parts.

package registry

import (
	"errors"
	"fmt"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/nilcheck"
	"github.com/bijou-flow/bijou/internal/specnames"
)

// Sizer is an optional interface of specs. Values is the number of parameter
// and buffer values of what the spec describes: never more, and not much less.
// It is asked before anything is made, so that a spec of a hundred bytes cannot
// claim all memory; what has no Values is taken to know its own limits.
type Sizer interface{ Values() float64 }

// maxValues is what a model made from a spec alone may have: half a gigabyte
// in float32. A model file bounds its own.
const maxValues = 1 << 27

// builder makes parts by the table. It is the Builder of bijector, of
// distribution and of autoencoder.
type builder[T bijector.Float] struct {
	left  float64 // values that may still be made
	depth int     // containers being built
	most  limits  // of the spec
}

func newBuilder[T bijector.Float]() *builder[T] { return &builder[T]{left: maxValues} }

// Layer makes a bijector.
func (b *builder[T]) Layer(n bijector.NamedSpec) (bijector.Layer[T], error) {
	return build[bijector.Layer[T]](b, Bijectors, n)
}

// Network makes a network.
func (b *builder[T]) Network(n bijector.NamedSpec) (bijector.Network[T], error) {
	return build[bijector.Network[T]](b, Networks, n)
}

// Base makes a base distribution.
func (b *builder[T]) Base(n bijector.NamedSpec) (distribution.Base[T], error) {
	return build[distribution.Base[T]](b, Bases, n)
}

// Encoder makes an encoder.
func (b *builder[T]) Encoder(n bijector.NamedSpec) (autoencoder.Encoder[T], error) {
	return build[autoencoder.Encoder[T]](b, Encoders, n)
}

// Decoder makes a decoder, which may be an encoder that decodes.
func (b *builder[T]) Decoder(n bijector.NamedSpec) (autoencoder.Decoder[T], error) {
	if _, err := global.find(Encoders, n); err != nil {
		return build[autoencoder.Decoder[T]](b, Decoders, n)
	}
	e, err := b.Encoder(n)
	if err != nil {
		return nil, err
	}
	d, ok := e.(autoencoder.Decoder[T])
	if !ok {
		return nil, fmt.Errorf("a %T does not decode: %w", e, bijector.ErrSpec)
	}
	return d, nil
}

// Flow makes a flow within a larger model.
func (b *builder[T]) Flow(n bijector.NamedSpec) (*flow.Flow[T], error) {
	return build[*flow.Flow[T]](b, flows, n)
}

func build[P any, T bijector.Float](b *builder[T], kind Kind, n bijector.NamedSpec) (p P, err error) {
	e, err := global.find(kind, n)
	if err != nil {
		return p, err
	}
	if p, err = buildEntry[P](b, e, n.Spec); err != nil {
		return *new(P), fmt.Errorf("%s: %w", e.name, err)
	}
	return p, nil
}

func buildEntry[P any, T bijector.Float](b *builder[T], e *entry, given any) (p P, err error) {
	spec, fault := e.specOf(given, b.most)
	// A named spec without a type ends the decoding there, and the container says
	// best which it is.
	if fault != nil && !errors.Is(fault, specnames.ErrNoType) {
		return p, fault
	}
	need := 0.0
	if s, ok := spec.(Sizer); ok {
		need = s.Values()
	}
	if !(need <= b.left) { // not need > b.left, so that a NaN is refused
		return p, fmt.Errorf("a spec of %.3g values, where %.3g are left: %w", need, b.left, ErrTooLarge)
	}
	b.left -= max(need, 0)
	if b.depth++; b.depth > maxSpecDepth {
		return p, fmt.Errorf("more than %d levels deep: %w", maxSpecDepth, ErrTooLarge)
	}
	defer func() { b.depth-- }()
	part, err := construct(b, e, spec)
	if fault != nil && !errors.Is(err, specnames.ErrNoType) {
		err = fault
	}
	if err != nil {
		return p, err
	}
	if nilcheck.IsNil(part) {
		return p, fmt.Errorf("the constructor returned nil and no error: %w", bijector.ErrSpec)
	}
	return part.(P), nil
}

// construct calls the constructor. A spec from a file or a user may ask for what
// its author did not think of, such as a slice of 1e18 values: a panic is an
// error of the spec.
func construct[T bijector.Float](b *builder[T], e *entry, spec any) (part any, err error) {
	defer func() {
		if r := recover(); r != nil {
			part, err = nil, fmt.Errorf("the constructor panicked on the spec %s: %s: %w", clip(fmt.Sprintf("%+v", spec)), clip(fmt.Sprint(r)), bijector.ErrSpec)
		}
	}()
	switch b := any(b).(type) {
	case *builder[float32]:
		return e.new32(spec, b)
	case *builder[float64]:
		return e.new64(spec, b)
	}
	return nil, nil
}
