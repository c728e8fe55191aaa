// What is saved: parameters, buffers and the spec.

package conform

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/specnames"
)

// State looks at names, shapes and memory.
func State[T bijector.Float](s bijector.Stateful[T]) error {
	seen := map[string]bool{}
	name := func(kind, n string, shape []int, size int) error {
		if n == "" || seen[n] {
			return fmt.Errorf("%s %q: names must not be empty and be unique among parameters and buffers", kind, n)
		}
		seen[n] = true
		want := 1
		for _, s := range shape {
			want *= s
		}
		if size != want || size == 0 {
			return fmt.Errorf("%s %q has shape %v and %d values", kind, n, shape, size)
		}
		return nil
	}
	again := s.Params()
	for i, p := range s.Params() {
		if err := name("parameter", p.Name, p.Shape, len(p.Data)); err != nil {
			return err
		}
		if &p.Data[0] != &again[i].Data[0] {
			return fmt.Errorf("parameter %q has other memory in each call of Params; Data must alias the state", p.Name)
		}
		if p.Rate < 0 {
			return fmt.Errorf("parameter %q has rate %v, want a positive factor, or 0 for 1", p.Name, p.Rate)
		}
	}
	againB := s.Buffers()
	for i, b := range s.Buffers() {
		at, size, ok := addrAndSize(b.Data)
		if !ok {
			return fmt.Errorf("buffer %q is %T, want []float64 or []int64", b.Name, b.Data)
		}
		if err := name("buffer", b.Name, b.Shape, size); err != nil {
			return err
		}
		if other, _, _ := addrAndSize(againB[i].Data); at != other {
			return fmt.Errorf("buffer %q has other memory in each call of Buffers; Data must alias the state", b.Name)
		}
	}
	return nil
}

func addrAndSize(data any) (at unsafe.Pointer, size int, ok bool) {
	switch v := data.(type) {
	case []float64:
		return unsafe.Pointer(unsafe.SliceData(v)), len(v), true
	case []int64:
		return unsafe.Pointer(unsafe.SliceData(v)), len(v), true
	}
	return nil, 0, false
}

// Copy does what loading does: it overwrites dst's parameters and
// buffers, says so, and asks whether the result is a state.
func Copy[D, S bijector.Float](dst bijector.Stateful[D], src bijector.Stateful[S]) error {
	to, from := dst.Params(), src.Params()
	if len(to) != len(from) {
		return fmt.Errorf("%d Params in one, %d in another of the same spec", len(from), len(to))
	}
	for i, p := range from {
		if to[i].Name != p.Name || len(to[i].Data) != len(p.Data) {
			return fmt.Errorf("parameter %d is %q with %d values in one, %q with %d in another of the same spec", i, p.Name, len(p.Data), to[i].Name, len(to[i].Data))
		}
		for k, v := range p.Data {
			to[i].Data[k] = D(v)
		}
	}
	toB, fromB := dst.Buffers(), src.Buffers()
	if len(toB) != len(fromB) {
		return fmt.Errorf("%d Buffers in one, %d in another of the same spec", len(fromB), len(toB))
	}
	for i, b := range fromB {
		if toB[i].Name != b.Name {
			return fmt.Errorf("buffer %d is %q in one and %q in another of the same spec", i, b.Name, toB[i].Name)
		}
		ok := false
		switch v := b.Data.(type) {
		case []float64:
			var to []float64
			to, ok = toB[i].Data.([]float64)
			ok = ok && copy(to, v) == len(v) && len(to) == len(v)
		case []int64:
			var to []int64
			to, ok = toB[i].Data.([]int64)
			ok = ok && copy(to, v) == len(v) && len(to) == len(v)
		}
		if !ok {
			return fmt.Errorf("buffer %q is %T in one and %T in another, want []float64 or []int64 of the same length in both", b.Name, b.Data, toB[i].Data)
		}
	}
	Changed(dst)
	if v, ok := any(dst).(bijector.Validator); ok {
		if err := v.Validate(); err != nil {
			return fmt.Errorf("the state of an equal one is refused by Validate: %w", err)
		}
	}
	return nil
}

// Alias writes to each parameter in turn, which unchanged must notice, and
// takes it back, which it must not.
func Alias[T bijector.Float](s bijector.Stateful[T], rng *rand.Rand, unchanged func() error) error {
	for _, p := range s.Params() {
		start := append([]T(nil), p.Data...)
		for i := range p.Data {
			p.Data[i] += T(0.1 * rng.NormFloat64())
		}
		Changed(s)
		err := unchanged()
		copy(p.Data, start)
		Changed(s)
		if err == nil {
			return fmt.Errorf("writing to parameter %q changes nothing; Data must alias what passes read", p.Name)
		}
		if err := unchanged(); err != nil {
			return Prefix(err, "after parameter %q was changed and changed back", p.Name)
		}
	}
	return nil
}

// Changed says that a state was written to.
func Changed(s any) {
	if c, ok := s.(bijector.Invalidator); ok {
		c.Invalidate()
	}
}

// Specs compares the specs of both precisions, and sends one through JSON.
func Specs(a, b any) error {
	if d := cmp.Diff(a, b, specOptions()...); d != "" {
		return fmt.Errorf("the Spec differs between float32 and float64:\n%s", d)
	}
	spec := b
	if reflect.ValueOf(spec).Kind() != reflect.Struct {
		return fmt.Errorf("the Spec is %T, want the struct that the constructor takes", spec)
	}
	text, err := json.Marshal(spec)
	if errors.Is(err, specnames.ErrNotRegistered) {
		return nil // a container of parts that are still to be
	}
	if err != nil {
		return fmt.Errorf("the Spec does not marshal to JSON: %w", err)
	}
	back := reflect.New(reflect.TypeOf(spec))
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(back.Interface()); err != nil {
		return fmt.Errorf("the Spec does not decode from its own JSON %s: %w", text, err)
	}
	if d := cmp.Diff(spec, back.Elem().Interface(), specOptions()...); d != "" {
		return fmt.Errorf("the Spec changed on its way through JSON %s (-sent +received):\n%s", text, d)
	}
	return nil
}

// specOptions compare the specs inside a container's as JSON, which is all
// that is left of their types when decoded without the registry.
func specOptions() []cmp.Option {
	return []cmp.Option{
		cmpopts.EquateEmpty(),
		cmp.Exporter(func(reflect.Type) bool { return true }),
		cmp.Transformer("json", func(n bijector.NamedSpec) (v any) {
			text, err := json.Marshal(n)
			if err != nil {
				return err.Error()
			}
			if err := json.Unmarshal(text, &v); err != nil {
				return err.Error()
			}
			return v
		}),
	}
}
