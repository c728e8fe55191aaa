// Avro: Records written to container files of it.

package bijoubeam

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"

	"github.com/linkedin/goavro/v2"

	"github.com/bijou-flow/bijou/table"
)

// avroBlock is how many rows a block has, deflated as every reader of Avro can undo.
const avroBlock = 1 << 12

// avroNames are those that fields may have.
var avroNames = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// avroWriter writes cells as texts, those of number columns as doubles and those of boolean ones
// as booleans; empty ones are null.
type avroWriter struct {
	to    *goavro.OCFWriter
	names []string
	make  []func(string) (any, error)
	block []any
}

func newAvroWriter(w io.Writer, o WriteOptions) (*avroWriter, error) {
	type field struct {
		Name    string   `json:"name"`
		Type    []string `json:"type"`
		Default any      `json:"default"`
	}
	var fields []field
	a := &avroWriter{names: o.Columns}
	for _, name := range o.Columns {
		if !avroNames.MatchString(name) {
			return nil, fmt.Errorf("bijoubeam: column %q: Avro has names of letters of ASCII, digits and _, of which the first is no digit; write CSV, NDJSON or Parquet, or name the column otherwise: %w", name, table.ErrInput)
		}
		kind, value := "string", func(cell string) (any, error) { return cell, nil }
		switch {
		case slices.Contains(o.Booleans, name):
			kind, value = "boolean", func(cell string) (any, error) { return strconv.ParseBool(cell) }
		case slices.Contains(o.Literal, name):
			kind, value = "double", func(cell string) (any, error) { return double(cell) }
		}
		fields = append(fields, field{Name: name, Type: []string{"null", kind}})
		a.make = append(a.make, func(cell string) (any, error) {
			v, err := value(cell)
			return goavro.Union(kind, v), err
		})
	}
	schema, err := json.Marshal(map[string]any{"type": "record", "name": "row", "fields": fields})
	if err == nil {
		a.to, err = goavro.NewOCFWriter(goavro.OCFConfig{W: w, Schema: string(schema), CompressionName: goavro.CompressionDeflateLabel})
	}
	if err != nil {
		return nil, fmt.Errorf("bijoubeam: a file of Avro: %w", err)
	}
	return a, nil
}

// Write writes a row.
func (a *avroWriter) Write(cells []string) error {
	record := make(map[string]any, len(cells))
	for i, cell := range cells {
		if cell == "" {
			record[a.names[i]] = nil
			continue
		}
		v, err := a.make[i](cell)
		if err != nil {
			return fmt.Errorf("column %q: %w: %w", a.names[i], err, table.ErrInput)
		}
		record[a.names[i]] = v
	}
	if a.block = append(a.block, record); len(a.block) < avroBlock {
		return nil
	}
	return a.Close()
}

// Close writes what is left.
func (a *avroWriter) Close() error {
	if len(a.block) == 0 {
		return nil
	}
	err := a.to.Append(a.block)
	a.block = a.block[:0]
	return err
}
