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

// Surprise is how unusual the columns of each row of codes (n rows) are, in nats,
//
//	S(x) = sum_j min(max(u_j - log p(x_j | x_<j), 0) - log P(as far out as x_j | x_<j), 50),
//
// where x_<j are the columns before j in the model's order. The first part is by how
// much the column's term falls short of its usual value u_j, the mean of such terms
// of rows that the model was not trained on. Where a column has atoms and a continuous
// part, that of the latter is moved by what makes the mean of its log-densities 0, so that
// masses and densities compare. The second part is the probability of values as far
// out (autoregressive.MixedPass.Tails).
//
// A log-density sums what columns fall short by and what others exceed their mean by, so
// that one impossible cell may be made up for by many very ordinary ones; and a value
// that is on no atom of its column may be likely only for the unit that its density
// has. A surprise knows neither. Which of both tells anomalies better depends on the
// table. It returns ErrSpec for a model without held-out rows, and for one that is not
// made of Mixed distributions.
func (m *Model[T]) Surprise(codes []float64) ([]float64, error) {
	if len(m.usual) == 0 {
		return nil, fmt.Errorf("table: a surprise by a model that knows nothing of usual rows; fit it with rows that are held out (Calibration), and as a density of mixed columns: %w", bijector.ErrSpec)
	}
	tails := make([]float64, len(codes))
	terms, err := m.contributions(codes, tails)
	if err != nil {
		return nil, err
	}
	return m.surprisesOf(codes, terms, tails), nil
}

// surprisesOf are the surprises of rows by the terms and tails of their columns.
func (m *Model[T]) surprisesOf(codes, terms, tails []float64) []float64 {
	d := m.Dim()
	s := make([]float64, len(terms)/d)
	for i := range s {
		for j := range d {
			at := i*d + j
			short := max(m.usual[m.kind(j, codes[at])*d+j]-terms[at], 0)
			s[i] += min(short-tails[at], mostSurprise)
		}
	}
	return s
}

// kind is 0 for an atom and 1 for a value of the continuous part of column j.
func (m *Model[T]) kind(j int, code float64) int {
	if m.mixed[0].IsAtom(j, T(code)) {
		return 0
	}
	return 1
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

// setUsual sets the usual terms by those of some rows: of every column that of its
// atoms, and then of every column that of its continuous part.
func (m *Model[T]) setUsual(codes, terms []float64) {
	d := m.Dim()
	m.usual = make([]float64, 2*d)
	for j := range d {
		var sum, rows [2]float64
		for at := j; at < len(terms); at += d {
			if v := terms[at]; !math.IsInf(v, 0) && !math.IsNaN(v) {
				k := m.kind(j, codes[at])
				sum[k], rows[k] = sum[k]+v, rows[k]+1
			}
		}
		all := max(rows[0]+rows[1], 1)
		if rows[1] == 0 {
			m.usual[j], m.usual[d+j] = sum[0]/all, sum[0]/all
			continue
		}
		logShare := math.Log(rows[1] / all)
		m.usual[j] = (sum[0] + rows[1]*logShare) / all
		m.usual[d+j] = m.usual[j] + sum[1]/rows[1] - logShare
	}
}

// setSurprises sets the surprises that p-values compare with, of rows that are held out.
func (m *Model[T]) setSurprises(codes, terms, tails []float64) error {
	m.surprises = m.surprisesOf(codes, terms, tails)
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
			return fmt.Errorf("table: the usual term of column %d is %v: %w", j%m.Dim(), u, bijector.ErrNonFinite)
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
