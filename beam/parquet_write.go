// Parquet: Records written to files of it.

package bijoubeam

import (
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/parquet-go/parquet-go"

	"github.com/bijou-flow/bijou/table"
)

// parquetRows is how many rows are in memory until they are written.
const parquetRows = 1 << 16

// parquetWriter writes cells as texts, those of number columns as doubles and those of boolean ones
// as booleans; empty ones are null.
type parquetWriter struct {
	to    *parquet.GenericWriter[any]
	names []string
	make  []func(string) (parquet.Value, error)
	row   []parquet.Row
}

// columnsInOrder is a group whose columns stay in their order.
type columnsInOrder struct {
	parquet.Group
	names []string
}

// Fields are the columns.
func (c columnsInOrder) Fields() []parquet.Field {
	fields := c.Group.Fields()
	slices.SortFunc(fields, func(a, b parquet.Field) int {
		return slices.Index(c.names, a.Name()) - slices.Index(c.names, b.Name())
	})
	return fields
}

func newParquetWriter(w io.Writer, o WriteOptions) *parquetWriter {
	p := &parquetWriter{names: o.Columns, row: []parquet.Row{make(parquet.Row, len(o.Columns))}}
	all := columnsInOrder{parquet.Group{}, o.Columns}
	for _, name := range o.Columns {
		node, value := parquet.String(), func(cell string) (parquet.Value, error) { return parquet.ByteArrayValue([]byte(cell)), nil }
		switch {
		case slices.Contains(o.Booleans, name):
			node, value = parquet.Leaf(parquet.BooleanType), func(cell string) (parquet.Value, error) {
				v, err := strconv.ParseBool(cell)
				return parquet.BooleanValue(v), err
			}
		case slices.Contains(o.Literal, name):
			node, value = parquet.Leaf(parquet.DoubleType), func(cell string) (parquet.Value, error) {
				v, err := double(cell)
				return parquet.DoubleValue(v), err
			}
		}
		all.Group[name] = parquet.Optional(node)
		p.make = append(p.make, value)
	}
	p.to = parquet.NewGenericWriter[any](w, parquet.NewSchema("table", all), parquet.Compression(&parquet.Snappy), parquet.MaxRowsPerRowGroup(parquetRows))
	return p
}

// double refuses what a double changes.
func double(cell string) (float64, error) {
	v, err := strconv.ParseFloat(cell, 64)
	if n, e := strconv.ParseInt(cell, 10, 64); err == nil && e == nil && (v >= 1<<63 || int64(v) != n) {
		err = fmt.Errorf("%s has more digits than a double: %w", cell, table.ErrInput)
	}
	return v, err
}

// Write writes a row.
func (p *parquetWriter) Write(cells []string) error {
	for i, cell := range cells {
		if cell == "" {
			p.row[0][i] = parquet.NullValue().Level(0, 0, i)
			continue
		}
		v, err := p.make[i](cell)
		if err != nil {
			return fmt.Errorf("column %q: %w: %w", p.names[i], err, table.ErrInput)
		}
		p.row[0][i] = v.Level(0, 1, i)
	}
	_, err := p.to.WriteRows(p.row)
	return err
}

// Close ends the file.
func (p *parquetWriter) Close() error { return p.to.Close() }
