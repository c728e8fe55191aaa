// Score: rows in, log-densities, p-values and flags out.

package bijoubeam

import (
	"context"
	"fmt"
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/typex"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/bijou-flow/bijou/bijector"
)

// BatchRows is how many rows of a bundle are scored in one call: enough for the
// blocked products of the networks, and little beside a bundle. Log-densities
// do not depend on it.
const BatchRows = 1024

// Scored is what a model says of a row.
type Scored struct {
	LogDensity float64 // nats, in the units of the data for a table; -Inf for what its columns do not have
	PValue     float64 // the share of held-out rows that are as unlikely; NaN for a model without calibration
	Flag       bool    // PValue is at most Model.Alpha
}

// Rejected is a row that cannot be scored.
type Rejected struct {
	Row    string // as it came; JSON for what is not text
	Reason string
	Source string // the Record's file and row, or the key; "" for other rows
}

// Metrics, in the namespace "bijou". log_density is in thousandths of a nat,
// since Beam's distributions are of whole numbers, and leaves out -Inf.
var (
	rowsScored   = beam.NewCounter("bijou", "rows_scored")
	rowsRejected = beam.NewCounter("bijou", "rows_rejected")
	rowsFlagged  = beam.NewCounter("bijou", "rows_flagged")
	batches      = beam.NewCounter("bijou", "batches")
	logDensity   = beam.NewDistribution("bijou", "log_density_millinats")
)

func init() {
	beam.RegisterType(reflect.TypeFor[Record]())
	beam.RegisterType(reflect.TypeFor[Scored]())
	beam.RegisterType(reflect.TypeFor[Rejected]())
	beam.RegisterDoFn(&scoreFn{})
	beam.RegisterDoFn(&scoreKeyedFn{})
	register.Emitter3[beam.EventTime, beam.X, Scored]()
	register.Emitter3[beam.EventTime, beam.Y, Scored]()
	register.Emitter2[beam.EventTime, Rejected]()
}

// Score scores rows: a PCollection of []float32 or []float64 (for a table, the
// numbers of its schema's encoding), of Records, of JSON objects as string or
// []byte, or of structs, which are taken for the JSON objects that package
// encoding/json makes of them (Beam for Go has no maps as elements). scored has KV<row, Scored>, and rejected
// a Rejected for each row that cannot be scored, a row of another schema too.
//
// Of KV<key, row>, scored has KV<key, Scored>: whatever is to come along belongs
// in the key.
//
// Of Rows, blocks of rows, scored has ScoredRows (of KV<key, Rows>, KV<key, ScoredRows>): the rows
// that can be scored, in their order, with their scores. A runner's calls, which cost several
// times what a small model does, are then shared by the rows of a block, in any window.
//
// Rows keep their event times and windows. Single rows of the global window are
// scored by BatchRows of a bundle; those of other windows one by one, because what a
// bundle's end emits has lost its window, and that takes several times as long.
// The numbers are the same to the bit.
//
// A Model without path or SHA-256 is ErrModel, rows that are no rows are
// bijector.ErrShape. A model that a worker cannot read, or that is another one,
// fails the pipeline.
func Score(s beam.Scope, m Model, rows beam.PCollection) (scored, rejected beam.PCollection, err error) {
	if err := m.check(); err != nil {
		return scored, rejected, err
	}
	if !rows.IsValid() {
		return scored, rejected, fmt.Errorf("bijoubeam: no rows, want a PCollection that a transform made: %w", bijector.ErrShape)
	}
	s = s.Scope("bijoubeam.Score")
	var fn any = &scoreFn{Model: m}
	switch keyed := typex.IsKV(rows.Type()); {
	case isBlocks(rows.Type()) && keyed:
		fn = &scoreKeyedRowsFn{Model: m}
	case isBlocks(rows.Type()):
		fn = &scoreRowsFn{Model: m}
	case keyed:
		fn = &scoreKeyedFn{Model: m}
	}
	out, err := beam.TryParDo(s, fn, rows)
	if err != nil {
		return scored, rejected, fmt.Errorf("bijoubeam: rows of type %v: %w: %w", rows.Type(), err, bijector.ErrShape)
	}
	return out[0], out[1], nil
}

// scoreFn scores rows, scoreKeyedFn rows with keys.
type scoreFn struct {
	Model Model
	batch *batcher[beam.X]
}

type scoreKeyedFn struct {
	Model Model
	batch *batcher[beam.Y]
}

func (f *scoreFn) Setup(ctx context.Context) (err error) {
	f.batch, err = newBatcher[beam.X](ctx, f.Model)
	return err
}

func (f *scoreKeyedFn) Setup(ctx context.Context) (err error) {
	f.batch, err = newBatcher[beam.Y](ctx, f.Model)
	return err
}

// StartBundle forgets what a bundle that failed has left.
func (f *scoreFn) StartBundle(func(beam.EventTime, beam.X, Scored), func(beam.EventTime, Rejected)) {
	f.batch.clear()
}

// StartBundle is that of scoreFn.
func (f *scoreKeyedFn) StartBundle(func(beam.EventTime, beam.Y, Scored), func(beam.EventTime, Rejected)) {
	f.batch.clear()
}

func (f *scoreFn) ProcessElement(ctx context.Context, w beam.Window, at beam.EventTime, row beam.X, emit func(beam.EventTime, beam.X, Scored), reject func(beam.EventTime, Rejected)) error {
	return f.batch.add(ctx, w, at, row, false, row, emit, reject)
}

func (f *scoreKeyedFn) ProcessElement(ctx context.Context, w beam.Window, at beam.EventTime, key beam.Y, row beam.X, emit func(beam.EventTime, beam.Y, Scored), reject func(beam.EventTime, Rejected)) error {
	return f.batch.add(ctx, w, at, key, true, row, emit, reject)
}

func (f *scoreFn) FinishBundle(ctx context.Context, emit func(beam.EventTime, beam.X, Scored), reject func(beam.EventTime, Rejected)) error {
	return f.batch.flush(ctx, emit, reject)
}

// FinishBundle is that of scoreFn.
func (f *scoreKeyedFn) FinishBundle(ctx context.Context, emit func(beam.EventTime, beam.Y, Scored), reject func(beam.EventTime, Rejected)) error {
	return f.batch.flush(ctx, emit, reject)
}

// batcher holds rows of a bundle until there are BatchRows of them. O is what
// comes out with a score: the row, or its key.
type batcher[O any] struct {
	model *loaded
	alpha float64
	rows  *encoder
	held  []held[O]
	codes []float64
	work  scratch
}

// held is a row that waits.
type held[O any] struct {
	out   O
	row   any
	at    beam.EventTime
	keyed bool // out is a key
}

func newBatcher[O any](ctx context.Context, m Model) (*batcher[O], error) {
	l, err := m.load(ctx)
	if err != nil {
		return nil, err
	}
	e, err := m.encoder(l)
	return &batcher[O]{model: l, alpha: m.alpha(), rows: e}, err
}

func (b *batcher[O]) clear() {
	clear(b.held) // rows are not kept alive
	b.held, b.codes = b.held[:0], b.codes[:0]
}

// add takes a row, and emits where it must not wait or enough are there.
func (b *batcher[O]) add(ctx context.Context, w beam.Window, at beam.EventTime, out O, keyed bool, row any, emit func(beam.EventTime, O, Scored), reject func(beam.EventTime, Rejected)) error {
	h, from := held[O]{out: out, row: row, at: at, keyed: keyed}, len(b.codes)
	for range b.model.width {
		b.codes = append(b.codes, 0)
	}
	if err := b.rows.encode(row, b.codes[from:]); err != nil {
		b.codes = b.codes[:from]
		rowsRejected.Inc(ctx, 1)
		h.reject(err, reject)
		return nil
	}
	b.held = append(b.held, h)
	if _, global := w.(window.GlobalWindow); global && len(b.held) < BatchRows {
		return nil
	}
	return b.flush(ctx, emit, reject)
}

func (h *held[O]) reject(why error, reject func(beam.EventTime, Rejected)) {
	source := ""
	if r, ok := h.row.(Record); ok {
		source = r.Place()
	} else if h.keyed {
		source = fmt.Sprint(h.out)
	}
	reject(h.at, Rejected{Row: describe(h.row), Reason: why.Error(), Source: source})
}

// flush scores and emits the rows that are held.
func (b *batcher[O]) flush(ctx context.Context, emit func(beam.EventTime, O, Scored), reject func(beam.EventTime, Rejected)) error {
	logp, err := b.model.logProb(&b.work, b.codes)
	if err != nil {
		return fmt.Errorf("bijoubeam: %w", err)
	}
	b.model.tell(ctx, logp, b.alpha, func(i int, s Scored, wrong error) {
		if h := &b.held[i]; wrong != nil {
			h.reject(wrong, reject)
		} else {
			emit(h.at, h.out, s)
		}
	})
	b.clear()
	return nil
}
