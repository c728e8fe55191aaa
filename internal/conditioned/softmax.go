// Softmax: the shares of bins, of atoms, of components.

package conditioned

import (
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// Softmax sets shares to the softmax of the rows of logits,
//
//	shares_k = exp(logits_k - most) / sum,  sum = sum_k exp(logits_k - most),
//
// in float64, and leaves the largest logit and the sum of each sample in most
// and sum. inverse is work, and may be sum, which then holds 1/sum.
func Softmax[T bijector.Float](shares bijector.Mat[float64], logits bijector.Mat[T], most, sum, inverse []float64) {
	if shares.N == 1 && shares.Stride == 1 && logits.Stride == 1 && shares.D > 0 {
		softmaxOf(shares.Data[:shares.D], logits.Data[:shares.D], most, sum, inverse)
		return
	}
	for k := range shares.D {
		p := shares.Feature(k)
		kernel.Widen(p, logits.Feature(k))
		if k == 0 {
			copy(most, p)
			continue
		}
		for i, v := range p {
			if v > most[i] {
				most[i] = v
			}
		}
	}
	clear(sum)
	for k := range shares.D {
		p := shares.Feature(k)
		kernel.Combine(p, p, most, 1, -1, 0)
		kernel.Exp(p, p)
		kernel.AddTo(sum, p)
	}
	for i, v := range sum {
		inverse[i] = 1 / v
	}
	for k := range shares.D {
		kernel.Mul(shares.Feature(k), shares.Feature(k), inverse)
	}
}

// softmaxOf is Softmax of a single sample, to the same bits.
func softmaxOf[T bijector.Float](p []float64, logits []T, most, sum, inverse []float64) {
	kernel.Widen(p, logits)
	top := p[0]
	for _, v := range p {
		if v > top {
			top = v
		}
	}
	for k := range p {
		p[k] -= top
	}
	kernel.Exp(p, p)
	total := 0.0
	for _, v := range p {
		total += v
	}
	most[0], sum[0] = top, total
	inverse[0] = 1 / total
	for k := range p {
		p[k] *= inverse[0]
	}
}
