package coupling_test

import (
	"fmt"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
)

// rows makes a tensor with d values a row.
func rows(d int, values ...float64) *tensor.Dense {
	return tensor.New(tensor.WithShape(len(values)/d, d), tensor.WithBacking(values))
}

func ExampleNewAffine() {
	c, err := coupling.NewAffine[float64](coupling.AffineSpec{Dim: 4, Hidden: []int{16}, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	x := rows(4, 0.5, -1, 2, 0)
	z, _ := c.Forward(x)
	back, _ := c.Inverse(z)
	// The odd features are kept, the even ones moved.
	fmt.Println(z.Float64s()[1], z.Float64s()[3], z.Float64s()[0] != 0.5)
	fmt.Printf("%.6f\n", back.Float64s())
	// Output:
	// -1 0 true
	// [0.500000 -1.000000 2.000000 0.000000]
}

func ExampleNewAdditive() {
	c, err := coupling.NewAdditive[float64](coupling.AdditiveSpec{
		Dim: 4, ContextDim: 2, Mask: coupling.MaskSpec{Kind: "half"}, Hidden: []int{16}, Seed: 1,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	// A context for each row, here the same for all.
	given := bijector.Given[float64](c, rows(2, 1, 0))
	x := rows(4, 0.5, -1, 2, 0)
	z, _ := given.Forward(x)
	logDet, _ := given.LogDetJacobian(x)
	fmt.Println(z.Float64s()[:2], logDet)
	// Output: [0.5 -1] [0]
}

// A network of one's own making, as a conditioner's part or by itself.
func ExampleNewMLP() {
	net, err := coupling.NewMLP[float64](coupling.MLPSpec{In: 1, Hidden: []int{2}, Out: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, v := range [][]float64{{1, -1}, {0, 0}, {1, 1}, {0}} { // |x|
		copy(net.Params()[i].Data, v)
	}
	x, y := bijector.NewMat[float64](1, 3), bijector.NewMat[float64](1, 3)
	copy(x.Feature(0), []float64{-2, 0, 3})
	net.NewNetworkPass(bijector.PassOptions{MaxBatch: 3}).Forward(y, x, 0, 3)
	fmt.Println(y.Feature(0))
	// Output: [2 0 3]
}

func ExampleNewResidual() {
	net, err := coupling.NewResidual[float32](coupling.ResidualSpec{In: 6, Out: 3, Hidden: 16, Blocks: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	weights := 0
	for _, p := range net.Params() {
		weights += len(p.Data)
	}
	fmt.Println(net.In(), "to", net.Out(), "with", weights, "weights and biases")
	// Output: 6 to 3 with 707 weights and biases
}

func ExampleResidual() {
	c, err := coupling.NewAffineWith(coupling.AffineSpec{Dim: 4, ContextDim: 2},
		coupling.Residual[float64](coupling.ResidualSpec{Hidden: 16, Blocks: 2, Seed: 1}))
	if err != nil {
		fmt.Println(err)
		return
	}
	net := c.Conditioner()
	fmt.Println(net.In(), "to", net.Out())
	for _, p := range net.Params()[:4] {
		fmt.Println(p.Name, p.Shape)
	}
	// Output:
	// 4 to 4
	// initial.weight [16 4]
	// initial.bias [16]
	// blocks.0.0.weight [16 16]
	// blocks.0.0.bias [16]
}

func ExampleRealNVP() {
	chain, err := coupling.RealNVP[float64](coupling.Recipe{Dim: 6, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	x := rows(6, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
	z, _ := chain.Forward(x)
	back, _ := chain.Inverse(z)
	fmt.Println(len(chain.Members()), "layers")
	fmt.Printf("%.6f\n", back.Float64s())
	// Output:
	// 25 layers
	// [0.100000 0.200000 0.300000 0.400000 0.500000 0.600000]
}

// A mask that keeps the odd features throughout, with free random permutations
// and the variance of n-1 in batch norm: a common way to write Real NVP, for
// comparisons with it. The context, a one-hot digit, comes in front of the
// kept features.
func ExampleRealNVP_fixedMask() {
	chain, err := coupling.RealNVP[float32](coupling.Recipe{
		Dim: 20, ContextDim: 10, Layers: 9, Hidden: []int{100, 100},
		Activation: "relu", Scale: "tanh", Mask: coupling.MaskSpec{Kind: "odd"},
		Order: "random", Norm: "batch", Unbiased: true, Eps: 1e-5, Raw: true, Seed: 1,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, l := range chain.Members()[24:] {
		fmt.Printf("%T\n", l)
	}
	first := chain.Params()[0]
	fmt.Println(first.Name, first.Shape)
	// Output:
	// *coupling.Affine[float32]
	// *bijector.Permute[float32]
	// *bijector.BatchNorm[float32]
	// 0.net.0.weight [100 20]
}

// Residual conditioners, and a scale with bounds on all features.
func ExampleGlow() {
	chain, err := coupling.Glow[float64](coupling.Recipe{Dim: 6, Layers: 2, Blocks: 2, Hidden: []int{32}, Scale: "tanh", Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, l := range chain.Members() {
		fmt.Printf("%T\n", l)
	}
	x := rows(6, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
	z, _ := chain.Forward(x)
	back, _ := chain.Inverse(z)
	fmt.Printf("%.6f\n", back.Float64s())
	// Output:
	// *bijector.Gaussianize[float64]
	// *bijector.Standardize[float64]
	// *bijector.ActNorm[float64]
	// *bijector.LU[float64]
	// *coupling.Affine[float64]
	// *bijector.ActNorm[float64]
	// *bijector.LU[float64]
	// *coupling.Affine[float64]
	// [0.100000 0.200000 0.300000 0.400000 0.500000 0.600000]
}

func ExampleNICE() {
	chain, err := coupling.NICE[float64](coupling.Recipe{Dim: 3, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	x := rows(3, 1, 2, 3, 4, 5, 6)
	z, _ := chain.Forward(x)
	back, _ := chain.Inverse(z)
	logDet, _ := chain.LogDetJacobian(x)
	fmt.Printf("%.6f\n", back.Float64s())
	fmt.Println(logDet, "until the scale is trained")
	// Output:
	// [1.000000 2.000000 3.000000 4.000000 5.000000 6.000000]
	// [0 0] until the scale is trained
}

func ExampleRecipe_conditional() {
	chain, err := coupling.RealNVP[float64](coupling.Recipe{Dim: 2, ContextDim: 1, Layers: 4, Norm: "act", Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	x := rows(2, 1, 2)
	_, err = chain.Forward(x)
	fmt.Println(err)
	a, _ := bijector.Given[float64](chain, rows(1, 0)).Forward(x)
	b, _ := bijector.Given[float64](chain, rows(1, 1)).Forward(x)
	fmt.Println(a.Float64s()[0] != b.Float64s()[0])
	// Output:
	// bijou: the model is conditional and has no context; bind one of shape (1, 1) or (1, 1) with Given: context mismatch
	// true
}

// A conditioner of the user's own is any bijector.Network. This one is in
// userdefined_test.go beside this file: y_o = sum_i w_oi sin(x_i).
func ExampleNewAffineWith() {
	c, err := coupling.NewAffineWith(coupling.AffineSpec{Dim: 4}, func(in, out int) (bijector.Network[float64], error) {
		return newSineConditioner[float64](in, out)
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	net := c.Conditioner()
	fmt.Println(net.In(), "to", net.Out())
	fmt.Println(c.Params()[0].Name, c.Params()[0].Shape)
	// Output:
	// 2 to 4
	// net.w [4 2]
}

// A new kind of coupling is an Elementwise transform put into a Coupling. This
// one is in userdefined_test.go beside this file:
//
//	type Tails[T bijector.Float] struct {
//		*coupling.Coupling[T]
//		spec TailsSpec
//	}
//
//	func NewTails[T bijector.Float](s TailsSpec) (*Tails[T], error) {
//		c, err := coupling.New(coupling.Parts[T]{
//			Dim: s.Dim, Transform: sinhArcsinh[T]{}, Conditioner: ...,
//		})
//		...
//		return &Tails[T]{c, s}, nil
//	}
//
//	func (t *Tails[T]) Spec() any { return t.spec }
//
// where sinhArcsinh has the six methods of Elementwise, some forty lines.
func ExampleElementwise() {
	c, err := NewTails[float64](TailsSpec{Dim: 4, Hidden: []int{8}, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	var _ bijector.Bijector[float64] = c
	z, _ := c.Forward(rows(4, 1, 2, 3, 4))
	back, _ := c.Inverse(z)
	fmt.Printf("%.6f, trainable: %v\n", back.Float64s(), bijector.CheckTrainable[float64](c) == nil)
	// Output: [1.000000 2.000000 3.000000 4.000000], trainable: true
}
