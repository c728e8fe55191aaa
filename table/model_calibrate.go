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
	codes := make([]float64, len(f.held)*d)
	if err := f.rows.Codes(codes, f.held); err != nil {
		return err
	}
	scores, err := m.LogProb(codes)
	if err != nil {
		return err
	}
	tails := make([]float64, len(codes))
	terms, err := m.contributions(codes, tails)
	if err != nil {
		return err
	}
	mean := 0.0
	for i, v := range scores {
		mean += v / float64(len(scores))
		for j := range d {
			if i == 0 {
				f.report.Contributions[j] = 0
			}
			f.report.Contributions[j] += terms[i*d+j] / float64(len(scores))
		}
	}
	f.report.Held = mean
	m.scores = scores
	if err := m.calibrate(); err != nil {
		return err
	}
	if err := f.usual(m, codes, terms); err != nil {
		return err
	}
	return m.setSurprises(codes, terms, tails)
}

// usual sets what is usual by the validation rows where there are any, and by those
// that are held out where there are none.
func (f *fitting[T]) usual(m *Model[T], codes, terms []float64) error {
	if len(f.valid) > 0 {
		codes = make([]float64, len(f.valid)*len(f.columns))
		if err := f.rows.Codes(codes, f.valid); err != nil {
			return err
		}
		var err error
		if terms, err = m.Contributions(codes); err != nil {
			return err
		}
	}
	m.setUsual(codes, terms)
	return nil
}
