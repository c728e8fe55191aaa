// A density of which the constant is not known.

package vi_test

import (
	"context"
	"fmt"
	"log"
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/train"
	"github.com/bijou-flow/bijou/vi"
)

// A flow learns a density that is known up to a constant: a curved ridge with
// a normal across it. The constant comes out of the flow's draws.
func ExampleFit() {
	ridge := vi.TargetFunc(2, func(gradient, x []float64) float64 {
		across := x[1] - x[0]*x[0]
		gradient[0], gradient[1] = -x[0]+2*x[0]*across, -across
		return -x[0]*x[0]/2 - across*across/2
	})
	chain, err := coupling.RealNVP[float64](coupling.Recipe{Dim: 2, Layers: 4, Hidden: []int{16}, Norm: "none", Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	f, err := flow.New(bijector.Invert[float64](chain), distribution.StandardNormal[float64](2))
	if err != nil {
		log.Fatal(err)
	}
	_, err = vi.Fit(context.Background(), f, ridge, 5000, train.Options{
		Rate: 1e-2, Schedule: train.Cosine{}, ClipNorm: 10,
	})
	if err != nil {
		log.Fatal(err)
	}
	s, err := vi.ImportanceWeights(f, ridge, rand.New(rand.NewPCG(1, 2)), 10_000)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("9 draws of 10 are effective:", s.EffectiveSize > 9000)
	fmt.Println("log Z within 4 errors:", math.Abs(s.LogZ-math.Log(2*math.Pi)) < 4*s.LogZError)
	fmt.Println("an error below 0.01:", s.LogZError < 0.01)
	// Output:
	// 9 draws of 10 are effective: true
	// log Z within 4 errors: true
	// an error below 0.01: true
}
