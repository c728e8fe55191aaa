// Held-out rows: what is reported of them, and what p-values compare with.

package table

import "math"

// calibrate scores the rows that are held out.
func (f *fitting[T]) calibrate(m *Model[T]) error {
	d := len(f.columns)
	f.report.Contributions = make([]float64, d)
	for j := range f.report.Contributions {
		f.report.Contributions[j] = math.NaN()
	}
	if len(f.held) == 0 {
		return nil
	}
	var rows []int // that no member was trained on
	if f.o.Members <= 1 {
		rows, _ = f.fold(0)
	}
	codes, valid := make([]float64, len(f.held)*d), make([]float64, len(rows)*d)
	if err := f.rows.Codes(codes, f.held); err != nil {
		return err
	}
	if err := f.rows.Codes(valid, rows); err != nil {
		return err
	}
	var err error
	f.report.Held, f.report.Contributions, err = m.holdOut(codes, valid)
	return err
}

// WithHeldOut is the model with what Fit keeps of rows that it was not trained on: the
// scores and surprises of those of codes (n rows, row-major), which p-values compare
// with, and what is usual for a column. contributions are the mean terms of the columns,
// in nats and in the units of the data; their sum is the mean log-density. It is for
// models that are trained elsewhere, such as by package bijoubeam. The density is one of
// Mixed distributions, otherwise the error is ErrSpec.
func (m *Model[T]) WithHeldOut(codes []float64) (held *Model[T], contributions []float64, err error) {
	c := *m
	if _, contributions, err = c.holdOut(codes, nil); err != nil {
		return nil, nil, err
	}
	return &c, contributions, nil
}

// holdOut sets what is kept of rows that are held out; what is usual by the validation
// rows where there are any. It returns the mean of the log-densities, and of the terms of
// each column.
func (m *Model[T]) holdOut(codes, valid []float64) (mean float64, contributions []float64, err error) {
	scores, err := m.LogProb(codes)
	if err != nil {
		return 0, nil, err
	}
	tails := make([]float64, len(codes))
	terms, err := m.contributions(codes, tails)
	if err != nil {
		return 0, nil, err
	}
	d := m.Dim()
	contributions = make([]float64, d)
	for i, v := range scores {
		mean += v / float64(len(scores))
		for j := range d {
			contributions[j] += terms[i*d+j] / float64(len(scores))
		}
	}
	m.scores = scores
	if err := m.calibrate(); err != nil {
		return 0, nil, err
	}
	usualCodes, usualTerms := codes, terms
	if len(valid) > 0 {
		usualCodes = valid
		if usualTerms, err = m.Contributions(valid); err != nil {
			return 0, nil, err
		}
	}
	m.setUsual(usualCodes, usualTerms)
	return mean, contributions, m.setSurprises(codes, terms, tails)
}
