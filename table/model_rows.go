// Rows of codes: where a fit reads them from, and how training does.

package table

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/train"
)

// Rows are the encoded rows of a table, in memory or elsewhere.
type Rows interface {
	Len() int // rows
	// Codes fills dst, row-major, with those rows, as many codes each as dst has
	// room for. Calls do not overlap.
	Codes(dst []float64, rows []int) error
}

// memoryRows are rows in memory.
type memoryRows struct {
	codes []float64
	d     int
}

// MemoryRows are rows of d codes, row-major.
func MemoryRows(d int, codes []float64) Rows { return memoryRows{codes, d} }

func (r memoryRows) Len() int { return len(r.codes) / max(r.d, 1) }

func (r memoryRows) Codes(dst []float64, rows []int) error {
	if r.d < 1 || len(dst) != len(rows)*r.d {
		return fmt.Errorf("table: %d rows of %d codes into %d values: %w", len(rows), r.d, len(dst), bijector.ErrShape)
	}
	for i, row := range rows {
		if row < 0 || row >= r.Len() {
			return rowError(row, r.Len())
		}
		copy(dst[i*r.d:(i+1)*r.d], r.codes[row*r.d:])
	}
	return nil
}

func rowError(row, n int) error {
	return fmt.Errorf("table: row %d of %d: %w", row, n, bijector.ErrShape)
}

// source are some of the rows, for training.
func (f *fitting[T]) source(rows []int) train.Source {
	return &codeSource[T]{rows: f.rows, d: len(f.columns), ids: rows}
}

// codeSource reads rows in T.
type codeSource[T bijector.Float] struct {
	rows    Rows
	d       int
	ids     []int
	some    []int
	scratch []float64
}

func (s *codeSource[T]) Len() int        { return len(s.ids) }
func (s *codeSource[T]) Dim() int        { return s.d }
func (s *codeSource[T]) ContextDim() int { return 0 }

func (s *codeSource[T]) Read(rows []int, x, _ *tensor.Dense) error {
	s.some = s.some[:0]
	for _, r := range rows {
		s.some = append(s.some, s.ids[r])
	}
	n := len(rows) * s.d
	s.scratch = slices.Grow(s.scratch[:0], n)[:n]
	if err := s.rows.Codes(s.scratch, s.some); err != nil {
		return err
	}
	switch x.Dtype() {
	case tensor.Float32:
		dst := x.Float32s()
		for i, v := range s.scratch {
			dst[i] = float32(v)
		}
	case tensor.Float64:
		copy(x.Float64s(), s.scratch)
	}
	return nil
}
