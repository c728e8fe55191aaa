// Draws in JSON: of a table's model, and of other densities.

package serve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/table"
)

// tableDraws are rows of a table, as objects.
type tableDraws[T bijector.Float] struct {
	model *table.Model[T]
	rng   *rand.Rand
	row   []float64 // what is given
	known []bool    // nil: nothing is
	cells []string
	worth float64
}

func (e *tableEngine[T]) draws(r *sampleRequest) (draws, error) {
	d := &tableDraws[T]{model: e.model, rng: r.rng(), cells: make([]string, e.cells)}
	if len(r.Given) == 0 {
		return d, nil
	}
	schema := e.model.Schema()
	d.row, d.known = make([]float64, e.cells), make([]bool, e.cells)
	for name, raw := range r.Given {
		i := schema.Index(name)
		if i < 0 {
			return nil, &problem{
				status: 422, Code: "columns", Column: name, Given: "a cell of a column that there is not",
				Want: "columns of the model: " + clipped(schema.Names()), Do: "take it out",
			}
		}
		cell, err := cellOf(raw)
		if err != nil {
			return nil, badRequest("json", "given."+name+" of "+quoted(raw), "a text, a number, true, false or null", "mend it")
		}
		if d.row[i], err = schema.Columns[i].Encode(cell); err != nil {
			return nil, rowProblem(err)
		}
		d.known[i] = true
	}
	return d, nil
}

// cellOf is the cell of a JSON value; null is a missing one.
func cellOf(raw json.RawMessage) (string, error) {
	raw = bytes.TrimSpace(raw)
	switch {
	case len(raw) == 0 || raw[0] == '{' || raw[0] == '[':
		return "", fmt.Errorf("no cell")
	case string(raw) == "null":
		return "", nil
	case raw[0] == '"':
		var text string
		err := json.Unmarshal(raw, &text)
		return text, err
	}
	return string(raw), nil
}

// clipped is some names with commas between.
func clipped(names []string) string {
	const most = 12
	if len(names) > most {
		return strings.Join(names[:most], ", ") + " and others"
	}
	return strings.Join(names, ", ")
}

func (d *tableDraws[T]) next(dst []byte, n int) ([]byte, error) {
	var codes []float64
	var err error
	worth := float64(n)
	if d.known == nil {
		codes, err = d.model.Sample(d.rng, n)
	} else {
		codes, worth, err = d.model.SampleGiven(d.rng, d.row, d.known, n)
	}
	if err != nil {
		return dst, impossible(err)
	}
	d.worth += min(worth, float64(n))
	schema, width := d.model.Schema(), len(d.cells)
	var text bytes.Buffer
	w, err := table.NewWriter(&text, schema.Names(), schema, table.ReaderOptions{Format: table.NDJSON})
	if err != nil {
		return dst, err
	}
	for lo := 0; lo < len(codes); lo += width {
		if err := schema.Decode(codes[lo:lo+width], d.cells); err != nil {
			return dst, err
		}
		if err := w.Write(d.cells); err != nil {
			return dst, err
		}
	}
	if err := w.Close(); err != nil {
		return dst, err
	}
	rows := bytes.TrimSuffix(text.Bytes(), []byte("\n"))
	return append(dst, bytes.ReplaceAll(rows, []byte("\n"), []byte(","))...), nil
}

func (d *tableDraws[T]) effective() float64 { return d.worth }

// arrayDraws are rows of numbers.
type arrayDraws[T bijector.Float] struct {
	density Density[T]
	rng     *rand.Rand
	count   int
}

func (e *arrayEngine[T]) draws(r *sampleRequest) (draws, error) {
	if len(r.Given) > 0 {
		return nil, &problem{
			status: 422, Code: "given", Given: "cells for a density that is none of a table", Want: "n and seed alone", Do: `leave "given" out`,
		}
	}
	return &arrayDraws[T]{density: e.density, rng: r.rng()}, nil
}

func (d *arrayDraws[T]) next(dst []byte, n int) ([]byte, error) {
	rows, err := d.density.Sample(d.rng, n)
	if rows == nil || err != nil && !isRowError(err) {
		return dst, err
	}
	d.count += n
	values := rows.Values()
	bits := reflect.TypeFor[T]().Bits()
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '[')
		width := len(values) / n
		for j, v := range values[i*width : (i+1)*width] {
			if j > 0 {
				dst = append(dst, ',')
			}
			if v-v != 0 { // NaN and infinities
				dst = append(dst, "null"...)
				continue
			}
			dst = strconv.AppendFloat(dst, float64(v), 'g', -1, bits)
		}
		dst = append(dst, ']')
	}
	return dst, nil
}

func (d *arrayDraws[T]) effective() float64 { return float64(d.count) }
