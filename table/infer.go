// Inference: a schema from rows, in one pass and bounded memory.

package table

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/bijou-flow/bijou/internal/nilcheck"
)

// InferOptions bound what inference keeps and says what is known already. The
// zero value has the defaults.
type InferOptions struct {
	// MaxCategories is the most values that a category may have; 0 means 1000.
	MaxCategories int
	// Sample is how many rows' numbers are kept, drawn at random from all, to
	// find atoms and spread; 0 means 50,000.
	Sample int
	// Seed draws them.
	Seed uint64
	// Part numbers the part of the data that is added, from 0 to 2^24 - 1, for Merge.
	Part int
	// Given is what is known: columns in any order, and of each the fields that
	// are set. A Kind is kept whatever the cells look like, as are Categories,
	// and Atoms that are empty but not nil. Columns that are LeftOut there are.
	Given *Schema
}

const (
	defaultMaxCategories = 1000
	defaultSample        = 50_000
	mostSample           = 10_000_000
)

// Inference makes a schema of the rows that it is given.
type Inference struct {
	options InferOptions
	columns []*columnFacts
	rows    int // of all parts
	parts   []partRows
	sampled sampleHeap
}

// partRows is how many rows a part has.
type partRows struct{ Part, Rows int }

// NewInference starts one for columns of the given names. Options that are
// negative or too large, and Given columns that the names have not, are ErrSchema
// and ErrColumns.
func NewInference(names []string, o InferOptions) (*Inference, error) {
	if o.MaxCategories == 0 {
		o.MaxCategories = defaultMaxCategories
	}
	if o.Sample == 0 {
		o.Sample = defaultSample
	}
	if o.Part < 0 || o.Part >= mostParts {
		return nil, fmt.Errorf("table: part %d of the data, want 0 to %d: %w", o.Part, mostParts-1, ErrSchema)
	}
	if o.MaxCategories < 0 || o.Sample < 0 || o.Sample > mostSample {
		return nil, fmt.Errorf("table: at most %d categories and a sample of %d rows, want positive numbers, a sample of at most %d: %w", o.MaxCategories, o.Sample, mostSample, ErrSchema)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("table: no columns to make a schema of: %w", ErrColumns)
	}
	if err := distinct(names); err != nil {
		return nil, err
	}
	i := &Inference{options: o, parts: []partRows{{Part: o.Part}}}
	for _, name := range names {
		i.columns = append(i.columns, newColumnFacts(name, o))
	}
	if o.Given == nil {
		return i, nil
	}
	for k := range o.Given.Columns {
		c := &o.Given.Columns[k]
		at := slices.Index(names, c.Name)
		if at < 0 {
			return nil, fmt.Errorf("table: the given schema has a column %s, the data has %s: %w", quoted(c.Name), listed(names), ErrColumns)
		}
		if c.Kind != "" && !slices.Contains(kinds, c.Kind) {
			return nil, fmt.Errorf("table: column %s: kind %s, want %s: %w", quoted(c.Name), quoted(string(c.Kind)), joinKinds(), ErrSchema)
		}
		i.columns[at].give(c)
	}
	for _, l := range o.Given.LeftOut {
		at := slices.Index(names, l.Name)
		if at < 0 {
			return nil, fmt.Errorf("table: the given schema leaves out %s, the data has %s: %w", quoted(l.Name), listed(names), ErrColumns)
		}
		reason := l.Reason
		if reason == "" {
			reason = "as given"
		}
		i.columns[at].leftOut = reason
	}
	return i, nil
}

// distinct refuses names that are there twice.
func distinct(names []string) error {
	seen := map[string]int{}
	for i, n := range names {
		if first, ok := seen[n]; ok {
			return fmt.Errorf("table: columns %d and %d are both %s; rename one: %w", first+1, i+1, quoted(n), ErrColumns)
		}
		seen[n] = i
	}
	return nil
}

// Add takes a row's cells; a missing one is "". Another number of cells than
// columns is ErrColumns. The cells may be written over afterwards.
func (i *Inference) Add(cells []string) error {
	if i == nil || len(i.parts) == 0 {
		return fmt.Errorf("table: no inference, make one with NewInference: %w", ErrSchema)
	}
	if len(cells) != len(i.columns) {
		return fmt.Errorf("table: row %d has %d cells, want %d: %w", i.rows+1, len(cells), len(i.columns), ErrColumns)
	}
	own := i.own()
	slot := i.sampled.take(priority(i.options.Seed, i.options.Part, own.Rows), i.options.Sample)
	i.rows++
	own.Rows++
	for k, c := range i.columns {
		c.add(cells[k], own.Rows, slot)
	}
	return nil
}

// Rows is how many rows were added.
func (i *Inference) Rows() int {
	if i == nil {
		return 0
	}
	return i.rows
}

// Schema is that of the rows so far, by the rules of the package's
// documentation. Text among numbers is a CellError; no rows, or no column
// that can be modelled, are ErrInput.
func (i *Inference) Schema() (*Schema, error) {
	if i == nil || i.rows == 0 {
		return nil, fmt.Errorf("table: no rows to make a schema of: %w", ErrInput)
	}
	s := new(Schema)
	var errs []error
	for _, c := range i.columns {
		column, reason, err := c.column(i.parts)
		switch {
		case err != nil:
			errs = append(errs, err)
		case reason != "":
			s.LeftOut = append(s.LeftOut, LeftOut{c.name, reason})
		default:
			s.Columns = append(s.Columns, column)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if len(s.Columns) == 0 {
		return nil, fmt.Errorf("table: no column is left to model; the first, %s, is left out: %s: %w", quoted(s.LeftOut[0].Name), s.LeftOut[0].Reason, ErrInput)
	}
	return s, s.Validate()
}

// Infer reads all rows of r and makes their schema.
func Infer(r *Reader, o InferOptions) (*Schema, error) {
	if nilcheck.IsNil(r) {
		return nil, fmt.Errorf("table: no reader: %w", ErrInput)
	}
	i, err := NewInference(r.Columns(), o)
	if err != nil {
		return nil, err
	}
	for {
		cells, err := r.Read()
		if err == io.EOF {
			return i.Schema()
		}
		if err == nil {
			err = i.Add(cells)
		}
		if err != nil {
			return nil, err
		}
	}
}

// Missing is how many cells of a column were missing.
func (i *Inference) Missing(name string) int {
	if i == nil {
		return 0
	}
	for _, c := range i.columns {
		if c.name == name {
			return c.missing
		}
	}
	return 0
}
