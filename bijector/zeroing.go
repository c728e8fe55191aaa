// Gradients that count as zero without being written.

package bijector

// Zeroing is how the caller of training passes zeroes gradients in no pass over memory:
// arrays that a pass has handed over count as zero from Zero on, and the pass writes
// the first contribution instead of adding it. Others are zeroed as ever. It is for
// one goroutine at a time.
type Zeroing struct {
	round  int
	owners []*ZeroingOwner
	arrays map[any]bool // by the address of their first value
}

// ZeroingOwner is a pass that has handed gradients over.
type ZeroingOwner struct {
	of      *Zeroing
	written int // the round of the latest contribution
	clear   func()
}

// WithZeroing returns the options of a training pass whose gradients z zeroes.
func (o PassOptions) WithZeroing(z *Zeroing) PassOptions {
	o.zeroing = z
	return o
}

// HandOver gives arrays of gradients to the Zeroing of the options. It returns nil
// where there is none: the caller zeroes them.
func HandOver[T Float](o PassOptions, grads [][]T) *ZeroingOwner {
	z := o.zeroing
	if z == nil {
		return nil
	}
	w := &ZeroingOwner{of: z, written: z.round, clear: func() {
		for _, g := range grads {
			clear(g)
		}
	}}
	if z.arrays == nil {
		z.arrays = map[any]bool{}
	}
	for _, g := range grads {
		if len(g) > 0 {
			z.arrays[&g[0]] = true
		}
	}
	z.owners = append(z.owners, w)
	return w
}

// IsHandedOver says whether g was handed over.
func IsHandedOver[T Float](z *Zeroing, g []T) bool { return z != nil && len(g) > 0 && z.arrays[&g[0]] }

// Zero makes what was handed over count as zero. A nil Zeroing does nothing.
func (z *Zeroing) Zero() {
	if z != nil {
		z.round++
	}
}

// Settle writes the zeros of passes that have contributed nothing since Zero, so that
// all gradients can be read. A nil Zeroing does nothing.
func (z *Zeroing) Settle() {
	if z == nil {
		return
	}
	for _, w := range z.owners {
		if w.First() {
			w.clear()
		}
	}
}

// First says whether the gradients count as zero, in which case the caller now writes
// all of them; false for nil.
func (w *ZeroingOwner) First() bool {
	if w == nil || w.written == w.of.round {
		return false
	}
	w.written = w.of.round
	return true
}
