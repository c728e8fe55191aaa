// Sample: draws that do not depend on who draws them.

package bijoubeam

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/bijou-flow/bijou/bijector"
)

// drawRows is how many draws have a generator of their own. It belongs to what a
// seed means, and does not change.
const drawRows = 1024

// Draw is a row that a model drew.
type Draw struct {
	Index  int64     // from 0
	Values []float64 // for a table, the numbers of its schema's encoding
	Cells  []string  // of a table's columns, in the schema's order; nil for other models
}

var rowsDrawn = beam.NewCounter("bijou", "rows_drawn")

func init() {
	beam.RegisterType(reflect.TypeFor[Draw]())
	beam.RegisterDoFn(&blocksFn{})
	beam.RegisterDoFn(&drawFn{})
	register.Emitter1[int64]()
	register.Emitter1[Draw]()
}

// Sample draws n rows: a PCollection of Draw. The same seed draws the same rows
// whatever bundles, workers and runner are, and the first of them for a larger
// n too: each 1024 rows have a generator made of the seed and their number. A
// negative n is bijector.ErrSpec, a Model without path or SHA-256 ErrModel.
func Sample(s beam.Scope, m Model, n int64, seed uint64) (draws beam.PCollection, err error) {
	if err := m.check(); err != nil {
		return draws, err
	}
	if n < 0 {
		return draws, fmt.Errorf("bijoubeam: %d draws, want 0 or more: %w", n, bijector.ErrSpec)
	}
	s = s.Scope("bijoubeam.Sample")
	blocks := beam.Reshuffle(s, beam.ParDo(s, &blocksFn{N: n}, beam.Impulse(s)))
	return beam.ParDo(s, &drawFn{Model: m, N: n, Seed: seed}, blocks), nil
}

// blocksFn numbers the blocks.
type blocksFn struct {
	N int64
}

func (f *blocksFn) ProcessElement(_ []byte, emit func(int64)) {
	for b := int64(0); b*drawRows < f.N; b++ {
		emit(b)
	}
}

// drawFn draws a block.
type drawFn struct {
	Model Model
	N     int64
	Seed  uint64
	model *loaded
}

func (f *drawFn) Setup(ctx context.Context) (err error) {
	f.model, err = f.Model.load(ctx)
	return err
}

func (f *drawFn) ProcessElement(ctx context.Context, block int64, emit func(Draw)) error {
	codes, err := f.model.draw(blockRand(f.Seed, block))
	if err != nil {
		return fmt.Errorf("bijoubeam: draws %d to %d: %w", block*drawRows, (block+1)*drawRows, err)
	}
	n, d := min(drawRows, f.N-block*drawRows), int64(f.model.width)
	for i := range n {
		row := Draw{Index: block*drawRows + i, Values: codes[i*d : (i+1)*d : (i+1)*d]}
		if t := f.model.table; t != nil {
			row.Cells = make([]string, d)
			if err := t.Schema().Decode(row.Values, row.Cells); err != nil {
				return fmt.Errorf("bijoubeam: draw %d: %w", row.Index, err)
			}
		}
		emit(row)
	}
	rowsDrawn.Inc(ctx, n)
	return nil
}

// blockRand is the generator of a block.
func blockRand(seed uint64, block int64) *rand.Rand {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:8], seed)
	binary.LittleEndian.PutUint64(b[8:], uint64(block))
	return rand.New(rand.NewChaCha8(sha256.Sum256(b[:])))
}

// draw draws the rows of a block, encoded.
func (l *loaded) draw(rng *rand.Rand) ([]float64, error) {
	if l.table != nil {
		return l.table.Sample(rng, drawRows)
	}
	rows, err := l.density.Sample(rng, drawRows)
	if err != nil {
		return nil, err
	}
	codes := make([]float64, 0, drawRows*l.width)
	for i := range drawRows {
		for _, v := range rows.Row(i) {
			codes = append(codes, float64(v))
		}
	}
	return codes, nil
}
