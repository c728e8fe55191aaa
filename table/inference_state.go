// Inference on its way to another process.

package table

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"slices"
)

// inferenceState is what an Inference has seen.
type inferenceState struct {
	Rows    int
	Parts   []partRows
	Sampled []sampleRow
	Columns []columnState
}

// columnState is what it has seen of a column.
type columnState struct {
	Name                string
	Cells, Missing      int
	Counts              map[string]int
	Many                bool // there were too many texts to count
	Numbers, Wholes     int
	OtherPart, OtherRow int
	OtherWhat           string
	Inexact, Big, Zeros bool
	Counting            bool
	Runs                []run
	Layouts             []timeState
	Sample              []float64
	Min, Max            float64
	Decimals, Fewest    int
	GCD                 int64
}

// timeState is what it has seen of a column's cells as times.
type timeState struct {
	Layout   string
	Min, Max float64
	Decimals int
	GCD      int64
}

// MarshalBinary is what the rows were so far, for UnmarshalBinary of an Inference in
// another process, of the same version.
func (i *Inference) MarshalBinary() ([]byte, error) {
	if i == nil || len(i.parts) == 0 {
		return nil, fmt.Errorf("table: no inference, make one with NewInference: %w", ErrSchema)
	}
	s := inferenceState{Rows: i.rows, Parts: i.parts, Sampled: i.sampled}
	for _, c := range i.columns {
		s.Columns = append(s.Columns, c.state())
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(s); err != nil {
		return nil, fmt.Errorf("table: an inference as bytes: %w", err)
	}
	return b.Bytes(), nil
}

// UnmarshalBinary puts in the place of what i has seen that of MarshalBinary, by an
// Inference that NewInference made for the same names and options. Other bytes are
// ErrInput, other names ErrColumns, and leave i as it is.
func (i *Inference) UnmarshalBinary(data []byte) error {
	if i == nil || len(i.parts) == 0 {
		return fmt.Errorf("table: no inference, make one with NewInference: %w", ErrSchema)
	}
	var s inferenceState
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&s); err != nil {
		return fmt.Errorf("table: no bytes of an inference: %w: %w", err, ErrInput)
	}
	names := make([]string, 0, len(s.Columns))
	for _, c := range s.Columns {
		names = append(names, c.Name)
	}
	if !slices.Equal(names, i.names()) {
		return fmt.Errorf("table: an inference of columns %s, want %s: %w", listed(names), listed(i.names()), ErrColumns)
	}
	if !s.sound(i.options.Sample) {
		return fmt.Errorf("table: bytes of an inference whose sample is not one: %w", ErrInput)
	}
	i.rows, i.parts, i.sampled = s.Rows, s.Parts, s.Sampled
	for k, c := range i.columns {
		c.restore(s.Columns[k])
	}
	return nil
}

// sound says whether the samples of all columns have the slots of one sample.
func (s *inferenceState) sound(most int) bool {
	seen := make([]bool, len(s.Sampled))
	for _, r := range s.Sampled {
		if r.Slot < 0 || r.Slot >= len(seen) || seen[r.Slot] {
			return false
		}
		seen[r.Slot] = true
	}
	for _, c := range s.Columns {
		if n := len(c.Sample); n > 0 && n != len(seen) {
			return false
		}
		for _, l := range c.Layouts {
			if l.Layout == "" {
				return false
			}
		}
	}
	return len(s.Parts) > 0 && len(seen) <= most && s.Rows >= 0
}

func (c *columnFacts) state() columnState {
	s := columnState{
		Name: c.name, Cells: c.cells, Missing: c.missing, Counts: c.counts, Many: c.counts == nil,
		Numbers: c.numbers, Wholes: c.wholes, OtherPart: c.other.part, OtherRow: c.other.row, OtherWhat: c.other.what,
		Inexact: c.inexact, Big: c.big, Zeros: c.zeros, Counting: c.counting, Runs: c.runs,
		Sample: c.sample, Min: c.min, Max: c.max, Decimals: c.decimals, Fewest: c.fewest, GCD: c.gcd,
	}
	for _, l := range c.layouts {
		s.Layouts = append(s.Layouts, timeState{l.layout, l.min, l.max, l.decimals, l.gcd})
	}
	return s
}

func (c *columnFacts) restore(s columnState) {
	c.cells, c.missing, c.counts = s.Cells, s.Missing, s.Counts
	if c.counts == nil {
		c.counts = map[string]int{} // gob has no empty map
	}
	if s.Many {
		c.counts = nil
	}
	c.numbers, c.wholes, c.other = s.Numbers, s.Wholes, firstCell{s.OtherPart, s.OtherRow, s.OtherWhat}
	c.inexact, c.big, c.zeros, c.counting, c.runs = s.Inexact, s.Big, s.Zeros, s.Counting, s.Runs
	c.sample, c.min, c.max, c.decimals, c.fewest, c.gcd = s.Sample, s.Min, s.Max, s.Decimals, s.Fewest, s.GCD
	c.layouts = nil
	for _, l := range s.Layouts {
		c.layouts = append(c.layouts, timeFacts{l.Layout, l.Min, l.Max, l.Decimals, l.GCD})
	}
}
