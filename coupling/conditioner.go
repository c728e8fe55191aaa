// Conditioners: the network of a coupling, the default one or the user's.

package coupling

import (
	"fmt"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/nn"
)

// MLPSpec describes a multilayer perceptron, the default conditioner.
type MLPSpec = nn.MLPSpec

// NewMLP makes a perceptron, to be used as a conditioner by itself or within
// one,
//
//	y = W_L a(... a(W_1 x + b_1) ...) + b_L,
//
// with the activation a between layers and none after the last (the couplings'
// networks of Dinh et al. 2015, arXiv 1410.8516, are such). Weights and biases
// start from U(-1/sqrt(in), 1/sqrt(in)), the last layer's times OutScale.
// Every x is in the domain; the cost of a sample is a multiply-add a weight.
// It returns ErrSpec for a width below 1 and for an unknown activation.
func NewMLP[T bijector.Float](s MLPSpec) (*nn.MLP[T], error) { return nn.NewMLP[T](s) }

// ResidualSpec describes a residual perceptron.
type ResidualSpec = nn.ResidualSpec

// NewResidual makes a residual perceptron, as in nflows: blocks of two layers
// that add to what they read, without dropout or batch norm,
//
//	h_0 = W_i x + b_i,
//	h_k = h_{k-1} + V_k a(U_k a(h_{k-1}) + c_k) + d_k,  k = 1 ... Blocks,
//	y   = W_f h_Blocks + b_f
//
// (He et al. 2016, arXiv 1603.05027, figure 4e). V and d start within 0.001 of
// 0, so that the blocks are nearly the identity. Every x is in the domain; the
// cost of a sample is (In + Out + 2 Blocks Hidden) Hidden multiply-adds. It
// returns ErrSpec for a width or a number of blocks below 1 and for an unknown
// activation.
func NewResidual[T bijector.Float](s ResidualSpec) (*nn.Residual[T], error) {
	return nn.NewResidual[T](s)
}

// Residual returns the constructor of a residual perceptron for a coupling,
// which gives In and Out: hand it to NewAffineWith and its like. As with every
// conditioner, the coupling puts the context in front of the kept features.
func Residual[T bijector.Float](s ResidualSpec) func(in, out int) (bijector.Map[T], error) {
	return func(in, out int) (bijector.Map[T], error) {
		s.In, s.Out = in, out
		r, err := NewResidual[T](s)
		if err != nil {
			return nil, err
		}
		return r, nil
	}
}

// defaultHidden are the hidden widths where a spec has none.
var defaultHidden = []int{100, 100}

// couplingValues counts the mask and the perceptron that computes params values
// for each moved feature. A conditioner that the spec names counts when it is
// made.
func couplingValues(dim, context int, m MaskSpec, hidden []int, params float64, conditioner *bijector.Node) float64 {
	if conditioner != nil {
		return float64(dim)
	}
	if len(hidden) == 0 {
		hidden = defaultHidden
	}
	kept, moved := m.sizes(dim)
	return float64(dim) + nn.PerceptronValues(kept+float64(context), hidden, params*moved)
}

// perceptron returns the constructor of the default conditioner.
func perceptron[T bijector.Float](s MLPSpec) func(in, out int) (bijector.Map[T], error) {
	return func(in, out int) (bijector.Map[T], error) {
		s.In, s.Out = in, out
		if len(s.Hidden) == 0 {
			s.Hidden = defaultHidden
		}
		m, err := NewMLP[T](s)
		if err != nil {
			return nil, err // not m: a nil *MLP is no nil Map
		}
		return m, nil
	}
}

// built returns the constructor of a conditioner that comes from a builder.
func built[T bijector.Float](n *bijector.Node, b bijector.Builder[T]) func(in, out int) (bijector.Map[T], error) {
	return func(int, int) (bijector.Map[T], error) {
		if b == nil {
			return nil, fmt.Errorf("the spec names one (%q), which needs a builder: use the Build function: %w", n.Name, bijector.ErrSpec)
		}
		return b.Map(*n)
	}
}

// nodeOf is the node to save net by, under the name it was built by, if any.
func nodeOf[T bijector.Float](net bijector.Map[T], from *bijector.Node) *bijector.Node {
	n := &bijector.Node{Spec: net.Spec()}
	if from != nil {
		n.Name = from.Name
	}
	return n
}
