// From parts to their specs in JSON, with the names filled in.

package registry

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/nilcheck"
	tables "github.com/bijou-flow/bijou/table"
)

// MarshalSpec returns a part's spec as JSON, with the name of every part in
// it. A flow gives the document that NewFlow reads, an ensemble the one that
// NewEnsemble reads, a latent model the one that NewLatent reads, and anything
// else the bijector.NamedSpec {"type": ..., "spec": ...} that NewNamed reads. A
// part whose spec is of a type that is not registered is ErrNotRegistered.
//
// It describes how to make an equal part, not its parameters: Save keeps both.
func MarshalSpec(part bijector.Specced) ([]byte, error) {
	return result(marshalSpec(part, ofSpec))
}

// marshalSpec is MarshalSpec within limits.
func marshalSpec(part bijector.Specced, most limits) ([]byte, error) {
	if nilcheck.IsNil(part) {
		return nil, fmt.Errorf("a nil %T has no spec: %w", part, bijector.ErrSpec)
	}
	// Containers leave nil where a member has no spec. The member itself says
	// better what it is.
	if err := cmp.Or(checkMembers[float32](part), checkMembers[float64](part)); err != nil {
		return nil, err
	}
	document := part.Spec()
	switch document.(type) {
	case flow.Spec, flow.EnsembleSpec, autoencoder.LatentSpec, tables.ModelSpec: // whole models have no name
	default:
		if _, err := nameOf(document, fmt.Sprintf("%T", part)); err != nil {
			return nil, err
		}
		document = bijector.NamedSpec{Spec: document}
	}
	raw, err := json.Marshal(document)
	if err != nil {
		// Each level of named specs puts the same words in front.
		for m := (*json.MarshalerError)(nil); errors.As(err, &m); {
			err = m.Err
		}
		if !errors.Is(err, ErrNotRegistered) && !errors.Is(err, bijector.ErrSpec) {
			err = fmt.Errorf("%w: %w", err, bijector.ErrSpec)
		}
		return nil, err
	}
	return raw, most.check(raw) // what could not be read again is not written
}

// checkMembers names the type of a layer that cannot be saved.
func checkMembers[T bijector.Float](part any) error {
	switch p := part.(type) {
	case *flow.Flow[T]:
		return checkLayer(p.Layer(), "bijector")
	case *flow.Ensemble[T]:
		for k, f := range p.Flows() {
			if err := checkLayer(f.Layer(), fmt.Sprintf("flow %d: bijector", k)); err != nil {
				return err
			}
		}
	case *autoencoder.Latent[T]:
		if _, err := nameOf(p.Spec().(autoencoder.LatentSpec).Encoder.Spec, "Encoder"); err != nil {
			return err
		}
		if e := p.Ensemble(); e != nil {
			return checkMembers[T](e)
		}
		return checkLayer(p.Flow().Layer(), "bijector")
	case *tables.Model[T]:
		return checkMembers[T](p.Density())
	case bijector.Layer[T]:
		return checkLayer(p, "the layer")
	}
	return nil
}

func checkLayer[T bijector.Float](l bijector.Layer[T], where string) error {
	s, ok := l.(bijector.Stateful[T])
	if !ok {
		return fmt.Errorf("%s is a %T, which has no state to save: give it Params, Buffers and Spec: %w", where, l, bijector.ErrSpec)
	}
	if _, err := nameOf(s.Spec(), where); err != nil {
		return err
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

// nameOf returns the name that the type of a spec is registered under.
func nameOf(spec any, where string) (string, error) {
	if spec == nil {
		return "", fmt.Errorf("%s has no spec: %w", where, ErrNotRegistered)
	}
	if v := reflect.ValueOf(spec); v.Kind() == reflect.Pointer && v.IsNil() {
		return "", fmt.Errorf("%s has a nil %T for a spec: %w", where, spec, bijector.ErrSpec)
	}
	e := global.ofSpec(reflect.TypeOf(spec))
	if e == nil {
		return "", fmt.Errorf("%s has a spec of type %T, which is not registered; register it with registry.Register before saving: %w", where, spec, ErrNotRegistered)
	}
	return e.name, nil
}
