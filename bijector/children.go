// The parts of a container, and what is saved of them.

package bijector

import (
	"fmt"

	"github.com/bijou-flow/bijou/internal/nilcheck"
)

// Child is a part of a container, under the name that its state is stored by:
// a layer, a base distribution, a network, a whole flow. A part without state
// may be of any type.
type Child struct {
	Name string
	Part any
}

// Children are the parts of a container, in the order of its parameters and
// gradients. It fans out what a container has to tell them.
type Children[T Float] []Child

// statefulOf is a part with state; a nil pointer has none.
func statefulOf[T Float](part any) (s Stateful[T], ok bool) {
	s, ok = part.(Stateful[T])
	return s, ok && !nilcheck.IsNil(s)
}

// Params are the parts' parameters, each behind the part's name and a dot:
// "0.weight".
func (c Children[T]) Params() []Param[T] {
	var all []Param[T]
	for _, child := range c {
		if s, ok := statefulOf[T](child.Part); ok {
			for _, p := range s.Params() {
				p.Name = child.Name + "." + p.Name
				all = append(all, p)
			}
		}
	}
	return all
}

// Buffers are named like Params.
func (c Children[T]) Buffers() []Buffer {
	var all []Buffer
	for _, child := range c {
		if s, ok := statefulOf[T](child.Part); ok {
			for _, b := range s.Buffers() {
				b.Name = child.Name + "." + b.Name
				all = append(all, b)
			}
		}
	}
	return all
}

// Invalidate tells the parts that their state was written to.
func (c Children[T]) Invalidate() {
	for _, child := range c {
		if p, ok := child.Part.(Invalidator); ok && !nilcheck.IsNil(p) {
			p.Invalidate()
		}
	}
}

// Validate returns the first part's objection to its own state, behind the
// part's name.
func (c Children[T]) Validate() error {
	for _, child := range c {
		if v, ok := child.Part.(Validator); ok {
			if nilcheck.IsNil(v) {
				return fmt.Errorf("%s: a nil %T: %w", child.Name, v, ErrSpec)
			}
			if err := v.Validate(); err != nil {
				return fmt.Errorf("%s: %w", child.Name, err)
			}
		}
	}
	return nil
}

// NamedSpecOf is the node of a part within its container's spec. That of a part
// without a spec, and of a nil pointer, is empty, and saving refuses it by name.
func NamedSpecOf[T Float](part any) (n NamedSpec) {
	if s, ok := statefulOf[T](part); ok {
		n.Spec = s.Spec()
	}
	return n
}
