// Binary cross-entropy on logits.

package autoencoder

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
	"github.com/bijou-flow/bijou/internal/rows"
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

// Loss is the loss of each row of x, in nats a value: what training lowers. It
// returns CheckTargets' error where that has one.
func (a *Autoencoder[T]) Loss(x tensor.Tensor) ([]float64, error) {
	if err := a.CheckTargets(x); err != nil {
		return nil, err
	}
	in, err := bijector.InputOf[T](x, a.Dim())
	if err != nil {
		return nil, err
	}
	out := make([]float64, in.Len())
	a.losses.Run(nil, in.Len(), a.lossSession, func(s *lossSession[T], lo, hi int) rows.Report {
		v := s.x.Resize(hi - lo)
		in.Load(v, lo)
		s.pass.Loss(v, bijector.Mat[T]{}, out[lo:hi])
		return rows.Report{}
	})
	return out, nil
}

// CheckTargets returns an error unless x is data to train on: of the model's
// element type and width, finite, and within [0, 1]. Training on other data
// has a loss of NaN, which stops it.
func (a *Autoencoder[T]) CheckTargets(x tensor.Tensor) error {
	in, err := bijector.InputOf[T](x, a.Dim())
	if err != nil {
		return err
	}
	n := in.Len()
	m, bad := bijector.NewMat[T](a.Dim(), min(rows.Size, n)), make([]bool, rows.Size)
	for lo := 0; lo < n; lo += rows.Size {
		v := m.Resize(min(rows.Size, n-lo))
		if !in.Load(v, lo) {
			r := rows.Report{Input: rows.ZeroNonFinite(rows.Features[T](v), nil, bad, lo)}
			return r.Err(n, bijector.NewRowError)
		}
		for j := range v.D {
			for i, t := range v.Feature(j) {
				if t < 0 || t > 1 {
					return fmt.Errorf("autoencoder: value %d of row %d is %v, want 0 to 1; scale the data (bytes by 1/255): %w", j, lo+i, t, ErrTarget)
				}
			}
		}
	}
	return nil
}
