// Squeeze trades an image's resolution for channels, so that couplings see
// farther and half of the channels can be left out.

package bijector

import (
	"fmt"
	"sync"
)

// SqueezeSpec describes a Squeeze by the images that go in.
type SqueezeSpec struct {
	Channels int `json:"channels"`
	Height   int `json:"height"` // even
	Width    int `json:"width"`  // even
}

// Values is 0: nothing is saved. See registry.Sizer.
func (SqueezeSpec) Values() float64 { return 0 }

// Squeeze makes four channels of half the height and width out of each one,
//
//	z[4c + 2u + v, i, j] = x[c, 2i + u, 2j + v] for u and v of 0 and 1,
//	x[c, i, j] = z[4c + 2(i mod 2) + j mod 2, i div 2, j div 2],
//	log|det dz/dx| = 0
//
// (Dinh et al. 2017, arXiv 1605.08803, section 3.6 and figure 3). The upper
// half of each square of four pixels thus makes the first two channels: a
// coupling that keeps half of the channels afterwards splits pixels otherwise
// than a checkerboard does. Every x is in the domain. It is a permutation of
// features, at the cost of a copy of the batch, without parameters and without
// buffers, since its spec says it all; a chain folds it like a Permute.
type Squeeze[T Float] struct {
	TensorMethods[T]
	spec  SqueezeSpec
	order func() *Permute[T] // made once, by the first pass: a spec alone takes no memory
}

// NewSqueeze makes a Squeeze. It returns ErrSpec for images without pixels and
// for sides that are odd.
func NewSqueeze[T Float](s SqueezeSpec) (*Squeeze[T], error) {
	if err := checkImage("a squeeze", s.Channels, s.Height, s.Width); err != nil {
		return nil, err
	}
	if s.Height%2 != 0 || s.Width%2 != 0 {
		return nil, fmt.Errorf("bijector: a squeeze of images of %dx%d, want even sides: %w: %w", s.Height, s.Width, ErrSpec, ErrShape)
	}
	q := &Squeeze[T]{spec: s, order: sync.OnceValue(func() *Permute[T] { return squeezePermutation[T](s) })}
	q.TensorMethods = NewTensorMethods[T](q)
	return q, nil
}

// squeezePermutation is the permutation.
func squeezePermutation[T Float](s SqueezeSpec) *Permute[T] {
	indices := make([]int, 0, s.Channels*s.Height*s.Width)
	for c := range s.Channels {
		for corner := range 4 {
			for i := range s.Height / 2 {
				for j := range s.Width / 2 {
					indices = append(indices, (c*s.Height+2*i+corner/2)*s.Width+2*j+corner%2)
				}
			}
		}
	}
	order, err := NewPermute[T](PermuteSpec{Dim: len(indices), Kind: "given", Indices: indices})
	if err != nil {
		panic(err) // the spec was checked: each index is there once
	}
	return order
}

// Indices are those of the permutation: feature j of the output is feature
// Indices()[j] of the input.
func (s *Squeeze[T]) Indices() []int { return s.order().Indices() }

// InShape is the size of the images of data.
func (s *Squeeze[T]) InShape() (c, h, w int) { return s.spec.Channels, s.spec.Height, s.spec.Width }

// OutShape is the size of the latent images.
func (s *Squeeze[T]) OutShape() (c, h, w int) {
	return 4 * s.spec.Channels, s.spec.Height / 2, s.spec.Width / 2
}

// Dim is the number of features.
func (s *Squeeze[T]) Dim() int { return s.spec.Channels * s.spec.Height * s.spec.Width }

// ContextDim is 0.
func (s *Squeeze[T]) ContextDim() int { return 0 }

// Params: a squeeze has none.
func (s *Squeeze[T]) Params() []Param[T] { return nil }

// Buffers: none.
func (s *Squeeze[T]) Buffers() []Buffer { return nil }

// Spec is the SqueezeSpec.
func (s *Squeeze[T]) Spec() any { return s.spec }

// NewPass returns a Permute's.
func (s *Squeeze[T]) NewPass(o PassOptions) Pass[T] { return s.order().NewPass(o) }

// NewGradPass returns a Permute's.
func (s *Squeeze[T]) NewGradPass(o PassOptions) GradPass[T] { return s.order().NewGradPass(o) }

// permutation is what a chain folds.
func (s *Squeeze[T]) permutation() *Permute[T] { return s.order() }
