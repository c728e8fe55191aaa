// The softmax of a sample alone and among others, to the bit.

package conditioned

import (
	"math"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/testkit"
)

func TestSoftmaxOfOneSample(t *testing.T) {
	rng := testkit.NewRand(1)
	const n = 5
	row := func() []float64 { return make([]float64, n) }
	for d := 1; d <= 40; d++ {
		logits, shares := bijector.NewMat[float32](d, n), bijector.NewMat[float64](d, n)
		for j := range d {
			for i := range n {
				logits.Feature(j)[i] = float32(5 * rng.NormFloat64())
			}
		}
		most, sum, inverse := row(), row(), row()
		Softmax(shares, logits, most, sum, inverse)
		for i := range n {
			one, p := bijector.NewMat[float32](d, 1), bijector.NewMat[float64](d, 1)
			total := 0.0
			for j := range d {
				one.Feature(j)[0] = logits.Feature(j)[i]
				total += math.Exp(float64(logits.Feature(j)[i]) - most[i])
			}
			m, s, inv := row()[:1], row()[:1], row()[:1]
			Softmax(p, one, m, s, inv)
			if m[0] != most[i] || s[0] != sum[i] || inv[0] != inverse[i] || !(math.Abs(total-s[0]) < 1e-12*total) {
				t.Fatalf("%d logits: largest %v, sum %v and its inverse %v alone, %v, %v and %v among others, and %v by math.Exp", d, m, s, inv, most[i], sum[i], inverse[i], total)
			}
			for j := range d {
				if p.Feature(j)[0] != shares.Feature(j)[i] {
					t.Fatalf("%d logits: share %d is %v alone and %v among others", d, j, p.Feature(j)[0], shares.Feature(j)[i])
				}
			}
		}
	}
}
