// The table of everything that has a name.

package registry

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"sync"
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
)

var kindNames = [...]string{"bijector", "base distribution", "map", "encoder", "decoder", "flow"}

// String is the kind in the singular, as errors use it.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("Kind(%d)", int(k))
	}
	return kindNames[k]
}

// entry is one registered type.
type entry struct {
	kind   Kind
	name   string
	spec   reflect.Type
	decode func(raw []byte) (any, error) // JSON to a value of the spec's type
	// new32 and new64 are makers of the kind's part in float32 and float64.
	new32, new64 any
}

// table finds entries by name and by the type of their spec. Names and spec
// types are unique across kinds: a node in a spec does not say of which kind
// it is.
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

// named returns the entry of a name and kind.
func (t *table) named(kind Kind, name string) (*entry, error) {
	t.mu.RLock()
	e := t.byName[name]
	t.mu.RUnlock()
	if e != nil && e.kind == kind {
		return e, nil
	}
	err := &unknownError{kind: kind, name: name, known: t.names(kind)}
	if e != nil {
		err.other = e.kind.String()
	}
	return nil, err
}

// typed returns the entry whose spec has v's type, nil for none. A pointer
// stands for what it points to.
func (t *table) typed(v any) *entry {
	typ := reflect.TypeOf(v)
	if typ != nil && typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.bySpec[typ]
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
