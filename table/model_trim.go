// Leaving out the rows that are least like the others, before the fit that counts.

package table

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
)

// fitTrimmed fits a model to all rows, leaves the share FitOptions.Trim of them
// out, and fits another to the rest. Where ctx ends in the first fit, its model
// is the result.
func fitTrimmed[T bijector.Float](ctx context.Context, s *Schema, rows Rows, o FitOptions) (*Model[T], *FitReport, error) {
	once := o
	once.Trim, once.ranking = 0, true
	if o.Checkpoint.Dir != "" {
		once.Checkpoint.Dir = filepath.Join(o.Checkpoint.Dir, "all rows")
	}
	first, report, err := Fit[T](ctx, s, rows, once)
	if err != nil {
		return first, report, err
	}
	kept, trimmed, err := leastLikely(ctx, first, rows, o.Trim)
	if err != nil {
		return first, report, err
	}
	once.Checkpoint.Dir, once.ranking = o.Checkpoint.Dir, false
	model, report, err := Fit[T](ctx, s, someRows{rows, kept}, once)
	if report != nil {
		report.Trimmed = trimmed
	}
	return model, report, err
}

// leastLikely deals the rows into those to keep and those to leave out, the share
// that are least likely, each in their order.
func leastLikely[T bijector.Float](ctx context.Context, m *Model[T], rows Rows, share float64) (kept, out []int, err error) {
	const block = 4096
	n, d := rows.Len(), m.Dim()
	scores, all := make([]float64, 0, n), make([]int, n)
	for i := range all {
		all[i] = i
	}
	codes := make([]float64, min(n, block)*d)
	for lo := 0; lo < n; lo += block {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		some := all[lo:min(lo+block, n)]
		if err := rows.Codes(codes[:len(some)*d], some); err != nil {
			return nil, nil, err
		}
		logp, err := m.LogProb(codes[:len(some)*d])
		if err != nil {
			return nil, nil, err
		}
		scores = append(scores, logp...)
	}
	slices.SortStableFunc(all, func(a, b int) int { return cmp.Compare(scores[a], scores[b]) })
	k := int(share * float64(n))
	out, kept = all[:k:k], all[k:]
	slices.Sort(out)
	slices.Sort(kept)
	return kept, out, nil
}

// someRows are some of the rows.
type someRows struct {
	Rows
	ids []int
}

func (r someRows) Len() int { return len(r.ids) }

func (r someRows) Codes(dst []float64, rows []int) error {
	ids := make([]int, len(rows))
	for i, row := range rows {
		if row < 0 || row >= len(r.ids) {
			return rowError(row, len(r.ids))
		}
		ids[i] = r.ids[row]
	}
	return r.Rows.Codes(dst, ids)
}
