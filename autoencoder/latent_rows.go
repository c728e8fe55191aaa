// A latent model in a service: p-values, alarms, and plain slices.

package autoencoder

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
)

// WithScores returns l with the log-densities of normal rows that neither encoder nor
// flow were fitted to, which p-values and thresholds are by: see flow.Calibration.
// Those of a conditional model are under the rows' own contexts. They are saved
// with the model. No scores leave it without calibration.
func (l *Latent[T]) WithScores(scores []float64) (*Latent[T], error) {
	g := *l
	g.scores = slices.Clone(scores)
	if err := g.calibrate(); err != nil {
		return nil, err
	}
	return &g, nil
}

// calibrate makes the calibration of the scores.
func (l *Latent[T]) calibrate() (err error) {
	l.calibration = nil
	if len(l.scores) > 0 {
		if l.calibration, err = flow.NewCalibration(l.scores); err != nil {
			return err
		}
		copy(l.scores, l.calibration.Scores())
	}
	return nil
}

// Calibration is that of WithScores, nil for a model without scores.
func (l *Latent[T]) Calibration() *flow.Calibration { return l.calibration }

// PValues are the conformal p-values of log-densities: the share of normal rows
// that are as unlikely, NaN throughout for a model without calibration.
func (l *Latent[T]) PValues(logp []float64) []float64 {
	p := make([]float64, len(logp))
	for i, v := range logp {
		p[i] = math.NaN()
		if l.calibration != nil {
			p[i] = l.calibration.PValue(v)
		}
	}
	return p
}

// Threshold is the log-density below which a share of normal rows lie at most: see
// flow.Calibration.
func (l *Latent[T]) Threshold(share float64) (float64, error) {
	if l.calibration == nil {
		return math.NaN(), fmt.Errorf("autoencoder: a threshold by a model without calibration; give it the scores of held-out rows (WithScores): %w", bijector.ErrSpec)
	}
	return l.calibration.Threshold(share)
}

// Flag says of each row of x whether its log-density is below the Threshold of a
// share: an alarm that at most that share of normal rows raise. A row that is not
// finite is named by a bijector.RowError, and raises one too.
func (l *Latent[T]) Flag(x tensor.Tensor, share float64) ([]bool, error) {
	threshold, err := l.Threshold(share)
	if err != nil {
		return nil, err
	}
	logp, err := l.LogProb(x)
	if logp == nil {
		return nil, err
	}
	flags := make([]bool, len(logp))
	for i, v := range logp {
		flags[i] = !(v >= threshold)
	}
	return flags, err
}

// LogProbRow is the log-density of the embedding of one row of data, in nats, under
// the context that is bound to the model, if any: what LogProb gives for that row.
func (l *Latent[T]) LogProbRow(row []T) (float64, error) {
	logp := []float64{math.NaN()}
	err := l.LogProbRows(logp, row)
	return logp[0], err
}

// LogProbRowGiven is LogProbRow under a context in the place of one that is bound to
// the model.
func (l *Latent[T]) LogProbRowGiven(row, context []T) (float64, error) {
	logp := []float64{math.NaN()}
	err := l.LogProbRowsGiven(logp, row, context)
	return logp[0], err
}

// LogProbRows sets dst to the log-density of the embedding of each row of x, len(dst)
// rows, row-major: what LogProb gives for the same rows, with its errors. It is safe
// for any number of goroutines where the encoder is.
func (l *Latent[T]) LogProbRows(dst []float64, x []T) error {
	z, err := l.encodeRows(dst, x)
	if z == nil {
		return err
	}
	return firstOf(err, l.density.LogProbRows(dst, z.Values()))
}

// LogProbRowsGiven is LogProbRows under contexts in the place of those that are bound
// to the model: row-major, c values a row, or c values for all of them.
func (l *Latent[T]) LogProbRowsGiven(dst []float64, x, contexts []T) error {
	z, err := l.encodeRows(dst, x)
	if z == nil {
		return err
	}
	return firstOf(err, l.density.LogProbRowsGiven(dst, z.Values(), contexts))
}

// encodeRows are the embeddings of len(dst) rows, nil where there are none of use.
func (l *Latent[T]) encodeRows(dst []float64, x []T) (*bijector.Rows[T], error) {
	n := len(dst)
	if n == 0 || len(x) == 0 || len(x)%n != 0 {
		return nil, fmt.Errorf("autoencoder: %d values for the log-densities of %d rows, want at least one row and as many values for each: %w", len(x), n, bijector.ErrShape)
	}
	rows, err := bijector.RowsOf(x, n, len(x)/n)
	if err != nil {
		return nil, err
	}
	z, err := l.encoder.Encode(rows)
	if z == nil || !someRowsValid(err) {
		return nil, checkEncoded(z, err)
	}
	return z, err
}

func firstOf(first, later error) error {
	if first != nil {
		return first
	}
	return later
}
