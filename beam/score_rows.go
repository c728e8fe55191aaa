// Score for blocks of rows: a block in, a block with scores out.

package bijoubeam

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/typex"
)

func init() {
	beam.RegisterDoFn(&scoreRowsFn{})
	beam.RegisterDoFn(&scoreKeyedRowsFn{})
}

// isBlocks says whether the elements, or the values behind keys, are blocks.
func isBlocks(t typex.FullType) bool {
	if typex.IsKV(t) {
		t = t.Components()[1]
	}
	return t.Type() == reflect.TypeFor[Rows]()
}

// scoreRowsFn scores blocks, scoreKeyedRowsFn blocks with keys. What is emitted while a block
// is processed keeps its window and time.
type scoreRowsFn struct {
	Model Model
	work  *blockScorer
}

type scoreKeyedRowsFn struct {
	Model Model
	work  *blockScorer
}

func (f *scoreRowsFn) Setup(ctx context.Context) (err error) {
	f.work, err = newBlockScorer(ctx, f.Model)
	return err
}

func (f *scoreKeyedRowsFn) Setup(ctx context.Context) (err error) {
	f.work, err = newBlockScorer(ctx, f.Model)
	return err
}

func (f *scoreRowsFn) ProcessElement(ctx context.Context, rows Rows, emit func(ScoredRows), reject func(Rejected)) error {
	s, err := f.work.score(ctx, rows, func(i int, why error) { reject(rejectedRow(rows, i, rows.Place(i), why)) })
	if len(s.Scores) > 0 {
		emit(s)
	}
	return err
}

func (f *scoreKeyedRowsFn) ProcessElement(ctx context.Context, key beam.Y, rows Rows, emit func(beam.Y, ScoredRows), reject func(Rejected)) error {
	s, err := f.work.score(ctx, rows, func(i int, why error) {
		source := rows.Place(i)
		if source == "" {
			source = fmt.Sprint(key)
		}
		reject(rejectedRow(rows, i, source, why))
	})
	if len(s.Scores) > 0 {
		emit(key, s)
	}
	return err
}

func rejectedRow(rows Rows, i int, source string, why error) Rejected {
	return Rejected{Row: describe(rows.Row(i)), Reason: why.Error(), Source: source}
}

// blockScorer scores blocks, for one goroutine.
type blockScorer struct {
	model *loaded
	alpha float64
	rows  *encoder
	codes []float64
	keep  []int
	work  scratch
}

func newBlockScorer(ctx context.Context, m Model) (*blockScorer, error) {
	l, err := m.load(ctx)
	if err != nil {
		return nil, err
	}
	e, err := m.encoder(l)
	return &blockScorer{model: l, alpha: m.alpha(), rows: e}, err
}

// score scores the rows of a block but those that reject is called for.
func (b *blockScorer) score(ctx context.Context, rows Rows, reject func(int, error)) (s ScoredRows, err error) {
	if err := rows.check(); err != nil {
		return s, err
	}
	n := rows.Len()
	logp, err := b.logProb(rows, reject)
	if err != nil {
		return s, fmt.Errorf("bijoubeam: %w", err)
	}
	s.Scores = make([]Scored, 0, len(logp))
	kept := b.keep[:0] // which is read before it is written over
	b.model.tell(ctx, logp, b.alpha, func(k int, v Scored, wrong error) {
		i := b.keep[k]
		if wrong != nil {
			reject(i, wrong)
			return
		}
		s.Scores, kept = append(s.Scores, v), append(kept, i)
	})
	rowsRejected.Inc(ctx, int64(n-len(logp)))
	if s.Rows = rows; len(kept) < n {
		s.Rows = rows.pick(kept)
	}
	return s, nil
}

// logProb scores the rows that can be, whose places are then b.keep.
func (b *blockScorer) logProb(rows Rows, reject func(int, error)) ([]float64, error) {
	n, d := rows.Len(), b.model.width
	b.keep = b.keep[:0]
	if x := rows.Float32; b.model.density != nil && len(x) > 0 && rows.Width == d && allFinite(x) { // as they stand
		for i := range n {
			b.keep = append(b.keep, i)
		}
		return b.model.logProbRows(&b.work, x)
	}
	b.codes = slices.Grow(b.codes[:0], n*d)
	for i := range n {
		k := len(b.codes)
		dst, err := b.codes[k:k+d:k+d], error(nil)
		if len(rows.Records) > 0 { // not as any, which is a copy
			err = b.rows.record(rows.Records[i], dst)
		} else {
			err = b.rows.encode(rows.Row(i), dst)
		}
		if err != nil {
			reject(i, err)
			continue
		}
		b.codes, b.keep = b.codes[:k+d], append(b.keep, i)
	}
	return b.model.logProb(&b.work, b.codes)
}

// allFinite says whether no value is infinite or NaN, whose exponents are all ones.
func allFinite(x []float32) bool {
	const ones = 0x7f800000
	for _, v := range x {
		if math.Float32bits(v)&ones == ones {
			return false
		}
	}
	return true
}
