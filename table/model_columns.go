// From the columns of a schema to those of a density.

package table

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
)

// clone is a copy whose columns may be changed.
func (s *Schema) clone() *Schema {
	c := *s
	c.Columns = slices.Clone(s.Columns)
	return &c
}

// fewestOfAtom is how many rows have to share a rounded number for it to be an
// atom: rarer ones are learned together, by their place on the line.
const fewestOfAtom = 20

// pruneAtoms drops atoms of rounded numbers that few of the codes have.
func (c *Column) pruneAtoms(codes []float64) {
	if !c.Number() || c.Step == 0 || len(c.Atoms) == 0 || c.constant() {
		return
	}
	count := map[float64]int{}
	for _, v := range codes {
		count[v]++
	}
	var kept []float64
	for _, a := range c.Atoms {
		if count[c.ToModel(a)] >= fewestOfAtom {
			kept = append(kept, a)
		}
	}
	c.Atoms = kept
}

// takeAtoms puts the atoms in the place of values that are the same in T: rows may come
// rounded to it.
func takeAtoms[T bijector.Float](values, atoms []float64) {
	exact := make(map[T]float64, len(atoms))
	for _, a := range atoms {
		exact[T(a)] = a
	}
	for i, v := range values {
		if a, ok := exact[T(v)]; ok {
			values[i] = a
		}
	}
}

// mixedColumn is column j as a density has it.
func mixedColumn(s *Schema, j int) autoregressive.MixedColumn {
	coding := s.Coding(j)
	c := autoregressive.MixedColumn{
		Atoms: s.atoms(j), Missing: coding.HasMissing, Ordered: coding.Ordered && len(coding.Atoms) > 0, Continuous: coding.Continuous,
		Step: coding.Step, Origin: coding.Origin,
	}
	if !math.IsNaN(coding.Lower) {
		c.Lower = &coding.Lower
	}
	if !math.IsNaN(coding.Upper) {
		c.Upper = &coding.Upper
	}
	if !c.Continuous {
		c.Step, c.Origin, c.Lower, c.Upper = 0, 0, nil, nil
	}
	return c
}

// The most that a model file's spec may have: so much in any file, and more, up to a limit,
// for more values in its tensors. See package registry.
const (
	mostSpecBytes      = 1 << 18
	mostSpecValues     = 20_000
	mostFileSpecBytes  = 1 << 25
	mostFileSpecValues = 1 << 22
)

// checkSize refuses tables whose model could not be saved, before it is trained: one
// of members with so many parameters each.
func (f *fitting[T]) checkSize(parameters int) error {
	schema, err := json.Marshal(f.schema)
	if err != nil {
		return fmt.Errorf("table: the schema as JSON: %w", err)
	}
	columns, err := json.Marshal(f.columns)
	if err != nil {
		return fmt.Errorf("table: the columns as JSON: %w", err)
	}
	members := max(f.o.Members, 1)
	size := func(text []byte) (values int) {
		return bytes.Count(text, []byte(",")) + bytes.Count(text, []byte("{")) + bytes.Count(text, []byte("["))
	}
	n, values := len(schema)+members*(len(columns)+10*len(f.columns)+1000), size(schema)+members*(size(columns)+len(f.columns)+100)
	all := float64(members) * float64(parameters)
	mostBytes := int(min(max(mostSpecBytes, 4*all), mostFileSpecBytes))
	mostValues := int(min(max(mostSpecValues, all), mostFileSpecValues))
	if n > mostBytes || values > mostValues {
		return fmt.Errorf("table: a model of %d columns and %d members has a description of about %d bytes and %d values, and its file holds %d and %d; fit fewer members or wider networks, leave columns out, or infer the schema with fewer categories: %w",
			len(f.columns), members, n, values, mostBytes, mostValues, bijector.ErrSpec)
	}
	return nil
}
