// zuko's Gaussian mixtures: a base distribution without a map.

package torch

import (
	"fmt"
	"math"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
)

// zukoEpsilon is what zuko.mixtures.GMM adds to the scales.
const zukoEpsilon = 1e-6

// isZukoMixture says whether the state is that of a GMM.
func isZukoMixture(r *reader) bool { return r.has("phi.0") || r.has("hyper.0.weight") }

// zukoMixture reads a GMM, over the identity.
func zukoMixture[T bijector.Float](r *reader, epsilon float64) (*flow.Flow[T], error) {
	if !(epsilon >= 0 && epsilon < 1) {
		return nil, fmt.Errorf("torch: epsilon %v, want one from 0 to below 1: %w", epsilon, bijector.ErrSpec)
	}
	if r.has("hyper.0.weight") {
		return nil, r.errorf("hyper.0.weight", ErrUnexpected, "a network makes the components of a context, which distribution.Mixture does not have")
	}
	logits, err := r.floats("phi.0", anySize)
	if err != nil {
		return nil, err
	}
	k := len(logits)
	loc, err := r.floats("phi.1", k, anySize)
	if err != nil {
		return nil, err
	}
	d := len(loc) / k
	full := r.has("phi.3")
	base, err := distribution.NewMixture[T](distribution.MixtureSpec{Dim: d, Components: k, Full: full})
	if err != nil {
		return nil, fmt.Errorf("torch: %w", err)
	}
	diag, err := r.shared("phi.2", k, d)
	if err != nil {
		return nil, err
	}
	logScale := make([]float64, len(diag))
	for i, v := range diag {
		logScale[i] = v
		if epsilon > 0 {
			logScale[i] = math.Log(math.Exp(v) + epsilon)
		}
	}
	numbers := map[string][]float64{"logits": logits, "loc": loc, "log_scale": logScale}
	if full {
		if numbers["lower"], err = r.shared("phi.3", k, d*(d-1)/2); err != nil {
			return nil, err
		}
	}
	for _, p := range base.Params() {
		convert(p.Data, numbers[p.Name])
	}
	if err := base.Validate(); err != nil {
		return nil, fmt.Errorf("torch: %w", err)
	}
	identity, err := permute[T](intRange(0, d))
	if err != nil {
		return nil, err
	}
	return newFlow(r, []bijector.Layer[T]{identity}, distribution.Base[T](base))
}

// shared takes n rows of d values, or one row for all, of which one value may stand for
// all.
func (r *reader) shared(name string, n, d int) ([]float64, error) {
	shape := []int{anySize, anySize}
	if v := r.state.tensors[name]; len(v.shape) == 2 {
		shape = slices.Clone(v.shape)
	}
	if shape[0] != 1 {
		shape[0] = n
	}
	if shape[1] != 1 {
		shape[1] = d
	}
	v, err := r.floats(name, shape...)
	if err != nil {
		return nil, err
	}
	all := make([]float64, 0, n*d)
	for i := range n {
		for j := range d {
			all = append(all, v[i%shape[0]*shape[1]+j%shape[1]])
		}
	}
	return all, nil
}
