// The table of everything that has a name.

package registry

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"sync"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
)

// Kind is what a registered name stands for.
type Kind int

// The kinds of parts a model is made of.
const (
	Bijectors Kind = iota // layers and containers of layers
	Bases                 // base distributions
	Networks              // conditioners, embeddings of contexts
	Encoders              // encoders, most of which decode too
	Decoders              // decoders that are no encoders
	flows                 // flows as parts of larger models; there is one
	models                // whole models, which are not parts
)

var kindNames = [...]string{"bijector", "base distribution", "network", "encoder", "decoder", "flow", "model"}

// String is the kind in the singular, as errors use it.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("Kind(%d)", int(k))
	}
	return kindNames[k]
}

// entry is one registered type.
type entry struct {
	kind Kind
	name string
	spec reflect.Type
	// part32 and part64 are the types of what the constructors return.
	part32, part64 reflect.Type
	builtin        bool // the library's own
	// new32 and new64 make the kind's part in float32 and float64.
	new32 func(spec any, b flow.Builder[float32]) (any, error)
	new64 func(spec any, b flow.Builder[float64]) (any, error)
}

// newEntry describes a registration whose constructors ask for other parts.
func newEntry[S, A, B any](kind Kind, name string,
	new32 func(S, bijector.Builder[float32]) (A, error), new64 func(S, bijector.Builder[float64]) (B, error),
) *entry {
	if new32 == nil || new64 == nil {
		panic(fmt.Sprintf("registry: %s has a nil constructor", name))
	}
	return &entry{
		kind: kind, name: name, spec: reflect.TypeFor[S](),
		part32: reflect.TypeFor[A](), part64: reflect.TypeFor[B](),
		new32: func(spec any, b flow.Builder[float32]) (any, error) { return new32(spec.(S), b) },
		new64: func(spec any, b flow.Builder[float64]) (any, error) { return new64(spec.(S), b) },
	}
}

// newPartEntry describes a registration whose constructors take a spec alone.
func newPartEntry[S, A, B any](kind Kind, name string, new32 func(S) (A, error), new64 func(S) (B, error)) *entry {
	return newEntry(kind, name, withoutBuilder[float32](new32), withoutBuilder[float64](new64))
}

func withoutBuilder[T bijector.Float, S, A any](f func(S) (A, error)) func(S, bijector.Builder[T]) (A, error) {
	if f == nil {
		return nil
	}
	return func(s S, _ bijector.Builder[T]) (A, error) { return f(s) }
}

// specOf returns a spec that is given as JSON or in Go as a value of the
// entry's type.
func (e *entry) specOf(given any, most limits) (any, error) {
	switch s := given.(type) {
	case nil:
		return reflect.Zero(e.spec).Interface(), nil
	case []byte:
		return e.specOf(json.RawMessage(s), most)
	case json.RawMessage:
		spec := reflect.New(e.spec)
		err := decode(s, spec.Interface(), most)
		return spec.Elem().Interface(), err
	}
	v := reflect.Indirect(reflect.ValueOf(given))
	if !v.IsValid() || v.Type() != e.spec {
		return nil, fmt.Errorf("a spec of type %T, want %v: %w", given, e.spec, bijector.ErrSpec)
	}
	return v.Interface(), nil
}

// table finds entries by name and by the type of their spec. Names and spec
// types are unique across kinds: a named spec does not say of which kind it is.
type table struct {
	mu     sync.RWMutex
	byName map[string]*entry
	bySpec map[reflect.Type]*entry
}

func newTable() *table {
	return &table{byName: map[string]*entry{}, bySpec: map[reflect.Type]*entry{}}
}

// validName is package.type.
var validName = regexp.MustCompile(`^[a-z0-9_-]+(\.[a-z0-9_-]+)+$`)

// add puts an entry into the table, and panics on one that can only be a
// programming error.
func (t *table) add(e *entry) {
	if !validName.MatchString(e.name) || len(e.name) > 100 {
		panic(fmt.Sprintf("registry: %q is no name; want package.type in lower case", e.name))
	}
	if e.spec.Kind() != reflect.Struct || e.spec.Name() == "" {
		panic(fmt.Sprintf("registry: the spec of %s is %v, want a named struct", e.name, e.spec))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byName[e.name] != nil {
		panic(fmt.Sprintf("registry: the name %s is registered twice", e.name))
	}
	if old := t.bySpec[e.spec]; old != nil {
		panic(fmt.Sprintf("registry: the spec %v of %s is already that of %s; saving finds the name by it", e.spec, e.name, old.name))
	}
	t.byName[e.name], t.bySpec[e.spec] = e, e
}

// ofName returns the entry of a name, nil for none.
func (t *table) ofName(name string) *entry {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byName[name]
}

// ofSpec returns the entry of a spec's type, nil for none. A pointer stands for
// what it points to.
func (t *table) ofSpec(typ reflect.Type) *entry {
	if typ != nil && typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.bySpec[typ]
}

// find returns the entry of a named spec: by its name, or where it has none by the type
// of its spec.
func (t *table) find(kind Kind, n bijector.NamedSpec) (*entry, error) {
	if e := t.ofSpec(reflect.TypeOf(n.Spec)); e != nil && n.Name == "" {
		n.Name = e.name
	}
	e := t.ofName(n.Name)
	if e != nil && e.kind == kind {
		return e, nil
	}
	err := &unknownError{kind: kind, name: n.Name, known: t.names(kind)}
	if e != nil {
		err.other = e.kind.String()
	}
	err.cause, _ = n.Spec.(error)
	return nil, err
}

func (t *table) names(kind Kind) []string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var all []string
	for name, e := range t.byName {
		if e.kind == kind {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}
