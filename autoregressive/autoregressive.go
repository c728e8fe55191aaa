// The skeleton of all autoregressive layers: one masked network, every feature
// moved in its turn.

package autoregressive

import (
	"fmt"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/internal/conditioned"
	"github.com/bijou-flow/bijou/internal/nn"
)

// Autoregressive is an autoregressive layer. With the features numbered in
// their order,
//
//	z_j = f(x_j; theta_j),       theta_j = net_j(context, x_1, ..., x_(j-1)),
//	x_j = f^-1(z_j; theta_j),    for j = 1, ..., D in turn,
//	log|det dz/dx| = sum_j log|f'(x_j; theta_j)|
//
// (Papamakarios et al. 2017, arXiv 1705.07057, section 3.1). The domain is
// that of f, a feature at a time. As for the cost, Forward is one evaluation
// of the net, and so is a step of training. Inverse goes through the features
// one by one. It computes each unit of the net once, when all that the unit
// sees is known, so that the multiply-adds are no more than Forward's, in D
// small products in place of one: about Forward's time on many rows, several
// times that on a single one.
//
// A layer of one feature is defined too: its parameters depend on the context,
// or on nothing.
//
// A kind of layer embeds an *Autoregressive made by New and adds a method Spec.
type Autoregressive[T bijector.Float] struct {
	bijector.TensorMethods[T]
	layer    *conditioned.Layer[T, coupling.TransformArgs[T]]
	net      nn.Stepwise[T]
	angles   *nn.Angles[T] // in front of net, nil for none
	order    []int64       // what is saved; a loader may write anything here
	features []int         // the order, always a permutation
}

// Parts are what an autoregressive layer is made of.
type Parts[T bijector.Float] struct {
	Dim        int       // features, at least 1
	ContextDim int       // features of the context; 0: unconditional
	Order      OrderSpec // of the features; the zero value is 0, 1, 2, ...
	// Transform moves every feature. It sees the values of one feature.
	Transform coupling.Elementwise[T]
	// TransformOf is the transform of feature k, for features of several kinds;
	// nil where Transform moves all. Each has Transform's numbers of parameters
	// and of scratch rows.
	TransformOf func(k int) coupling.Elementwise[T]
	// Hidden are the widths of the net's hidden layers; none means 100 and
	// 100.
	Hidden     []int
	Blocks     *BlocksOf // a net of blocks in place of the perceptron; nil for none
	Activation string    // of the net: "relu" (the default), "tanh" or another of coupling.MLPSpec's
	Seed       uint64    // of the net's initial weights
	OutScale   float64   // shrinks the net's initial last layer; 0 means 1
	angle      func(k int) *nn.Angle
}

// layerValues counts the order and the net that computes params values for
// each feature; masked weights are saved too.
func layerValues(dim, context int, hidden []int, blocks *BlocksOf, params float64) float64 {
	d := float64(dim)
	if blocks != nil {
		return d + blocks.spec(nn.MADESpec{Features: dim, Context: context, Params: int(min(params, 1<<30))}).Values()
	}
	return d + nn.MADEValues(d, float64(context), conditioned.Hidden(hidden), params)
}

// New puts a layer together. It returns ErrSpec for parts that make none, and
// ErrShape for an order of another number of features.
func New[T bijector.Float](p Parts[T]) (*Autoregressive[T], error) {
	if p.Transform == nil {
		return nil, fmt.Errorf("autoregressive: Parts without a transform: %w", bijector.ErrSpec)
	}
	s := nn.MADESpec{
		Features: p.Dim, Context: p.ContextDim, Params: p.Transform.Params(),
		Hidden: conditioned.Hidden(p.Hidden), Activation: p.Activation, Seed: p.Seed, OutScale: p.OutScale,
	}
	a := &Autoregressive[T]{}
	if err := a.makeNet(s, p); err != nil {
		return nil, err
	}
	a.TensorMethods = bijector.NewTensorMethods[T](a)
	a.features = make([]int, p.Dim)
	var net bijector.Network[T] = a.net
	if a.angles != nil {
		net = a.angles
	}
	a.layer = conditioned.New[T, coupling.TransformArgs[T]](p.Transform, net, p.ContextDim, a.features, a.features, nil)
	if p.TransformOf != nil {
		for k := range p.Dim {
			if one := p.TransformOf(k); one == nil || one.Params() != p.Transform.Params() || one.Scratch() != p.Transform.Scratch() || len(one.Shared()) != len(p.Transform.Shared()) {
				return nil, fmt.Errorf("autoregressive: the transform of feature %d (counted from 0) has other numbers of parameters or scratch rows than Transform: %w", k, bijector.ErrShape)
			}
		}
		a.layer.PerFeature(func(k int) conditioned.Transform[T, coupling.TransformArgs[T]] { return p.TransformOf(k) })
	}
	a.Invalidate()
	return a, nil
}

// makeNet makes the net and the order of the features, some of which may be
// angles to it.
func (a *Autoregressive[T]) makeNet(s nn.MADESpec, p Parts[T]) (err error) {
	if p.Blocks != nil && p.angle != nil {
		return fmt.Errorf("autoregressive: a net of blocks that reads angles, want a perceptron: %w", bijector.ErrSpec)
	}
	if p.angle == nil {
		if p.Blocks != nil {
			a.net, err = nn.NewBlocks[T](p.Blocks.spec(s))
		} else {
			a.net, err = nn.NewMADE[T](s)
		}
		if err != nil {
			return fmt.Errorf("autoregressive: %w", err)
		}
		a.order, err = p.Order.order(p.Dim)
		return err
	}
	if a.order, err = p.Order.order(p.Dim); err != nil {
		return err
	}
	if p.ContextDim < 0 || p.ContextDim > maxContext {
		return fmt.Errorf("autoregressive: %d context features, want 0 to %d: %w", p.ContextDim, maxContext, bijector.ErrSpec)
	}
	angles := make([]*nn.Angle, p.ContextDim, p.ContextDim+p.Dim)
	widths := make([]int, 0, p.Dim)
	for _, k := range a.order {
		angle := p.angle(int(k))
		angles, widths = append(angles, angle), append(widths, nn.ExpandedInputs([]*nn.Angle{angle}))
	}
	made, err := nn.NewWideMADE[T](s, widths)
	if err != nil {
		return fmt.Errorf("autoregressive: %w", err)
	}
	a.net = made
	a.angles = nn.NewAngles[T](a.net, angles)
	return nil
}

// maxContext is the most context features that a net with angles reads.
const maxContext = 1 << 20

// Dim is the number of features.
func (a *Autoregressive[T]) Dim() int { return len(a.order) }

// ContextDim is the number of context features, 0 for an unconditional layer.
func (a *Autoregressive[T]) ContextDim() int { return a.layer.ContextDim() }

// Conditioner is the net, whose inputs are the context and then the features in
// their order. See NewMADE and NewBlocks.
func (a *Autoregressive[T]) Conditioner() bijector.Network[T] {
	switch net := a.net.(type) {
	case *nn.MADE[T]:
		if a.angles == nil {
			return made[T]{net}
		}
	case *nn.Blocks[T]:
		return blocksNet[T]{net}
	}
	return a.angles
}

// Params are the net's, with "net." in front, and where the transform has
// shared parameters "shared", of shape (features, shared): a row for each
// feature, in their order.
func (a *Autoregressive[T]) Params() []bijector.Param[T] { return a.layer.Params() }

// Buffers is "order", the features in their order.
func (a *Autoregressive[T]) Buffers() []bijector.Buffer {
	return []bijector.Buffer{{Name: "order", Shape: []int{len(a.order)}, Data: a.order}}
}

// Invalidate reads the order again, and masks the net's weights. An order that does
// not name each feature once is not taken over; Validate says so.
func (a *Autoregressive[T]) Invalidate() {
	if checkOrder(a.order) == nil {
		for i, k := range a.order {
			a.features[i] = int(k)
		}
		a.layer.Arrange(a.features, a.features, nil)
	}
	a.net.Invalidate()
}

// Validate returns an error where an order that was loaded does not name each
// feature once, and where a weight that is masked is not 0.
func (a *Autoregressive[T]) Validate() error {
	if err := checkOrder(a.order); err != nil {
		return err
	}
	if err := a.net.Validate(); err != nil {
		return fmt.Errorf("net: %w", err)
	}
	return nil
}

// Reads is feature j and those before it in the order: see bijector.Triangular.
func (a *Autoregressive[T]) Reads(j int) []int {
	for i, k := range a.features {
		if k == j {
			return slices.Clone(a.features[:i+1])
		}
	}
	return nil
}

// NewPass returns an evaluation pass. Where the transform has bounds, the pass
// is bijector.Saturating.
func (a *Autoregressive[T]) NewPass(o bijector.PassOptions) bijector.Pass[T] {
	if a.angles != nil {
		net, step := a.angles.NewSteps(o)
		return a.layer.NewPass(o, net, step)
	}
	steps := a.net.NewStepPass(o)
	return a.layer.NewPass(o, steps, steps.Step)
}

// NewGradPass returns a training pass.
func (a *Autoregressive[T]) NewGradPass(o bijector.PassOptions) bijector.GradPass[T] {
	return a.layer.NewGradPass(o)
}
