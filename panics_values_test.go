// Arguments of all kinds, sound and not.

package bijou_test

import (
	"context"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync/atomic"
)

// typeName is a type's name without what it is instantiated with, nor the
// pointer: "bijector.LU".
func typeName(t reflect.Type) string {
	name, _, _ := strings.Cut(strings.TrimLeft(t.String(), "*"), "[")
	return name
}

// isInner reports whether a function takes one of the innerTypes.
func isInner(f reflect.Type) bool {
	for i := range f.NumIn() {
		if innerTypes[typeName(f.In(i))] != "" {
			return true
		}
	}
	return false
}

// candidates are arguments of a type, up to three sound ones first. A struct
// has one field after the other replaced, to a depth.
func (c *caller) candidates(t reflect.Type, depth int) (all []reflect.Value) {
	add := func(values ...any) {
		for _, v := range values {
			all = append(all, reflect.ValueOf(v).Convert(t))
		}
	}
	for _, g := range c.goods {
		if v := reflect.ValueOf(g); v.Type().AssignableTo(t) && (t.Kind() != reflect.Interface || t.NumMethod() > 0 || len(all) < 3) {
			all = append(all, v)
		}
	}
	goods := len(all)
	switch t.Kind() {
	case reflect.Bool:
		add(false, true)
	case reflect.Int, reflect.Int64:
		add(4, 2, 1, 0, -1, math.MaxInt, math.MinInt, math.MaxInt/2+1, math.MaxInt/4+1)
	case reflect.Uint64, reflect.Uint8:
		add(1, 0, 255)
	case reflect.Float32, reflect.Float64:
		add(1., 0.5, 0., -1., math.NaN(), math.Inf(1), math.MaxFloat32)
	case reflect.String:
		add("", "affine", "nonesuch", "\x00\xff")
	case reflect.Slice:
		all = append(all, c.slices(t, depth)...)
	case reflect.Func:
		all = append(all, zeroFunc(t))
	case reflect.Interface:
		if t == reflect.TypeFor[context.Context]() {
			return contexts()
		}
		typed := map[reflect.Type]bool{}
		for _, v := range all[:goods] {
			if v.Kind() == reflect.Pointer && !typed[v.Type()] {
				typed[v.Type()] = true
				all = append(all, reflect.Zero(v.Type()))
			}
		}
	case reflect.Pointer:
		if t == reflect.TypeFor[*rand.Rand]() {
			add(rand.New(rand.NewPCG(1, 2)))
		} else if goods == 0 && t.Elem().Kind() == reflect.Struct && t.Elem().PkgPath() != "" && t.Elem().NumField() > 0 && t.Elem().Field(0).IsExported() {
			all = append(all, reflect.New(t.Elem()))
		}
	case reflect.Struct:
		if depth > 0 {
			if goods == 0 {
				all = append(all, reflect.Zero(t))
			}
			for _, v := range all {
				all = append(all, c.mutants(v, depth-1)...)
			}
		}
	}
	return append(all, reflect.Zero(t))
}

// mutants are a struct with one field after the other replaced.
func (c *caller) mutants(s reflect.Value, depth int) (all []reflect.Value) {
	for i := range s.NumField() {
		if !s.Type().Field(i).IsExported() {
			continue
		}
		for _, v := range c.candidates(s.Type().Field(i).Type, depth) {
			m := reflect.New(s.Type()).Elem()
			m.Set(s)
			m.Field(i).Set(v)
			all = append(all, m)
		}
	}
	return all
}

// slices are those of no value, one, two, three and four, of each kind.
func (c *caller) slices(t reflect.Type, depth int) (all []reflect.Value) {
	of := func(values ...reflect.Value) {
		all = append(all, reflect.Append(reflect.MakeSlice(t, 0, len(values)), values...))
	}
	choices := c.candidates(t.Elem(), depth-1)
	first := choices[0]
	of(first, first, first, first)
	of(first)
	of()
	for _, v := range choices[:min(len(choices), 60)] {
		of(v)
		of(v, first)
		of(first, v, v)
		of(first, first, first, v)
	}
	return all
}

// zeroFunc returns zero values: nil, and no error.
func zeroFunc(t reflect.Type) reflect.Value {
	return reflect.MakeFunc(t, func([]reflect.Value) (out []reflect.Value) {
		for i := range t.NumOut() {
			out = append(out, reflect.Zero(t.Out(i)))
		}
		return out
	})
}

// contexts are one that ends soon, one that has ended, and nil.
func contexts() []reflect.Value {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	return []reflect.Value{reflect.ValueOf(soon{context.Background(), new(atomic.Int64)}), reflect.ValueOf(ended), reflect.Zero(reflect.TypeFor[context.Context]())}
}

// soon is a context that ends each fourth time that it is asked.
type soon struct {
	context.Context
	asked *atomic.Int64
}

func (soon) Done() <-chan struct{} { return nil }

func (s soon) Err() error {
	if s.asked.Add(1)%4 == 0 {
		return context.Canceled
	}
	return nil
}
