// Whether a model that is about to be saved could be loaded again.

package registry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/safetensors"
	tables "github.com/bijou-flow/bijou/table"
)

// checkLoads does with the header of a file that is not yet written what loading
// does, as far as it costs little. The counts of all specs are compared with
// what there is. The model is only made again where a part comes from elsewhere:
// the library's own specs make their parts, and a second model beside a large
// one may not fit.
func checkLoads[T bijector.Float](c *contents, kind string, model bijector.Stateful[T]) error {
	raw, err := safetensors.EncodeHeader(c.items, c.metadata)
	if err != nil {
		return err
	}
	size, values := int64(len(raw)), 0.0
	for _, it := range c.items {
		v := reflect.ValueOf(it.Data)
		size += int64(v.Len()) * int64(v.Type().Elem().Size())
		values += float64(v.Len())
	}
	h, err := safetensors.ReadHeader(bytes.NewReader(raw), size)
	if err != nil {
		return err
	}
	t := tally{left: values, most: limitsFor(values)}
	if err := t.add([]byte(c.metadata[keySpec])); err != nil {
		return err
	}
	if !t.outside && !outside[T](model) {
		return nil
	}
	again, err := makeModel[T](h, kind)
	if err != nil {
		return err
	}
	return checkTensors(h.Tensors, slotsOf(again, dtypeName[T]()))
}

// tally goes through a spec in JSON.
type tally struct {
	left    float64 // values that no spec has claimed
	most    limits  // of the spec
	outside bool    // a part is not the library's own
}

// add counts the named specs of a document, each of which names its part.
func (t *tally) add(raw []byte) error {
	switch raw = bytes.TrimSpace(raw); {
	case bytes.HasPrefix(raw, []byte("[")):
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			return err
		}
		for _, element := range list {
			if err := t.add(element); err != nil {
				return err
			}
		}
	case bytes.HasPrefix(raw, []byte("{")):
		var members map[string]json.RawMessage
		if err := json.Unmarshal(raw, &members); err != nil {
			return err
		}
		if err := t.claim(members); err != nil {
			return err
		}
		for _, key := range slices.Sorted(maps.Keys(members)) {
			if err := t.add(members[key]); err != nil {
				return err
			}
		}
	}
	return nil
}

// claim counts what a named spec says of itself. Other objects have no registered
// type, and count nothing.
func (t *tally) claim(members map[string]json.RawMessage) error {
	var name string
	if json.Unmarshal(members["type"], &name) != nil {
		return nil
	}
	e := global.ofName(name)
	if e == nil {
		return nil
	}
	t.outside = t.outside || !e.builtin
	spec, err := e.specOf(members["spec"], t.most)
	s, ok := spec.(Sizer)
	if err != nil || !ok {
		return nil // what else is wrong with it, its constructor says
	}
	need := s.Values()
	if !(need <= t.left) {
		return fmt.Errorf("%s: Values of its spec is %.4g, and %.4g of the model's values are left for it: %w", name, need, t.left, ErrTooLarge)
	}
	t.left -= max(need, 0)
	return nil
}

// outside reports whether a layer or base of a model is of another type than
// its spec makes, as one that embeds a part of the library and has its spec.
func outside[T bijector.Float](model any) bool {
	switch m := model.(type) {
	case *flow.Flow[T]:
		return outside[T](m.Layer()) || outside[T](m.Base())
	case *flow.Ensemble[T]:
		for _, f := range m.Flows() {
			if outside[T](f) {
				return true
			}
		}
		return false
	case *autoencoder.Latent[T]:
		if e := m.Ensemble(); e != nil {
			return outside[T](e)
		}
		return outside[T](m.Flow())
	case *tables.Model[T]:
		return outside[T](m.Density())
	}
	s, ok := model.(bijector.Specced)
	if !ok {
		return false
	}
	e := global.ofSpec(reflect.TypeOf(s.Spec()))
	if typ := reflect.TypeOf(model); e == nil || e.part32 != typ && e.part64 != typ {
		return true
	}
	if c, ok := model.(bijector.Container[T]); ok {
		for _, member := range c.Members() {
			if outside[T](member) {
				return true
			}
		}
	}
	return false
}
