// Sequential: networks one after the other, such as a standardization of
// contexts and a perceptron.

package coupling

import (
	"fmt"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/nilcheck"
	"github.com/bijou-flow/bijou/internal/nn"
)

// SequentialSpec describes networks one after the other.
type SequentialSpec struct {
	Networks []bijector.NamedSpec `json:"networks"` // first to last, at least one
}

// NewSequential composes networks, first to last,
//
//	y = f_k(... f_2(f_1(x))),
//
// to be used as a network by itself: the usual embedding of contexts in units of
// their own is a bijector.StandardizeContext and then a perceptron (as the
// embeddings of posteriors in Tejero-Cantero et al. 2020, arXiv 2007.09114). A
// part that takes its state from data takes it from the output of those before
// it. Params and Buffers are the parts', behind "0.", "1." and so on. Every x in
// the domain of the first is in the domain; the cost is the sum of the parts'.
// It returns ErrSpec for no network and for a nil one, and ErrShape for
// neighbours whose widths differ.
func NewSequential[T bijector.Float](networks ...bijector.Network[T]) (bijector.Network[T], error) {
	for i, n := range networks {
		if nilcheck.IsNil(n) {
			return nil, fmt.Errorf("coupling: network %d of a sequence is nil: %w", i, bijector.ErrSpec)
		}
	}
	s, err := nn.NewSequential(append([]bijector.Network[T](nil), networks...)...)
	if err != nil {
		return nil, err
	}
	return sequential[T]{s}, nil
}

// BuildSequential makes a sequence, y = f_k(... f_1(x)), from its spec: see
// NewSequential for its use (arXiv 2007.09114). Every x in the domain of the
// first part is in the domain; the cost is the sum of the parts'.
func BuildSequential[T bijector.Float](s SequentialSpec, b bijector.Builder[T]) (bijector.Network[T], error) {
	if nilcheck.IsNil(b) {
		return nil, fmt.Errorf("coupling: a sequence without a builder of its parts: %w", bijector.ErrSpec)
	}
	networks := make([]bijector.Network[T], len(s.Networks))
	for i, n := range s.Networks {
		m, err := b.Network(n)
		if err != nil {
			return nil, fmt.Errorf("network %d: %w", i, err)
		}
		networks[i] = m
	}
	return NewSequential(networks...)
}

// sequential is the network under its public spec.
type sequential[T bijector.Float] struct{ *nn.Sequential[T] }

func (s sequential[T]) Spec() any {
	spec := SequentialSpec{Networks: make([]bijector.NamedSpec, len(s.Maps()))}
	for i, m := range s.Maps() {
		spec.Networks[i] = bijector.NamedSpecOf[T](m)
	}
	return spec
}
