// Networks within others: those of the public packages stand under specs of
// their own.

package nn

import "github.com/bijou-flow/bijou/bijector"

// Inner is the network of this package that m is, or that m embeds under a spec
// of its own; m itself where it is another's.
func Inner[T bijector.Float](m bijector.Map[T]) bijector.Map[T] {
	if i, ok := m.(interface{ inner() bijector.Map[T] }); ok {
		return i.inner()
	}
	return m
}

func (m *MLP[T]) inner() bijector.Map[T]      { return m }
func (m *MADE[T]) inner() bijector.Map[T]     { return m }
func (r *Residual[T]) inner() bijector.Map[T] { return r }
func (c *ConvNet[T]) inner() bijector.Map[T]  { return c }
