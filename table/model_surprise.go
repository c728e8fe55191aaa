// Surprise: by how much the columns of a row fall short of what is usual for them.

package table

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
)

// mostSurprise is what one column adds at most, in nats: of two rows with
// impossible cells, the one with more of them is the more surprising.
const mostSurprise = 50

// Surprise is by how much the columns of each row of codes (n rows) fall short of
// what is usual for them, in nats,
//
//	S(x) = sum_j min(max(u_j - log p(x_j | columns before j), 0), 50),
//
// with u_j the mean of such terms of rows that the model was not trained on. A
// log-density sums what columns fall short by and what others exceed their mean by, so
// that one impossible cell may be made up for by many very ordinary ones; a surprise
// does not. Which of both tells anomalies better depends on the table. It returns ErrSpec for a model without held-out
// rows, and for one that is not made of Mixed distributions.
func (m *Model[T]) Surprise(codes []float64) ([]float64, error) {
	if len(m.usual) == 0 {
		return nil, fmt.Errorf("table: a surprise by a model that knows nothing of usual rows; fit it with rows that are held out (Calibration), and as a density of mixed columns: %w", bijector.ErrSpec)
	}
	terms, err := m.Contributions(codes)
	if err != nil {
		return nil, err
	}
	return m.surprisesOf(terms), nil
}

// surprisesOf are the surprises of rows by the terms of their columns.
func (m *Model[T]) surprisesOf(terms []float64) []float64 {
	d := m.Dim()
	s := make([]float64, len(terms)/d)
	for i := range s {
		for j, u := range m.usual {
			s[i] += min(max(u-terms[i*d+j], 0), mostSurprise)
		}
	}
	return s
}

// SurprisePValues are the conformal p-values of surprises: the share of
// rows that training held out which are as surprising. NaN throughout for a model
// without such rows.
func (m *Model[T]) SurprisePValues(surprises []float64) []float64 {
	p := make([]float64, len(surprises))
	for i, v := range surprises {
		p[i] = math.NaN()
		if m.surprising != nil {
			p[i] = m.surprising.PValue(-v)
		}
	}
	return p
}

// setSurprises makes the usual terms, from the terms of some rows, and of the terms of
// others the surprises that p-values compare with.
func (m *Model[T]) setSurprises(some, held []float64) error {
	d := m.Dim()
	usual, rows := make([]float64, d), make([]float64, d)
	for i, v := range some {
		if !math.IsInf(v, 0) && !math.IsNaN(v) {
			usual[i%d], rows[i%d] = usual[i%d]+v, rows[i%d]+1
		}
	}
	for j := range usual {
		usual[j] /= max(rows[j], 1)
	}
	m.usual = usual
	m.surprises = m.surprisesOf(held)
	for i := range m.surprises {
		m.surprises[i] = -m.surprises[i]
	}
	return m.calibrateSurprises()
}

// calibrateSurprises makes the calibration of the surprises, which are kept with
// their sign turned: low is unusual.
func (m *Model[T]) calibrateSurprises() (err error) {
	for j, u := range m.usual {
		if math.IsNaN(u) || math.IsInf(u, 0) {
			return fmt.Errorf("table: the usual term of column %d is %v: %w", j, u, bijector.ErrNonFinite)
		}
	}
	m.surprising = nil
	if len(m.surprises) > 0 {
		if m.surprising, err = flow.NewCalibration(m.surprises); err != nil {
			return err
		}
		copy(m.surprises, m.surprising.Scores())
	}
	return nil
}
