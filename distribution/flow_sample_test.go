package distribution

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

// sizes are numbers of rows around the piece that a session computes.
var sizes = []int{1, 2, 127, 128, 129, 1000}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 2)) }

// The log-density that comes with a draw is LogProb at the draw, computed by
// the other direction of the layer.
func TestSampleWithLogProb(t *testing.T) {
	layer := must(bijector.NewChain[float64](newBend[float64](3, 0, 1), newBend[float64](3, 0, 2)))
	for _, base := range []Base[float64]{NewNormal[float64](3), NewLogistic[float64](3)} {
		for _, temperature := range []float64{1, 0.5} {
			f := NewFlow(layer, base).WithTemperature(temperature)
			for _, n := range sizes {
				x, logp, err := f.SampleWithLogProb(newRand(3), n)
				if err != nil {
					t.Fatal(err)
				}
				want := must(f.LogProb(x)).Float64s()
				for i, got := range logp.Float64s() {
					if !(math.Abs(got-want[i]) <= 1e-9*max(1, math.Abs(want[i]))) {
						t.Fatalf("%T, temperature %v, draw %d of %d: log-density %v, LogProb says %v", base, temperature, i, n, got, want[i])
					}
				}
			}
		}
	}
}
