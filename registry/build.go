// From names and specs to parts.

package registry

import (
	"fmt"
	"reflect"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
)

// Sizer is an optional interface of specs. Values is the number of parameter
// and buffer values of what the spec describes: never more, and not much less.
// It is asked before anything is made, so that a spec of a hundred bytes cannot
// claim all memory; what has no Values is taken to know its own limits.
type Sizer interface{ Values() float64 }

// maxValues is what a model made from a spec alone may have: half a gigabyte
// in float32. A model file bounds its own.
const maxValues = 1 << 27

// maker makes a part P of a model from its spec.
type maker[T bijector.Float, P any] func(spec any, b flow.Builder[T]) (P, error)

// builder makes parts by the table. It is the Builder of bijector, of
// distribution and of autoencoder.
type builder[T bijector.Float] struct {
	table *table
	left  float64 // values that may still be made
	depth int     // containers being built
}

func newBuilder[T bijector.Float](t *table, values float64) *builder[T] {
	return &builder[T]{table: t, left: values}
}

// Layer makes a bijector.
func (b *builder[T]) Layer(n bijector.NamedSpec) (bijector.Layer[T], error) {
	return build[T, bijector.Layer[T]](b, Bijectors, n)
}

// Network makes a map.
func (b *builder[T]) Network(n bijector.NamedSpec) (bijector.Network[T], error) {
	return build[T, bijector.Network[T]](b, Networks, n)
}

// Base makes a base distribution.
func (b *builder[T]) Base(n bijector.NamedSpec) (distribution.Base[T], error) {
	return build[T, distribution.Base[T]](b, Bases, n)
}

// Encoder makes an encoder.
func (b *builder[T]) Encoder(n bijector.NamedSpec) (autoencoder.Encoder[T], error) {
	return build[T, autoencoder.Encoder[T]](b, Encoders, n)
}

// Decoder makes a decoder, which may be an encoder that decodes.
func (b *builder[T]) Decoder(n bijector.NamedSpec) (autoencoder.Decoder[T], error) {
	if _, err := b.find(Encoders, n); err != nil {
		return build[T, autoencoder.Decoder[T]](b, Decoders, n)
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
	return build[T, *flow.Flow[T]](b, flows, n)
}

// find returns a node's entry: by its name, or where it has none by the type
// of its spec.
func (b *builder[T]) find(kind Kind, n bijector.NamedSpec) (*entry, error) {
	if n.Name == "" && n.Spec != nil {
		if e := b.table.typed(n.Spec); e != nil {
			return b.table.named(kind, e.name)
		}
	}
	return b.table.named(kind, n.Name)
}

func build[T bijector.Float, P any](b *builder[T], kind Kind, n bijector.NamedSpec) (p P, err error) {
	e, err := b.find(kind, n)
	if err != nil {
		return p, err
	}
	spec, err := e.specOf(n, b.depth > 0)
	if err != nil {
		return p, fmt.Errorf("%s: %w", e.name, err)
	}
	// Not <=, so that a NaN is refused.
	if need := valuesOf(spec); !(need <= b.left) {
		return p, fmt.Errorf("%s: a spec of %.3g values, where %.3g are left: %w", e.name, need, b.left, ErrTooLarge)
	} else {
		b.left -= max(need, 0)
	}
	if b.depth++; b.depth > maxSpecDepth {
		return p, fmt.Errorf("%s: more than %d levels deep: %w", e.name, maxSpecDepth, ErrTooLarge)
	}
	defer func() { b.depth-- }()
	p, err = makerOf[T, P](e)(spec, b)
	if err != nil {
		return p, fmt.Errorf("%s: %w", e.name, err)
	}
	return p, nil
}

// makerOf returns the maker for T.
func makerOf[T bijector.Float, P any](e *entry) maker[T, P] {
	if _, ok := any(*new(T)).(float32); ok {
		return e.new32.(maker[T, P])
	}
	return e.new64.(maker[T, P])
}

// valuesOf is what the spec says of itself, 0 for one that says nothing.
func valuesOf(spec any) float64 {
	if s, ok := spec.(Sizer); ok {
		return s.Values()
	}
	return 0
}

// lift turns a constructor of S to A into a maker of P, which A implements.
func lift[S any, A any, T bijector.Float, P any](name string, f func(S, bijector.Builder[T]) (A, error)) maker[T, P] {
	return func(spec any, b flow.Builder[T]) (p P, err error) {
		a, err := f(spec.(S), b)
		if err != nil {
			return p, err
		}
		p, ok := any(a).(P)
		if v := reflect.ValueOf(a); !ok || v.Kind() == reflect.Pointer && v.IsNil() {
			return p, fmt.Errorf("the constructor returned nil and no error: %w", bijector.ErrSpec)
		}
		return p, nil
	}
}

// alone is a constructor that needs no builder.
func alone[S, A any, T bijector.Float](f func(S) (A, error)) func(S, bijector.Builder[T]) (A, error) {
	if f == nil {
		return nil
	}
	return func(s S, _ bijector.Builder[T]) (A, error) { return f(s) }
}

// newEntry describes a registration. S is the spec, P32 and P64 what is made.
func newEntry[S, P32, P64, A, B any](kind Kind, name string,
	new32 func(S, bijector.Builder[float32]) (A, error), new64 func(S, bijector.Builder[float64]) (B, error),
) *entry {
	if new32 == nil || new64 == nil {
		panic(fmt.Sprintf("registry: %s has a nil constructor", name))
	}
	return &entry{
		kind: kind,
		name: name,
		spec: reflect.TypeFor[S](),
		decode: func(raw []byte) (any, error) {
			var s S
			err := decodeInto(raw, &s)
			return s, err
		},
		new32: lift[S, A, float32, P32](name, new32),
		new64: lift[S, B, float64, P64](name, new64),
	}
}
