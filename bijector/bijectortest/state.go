package bijectortest

// What is saved: parameters, buffers and the spec.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bijou-flow/bijou/bijector"
)

// checkState looks at names, shapes and memory.
func checkState[T bijector.Float](f *fixture[T]) error {
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
	again := params(f.layer)
	for i, p := range params(f.layer) {
		if err := name("parameter", p.Name, p.Shape, len(p.Data)); err != nil {
			return err
		}
		if &p.Data[0] != &again[i].Data[0] {
			return fmt.Errorf("parameter %q has other memory in each call of Params; Data must alias the layer's", p.Name)
		}
		if p.Rate < 0 {
			return fmt.Errorf("parameter %q has rate %v, want a positive factor, or 0 for 1", p.Name, p.Rate)
		}
	}
	againB := buffers(f.layer)
	for i, b := range buffers(f.layer) {
		at, size, ok := memory(b.Data)
		if !ok {
			return fmt.Errorf("buffer %q is %T, want []float64 or []int64", b.Name, b.Data)
		}
		if err := name("buffer", b.Name, b.Shape, size); err != nil {
			return err
		}
		if other, _, _ := memory(againB[i].Data); at != other {
			return fmt.Errorf("buffer %q has other memory in each call of Buffers; Data must alias the layer's", b.Name)
		}
	}
	return nil
}

func memory(data any) (at unsafe.Pointer, size int, ok bool) {
	switch v := data.(type) {
	case []float64:
		return unsafe.Pointer(unsafe.SliceData(v)), len(v), true
	case []int64:
		return unsafe.Pointer(unsafe.SliceData(v)), len(v), true
	}
	return nil, 0, false
}

// checkAlias writes to each parameter in turn.
func checkAlias[T bijector.Float](f *fixture[T]) error {
	x, cond := f.data(maxBatch, 70)
	z, logDet := forward(f.layer, x, cond)
	unchanged := func() error {
		got, ld := forward(f.layer, x, cond)
		return firstError(compare("z", got, z, exact), compareSlices("logDet", ld, logDet, exact))
	}
	rng := f.rng(71)
	for _, p := range params(f.layer) {
		start := append([]T(nil), p.Data...)
		for i := range p.Data {
			p.Data[i] += T(0.1 * rng.NormFloat64())
		}
		changed(f.layer)
		err := unchanged()
		copy(p.Data, start)
		changed(f.layer)
		if err == nil {
			return fmt.Errorf("writing to parameter %q changes nothing; Data must alias what passes read", p.Name)
		}
		if err := unchanged(); err != nil {
			return prefix(err, "after parameter %q was changed and changed back", p.Name)
		}
	}
	return nil
}

// checkCopy does what saving and loading do.
func checkCopy[T bijector.Float](f *fixture[T]) error {
	if _, ok := f.layer.(bijector.Stateful[T]); !ok {
		return nil
	}
	l, err := f.twin()
	if err != nil {
		return err
	}
	x, cond := f.data(maxBatch, 72)
	z, logDet := forward(f.layer, x, cond)
	got, ld := forward(l, x, cond)
	return prefix(firstError(compare("z", got, z, exact), compareSlices("logDet", ld, logDet, exact)),
		"a new layer of the same spec with Params and Buffers copied, as loading does")
}

// checkSpecs sends the specs through JSON.
func checkSpecs(s *suite) error {
	a, ok := s.f32.layer.(bijector.Stateful[float32])
	b, ok64 := s.f64.layer.(bijector.Stateful[float64])
	if ok != ok64 {
		return fmt.Errorf("the interface Stateful is implemented in one precision only: float32 %v, float64 %v", ok, ok64)
	}
	if !ok {
		return nil
	}
	if d := cmp.Diff(a.Spec(), b.Spec(), specOptions()...); d != "" {
		return fmt.Errorf("the Spec differs between float32 and float64:\n%s", d)
	}
	spec := b.Spec()
	if reflect.ValueOf(spec).Kind() != reflect.Struct {
		return fmt.Errorf("the Spec is %T, want the struct that the constructor takes", spec)
	}
	text, err := json.Marshal(spec)
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
// that is left of their types when decoded.
func specOptions() []cmp.Option {
	return []cmp.Option{
		cmpopts.EquateEmpty(),
		cmp.Exporter(func(reflect.Type) bool { return true }),
		cmp.Transformer("json", func(n bijector.Node) (v any) {
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
