package coupling_test

import (
	"fmt"

	"github.com/bijou-flow/bijou/coupling"
)

func ExampleRealNVPImage() {
	chain, err := coupling.RealNVPImage[float32](coupling.ImageRecipe{Channels: 1, Height: 28, Width: 28, Hidden: 16, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	c, h, w := chain.InShape()
	fmt.Println(chain.Dim(), "features of", c, h, w)
	for _, l := range chain.Members()[:3] {
		fmt.Printf("%T\n", l)
	}
	// Output:
	// 784 features of 1 28 28
	// *bijector.Logit[float32]
	// *coupling.Affine[float32]
	// *bijector.BatchNorm[float32]
}

// The flow of MNIST's pixels: splines, told the digit, behind a start for drawings.
func ExampleGlowImage() {
	chain, err := coupling.GlowImage[float32](coupling.GlowImageRecipe{
		Channels: 1, Height: 28, Width: 28, ContextDim: 10,
		Steps: []int{4, 6}, Hidden: []int{64}, Coupling: "spline", Start: "background", Seed: 1,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	c, h, w := chain.InShape()
	fmt.Println(chain.Dim(), "features of", c, h, w)
	for _, l := range chain.Members()[:5] {
		fmt.Printf("%T\n", l)
	}
	// Output:
	// 784 features of 1 28 28
	// *bijector.Background[float32]
	// *bijector.Squeeze[float32]
	// *bijector.ActNorm[float32]
	// *bijector.Conv1x1[float32]
	// *coupling.Spline[float32]
}

func ExampleConvNet() {
	m := coupling.MaskSpec{Kind: "checkerboard", Channels: 1, Height: 8, Width: 8}
	c, err := coupling.NewAffineWith(coupling.AffineSpec{Dim: 64, Mask: m},
		coupling.ConvNet[float64](m, coupling.ConvNetSpec{Hidden: 16, Seed: 1}))
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
	// 32 to 64
	// initial.weight_v [1 9 16]
	// initial.weight_g [16]
	// initial.bias [16]
	// blocks.0.0.weight_v [16 9 16]
}

func ExampleNewConvNet() {
	net, err := coupling.NewConvNet[float32](coupling.ConvNetSpec{InChannels: 3, OutChannels: 6, Height: 8, Width: 8, Checkerboard: "odd"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(net.In(), "to", net.Out()) // half of the pixels
	// Output: 96 to 192
}
