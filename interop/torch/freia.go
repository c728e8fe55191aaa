// FrEIA's sequences of coupling blocks and permutations.

package torch

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/flow"
)

// FrEIAOptions says what the state of a FrEIA network does not.
type FrEIAOptions struct {
	// Activation of the subnetworks: "relu", "tanh" or another of coupling.MLPSpec's. The state does not say it: it is
	// required where the file has no proof rows, see Load.
	Activation string
	// Clamp is that of the blocks; 0 means 2, the default.
	Clamp float64
}

// FrEIA makes a flow of the state of a FrEIA.framework.SequenceINN of
// GLOWCouplingBlocks, RNVPCouplingBlocks and PermuteRandoms of vectors, over a standard
// normal, which is what such a network is trained with. All blocks that have a condition
// have the same one.
//
//   - A block is two couplings. The first moves the first half of the features, which
//     the network "module_list.<k>.subnet2.<0, 2, 4 ...>" computes from the second half
//     and then the condition; the other moves the second half by "subnet1". These are
//     torch.nn.Sequentials of linear layers and one activation, and give for all moved
//     features the raw scales and then the shifts. An RNVPCouplingBlock has
//     "subnet_s2", "subnet_t2", "subnet_s1" and "subnet_t1" for them.
//   - z = x*exp(s) + t with s = 0.636 Clamp atan(r), clamp_activation="ATAN": the scale
//     "softclamp" here, whose own factor is in the weights. Others leave no trace and
//     have no mapping.
//   - PermuteRandom has "module_list.<k>.perm" and "perm_inv": z is x[:, perm].
func FrEIA[T bijector.Float](s *State, o FrEIAOptions) (*flow.Flow[T], error) {
	if o.Clamp == 0 {
		o.Clamp = 2
	}
	if !(o.Clamp > 0 && o.Clamp <= math.MaxFloat32) {
		return nil, fmt.Errorf("torch: clamp %v, want a positive number: %w", o.Clamp, bijector.ErrSpec)
	}
	r, err := newReader[T](s)
	if err != nil {
		return nil, err
	}
	if o.Activation, err = r.activation(o.Activation); err != nil {
		return nil, err
	}
	var layers []bijector.Layer[T]
	for k := 0; k == 0 || r.hasPrefix(fmt.Sprintf("module_list.%d.", k)); k++ {
		at := fmt.Sprintf("module_list.%d.", k)
		if r.has(at + "perm") {
			p, err := r.permutation(at+"perm", at+"perm_inv", r.lastAxisLen(at+"perm"))
			if err != nil {
				return nil, err
			}
			l, err := permute[T](p)
			if err != nil {
				return nil, err
			}
			layers = append(layers, l)
			continue
		}
		first, second, err := freiaBlock[T](r, at, o)
		if err != nil {
			return nil, err
		}
		layers = append(layers, first, second)
	}
	if len(layers) == 0 {
		return nil, r.errorf("module_list.0.subnet1.0.weight", ErrMissing, "")
	}
	base, err := newNormal[T](layers[0].Dim(), nil, nil)
	if err != nil {
		return nil, err
	}
	return newFlow(r, layers, base)
}

// freiaBlock reads the two couplings of a block.
func freiaBlock[T bijector.Float](r *reader, at string, o FrEIAOptions) (first, second bijector.Layer[T], err error) {
	one, err := r.freiaNet(at, "1")
	if err != nil {
		return nil, nil, err
	}
	two, err := r.freiaNet(at, "2")
	if err != nil {
		return nil, nil, err
	}
	n, m := two[len(two)-1].out/2, one[len(one)-1].out/2 // features of the first half and of the second
	c := one[0].in - n
	if c < 0 {
		return nil, nil, r.widthError(one[0], "the %d features of the first half and the condition as inputs", n)
	}
	if two[0].in != m+c {
		return nil, nil, r.widthError(two[0], "%d inputs, the features of the second half and a condition of %d values", m+c, c)
	}
	make := func(net []linearLayer, lo, kept int) (bijector.Layer[T], error) {
		scale := 0.636 * o.Clamp * math.Pi / 2
		reorderNet(net, append(intRange(kept, kept+c), intRange(0, kept)...), intRange(0, net[len(net)-1].out))
		last := net[len(net)-1]
		half := last.out / 2
		for i := range last.b[:half] {
			last.b[i] *= scale
		}
		for i := range last.w[:half*last.in] {
			last.w[i] *= scale
		}
		return coupling.NewAffineWith(coupling.AffineSpec{
			Dim: n + m, ContextDim: c, Mask: maskOf(n+m, intRange(lo, lo+kept)), Scale: "softclamp", Clamp: scale,
		}, mlpFrom[T](net, o.Activation))
	}
	if first, err = make(two, n, m); err != nil {
		return nil, nil, fmt.Errorf("torch: %w", err)
	}
	if second, err = make(one, 0, n); err != nil {
		return nil, nil, fmt.Errorf("torch: %w", err)
	}
	return first, second, nil
}

// freiaNet takes the subnetwork of that number, or the two that compute scales and
// shifts, as one.
func (r *reader) freiaNet(at, number string) ([]linearLayer, error) {
	if !r.hasPrefix(at + "subnet_") {
		net, err := r.perceptron(at+"subnet"+number+".", true)
		if err == nil && net[len(net)-1].out%2 != 0 {
			err = r.widthError(net[len(net)-1], "an even number of outputs, scales and shifts")
		}
		return net, err
	}
	s, err := r.perceptron(at+"subnet_s"+number+".", true)
	if err != nil {
		return nil, err
	}
	t, err := r.perceptron(at+"subnet_t"+number+".", true)
	if err != nil {
		return nil, err
	}
	a, b := s[len(s)-1], t[len(t)-1]
	switch {
	case t[0].in != s[0].in:
		return nil, r.widthError(t[0], "the %d inputs of subnet_s%s", s[0].in, number)
	case len(s) != len(t) || a.out != b.out:
		return nil, r.widthError(b, "%d outputs of the %d layers, as subnet_s%s has", a.out, len(s), number)
	}
	return beside(s, t), nil
}
