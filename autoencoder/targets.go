// The loss of rows, and which rows have one.

package autoencoder

import (
	"fmt"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/rows"
)

// Loss is the loss of each row of x: what training lowers, in nats a value or in
// squares of the data's unit. It returns CheckTargets' error where that has one.
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
// element type and width, finite, and of the loss "bce" within [0, 1]. Training on other data
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
				if a.criterion.loss == bceLoss && (t < 0 || t > 1) {
					return fmt.Errorf("autoencoder: value %d of row %d is %v, want 0 to 1; scale the data (bytes by 1/255): %w", j, lo+i, t, ErrTarget)
				}
			}
		}
	}
	return nil
}
