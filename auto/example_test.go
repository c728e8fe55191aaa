package auto_test

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/auto"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/train"
)

func ExampleFit() {
	rng := rand.New(rand.NewPCG(1, 2))
	var data [][]float64
	for range 150 {
		u := rng.NormFloat64()
		data = append(data, []float64{u, u*u + 0.5*rng.NormFloat64()})
	}
	rows, err := bijector.RowsOfSlices(data)
	if err != nil {
		fmt.Println(err)
		return
	}
	// Steps keeps the example short; the zero Options do better.
	model, report, err := auto.Fit[float64](context.Background(), train.Tensor(rows), auto.Options{Steps: 100})
	if err != nil {
		fmt.Println(err)
		return
	}
	onCurve, beside := []float64{1, 1}, []float64{1, -2}
	x, _ := bijector.RowsOfSlices([][]float64{onCurve, beside})
	logp, _ := model.LogProb(x)
	fmt.Println("better than a Gaussian:", report.Loss < report.Gaussian-0.3)
	fmt.Println("on the curve rather than beside it:", logp[0] > logp[1]+5)
	// Output:
	// better than a Gaussian: true
	// on the curve rather than beside it: true
}
