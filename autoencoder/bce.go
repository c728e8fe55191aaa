// Binary cross-entropy on logits.

package autoencoder

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

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
// crossEntropy over the batch,
//
//	do = (sigmoid(o) - x) / (d n).
func crossEntropyGradient[T bijector.Float](do, logits, x bijector.Mat[T], lo, hi int) {
	scale := T(1 / (float64(logits.D) * float64(logits.N)))
	for j := range logits.D {
		d := do.Feature(j)[lo:hi]
		kernel.Sigmoid(d, logits.Feature(j)[lo:hi])
		kernel.Combine(d, d, x.Feature(j)[lo:hi], scale, -scale, 0)
	}
}

// Loss is the loss of each row of x, shape (n), in nats a value: what training
// lowers. It returns CheckTargets' error where that has one.
func (a *Autoencoder[T]) Loss(x *tensor.Dense) (*tensor.Dense, error) {
	if err := a.CheckTargets(x); err != nil {
		return nil, err
	}
	rows, err := bijector.RowsOf[T](x)
	if err != nil {
		return nil, err
	}
	n := rows.Len()
	out := make([]T, n)
	a.losses.Run(n, a.lossSession, func(s *lossSession[T], lo, hi int) {
		v := s.x.Resize(hi - lo)
		rows.Load(v, lo)
		s.pass.Loss(v, bijector.Mat[T]{}, s.loss[:hi-lo])
		kernel.Narrow(out[lo:hi], s.loss[:hi-lo])
	})
	return bijector.TensorOf(out, n, 0), nil
}

// CheckTargets returns an error unless x is data to train on: of the model's
// element type and width, finite, and within [0, 1]. Training on other data
// has a loss of NaN, which stops it.
func (a *Autoencoder[T]) CheckTargets(x *tensor.Dense) error {
	rows, err := bijector.RowsOf[T](x)
	if err != nil {
		return err
	}
	if err := bijector.CheckWidth(rows.Dim(), a.Dim()); err != nil {
		return err
	}
	const piece = 128
	m := bijector.NewMat[T](rows.Dim(), min(piece, rows.Len()))
	var bad bijector.Failures
	for lo := 0; lo < rows.Len(); lo += piece {
		v := m.Resize(min(piece, rows.Len()-lo))
		bad.Note(rows.Load(v, lo))
		if err := bad.Err("input", rows.Len()); err != nil {
			return err
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
