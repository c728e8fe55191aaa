// Networks within others: those of the public packages stand under specs of
// their own.

package nn

import "github.com/bijou-flow/bijou/bijector"

// Inner is the network of this package that m is, or that m embeds under a spec
// of its own; m itself where it is another's.
func Inner[T bijector.Float](m bijector.Network[T]) bijector.Network[T] {
	if i, ok := m.(wrapper[T]); ok {
		return i.inner()
	}
	return m
}

// wrapper is a network of this package, or embeds one.
type wrapper[T bijector.Float] interface{ inner() bijector.Network[T] }

func (m *MLP[T]) inner() bijector.Network[T]        { return m }
func (m *MADE[T]) inner() bijector.Network[T]       { return m }
func (r *Residual[T]) inner() bijector.Network[T]   { return r }
func (s *Sequential[T]) inner() bijector.Network[T] { return s }
func (c *ConvNet[T]) inner() bijector.Network[T]    { return c }
