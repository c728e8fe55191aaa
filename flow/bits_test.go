// Bits per dimension, from what they mean.

package flow

import (
	"fmt"
	"math"
	"testing"

	"github.com/bijou-flow/bijou/internal/testkit"
)

// A model that gives each of k levels of each dimension its probability q(v),
// spread evenly over the level, needs the entropy of q in bits.
func TestBitsPerDim(t *testing.T) {
	q := []float64{0.5, 0.25, 0.125, 0.125}
	const dim = 3
	mean := 0.0 // of the log-density over dim independent dimensions
	for _, p := range q {
		mean += dim * p * math.Log(p*float64(len(q))) // density p over a width of 1/k
	}
	if got := BitsPerDim(mean, dim, len(q)); !testkit.IsNear(got, 1.75, 1e-14) {
		t.Errorf("%v bits, want 1.75", got)
	}
	if got := BitsPerDim(0, 784, 256); got != 8 {
		t.Errorf("the uniform density has %v bits, want 8", got)
	}
}

// The paper of NICE reports 1980.50 nats for MNIST.
func ExampleBitsPerDim() {
	fmt.Printf("%.3f bits per dimension\n", BitsPerDim(1980.50, 28*28, 256))
	// Output: 4.356 bits per dimension
}
