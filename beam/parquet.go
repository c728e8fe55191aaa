// Parquet: files of it read as tables are.

package bijoubeam

import (
	"fmt"
	"io"
	"math"
	"math/big"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/bijou-flow/bijou/table"
)

// Parquet is the format of files that are written under names in .parquet. Files that are read are
// known by their content.
const Parquet table.Format = "parquet"

const parquetMagic = "PAR1"

// parquetCells reads the rows of a Parquet file.
type parquetCells struct {
	columns []string
	text    []func(parquet.Value) string // by column
	groups  []parquet.RowGroup
	rows    parquet.Rows // of the group before; nil: none
	batch   []parquet.Row
	cells   []string
}

func openParquet(in io.ReaderAt, size int64) (*parquetCells, error) {
	f, err := parquet.OpenFile(in, size)
	if err != nil {
		return nil, err
	}
	p := &parquetCells{groups: f.RowGroups(), batch: make([]parquet.Row, 256)}
	for _, path := range f.Schema().Columns() {
		leaf, ok := f.Schema().Lookup(path...)
		if !ok || len(path) != 1 || leaf.MaxRepetitionLevel > 0 {
			return nil, fmt.Errorf("column %q: a column of lists or groups, want plain ones: %w", path, table.ErrColumns)
		}
		text, err := textOf(leaf.Node.Type())
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", path[0], err)
		}
		p.columns, p.text = append(p.columns, path[0]), append(p.text, text)
	}
	p.cells = make([]string, len(p.columns))
	return p, nil
}

func (p *parquetCells) names() []string { return p.columns }

func (p *parquetCells) next(write func(cells []string) error) error {
	if p.rows == nil {
		if len(p.groups) == 0 {
			return io.EOF
		}
		p.rows, p.groups = p.groups[0].Rows(), p.groups[1:]
	}
	n, err := p.rows.ReadRows(p.batch)
	for _, row := range p.batch[:n] {
		for _, v := range row {
			if p.cells[v.Column()] = ""; !v.IsNull() {
				p.cells[v.Column()] = p.text[v.Column()](v)
			}
		}
		if err := write(p.cells); err != nil {
			return err
		}
	}
	if err == io.EOF {
		err = p.rows.Close()
		p.rows = nil
	}
	return err
}

// textOf is how values of a type are written.
func textOf(t parquet.Type) (func(parquet.Value) string, error) {
	var logical any
	if l := t.LogicalType(); l != nil {
		logical = l.Value
	}
	switch l := logical.(type) {
	case *format.DateType:
		return func(v parquet.Value) string {
			return time.Unix(86400*int64(v.Int32()), 0).UTC().Format(time.DateOnly)
		}, nil
	case *format.TimestampType:
		unit := unitOf(l.Unit.Value)
		return func(v parquet.Value) string {
			at := v.Int64()
			rest := at % unit
			return time.Unix(at/unit, rest*(1e9/unit)).UTC().Format(time.RFC3339Nano)
		}, nil
	case *format.DecimalType:
		return func(v parquet.Value) string { return decimal(v, int(l.Scale)) }, nil
	case *format.IntType:
		if !l.IsSigned && t.Kind() == parquet.Int64 {
			return func(v parquet.Value) string { return strconv.FormatUint(v.Uint64(), 10) }, nil
		}
		if !l.IsSigned {
			return func(v parquet.Value) string { return strconv.FormatUint(uint64(v.Uint32()), 10) }, nil
		}
	case *format.TimeType, *format.Float16Type, *format.VariantType:
		return nil, fmt.Errorf("of type %v, want numbers, texts, dates or timestamps: %w", t, table.ErrInput)
	}
	switch t.Kind() {
	case parquet.Boolean:
		return func(v parquet.Value) string { return strconv.FormatBool(v.Boolean()) }, nil
	case parquet.Int32:
		return func(v parquet.Value) string { return strconv.FormatInt(int64(v.Int32()), 10) }, nil
	case parquet.Int64:
		return func(v parquet.Value) string { return strconv.FormatInt(v.Int64(), 10) }, nil
	case parquet.Float:
		return func(v parquet.Value) string { return float(float64(v.Float()), 32) }, nil
	case parquet.Double:
		return func(v parquet.Value) string { return float(v.Double(), 64) }, nil
	case parquet.ByteArray:
		return func(v parquet.Value) string { return string(v.ByteArray()) }, nil
	}
	return nil, fmt.Errorf("of type %v, want numbers, texts, dates or timestamps: %w", t, table.ErrInput)
}

// unitOf is how many of a unit a second has.
func unitOf(unit any) int64 {
	switch unit.(type) {
	case *format.MilliSeconds:
		return 1e3
	case *format.MicroSeconds:
		return 1e6
	}
	return 1e9
}

func float(v float64, bits int) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', -1, bits)
}

// decimal is a whole number, its last digits behind the point.
func decimal(v parquet.Value, scale int) string {
	var n big.Int
	switch v.Kind() {
	case parquet.Int32:
		n.SetInt64(int64(v.Int32()))
	case parquet.Int64:
		n.SetInt64(v.Int64())
	default: // the two's complement, the highest byte first
		b := v.ByteArray()
		if n.SetBytes(b); len(b) > 0 && b[0]&0x80 != 0 {
			n.Sub(&n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
		}
	}
	if scale <= 0 {
		return n.String()
	}
	return new(big.Rat).SetFrac(&n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)).FloatString(scale)
}
