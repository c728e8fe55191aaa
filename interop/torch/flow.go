// What all mappings end with: layers and a base distribution become a flow.

package torch

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
)

// newFlow makes a flow of the layers, once every tensor is accounted for.
func newFlow[T bijector.Float](r *reader, layers []bijector.Layer[T], base distribution.Base[T]) (*flow.Flow[T], error) {
	return newFlowWithEmbedding(r, layers, base, nil)
}

// newFlowWithEmbedding is newFlow under contexts that pass through a network, nil for
// none.
func newFlowWithEmbedding[T bijector.Float](r *reader, layers []bijector.Layer[T], base distribution.Base[T], embedding bijector.Network[T]) (*flow.Flow[T], error) {
	if err := r.checkAllTaken(); err != nil {
		return nil, err
	}
	chain, err := bijector.NewChain(layers...)
	if err != nil {
		return nil, fmt.Errorf("torch: %w", err)
	}
	chain.Invalidate()
	if err := chain.Validate(); err != nil {
		return nil, fmt.Errorf("torch: %w", err)
	}
	if v, ok := embedding.(bijector.Validator); ok {
		if err := v.Validate(); err != nil {
			return nil, fmt.Errorf("torch: %w", err)
		}
	}
	f, err := flow.NewWithEmbedding[T](chain, base, embedding)
	if err != nil {
		return nil, fmt.Errorf("torch: %w", err)
	}
	if err := checkProof(r.state.exported.proof, f); err != nil {
		return nil, err
	}
	return f, nil
}

// newNormal is the base distribution with the given means and deviations, each nil
// for the standard normal's.
func newNormal[T bijector.Float](dim int, loc, scale []float64) (distribution.Base[T], error) {
	s := distribution.NormalSpec{Dim: dim}
	if !allEqual(loc, 0) {
		s.Loc = loc
	}
	if !allEqual(scale, 1) {
		s.Scale = scale
	}
	base, err := distribution.NewNormal[T](s)
	if err != nil {
		return nil, fmt.Errorf("torch: %w", err)
	}
	return base, nil
}

func allEqual(v []float64, c float64) bool {
	for _, x := range v {
		if x != c {
			return false
		}
	}
	return true
}

// batchNorm has the parameters and statistics of one feature at each index.
type batchNorm struct{ logGamma, beta, mean, variance []float64 }

// newBatchNorm makes the layer, whose variance in training divides by n-1, as
// torch.var does.
func newBatchNorm[T bijector.Float](s batchNorm, eps float64) (*bijector.BatchNorm[T], error) {
	b, err := bijector.NewBatchNorm[T](bijector.BatchNormSpec{Dim: len(s.beta), Eps: eps, Unbiased: true})
	if err != nil {
		return nil, fmt.Errorf("torch: %w", err)
	}
	params, buffers := b.Params(), b.Buffers()
	convert(params[0].Data, s.logGamma)
	convert(params[1].Data, s.beta)
	copy(buffers[0].Data.([]float64), s.mean)
	copy(buffers[1].Data.([]float64), s.variance)
	return b, nil
}

// variance takes a vector of n numbers that are not negative.
func (r *reader) variance(name string, n int) ([]float64, error) {
	v, err := r.floats(name, n)
	for i, x := range v {
		if x < 0 {
			return nil, r.errorf(name, bijector.ErrSpec, "value %d is %v, want no negative variance", i, x)
		}
	}
	return v, err
}

// permute is z[j] = x[p[j]].
func permute[T bijector.Float](p []int) (bijector.Layer[T], error) {
	l, err := bijector.NewPermute[T](bijector.PermuteSpec{Dim: len(p), Kind: "given", Indices: p})
	if err != nil {
		return nil, fmt.Errorf("torch: %w", err)
	}
	return l, nil
}

// maxFloat is the limit of T's numbers.
func maxFloat[T bijector.Float]() float64 {
	if _, ok := any(*new(T)).(float32); ok {
		return math.MaxFloat32
	}
	return math.MaxFloat64
}
