// Package tables is what the command and the service do alike with the model of a
// table.
package tables

import (
	"math/rand/v2"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/table"
)

// usualRows is how many rows are drawn to see what is usual.
const usualRows = 4096

// UsualTerms are the mean terms log p(x_j | columns before j) of each column, in nats,
// over draws of the model by a seed of its own: what the terms of a row that is to be
// explained are compared with.
func UsualTerms[T bijector.Float](m *table.Model[T]) ([]float64, error) {
	draws, err := m.Sample(rand.New(rand.NewPCG(1, 0x757375616c)), usualRows)
	if err != nil {
		return nil, err
	}
	terms, err := m.Contributions(draws)
	if err != nil {
		return nil, err
	}
	usual := make([]float64, m.Dim())
	for i, v := range terms {
		usual[i%len(usual)] += v / usualRows
	}
	return usual, nil
}

// WithPolicy is a copy of a schema, to be changed at will, with another policy for cells
// that a column does not take; "" keeps each column's own.
func WithPolicy(schema *table.Schema, unknown table.Policy) *table.Schema {
	other := *schema
	other.Columns = slices.Clone(schema.Columns)
	for i := range other.Columns {
		if unknown != "" {
			other.Columns[i].OnUnknown = unknown
		}
	}
	return &other
}
