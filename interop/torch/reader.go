// How a mapping takes the tensors of a state, each one once.

package torch

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/bijou-flow/bijou/bijector"
)

// reader notes which tensors a mapping has taken.
type reader struct {
	state *State
	taken map[string]bool
	limit float64 // of the numbers that the model can hold
}

// newReader returns one that has taken nothing. A nil state is ErrSpec.
func newReader[T bijector.Float](s *State) (*reader, error) {
	if s == nil {
		return nil, fmt.Errorf("torch: no state, want one that Open or Read returned: %w", bijector.ErrSpec)
	}
	return &reader{state: s, taken: map[string]bool{}, limit: maxFloat[T]()}, nil
}

// errorf is a TensorError about a tensor.
func (r *reader) errorf(name string, err error, format string, a ...any) error {
	return &TensorError{Tensor: r.state.prefix + name, Reason: fmt.Sprintf(format, a...), Err: err}
}

// has says whether there is such a tensor.
func (r *reader) has(name string) bool {
	_, ok := r.state.tensors[name]
	return ok
}

// hasPrefix says whether there are tensors whose names begin with prefix.
func (r *reader) hasPrefix(prefix string) bool {
	for name := range r.state.tensors {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// lastAxisLen is the last axis of the first of these tensors that is there, or
// anySize. It takes none.
func (r *reader) lastAxisLen(names ...string) int {
	for _, name := range names {
		if v := r.state.tensors[name]; len(v.shape) > 0 {
			return v.shape[len(v.shape)-1]
		}
	}
	return anySize
}

// ignore takes a tensor, if it is there, that says nothing new.
func (r *reader) ignore(name string) { r.taken[name] = true }

// ignoreUnder takes every tensor whose name begins with prefix.
func (r *reader) ignoreUnder(prefix string) {
	for name := range r.state.tensors {
		if strings.HasPrefix(name, prefix) {
			r.ignore(name)
		}
	}
}

// fix notes that a tensor has flags, which no training moves.
func (r *reader) fix(name string) {
	if r.state.fixed != nil {
		r.state.fixed[name] = true
	}
}

// any size is allowed for an axis of anySize.
const anySize = -1

// take returns a tensor of the given shape.
func (r *reader) take(name string, shape ...int) (values, error) {
	v, ok := r.state.tensors[name]
	if !ok {
		return v, r.errorf(name, ErrMissing, "")
	}
	r.taken[name] = true
	fits := len(shape) == len(v.shape) && v.data != nil
	for i := 0; fits && i < len(shape); i++ {
		fits = shape[i] == v.shape[i] || shape[i] == anySize && v.shape[i] > 0
	}
	if !fits {
		return v, r.errorf(name, bijector.ErrShape, "%v, want %s", v.shape, strings.ReplaceAll(fmt.Sprint(shape), fmt.Sprint(anySize), "n"))
	}
	return v, nil
}

// floats takes a tensor of finite numbers.
func (r *reader) floats(name string, shape ...int) ([]float64, error) {
	v, err := r.take(name, shape...)
	if err != nil {
		return nil, err
	}
	d, ok := v.data.([]float64)
	if !ok {
		return nil, r.errorf(name, bijector.ErrDType, "integers or booleans, want F32 or F64")
	}
	for i, f := range d {
		if !(math.Abs(f) <= r.limit) {
			return nil, r.errorf(name, bijector.ErrNonFinite, "value %d is %v, want one of magnitude up to %v", i, f, r.limit)
		}
	}
	return d, nil
}

// indices takes a vector of integers from 0 to limit-1, none of them twice.
func (r *reader) indices(name string, n, limit int) ([]int, error) {
	v, err := r.take(name, n)
	if err != nil {
		return nil, err
	}
	d, ok := v.data.([]int64)
	if !ok {
		return nil, r.errorf(name, bijector.ErrDType, "%T, want I64", v.data)
	}
	out, seen := make([]int, len(d)), map[int64]bool{}
	for i, k := range d {
		if k < 0 || k >= int64(limit) || seen[k] {
			return nil, r.errorf(name, bijector.ErrSpec, "index %d is %d, want all different and 0 to %d", i, k, limit-1)
		}
		seen[k], out[i] = true, int(k)
	}
	return out, nil
}

// permutation takes a permutation of n features and, where it is there, checks
// its inverse.
func (r *reader) permutation(name, inverse string, n int) ([]int, error) {
	p, err := r.indices(name, n, n)
	if err != nil {
		return nil, err
	}
	q, err := r.indices(inverse, n, n)
	if err != nil {
		return nil, err
	}
	for i, k := range p {
		if q[k] != i {
			return nil, r.errorf(inverse, bijector.ErrSpec, "is not the inverse of %q", r.state.prefix+name)
		}
	}
	return p, nil
}

// integers takes a vector of n integers from lo to hi.
func (r *reader) integers(name string, n, lo, hi int) ([]int, error) {
	v, err := r.take(name, n)
	if err != nil {
		return nil, err
	}
	d, ok := v.data.([]int64)
	if !ok {
		return nil, r.errorf(name, bijector.ErrDType, "%T, want I64", v.data)
	}
	out := make([]int, len(d))
	for i, k := range d {
		if k < int64(lo) || k > int64(hi) {
			return nil, r.errorf(name, bijector.ErrSpec, "value %d is %d, want %d to %d", i, k, lo, hi)
		}
		out[i] = int(k)
	}
	return out, nil
}

// flags takes a tensor of booleans, or of zeros and ones.
func (r *reader) flags(name string, shape ...int) ([]bool, error) {
	v, err := r.take(name, shape...)
	if err != nil {
		return nil, err
	}
	r.fix(name)
	n := 1
	for _, s := range v.shape {
		n *= s
	}
	flags := make([]bool, n)
	for i := range flags {
		switch d := v.data.(type) {
		case []bool:
			flags[i] = d[i]
		case []int64:
			flags[i] = d[i] == 1
			if d[i] != 0 && d[i] != 1 {
				return nil, r.errorf(name, bijector.ErrSpec, "value %d is %d, want 0 or 1", i, d[i])
			}
		case []float64:
			flags[i] = d[i] == 1
			if d[i] != 0 && d[i] != 1 {
				return nil, r.errorf(name, bijector.ErrSpec, "value %d is %v, want 0 or 1", i, d[i])
			}
		}
	}
	return flags, nil
}

// mask takes a vector of n booleans, or of zeros and ones, of both.
func (r *reader) mask(name string, n int) ([]bool, error) {
	keep, err := r.flags(name, n)
	if err != nil {
		return nil, err
	}
	ones := 0
	for _, k := range keep {
		if k {
			ones++
		}
	}
	if ones == 0 || ones == len(keep) {
		return nil, r.errorf(name, bijector.ErrSpec, "keeps %d of %d features, want one to keep and one to move at least", ones, len(keep))
	}
	return keep, nil
}

// checkAllTaken returns an error where a tensor was not taken.
func (r *reader) checkAllTaken() error {
	for _, name := range slices.Sorted(maps.Keys(r.state.tensors)) {
		if !r.taken[name] {
			return r.errorf(name, ErrUnexpected, "has no place in this model")
		}
	}
	return nil
}
