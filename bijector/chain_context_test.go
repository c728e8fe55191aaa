// Chains under contexts that pass through a network.

package bijector_test

import (
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/bijector/bijectortest/shear"
)

// TestEmbeddingIsCalibrated: a chain calibrates its embedding on the contexts.
func TestEmbeddingIsCalibrated(t *testing.T) {
	embedding := must(bijector.NewStandardizeContext[float64](bijector.StandardizeContextSpec{Dim: 2}))
	chain := must(bijector.NewConditionalChain[float64](embedding, must(shear.New[float64](shear.Spec{Dim: 3, Context: 2}))))
	x, cond := randomBatch[float64](3, 50, 1), bijector.NewMat[float64](2, 50)
	for i := range 50 {
		cond.Feature(0)[i], cond.Feature(1)[i] = 7+float64(i%2), -3
	}
	chain.Calibrate(x, cond, true, nil)
	approxEqual(t, "mean", embedding.Buffers()[0].Data.([]float64)[0], 7.5, 1e-12)
	approxEqual(t, "mean", embedding.Buffers()[0].Data.([]float64)[1], -3, 1e-12)
}
