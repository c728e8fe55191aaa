// Permute reorders features, so that a coupling transforms what the one before
// it left alone.

package bijector

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/bijou-flow/bijou/internal/kernel"
)

// PermuteSpec describes a Permute.
type PermuteSpec struct {
	Dim int `json:"dim"` // features
	// Kind of permutation: "random" (the default) draws one from Seed,
	// "reverse" is d-1, ..., 1, 0, and "given" is Indices.
	Kind string `json:"kind,omitempty"`
	// Indices p of kind "given": feature j of the output is feature p[j] of
	// the input.
	Indices []int `json:"indices,omitempty"`
	// Seed of kind "random".
	Seed uint64 `json:"seed,omitempty"`
}

// Values is the number of values that are saved: see registry.Sizer.
func (s PermuteSpec) Values() float64 { return float64(s.Dim) }

// Permute is a fixed permutation p of the features,
//
//	z[j] = x[p[j]],  x[p[j]] = z[j],  log|det dz/dx| = 0
//
// (Dinh et al. 2017, arXiv 1605.08803, section 3.5, alternate between two
// halves; a random permutation is the general case). Every x is in the domain;
// the cost is a copy of the batch, in a chain's evaluation once for all
// diagonal layers and permutations in a row. It has no parameters; p is saved
// as the buffer "indices".
type Permute[T Float] struct {
	TensorMethods[T]
	spec        PermuteSpec
	indices     []int64 // what is saved; a loader may write anything here
	order       []int   // p, always a permutation
	inverse     []int
	cycleStarts []int // one feature of each cycle of p longer than 1
}

// NewPermute makes a permutation. It returns ErrSpec for an unknown kind and
// for indices that do not name each feature once.
func NewPermute[T Float](s PermuteSpec) (*Permute[T], error) {
	if err := checkDim("a permutation", s.Dim); err != nil {
		return nil, err
	}
	if s.Indices != nil && s.Kind != "given" {
		return nil, fmt.Errorf("bijector: a permutation of kind %q has indices, which only kind \"given\" reads: %w", s.Kind, ErrSpec)
	}
	p := &Permute[T]{spec: s, indices: make([]int64, s.Dim), order: make([]int, s.Dim), inverse: make([]int, s.Dim)}
	p.TensorMethods = NewTensorMethods[T](p)
	p.spec.Indices = slices.Clone(s.Indices)
	switch s.Kind {
	case "", "random":
		for j, k := range rand.New(rand.NewPCG(s.Seed, 0x7065726d)).Perm(s.Dim) {
			p.indices[j] = int64(k)
		}
	case "reverse":
		for j := range p.indices {
			p.indices[j] = int64(s.Dim - 1 - j)
		}
	case "given":
		if len(s.Indices) != s.Dim {
			return nil, fmt.Errorf("bijector: a permutation of %d features has %d indices: %w: %w", s.Dim, len(s.Indices), ErrSpec, ErrShape)
		}
		for j, k := range s.Indices {
			p.indices[j] = int64(k)
		}
	default:
		return nil, fmt.Errorf("bijector: permutation of kind %q, want \"random\", \"reverse\" or \"given\": %w", s.Kind, ErrSpec)
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	p.Invalidate()
	return p, nil
}

// Indices are the permutation: feature j of the output is feature Indices()[j]
// of the input.
func (p *Permute[T]) Indices() []int { return slices.Clone(p.order) }

// Dim is the number of features.
func (p *Permute[T]) Dim() int { return p.spec.Dim }

// ContextDim is 0.
func (p *Permute[T]) ContextDim() int { return 0 }

// Params: a permutation has none.
func (p *Permute[T]) Params() []Param[T] { return nil }

// Buffers is "indices", the permutation.
func (p *Permute[T]) Buffers() []Buffer {
	return []Buffer{{Name: "indices", Shape: []int{len(p.indices)}, Data: p.indices}}
}

// Spec is the PermuteSpec.
func (p *Permute[T]) Spec() any { return p.spec }

// Validate returns ErrSpec where the buffer is no permutation.
func (p *Permute[T]) Validate() error {
	seen := make([]bool, len(p.indices))
	for j, k := range p.indices {
		if k < 0 || k >= int64(len(seen)) {
			return fmt.Errorf("bijector: index %d of a permutation is %d, want 0 to %d: %w", j, k, len(seen)-1, ErrSpec)
		}
		if seen[k] {
			return fmt.Errorf("bijector: a permutation has index %d twice: %w", k, ErrSpec)
		}
		seen[k] = true
	}
	return nil
}

// Invalidate reads the buffer again. A buffer that Validate refuses leaves the
// permutation as it was: passes must not index with what a file says.
func (p *Permute[T]) Invalidate() {
	if p.Validate() != nil {
		return
	}
	for j, k := range p.indices {
		p.order[j] = int(k)
		p.inverse[k] = j
	}
	p.cycleStarts = p.cycleStarts[:0]
	seen := make([]bool, len(p.order))
	for j := range p.order {
		if seen[j] || p.order[j] == j {
			continue
		}
		p.cycleStarts = append(p.cycleStarts, j)
		for k := j; !seen[k]; k = p.order[k] {
			seen[k] = true
		}
	}
}

// NewPass returns a pass that needs one row of memory beside the batch.
func (p *Permute[T]) NewPass(o PassOptions) Pass[T] { return p.newPass(o) }

// NewGradPass returns a training pass; a permutation trains nothing, but
// gradients go through it.
func (p *Permute[T]) NewGradPass(o PassOptions) GradPass[T] { return p.newPass(o) }

// permutation is what a chain folds.
func (p *Permute[T]) permutation() *Permute[T] { return p }

func (p *Permute[T]) newPass(o PassOptions) *permutePass[T] {
	return &permutePass[T]{layer: p, scratch: kernel.Make[T](o.MaxBatch)}
}

type permutePass[T Float] struct {
	layer   *Permute[T]
	scratch []T
}

func (p *permutePass[T]) Forward(z, x, _ Mat[T], _ []float64) { p.gather(z, x, p.layer.order) }

func (p *permutePass[T]) Inverse(x, z, _ Mat[T], _ []float64) { p.gather(x, z, p.layer.inverse) }

// Backward moves each gradient to where its feature came from:
// dx[p[j]] = dz[j].
func (p *permutePass[T]) Backward(dx, _, dz, _, _, _ Mat[T], _ []float64) {
	p.gather(dx, dz, p.layer.inverse)
}

// Reverse is Inverse.
func (p *permutePass[T]) Reverse(x, z, _ Mat[T]) { p.gather(x, z, p.layer.inverse) }

func (p *permutePass[T]) Grads() [][]T { return nil }

// gather sets feature j of dst to feature from[j] of src. In place, it walks
// the cycles of the permutation, which start at the same features in both
// directions.
func (p *permutePass[T]) gather(dst, src Mat[T], from []int) {
	if dst.N == 0 {
		return
	}
	if !sameMat(dst, src) {
		for j, k := range from {
			copy(dst.Feature(j), src.Feature(k))
		}
		return
	}
	row := p.scratch[:dst.N]
	for _, start := range p.layer.cycleStarts {
		copy(row, dst.Feature(start))
		j := start
		for ; from[j] != start; j = from[j] {
			copy(dst.Feature(j), dst.Feature(from[j]))
		}
		copy(dst.Feature(j), row)
	}
}
