package coupling_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/bijector/bijectortest"
	"github.com/bijou-flow/bijou/coupling"
)

var maskKinds = []coupling.MaskSpec{
	{},
	{Kind: "even"},
	{Kind: "half"},
	{Kind: "second-half"},
	{Kind: "random", Seed: 5},
	{Kind: "given", Keep: []int{1, 0, 1, 1, 0}},
}

var activations = []string{"", "tanh"}

// hidden widths that are no multiple of anything.
var hidden = []int{7, 6}

func TestAdditive(t *testing.T) {
	for i, mask := range maskKinds {
		for _, context := range []int{0, 3} {
			for _, activation := range activations {
				s := coupling.AdditiveSpec{Dim: 5, ContextDim: context, Mask: mask, Hidden: hidden, Activation: activation, Seed: uint64(i)}
				t.Run(fmt.Sprintf("mask%d/context%d/%s", i, context, activation), func(t *testing.T) {
					bijectortest.RunSpec(t, s, coupling.NewAdditive[float32], coupling.NewAdditive[float64], bijectortest.Options{Seed: uint64(i)})
				})
			}
		}
	}
}

func TestAffine(t *testing.T) {
	for _, scale := range []string{"tanh", "learned-tanh", "softclamp", "softsign", "sigmoid", "softplus", "exp"} {
		for i, mask := range maskKinds {
			for _, context := range []int{0, 3} {
				for _, activation := range activations {
					s := coupling.AffineSpec{
						Dim: 5, ContextDim: context, Mask: mask, Scale: scale,
						Hidden: hidden, Activation: activation, Seed: uint64(i),
					}
					t.Run(fmt.Sprintf("%s/mask%d/context%d/%s", scale, i, context, activation), func(t *testing.T) {
						bijectortest.RunSpec(t, s, coupling.NewAffine[float32], coupling.NewAffine[float64], options(scale, uint64(i)))
					})
				}
			}
		}
	}
}

// TestReverse: the coupling whose parameters are those of the way back.
func TestReverse(t *testing.T) {
	for _, scale := range []string{"learned-tanh", "exp"} {
		s := coupling.AffineSpec{Dim: 5, ContextDim: 2, Scale: scale, Reverse: true, Hidden: hidden, Seed: 4}
		t.Run(scale, func(t *testing.T) {
			bijectortest.RunSpec(t, s, coupling.NewAffine[float32], coupling.NewAffine[float64], options(scale, 4))
		})
	}
	s := coupling.AffineSpec{Dim: 5, Hidden: hidden, Seed: 4}
	there := must(coupling.NewAffine[float64](s))
	s.Reverse = true
	back := must(coupling.NewAffine[float64](s))
	for _, c := range []*coupling.Affine[float64]{there, back} {
		c.Params()[len(c.Params())-1].Data[1] = 0.3 // a learned factor
	}
	x := rows(5, 0.3, -1, 2, 0.5, 1)
	if d := cmp.Diff(must(there.Forward(x)).Float64s(), must(back.Inverse(x)).Float64s(), cmpopts.EquateApprox(0, 1e-14)); d != "" {
		t.Errorf("Forward and the reverse one's Inverse differ:\n%s", d)
	}
	// What the field is for: an inverted coupling is the same map, and does not train.
	inverted := bijector.Invert[float64](there)
	for name, f := range map[string]func(bijector.Transform[float64]) []float64{
		"z":       func(b bijector.Transform[float64]) []float64 { return must(b.Forward(x)).Values() },
		"log-det": func(b bijector.Transform[float64]) []float64 { return must(b.LogDetJacobian(x)) },
	} {
		if d := cmp.Diff(f(inverted), f(back), cmpopts.EquateApprox(0, 1e-14)); d != "" {
			t.Errorf("%s of the inverted and of the reverse coupling differ:\n%s", name, d)
		}
	}
	if bijector.CheckTrainable[float64](inverted) == nil {
		t.Error("an inverted coupling trains, so that Reverse has lost its reason")
	}
	if err := bijector.CheckTrainable[float64](back); err != nil {
		t.Errorf("a reverse coupling does not train: %v", err)
	}
}

// options keep an unbounded scale to inputs whose exponential is a number
// that a round trip can be made of.
func options(scale string, seed uint64) bijectortest.Options {
	o := bijectortest.Options{Seed: seed}
	if scale == "exp" || scale == "softsign" {
		o.Extent = 20
	}
	return o
}

// TestUserDefined runs what a user writes through the same suite.
func TestUserDefined(t *testing.T) {
	t.Run("conditioner", func(t *testing.T) {
		s := coupling.AffineSpec{Dim: 5, ContextDim: 2}
		bijectortest.Run(t,
			func() (*coupling.Affine[float32], error) {
				return coupling.NewAffineWith(s, newSineConditioner[float32])
			},
			func() (*coupling.Affine[float64], error) {
				return coupling.NewAffineWith(s, newSineConditioner[float64])
			})
	})
	t.Run("transform", func(t *testing.T) {
		s := TailsSpec{Dim: 5, ContextDim: 2, Hidden: hidden}
		bijectortest.RunSpec(t, s, NewTails[float32], NewTails[float64], bijectortest.Options{Extent: 20})
	})
}

// TestResidual: couplings of all kinds over a residual perceptron.
func TestResidual(t *testing.T) {
	net := coupling.ResidualSpec{Hidden: 7, Seed: 3}
	t.Run("affine", func(t *testing.T) {
		s := coupling.AffineSpec{Dim: 5, ContextDim: 2}
		bijectortest.Run(t,
			func() (*coupling.Affine[float32], error) {
				return coupling.NewAffineWith(s, coupling.Residual[float32](net))
			},
			func() (*coupling.Affine[float64], error) {
				return coupling.NewAffineWith(s, coupling.Residual[float64](net))
			})
	})
	t.Run("gated", func(t *testing.T) {
		s, gated := coupling.SplineSpec{Dim: 5, ContextDim: 2, Bins: 4}, net
		gated.ContextDim = 2
		bijectortest.Run(t,
			func() (*coupling.Spline[float32], error) {
				return coupling.NewSplineWith(s, coupling.Residual[float32](gated))
			},
			func() (*coupling.Spline[float64], error) {
				return coupling.NewSplineWith(s, coupling.Residual[float64](gated))
			})
	})
	t.Run("additive", func(t *testing.T) {
		s := coupling.AdditiveSpec{Dim: 5}
		net.Activation, net.Blocks = "tanh", 1
		bijectortest.Run(t,
			func() (*coupling.Additive[float32], error) {
				return coupling.NewAdditiveWith(s, coupling.Residual[float32](net))
			},
			func() (*coupling.Additive[float64], error) {
				return coupling.NewAdditiveWith(s, coupling.Residual[float64](net))
			})
	})
	if _, err := coupling.NewAffineWith(coupling.AffineSpec{Dim: 5}, coupling.Residual[float32](coupling.ResidualSpec{Blocks: -1})); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("-1 blocks: %v, want ErrSpec", err)
	}
}

// TestFlows: whole chains, in which the couplings meet each other's output.
func TestFlows(t *testing.T) {
	for name, r := range map[string]coupling.Recipe{
		"default":     {Dim: 4, Layers: 3, Hidden: hidden},
		"conditional": {Dim: 5, ContextDim: 2, Layers: 2, Hidden: hidden, Norm: "act", Order: "lu"},
		"plain":       {Dim: 2, Layers: 4, Hidden: hidden, Activation: "tanh", Norm: "none", Order: "alternate", Raw: true},
	} {
		for recipe, single := range recipes[float32]() {
			double := recipes[float64]()[recipe]
			t.Run(recipe+"/"+name, func(t *testing.T) {
				bijectortest.RunSpec(t, r, single, double, bijectortest.Options{Perturb: 0.5})
			})
		}
	}
}
