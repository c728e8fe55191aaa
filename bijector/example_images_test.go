package bijector_test

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
)

func ExampleNewSqueeze() {
	s, err := bijector.NewSqueeze[float64](bijector.SqueezeSpec{Channels: 1, Height: 2, Width: 4})
	if err != nil {
		fmt.Println(err)
		return
	}
	z, _ := s.Forward(rows([]float64{
		1, 2, 3, 4,
		5, 6, 7, 8,
	}))
	c, h, w := s.OutShape()
	fmt.Println(z.Values(), c, h, w)
	// Output: [1 3 2 4 5 7 6 8] 4 1 2
}

func ExampleNewConv1x1() {
	c, err := bijector.NewConv1x1[float64](bijector.Conv1x1Spec{Channels: 3, Height: 4, Width: 4, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	x := tensor.New(tensor.WithShape(1, 48), tensor.Of(tensor.Float64))
	logDet, _ := c.LogDetJacobian(x)
	fmt.Printf("%.3f\n", math.Abs(logDet[0])) // a rotation of the channels
	// Output: 0.000
}

// A norm of images has one scale and one shift a channel.
func ExampleActNormSpec() {
	a, err := bijector.NewActNorm[float64](bijector.ActNormSpec{Dim: 3 * 8 * 8, Pixels: 8 * 8})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(a.Dim(), a.Params()[0].Shape)
	// Output: 192 [3]
}
