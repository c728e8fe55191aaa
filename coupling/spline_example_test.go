package coupling_test

import (
	"fmt"

	"github.com/bijou-flow/bijou/coupling"
)

func ExampleNewSpline() {
	c, err := coupling.NewSpline[float64](coupling.SplineSpec{Dim: 2, Bins: 4, Bound: 3, Hidden: []int{16}, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	x := rows(2, 0.5, -1, 4, -1)
	z, _ := c.Forward(x)
	back, _ := c.Inverse(z)
	logDet, _ := c.LogDetJacobian(x)
	// The first feature is moved where it is within 3 of 0, the second kept.
	fmt.Println(z.Float64s()[0] != 0.5, z.Float64s()[1:], logDet[1])
	fmt.Printf("%.6f\n", back.Float64s())
	// Output:
	// true [-1 4 -1] 0
	// [0.500000 -1.000000 4.000000 -1.000000]
}

func ExampleNSF() {
	chain, err := coupling.NSF[float64](coupling.Recipe{Dim: 6, Seed: 1})
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
	// 20 layers
	// [0.100000 0.200000 0.300000 0.400000 0.500000 0.600000]
}
