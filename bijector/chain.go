// Chain: layers one after the other. Its passes are in chain_pass.go and
// chain_grad.go, its context in chain_context.go.

package bijector

import (
	"fmt"
	"reflect"
	"strconv"
	"sync/atomic"

	"github.com/bijou-flow/bijou/internal/nilcheck"
)

// Chain composes layers: Forward applies them first to last,
//
//	z = f_L(... f_2(f_1(x))),  x = f_1^-1(... f_L^-1(z)),
//	log|det dz/dx| = sum_k log|det df_k/dx_k|,
//
// where x_k is what member k is given (Dinh et al. 2017, arXiv 1605.08803,
// section 3.5). It is itself a layer, and trainable where every member is.
//
// The domain is that of the first member, as far as what each makes is in the
// domain of the next. The cost is the sum of the members'; in evaluation,
// permutations and diagonal members between couplings are folded into one map.
// Whoever writes to Params or Buffers by hand calls Invalidate afterwards;
// training and loading do.
type Chain[T Float] struct {
	TensorMethods[T]
	layers    []Layer[T]
	embedding Network[T]  // of the context; nil: members see the context itself
	children  Children[T] // the members, numbered, and the embedding
	dim       int
	context   int
	version   atomic.Int64 // counts the calls of Invalidate
}

// ChainSpec describes a Chain by its members.
type ChainSpec struct {
	Layers []NamedSpec `json:"layers"`
	// Embedding is the network that the members see the context through; nil:
	// they see the context itself.
	Embedding *NamedSpec `json:"embedding,omitempty"`
}

// NewChain composes layers of one width. Conditional members must agree on
// the number of context features. A layer may appear once only: its passes
// hold what one application left behind.
func NewChain[T Float](layers ...Layer[T]) (*Chain[T], error) {
	if len(layers) == 0 {
		return nil, fmt.Errorf("bijector: a chain needs at least one layer: %w", ErrSpec)
	}
	c := &Chain[T]{layers: append([]Layer[T](nil), layers...)}
	c.TensorMethods = NewTensorMethods[T](c)
	for i, l := range layers {
		if nilcheck.IsNil(l) {
			return nil, fmt.Errorf("bijector: layer %d of the chain is nil: %w", i, ErrSpec)
		}
		if i == 0 {
			c.dim = l.Dim()
		}
		if l.Dim() != c.dim {
			return nil, fmt.Errorf("bijector: layer %d (%T) has %d features, the chain has %d: %w", i, l, l.Dim(), c.dim, ErrShape)
		}
		if n := l.ContextDim(); n > 0 {
			if c.context > 0 && n != c.context {
				return nil, fmt.Errorf("bijector: layer %d (%T) takes %d context features, an earlier one %d: %w: %w", i, l, n, c.context, ErrContext, ErrShape)
			}
			c.context = n
		}
		c.children = append(c.children, Child{Name: strconv.Itoa(i), Part: l})
	}
	if err := checkDistinct(c.layers, map[any]bool{}); err != nil {
		return nil, err
	}
	return c, checkShapes(c.layers)
}

// BuildChain makes a Chain from its spec.
func BuildChain[T Float](s ChainSpec, b Builder[T]) (*Chain[T], error) {
	if nilcheck.IsNil(b) {
		return nil, fmt.Errorf("bijector: a chain without a builder of its parts: %w", ErrSpec)
	}
	layers := make([]Layer[T], len(s.Layers))
	for i, n := range s.Layers {
		l, err := b.Layer(n)
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
		layers[i] = l
	}
	if s.Embedding == nil {
		return NewChain(layers...)
	}
	embedding, err := b.Network(*s.Embedding)
	if err != nil {
		return nil, fmt.Errorf("embedding: %w", err)
	}
	if nilcheck.IsNil(embedding) {
		return nil, fmt.Errorf("bijector: the builder made no embedding of a chain: %w", ErrSpec)
	}
	return NewConditionalChain(embedding, layers...)
}

// checkDistinct refuses a layer that occurs twice, at any depth. Layers that
// are values have no identity, and no state to share; they may not even be
// comparable.
func checkDistinct[T Float](layers []Layer[T], seen map[any]bool) error {
	for _, l := range layers {
		if nilcheck.IsNil(l) {
			return fmt.Errorf("bijector: a nil layer within a chain: %w", ErrSpec)
		}
		if t := reflect.TypeOf(l); t.Kind() == reflect.Pointer && t.Elem().Size() > 0 {
			if seen[l] {
				return fmt.Errorf("bijector: a %T appears twice in a chain; make a second one: %w", l, ErrSpec)
			}
			seen[l] = true
		}
		if c, ok := l.(Container[T]); ok {
			if err := checkDistinct(c.Members(), seen); err != nil {
				return err
			}
		}
	}
	return nil
}

// Dim is the number of features.
func (c *Chain[T]) Dim() int { return c.dim }

// ContextDim is the number of context features, 0 for an unconditional chain.
func (c *Chain[T]) ContextDim() int { return c.context }

// Members are the chain's layers, first to last.
func (c *Chain[T]) Members() []Layer[T] { return c.layers }

// Params are the members' parameters, named "0.weight" and so on, and those of
// an embedding of the context, behind "embedding.".
func (c *Chain[T]) Params() []Param[T] { return c.children.Params() }

// Buffers are the members' buffers, named like Params.
func (c *Chain[T]) Buffers() []Buffer { return c.children.Buffers() }

// Validate returns the first objection of a member or of the embedding to its
// own state.
func (c *Chain[T]) Validate() error {
	if err := c.children.Validate(); err != nil {
		return fmt.Errorf("layer %w", err)
	}
	return nil
}

// Spec is the ChainSpec of the members and the embedding. A member without a spec leaves a nil
// one, which saving refuses by name.
func (c *Chain[T]) Spec() any {
	s := ChainSpec{Layers: make([]NamedSpec, len(c.layers))}
	for i, l := range c.layers {
		s.Layers[i] = NamedSpecOf[T](l)
	}
	if c.embedding != nil {
		n := NamedSpecOf[T](c.embedding)
		s.Embedding = &n
	}
	return s
}

// Invalidate tells the members that their state was written to, and drops what
// passes had folded.
func (c *Chain[T]) Invalidate() {
	c.version.Add(1)
	c.children.Invalidate()
}

// onceCalibrator is a layer that may say that Calibrate changes it at the start of
// training alone, so that nothing need be computed for it afterwards.
type onceCalibrator interface{ calibratesOnce() bool }

func calibratesOnce(l any) bool {
	o, ok := l.(onceCalibrator)
	return ok && o.calibratesOnce()
}

// calibratesOnce reports whether all members that calibrate do so once.
func (c *Chain[T]) calibratesOnce() bool {
	for _, l := range c.layers {
		if _, ok := l.(Calibrator[T]); ok && !calibratesOnce(l) {
			return false
		}
	}
	return c.embedding == nil
}

// Calibrate calibrates the embedding of the context, and then the members in
// order, each on the output of those before it.
func (c *Chain[T]) Calibrate(x, cond Mat[T], start bool, w *Workers) {
	c.CalibrateWeighted(x, cond, nil, start, w)
}

// CalibrateWeighted is Calibrate on weighted rows.
func (c *Chain[T]) CalibrateWeighted(x, cond Mat[T], weights []float64, start bool, w *Workers) {
	cond = c.calibrateContext(cond, weights, start, w)
	last := -1
	for i, l := range c.layers {
		if _, ok := l.(Calibrator[T]); ok && (start || !calibratesOnce(l)) {
			last = i
		}
	}
	if last < 0 {
		return
	}
	h := NewMat[T](x.D, x.N)
	h.CopyFrom(x)
	for i, l := range c.layers[:last+1] {
		if cal, ok := l.(Calibrator[T]); ok {
			CalibrateWeighted(cal, h, cond, weights, start, w)
		}
		if i < last {
			forwardInPlace(l, h, cond, w)
		}
	}
}
