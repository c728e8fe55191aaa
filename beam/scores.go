// Scores: what a model says of rows of numbers, in calls that do not depend on their company.

package bijoubeam

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/rows"
)

var errNaN = fmt.Errorf("the log-density is not a number: a value far beyond those that the model was fitted to, or a model that diverged: %w", bijector.ErrNonFinite)

// tell calls do for each row with what its log-density means, or with what is wrong with it, and
// counts.
func (l *loaded) tell(ctx context.Context, logp []float64, alpha float64, do func(int, Scored, error)) {
	if len(logp) == 0 {
		return
	}
	flagged, wrong := int64(0), int64(0)
	for i, p := range l.pValues(logp) {
		v := logp[i]
		if math.IsNaN(v) {
			do(i, Scored{}, errNaN)
			wrong++
			continue
		}
		s := Scored{LogDensity: v, PValue: p, Flag: p <= alpha}
		if s.Flag {
			flagged++
		}
		if !math.IsInf(v, 0) {
			logDensity.Update(ctx, int64(math.Round(1000*v)))
		}
		do(i, s, nil)
	}
	rowsScored.Inc(ctx, int64(len(logp))-wrong)
	rowsRejected.Inc(ctx, wrong)
	rowsFlagged.Inc(ctx, flagged)
	batches.Inc(ctx, 1)
}

// scratch is what a batch is scored with.
type scratch struct {
	small []float32 // rows for a density that is no table's
	codes []float64 // of rows and one more
	logp  []float64
}

// logProb scores rows of codes. One whose result is not a number has NaN, and does not
// keep the others from theirs.
func (l *loaded) logProb(s *scratch, codes []float64) ([]float64, error) {
	if l.table == nil {
		s.small = s.small[:0]
		for _, v := range codes {
			s.small = append(s.small, float32(v))
		}
		return l.logProbRows(s, s.small)
	}
	n := len(codes) / l.width
	if n == 0 {
		return nil, nil
	}
	if lone(n) {
		s.codes = append(append(s.codes[:0], codes...), codes[len(codes)-l.width:]...)
		codes = s.codes
	}
	logp := s.take(len(codes) / l.width)
	return logp[:n], but(l.table.LogProbInto(logp, codes))
}

// logProbRows is logProb for a density that is no table's.
func (l *loaded) logProbRows(s *scratch, x []float32) ([]float64, error) {
	n := len(x) / l.width
	if n == 0 {
		return nil, nil
	}
	if lone(n) {
		s.small = append(append(s.small[:0], x...), x[len(x)-l.width:]...)
		x = s.small
	}
	logp := s.take(len(x) / l.width)
	return logp[:n], but(l.density.LogProbRows(logp, x))
}

// lone says whether the last of n rows is scored by itself, since the library takes so many at
// once: its last bits may then be others than among others. A copy keeps it company.
func lone(n int) bool { return n%rows.Size == 1 }

func (s *scratch) take(n int) []float64 {
	s.logp = slices.Grow(s.logp[:0], n)[:n]
	return s.logp
}

// but is an error that is not of rows whose result is not a number.
func but(err error) error {
	var row *bijector.RowError
	if errors.As(err, &row) {
		return nil
	}
	return err
}

// pValues are NaN for models without calibration.
func (l *loaded) pValues(logp []float64) []float64 {
	if l.table != nil {
		return l.table.PValues(logp)
	}
	p := make([]float64, len(logp))
	for i := range p {
		p[i] = math.NaN()
	}
	return p
}
