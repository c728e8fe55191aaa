// How much of a chain's intermediate results a training pass keeps.

package bijector

import "math"

// Memory is how much of a training step's forward pass a chain keeps for the
// backward pass.
type Memory struct {
	// Mode: see MemoryKeepAll, MemoryKeepInputs and MemoryReverse.
	Mode MemoryMode
	// Every is, for MemoryReverse, the number of members from one stored input to
	// the next; 0 means the square root of their number.
	Every int
}

// MemoryMode is a choice of Memory.
type MemoryMode int

const (
	// MemoryKeepAll keeps every activation. Fastest; memory grows with depth times
	// the widths of all conditioners.
	MemoryKeepAll MemoryMode = iota
	// MemoryKeepInputs keeps each member's input and computes the rest again, one
	// member at a time. The gradient is the same to the bit, for about a third
	// more work.
	MemoryKeepInputs
	// MemoryReverse keeps an input every few members and computes the others back
	// from the output, since every member is invertible (Gomez et al. 2017,
	// arXiv 1707.04585). Memory hardly grows with depth; rounding errors of
	// the inverses do, up to the next stored input. Members that cannot be
	// reversed in training have their input stored.
	MemoryReverse
)

// storeInterval is the distance between stored inputs in a chain of n members.
func (m Memory) storeInterval(n int) int {
	switch {
	case m.Mode != MemoryReverse:
		return 1
	case m.Every > 0:
		return m.Every
	}
	return max(1, int(math.Sqrt(float64(n))))
}

// WithMemory returns the options of a training step in which the GradPass of a
// chain keeps what m says. Other layers are not concerned.
func (o PassOptions) WithMemory(m Memory) PassOptions {
	o.memory = m
	return o
}

// scratch is memory that the members of a chain take turns to use. The zero value
// is ready.
type scratch struct {
	slots []any
	next  int
	most  int // the largest next
}

// rewind lets the next member start from slot at again.
func (s *scratch) rewind(at int) { s.next = at }

// take returns a batch of d features from the next slot, or of its own memory where
// s is nil.
func take[T Float](s *scratch, o PassOptions, d int) Mat[T] {
	if s == nil {
		return NewMat[T](d, o.MaxBatch)
	}
	if s.next == len(s.slots) {
		s.slots = append(s.slots, nil)
	}
	need := d * stride(o.MaxBatch)
	data, ok := s.slots[s.next].([]T)
	if !ok || len(data) < need {
		data = NewMat[T](d, o.MaxBatch).Data
		s.slots[s.next] = data
	}
	s.next++
	s.most = max(s.most, s.next)
	return Mat[T]{Data: data[:need], D: d, N: o.MaxBatch, Stride: stride(o.MaxBatch)}
}

// Activations returns a batch of d features for what a GradPass keeps from
// Forward to Backward, apart from gradients and numbers that belong to the
// layer. Where training saves memory, passes share it: what is in it is lost
// when another layer runs, and the chain calls Forward again before Backward.
func Activations[T Float](o PassOptions, d int) Mat[T] { return take[T](o.scratch, o, d) }

// Transient returns a batch of d features for what a GradPass needs within one
// Backward and no longer. The members of a chain share it, whatever they keep: what
// is in it is lost when another layer runs.
func Transient[T Float](o PassOptions, d int) Mat[T] { return take[T](o.transient, o, d) }
