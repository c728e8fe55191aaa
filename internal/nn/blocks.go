// Masked networks of blocks over features: residual ones or plain ones, with the
// context added behind an activation of its own.

package nn

import (
	"cmp"
	"fmt"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// BlocksSpec describes a Blocks: see autoregressive.BlocksSpec, which has the same
// fields.
type BlocksSpec struct {
	Features, Context, Params int
	Hidden, Blocks            int
	Plain                     bool
	Activation                string
	Seed                      uint64
	OutScale                  float64
}

// withDefaults fills in width and number of blocks.
func (s BlocksSpec) withDefaults() BlocksSpec {
	s.Hidden, s.Blocks = cmp.Or(s.Hidden, defaultHidden), cmp.Or(s.Blocks, defaultBlocks)
	return s
}

// Values is the number of values that are saved, masked weights included.
func (s BlocksSpec) Values() float64 {
	s = s.withDefaults()
	h, d, c, blocks := float64(s.Hidden), float64(s.Features), float64(s.Context), float64(s.Blocks)
	n := (d+1)*h + (h+1)*d*float64(s.Params) + blocks*(h+1)*h
	if s.Features == 1 {
		n -= h
	}
	if c > 0 {
		n += (c + 1) * h
	}
	if !s.Plain {
		n += blocks * ((h+1)*h + c*h)
	}
	return n
}

// Blocks is a masked network of D = Features features x, whose outputs for feature
// j depend on the context c and on the features before j alone,
//
//	h_0 = W_i x + b_i + a(W_c c + b_c),
//	h_k = h_{k-1} + V_k a(U_k a(h_{k-1}) + C_k c + e_k) + d_k,  k = 1 ... Blocks,
//	y   = W_f h_Blocks + b_f,
//
// or, where the blocks are plain,
//
//	h_0 = a(W_i x + b_i + a(W_c c + b_c)),  h_k = a(U_k h_{k-1} + e_k).
//
// W_i, U, V and W_f are masked (Germain et al. 2015, arXiv 1502.03509, section 4;
// residual blocks as in Durkan and Nash 2019, arXiv 1904.07714, appendix C.1: the
// MADE of nflows). Without a context its terms are left out. The inputs are the
// context and then the features in their order; output p*D + j is parameter p of
// feature j.
//
// Hidden units have degrees as those of a MADE, the same in every layer. V and d
// start within 0.001 of 0. Masked weights are 0, and so are their gradients.
type Blocks[T bijector.Float] struct {
	spec            BlocksSpec
	maskedLayers[T] // in the order of Params
	act             activation
	initial         *Linear[T]
	context         *Linear[T] // nil without a context
	blocks          []block[T]
	final           *Linear[T]
	units           []int // how many hidden units the outputs of feature j see
}

// block has U and e, C, and V and d; a plain one U and e alone.
type block[T bijector.Float] struct{ first, context, second *Linear[T] }

// NewBlocks makes a masked network of blocks with weights drawn from the spec's
// seed. It returns ErrSpec for a field out of its range.
func NewBlocks[T bijector.Float](s BlocksSpec) (*Blocks[T], error) {
	s = s.withDefaults()
	const most = 1 << 20
	if s.Features < 1 || s.Features > most || s.Context < 0 || s.Context > most || s.Params < 1 || s.Params > most {
		return nil, fmt.Errorf("nn: a masked network of %d features with %d of context and %d parameters each, want 1, 0 and 1 at least, and %d at most: %w",
			s.Features, s.Context, s.Params, most, bijector.ErrSpec)
	}
	if err := checkSizes(s.Hidden, s.Params*s.Features); err != nil {
		return nil, err
	}
	if s.Blocks < 1 || s.Blocks > maxBlocks {
		return nil, fmt.Errorf("nn: a masked network of %d blocks, want 1 to %d: %w", s.Blocks, maxBlocks, bijector.ErrSpec)
	}
	act, err := newActivation(s.Activation)
	if err != nil {
		return nil, err
	}
	b := &Blocks[T]{spec: s, act: act}
	b.makeLayers(rand.New(rand.NewPCG(s.Seed, 0x626c6b73)))
	b.Invalidate()
	return b, nil
}

// makeLayers draws the weights and works out the masks.
func (b *Blocks[T]) makeLayers(rng *rand.Rand) {
	s, least := b.spec, 0
	if s.Context == 0 && s.Features > 1 {
		least = 1
	}
	degree := ascending(least, s.Features, s.Hidden) // how many features each hidden unit may see, as in MADE
	b.units = unitsSeen(degree, s.Features)
	add := func(in, out int, seen func(row int) int) *Linear[T] { return b.add(rng, in, out, seen) }
	hidden := func(i int) int { return b.units[min(degree[i], s.Features-1)] }
	all := func(int) int { return s.Context }
	b.initial = add(s.Features, s.Hidden, func(i int) int { return degree[i] })
	if s.Context > 0 {
		b.context = add(s.Context, s.Hidden, all)
	}
	for range s.Blocks {
		one := block[T]{first: add(s.Hidden, s.Hidden, hidden)}
		if !s.Plain {
			if s.Context > 0 {
				one.context = add(s.Context, s.Hidden, all)
				clear(one.context.B) // unused: U's layer has one
			}
			one.second = add(s.Hidden, s.Hidden, hidden)
			startNearZero(one.second, rng)
		}
		b.blocks = append(b.blocks, one)
	}
	b.final = add(s.Hidden, s.Params*s.Features, func(i int) int { return b.units[i%s.Features] })
	if s.OutScale != 0 {
		kernel.Scale(b.final.W, T(s.OutScale))
		kernel.Scale(b.final.B, T(s.OutScale))
	}
}

// In is the number of inputs, context and features.
func (b *Blocks[T]) In() int { return b.spec.Context + b.spec.Features }

// Out is the number of outputs.
func (b *Blocks[T]) Out() int { return b.spec.Params * b.spec.Features }

// Params are the weight and bias of "initial", "context", "blocks.0.0",
// "blocks.0.context" (the weight alone), "blocks.0.1" and so on, and "final". A lone
// feature leaves nothing for the first layer to see; there its weight is left out.
func (b *Blocks[T]) Params() []bijector.Param[T] {
	ps := b.initial.Params("initial.")[b.maskedFirst():]
	if b.context != nil {
		ps = append(ps, b.context.Params("context.")...)
	}
	for k, one := range b.blocks {
		ps = append(ps, one.first.Params(fmt.Sprintf("blocks.%d.0.", k))...)
		if one.context != nil {
			ps = append(ps, one.context.Params(fmt.Sprintf("blocks.%d.context.", k))[:1]...)
		}
		if one.second != nil {
			ps = append(ps, one.second.Params(fmt.Sprintf("blocks.%d.1.", k))...)
		}
	}
	return append(ps, b.final.Params("final.")...)
}

// maskedFirst is 1 where the first layer's inputs are all masked.
func (b *Blocks[T]) maskedFirst() int {
	if b.spec.Features == 1 {
		return 1
	}
	return 0
}

// isBlockContext says whether a layer is a block's of the context, whose bias is
// no parameter.
func (b *Blocks[T]) isBlockContext(l *Linear[T]) bool {
	for _, one := range b.blocks {
		if one.context == l {
			return l != nil
		}
	}
	return false
}

// Buffers: none.
func (b *Blocks[T]) Buffers() []bijector.Buffer { return nil }

// Spec is the BlocksSpec, with width and number of blocks filled in.
func (b *Blocks[T]) Spec() any { return b.spec }

func (b *Blocks[T]) inner() bijector.Network[T] { return b }

// Validate returns ErrSpec where a weight that is masked is not 0.
func (b *Blocks[T]) Validate() error { return b.validate(b.Params()) }
