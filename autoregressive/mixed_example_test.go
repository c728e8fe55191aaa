package autoregressive_test

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
)

// A flow of a category and of an amount that is exactly 0 in many rows.
func ExampleNewMixed() {
	zero := 0.0
	base, err := autoregressive.NewMixed[float64](autoregressive.MixedSpec{Columns: []autoregressive.MixedColumn{
		{Atoms: []float64{0, 1, 2}, Shares: []float64{5, 3, 2}},
		{Atoms: []float64{0}, Continuous: true, Lower: &zero, Shares: []float64{0.4, 0.6}},
	}, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	same, err := bijector.NewPermute[float64](bijector.PermuteSpec{Dim: 2, Kind: "given", Indices: []int{0, 1}})
	if err != nil {
		fmt.Println(err)
		return
	}
	f, err := flow.New[float64](same, base)
	if err != nil {
		fmt.Println(err)
		return
	}
	// Before training the columns are independent, with the shares of the spec.
	logp, err := f.LogProb(tensor.New(tensor.WithShape(3, 2), tensor.WithBacking([]float64{0, 0, 1, 1.5, 1, -1})))
	fmt.Printf("%.2f, a density of %.3f, and %v: %v\n", math.Exp(logp[0]), math.Exp(logp[1]), math.Exp(logp[2]), err)
	// Output: 0.20, a density of 0.047, and 0: <nil>
}
