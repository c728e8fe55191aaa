package autoregressive_test

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
)

// rows is a tensor of rows of d values.
func rows(d int, values ...float64) *tensor.Dense {
	return tensor.New(tensor.WithShape(len(values)/d, d), tensor.WithBacking(values))
}

func ExampleNewAffine() {
	layer, err := autoregressive.NewAffine[float64](autoregressive.AffineSpec{Dim: 3, Hidden: []int{16}, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	// Two rows that differ in the last feature alone: no other one sees it.
	z, _ := layer.Forward(rows(3, 0.5, -1, 2, 0.5, -1, 7))
	v := z.Float64s()
	fmt.Println(v[0] == v[3], v[1] == v[4], v[2] == v[5])
	x, _ := layer.Inverse(z)
	fmt.Printf("%.6f\n", x.Float64s())
	// Output:
	// true true false
	// [0.500000 -1.000000 2.000000 0.500000 -1.000000 7.000000]
}

func ExampleNewSpline() {
	layer, err := autoregressive.NewSpline[float64](autoregressive.SplineSpec{
		Dim: 2, ContextDim: 1, Order: autoregressive.OrderSpec{Kind: "reverse"}, Bins: 4, Hidden: []int{16}, Seed: 1,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	given := bijector.Given[float64](layer, rows(1, 0.3))
	z, _ := given.Forward(rows(2, 0.5, -1, 100, -1))
	x, _ := given.Inverse(z)
	fmt.Println(z.Float64s()[2]) // beyond the splines' box nothing is moved
	fmt.Printf("%.6f\n", x.Float64s())
	// Output:
	// 100
	// [0.500000 -1.000000 100.000000 -1.000000]
}

// The inverse of a masked autoregressive flow is an inverse autoregressive
// flow: a draw is one evaluation of each net.
func ExampleNewAffine_inverse() {
	maf, err := autoregressive.NewAffine[float64](autoregressive.AffineSpec{Dim: 3, Hidden: []int{16}, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	iaf := bijector.Invert[float64](maf)
	f, err := flow.New(iaf, distribution.StandardNormal[float64](3))
	if err != nil {
		fmt.Println(err)
		return
	}
	draws, _ := f.Sample(rand.New(rand.NewPCG(1, 2)), 5)
	logp, _ := f.LogProb(draws)
	fmt.Println(draws.Shape(), len(logp))

	// Noise to data is Forward of the layer inside.
	noise := rows(3, 0.1, 0.2, 0.3)
	a, _ := iaf.Inverse(noise)
	b, _ := maf.Forward(noise)
	fmt.Println(a.Float64s()[2] == b.Float64s()[2])
	// Output:
	// (5, 3) 5
	// true
}

// A layer with a transform of the user's own, or of another package.
func ExampleNew() {
	transform, err := coupling.ScaleShift[float64]("softclamp", 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	layer, err := autoregressive.New(autoregressive.Parts[float64]{
		Dim: 4, Order: autoregressive.OrderSpec{Indices: []int{3, 1, 0, 2}}, Transform: transform, Hidden: []int{8},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	logDet, _ := layer.LogDetJacobian(rows(4, 1, 2, 3, 4))
	fmt.Println(math.Abs(logDet[0]) <= 4) // the log-scales are within 1
	// Output: true
}

func ExampleNewBlocks() {
	net, err := autoregressive.NewBlocks[float64](autoregressive.BlocksSpec{Features: 3, Params: 1, Hidden: 8, Activation: "tanh", Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	x, y := bijector.NewMat[float64](3, 2), bijector.NewMat[float64](3, 2)
	x.Feature(1)[0] = 1 // the samples differ in the second feature
	net.NewNetworkPass(bijector.PassOptions{MaxBatch: 2}).Forward(y, x, 0, 2)
	for j := range 3 {
		fmt.Println(y.Feature(j)[0] != y.Feature(j)[1])
	}
	// Output:
	// false
	// false
	// true
}

func ExampleNewMADE() {
	net, err := autoregressive.NewMADE[float64](autoregressive.MADESpec{Features: 3, Params: 1, Hidden: []int{8}, Activation: "tanh", Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	x, y := bijector.NewMat[float64](3, 2), bijector.NewMat[float64](3, 2)
	x.Feature(1)[0] = 1 // the samples differ in the second feature
	net.NewNetworkPass(bijector.PassOptions{MaxBatch: 2}).Forward(y, x, 0, 2)
	for j := range 3 {
		fmt.Println(y.Feature(j)[0] != y.Feature(j)[1])
	}
	// Output:
	// false
	// false
	// true
}

func ExampleMAF() {
	chain, err := autoregressive.MAF[float32](autoregressive.Recipe{Dim: 6, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(chain.Members()), "layers")
	x := tensor.New(tensor.WithShape(1, 6), tensor.WithBacking([]float32{0.1, 0.2, 0.3, 0.4, 0.5, 0.6}))
	z, _ := chain.Forward(x)
	back, _ := chain.Inverse(z)
	fmt.Printf("%.4f\n", back.Float32s())
	// Output:
	// 11 layers
	// [0.1000 0.2000 0.3000 0.4000 0.5000 0.6000]
}

func ExampleNSF() {
	chain, err := autoregressive.NSF[float32](autoregressive.Recipe{Dim: 1, ContextDim: 2, Layers: 2, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(chain.Members()), "layers")
	// Output: 5 layers
}
