// Binary cross-entropy on logits.

package autoencoder

import (
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// crossEntropy sets loss[i], for samples lo to hi, to the mean over features
// of
//
//	softplus(o) - o x = max(o, 0) - o x + log1p(exp(-|o|)),
//
// and to NaN where a target x is outside of [0, 1]: there the loss has no
// minimum. scratch holds at least hi values.
func crossEntropy[T bijector.Float](loss []float64, logits, x bijector.Mat[T], scratch []T, lo, hi int) {
	loss, scratch = loss[lo:hi], scratch[lo:hi]
	clear(loss)
	for j := range logits.D {
		o, t := logits.Feature(j)[lo:hi], x.Feature(j)[lo:hi]
		kernel.Softplus(scratch, o)
		for i, s := range scratch {
			v := t[i]
			if !(v >= 0 && v <= 1) {
				loss[i] = math.NaN()
			}
			loss[i] += float64(s) - float64(o[i])*float64(v)
		}
	}
	scale := 1 / float64(logits.D)
	for i := range loss {
		loss[i] *= scale
	}
}

// crossEntropyGradient sets samples lo to hi of the gradient of the mean of
// crossEntropy over the batch, each row's loss multiplied by its weight w,
//
//	do = w (sigmoid(o) - x) / (d n).
//
// nil weights are 1.
func crossEntropyGradient[T bijector.Float](do, logits, x bijector.Mat[T], weights []float64, lo, hi int) {
	scale := T(1 / (float64(logits.D) * float64(logits.N)))
	for j := range logits.D {
		d := do.Feature(j)[lo:hi]
		kernel.Sigmoid(d, logits.Feature(j)[lo:hi])
		kernel.Combine(d, d, x.Feature(j)[lo:hi], scale, -scale, 0)
		if weights != nil {
			for i, w := range weights[lo:hi] {
				d[i] = T(w * float64(d[i]))
			}
		}
	}
}
