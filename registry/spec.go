// From parts to their specs in JSON, with the names filled in.

package registry

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sync"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
)

// MarshalSpec returns a part's spec as JSON, with the name of every part in
// it. A flow gives the document that NewFlow reads, an ensemble the one that
// NewEnsemble reads, a latent model the one that NewLatent reads, and anything else the node
// {"type": ..., "spec": ...} that FromNode reads. A part whose spec is of a
// type that is not registered is ErrNotRegistered.
//
// It describes how to make an equal part, not its parameters: Save keeps both.
func MarshalSpec(part interface{ Spec() any }) ([]byte, error) {
	return made(marshalSpec(global, part))
}

func marshalSpec(t *table, part interface{ Spec() any }) ([]byte, error) {
	// Containers leave nil where a member has no spec. The member itself
	// says better what it is.
	if err := checkMembers(part); err != nil {
		return nil, err
	}
	spec := part.Spec()
	if isDocument(spec) {
		return t.marshal(reflect.ValueOf(spec), "")
	}
	n, err := t.node(bijector.NamedSpec{Spec: spec}, fmt.Sprintf("%T", part))
	if err != nil {
		return nil, err
	}
	return json.Marshal(n)
}

// isDocument reports whether a spec is that of a whole model, which has no
// name of its own.
func isDocument(spec any) bool {
	switch spec.(type) {
	case flow.Spec, flow.EnsembleSpec, autoencoder.LatentSpec:
		return true
	}
	return false
}

// checkMembers names the type of a layer that cannot be saved.
func checkMembers(part any) error {
	switch p := part.(type) {
	case *flow.Flow[float32]:
		return checkLayer(p.Layer(), "bijector")
	case *flow.Flow[float64]:
		return checkLayer(p.Layer(), "bijector")
	case *flow.Ensemble[float32]:
		return checkFlows(p)
	case *flow.Ensemble[float64]:
		return checkFlows(p)
	case *autoencoder.Latent[float32]:
		return checkLayer(p.Flow().Layer(), "bijector")
	case *autoencoder.Latent[float64]:
		return checkLayer(p.Flow().Layer(), "bijector")
	case bijector.Layer[float32]:
		return checkLayer(p, "the layer")
	case bijector.Layer[float64]:
		return checkLayer(p, "the layer")
	}
	return nil
}

func checkFlows[T bijector.Float](e *flow.Ensemble[T]) error {
	for k, f := range e.Flows() {
		if err := checkLayer(f.Layer(), fmt.Sprintf("flow %d: bijector", k)); err != nil {
			return err
		}
	}
	return nil
}

func checkLayer[T bijector.Float](l bijector.Layer[T], where string) error {
	if _, ok := l.(bijector.Stateful[T]); !ok {
		return fmt.Errorf("%s is a %T, which has no state to save: give it Params, Buffers and Spec: %w", where, l, bijector.ErrSpec)
	}
	if c, ok := l.(bijector.Container[T]); ok {
		for i, m := range c.Members() {
			if err := checkLayer(m, fmt.Sprintf("%s: member %d", where, i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// marshal encodes a spec whose nodes are named.
func (t *table) marshal(spec reflect.Value, where string) ([]byte, error) {
	v, err := t.withNames(spec, where)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(v.Interface())
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", where, err, bijector.ErrSpec)
	}
	return b, nil
}

// node returns n with a name and its spec as JSON.
func (t *table) node(n bijector.NamedSpec, where string) (bijector.NamedSpec, error) {
	if n.Spec == nil && n.Name == "" {
		return n, fmt.Errorf("%s has no spec: %w", where, ErrNotRegistered)
	}
	switch s := n.Spec.(type) {
	case nil, json.RawMessage, map[string]any:
		return n, nil // as it was read
	case []byte:
		n.Spec = json.RawMessage(s)
		return n, nil
	}
	if v := reflect.ValueOf(n.Spec); v.Kind() == reflect.Pointer && v.IsNil() {
		return n, fmt.Errorf("%s has a nil %T for a spec: %w", where, n.Spec, bijector.ErrSpec)
	}
	e := t.typed(n.Spec)
	if e == nil {
		return n, fmt.Errorf("%s has a spec of type %T, which is not registered; register it with registry.Register before saving: %w", where, n.Spec, ErrNotRegistered)
	}
	if n.Name != "" && n.Name != e.name {
		return n, fmt.Errorf("%s is called %q, but its spec of type %T is that of %q: %w", where, n.Name, n.Spec, e.name, bijector.ErrSpec)
	}
	raw, err := t.marshal(reflect.Indirect(reflect.ValueOf(n.Spec)), where+" ("+e.name+")")
	return bijector.NamedSpec{Name: e.name, Spec: json.RawMessage(raw)}, err
}

var nodeType = reflect.TypeFor[bijector.NamedSpec]()

// holders remembers the answers of holdsNode.
var holders sync.Map

// holdsNode reports whether a value of type typ can contain a Node.
func holdsNode(typ reflect.Type) bool {
	if typ == nodeType {
		return true
	}
	if known, ok := holders.Load(typ); ok {
		return known.(bool)
	}
	holds := searchNode(typ, map[reflect.Type]bool{})
	holders.Store(typ, holds)
	return holds
}

func searchNode(typ reflect.Type, seen map[reflect.Type]bool) bool {
	if typ == nodeType {
		return true
	}
	if seen[typ] {
		return false
	}
	seen[typ] = true
	switch typ.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return searchNode(typ.Elem(), seen)
	case reflect.Struct:
		for i := range typ.NumField() {
			if typ.Field(i).IsExported() && searchNode(typ.Field(i).Type, seen) {
				return true
			}
		}
	}
	return false
}

// withNames returns v with all nodes in it named: a copy wherever something
// changes, since a spec may share its lists with the part.
func (t *table) withNames(v reflect.Value, where string) (reflect.Value, error) {
	typ := v.Type()
	if !holdsNode(typ) {
		return v, nil
	}
	if typ == nodeType {
		n, err := t.node(v.Interface().(bijector.NamedSpec), where)
		return reflect.ValueOf(n), err
	}
	out := reflect.New(typ).Elem()
	switch typ.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return v, nil
		}
		e, err := t.withNames(v.Elem(), where)
		if err != nil {
			return v, err
		}
		out.Set(reflect.New(typ.Elem()))
		out.Elem().Set(e)
	case reflect.Slice, reflect.Array:
		if typ.Kind() == reflect.Slice {
			if v.IsNil() {
				return v, nil
			}
			out.Set(reflect.MakeSlice(typ, v.Len(), v.Len()))
		}
		for i := range v.Len() {
			e, err := t.withNames(v.Index(i), fmt.Sprintf("%s[%d]", where, i))
			if err != nil {
				return v, err
			}
			out.Index(i).Set(e)
		}
	case reflect.Map:
		if v.IsNil() {
			return v, nil
		}
		out.Set(reflect.MakeMapWithSize(typ, v.Len()))
		for it := v.MapRange(); it.Next(); {
			e, err := t.withNames(it.Value(), fmt.Sprintf("%s[%v]", where, it.Key()))
			if err != nil {
				return v, err
			}
			out.SetMapIndex(it.Key(), e)
		}
	case reflect.Struct:
		out.Set(v)
		for i := range typ.NumField() {
			f := typ.Field(i)
			if !f.IsExported() {
				continue
			}
			e, err := t.withNames(v.Field(i), join(where, f.Name))
			if err != nil {
				return v, err
			}
			out.Field(i).Set(e)
		}
	}
	return out, nil
}

func join(where, field string) string {
	if where == "" {
		return field
	}
	return where + "." + field
}
