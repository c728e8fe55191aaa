// Orders: which feature comes after which.

package autoregressive

import (
	"fmt"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
)

// OrderSpec says in which order the features depend on each other.
type OrderSpec struct {
	// Kind is one of
	//
	//	sequential  0, 1, 2, ...; the default
	//	reverse     the other way round
	//	random      drawn from Seed
	//	given       that of Indices; the default where Indices are set
	Kind string `json:"kind,omitempty"`
	// Indices of the features, the first of which depends on none. They go
	// with the kind "given" alone.
	Indices []int `json:"indices,omitempty"`
	// Seed of a random order.
	Seed uint64 `json:"seed,omitempty"`
}

// order returns the features of a layer in their order.
func (s OrderSpec) order(dim int) ([]int64, error) {
	kind := s.Kind
	switch {
	case kind == "" && s.Indices != nil:
		kind = "given"
	case kind != "given" && s.Indices != nil:
		return nil, fmt.Errorf("autoregressive: order of kind %q with indices; leave them out, or the kind: %w", kind, bijector.ErrSpec)
	}
	order := make([]int64, dim)
	switch kind {
	case "", "sequential":
		for i := range order {
			order[i] = int64(i)
		}
	case "reverse":
		for i := range order {
			order[i] = int64(dim - 1 - i)
		}
	case "random":
		for i, j := range rand.New(rand.NewPCG(s.Seed, 0x6f72646572)).Perm(dim) {
			order[i] = int64(j)
		}
	case "given":
		if len(s.Indices) != dim {
			return nil, fmt.Errorf("autoregressive: an order of %d indices for %d features: %w", len(s.Indices), dim, bijector.ErrShape)
		}
		for i, j := range s.Indices {
			order[i] = int64(j)
		}
	default:
		return nil, fmt.Errorf("autoregressive: order of kind %q, want sequential, reverse, random or given: %w", s.Kind, bijector.ErrSpec)
	}
	return order, checkOrder(order)
}

// checkOrder returns an error unless every index is there once.
func checkOrder(order []int64) error {
	seen := make([]bool, len(order))
	for i, j := range order {
		if j < 0 || j >= int64(len(order)) || seen[j] {
			return fmt.Errorf("autoregressive: an order of %d features has %d at place %d, want each of 0 to %d once: %w", len(order), j, i, len(order)-1, bijector.ErrSpec)
		}
		seen[j] = true
	}
	return nil
}
