// The spec of a part within a container's: a name and, by that name, any spec.

package bijector

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/bijou-flow/bijou/internal/specnames"
)

// NamedSpec is a part within a container's spec: the name it is registered under
// and its own spec, a struct of the type that is registered with it. Without a
// Name, the type of Spec says which it is; without a Spec, all fields are zero.
//
// In JSON it is {"type": "bijector.scale", "spec": {"dim": 2}}. A spec that was
// read is a struct again where its name is registered and its fields are those
// of the struct. Otherwise it stays a json.RawMessage, and a Builder says why.
type NamedSpec struct {
	Name string `json:"type"`
	Spec any    `json:"spec"`
}

// Builder makes the parts of a container from their specs. The registry
// implements it.
type Builder[T Float] interface {
	Layer(NamedSpec) (Layer[T], error)
	Network(NamedSpec) (Network[T], error)
}

// MarshalJSON writes the name and the spec. In a program that imports the
// registry the name is the one that the spec's type is registered under; a
// type that is not registered, and another name, are errors.
func (n NamedSpec) MarshalJSON() ([]byte, error) {
	switch spec := n.Spec.(type) {
	case json.RawMessage:
	case []byte:
		n.Spec = json.RawMessage(spec)
	default:
		if spec == nil && n.Name != "" {
			break
		}
		name, err := specnames.NameOf(spec)
		if err != nil {
			return nil, err
		}
		if name != "" && n.Name != "" && n.Name != name {
			return nil, fmt.Errorf("a spec of type %T is called %q, and is registered as %q: %w", spec, n.Name, name, ErrSpec)
		}
		if name != "" {
			n.Name = name
		}
	}
	type plain NamedSpec
	return json.Marshal(plain(n))
}

// UnmarshalJSON reads what MarshalJSON writes. Keys are "type" and "spec",
// exactly; the first is there at least.
func (n *NamedSpec) UnmarshalJSON(text []byte) error {
	var members map[string]specnames.Borrowed
	if err := json.Unmarshal(text, &members); err != nil {
		return fmt.Errorf("found %.80q, want a %T, which begins with '{': %w", text, *n, ErrSpec)
	}
	*n = NamedSpec{}
	if members == nil {
		return nil // null
	}
	for key := range members {
		if key != "type" && key != "spec" {
			return fmt.Errorf("unknown field %.80q beside \"type\" and \"spec\": %w", key, ErrSpec)
		}
	}
	if members["type"] == nil {
		n.Spec = specnames.ErrNoType
		return specnames.ErrNoType
	}
	if err := json.Unmarshal(members["type"], &n.Name); err != nil {
		return fmt.Errorf("a type that is no string: %.80q: %w", members["type"], ErrSpec)
	}
	spec := members["spec"]
	if spec == nil || string(spec) == "null" {
		return nil
	}
	var ok bool
	if n.Spec, ok = specnames.Decode(n.Name, spec); !ok {
		n.Spec = json.RawMessage(bytes.Clone(spec))
	}
	return nil
}
