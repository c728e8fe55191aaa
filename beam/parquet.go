// Parquet: files of it read as tables are.

package bijoubeam

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
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

// sizedReaderAt is an open file, of which Parquet's footer is read first.
type sizedReaderAt interface {
	io.ReaderAt
	Stat() (fs.FileInfo, error)
}

// asText is a table as text: in as it stands, or, where it is Parquet, what it has as CSV, with
// the options to read that by. Nulls and NaN are missing cells, and no text is one unless o says so.
func asText(in io.Reader, o table.ReaderOptions) (io.Reader, table.ReaderOptions, error) {
	head := make([]byte, len(parquetMagic))
	n, err := io.ReadFull(in, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, o, err
	}
	if string(head[:n]) != parquetMagic {
		return io.MultiReader(bytes.NewReader(head[:n]), in), o, nil
	}
	file, ok := in.(sizedReaderAt)
	var at io.ReaderAt
	var size int64
	if ok {
		info, err := file.Stat()
		if err != nil {
			return nil, o, err
		}
		at, size = file, info.Size()
	} else { // of a file system without
		rest, err := io.ReadAll(in)
		if err != nil {
			return nil, o, err
		}
		whole := bytes.NewReader(append(head, rest...))
		at, size = whole, whole.Size()
	}
	if o.Missing == nil {
		o.Missing = []string{}
	}
	text := table.ReaderOptions{Format: table.CSV, Comma: ',', Header: table.WithHeader, Missing: o.Missing}
	p := &parquetText{}
	err = guarded(func() error { return p.open(at, size, text) })
	return p, text, err
}

// guarded is the error of do, or what it panics with: a file that is broken must not end a worker.
func guarded(do func() error) (err error) {
	defer func() {
		if what := recover(); what != nil {
			err = fmt.Errorf("a Parquet file that cannot be read: %v: %w", what, table.ErrInput)
		}
	}()
	if err = do(); err != nil && err != io.EOF && !errors.Is(err, table.ErrInput) && !errors.Is(err, table.ErrColumns) {
		err = fmt.Errorf("a Parquet file that cannot be read: %w: %w", err, table.ErrInput)
	}
	return err
}

// parquetText reads a Parquet file as CSV.
type parquetText struct {
	groups []parquet.RowGroup
	rows   parquet.Rows // of the group before; nil: none
	batch  []parquet.Row
	text   []func(parquet.Value) string // by column
	cells  []string
	out    *table.Writer
	buffer bytes.Buffer
	err    error
}

func (p *parquetText) open(at io.ReaderAt, size int64, o table.ReaderOptions) error {
	f, err := parquet.OpenFile(at, size)
	if err != nil {
		return err
	}
	var names []string
	for _, path := range f.Schema().Columns() {
		leaf, ok := f.Schema().Lookup(path...)
		if !ok || len(path) != 1 || leaf.MaxRepetitionLevel > 0 {
			return fmt.Errorf("column %q: a column of lists or groups, want plain ones: %w", path, table.ErrColumns)
		}
		text, err := textOf(leaf.Node.Type())
		if err != nil {
			return fmt.Errorf("column %q: %w", path[0], err)
		}
		names, p.text = append(names, path[0]), append(p.text, text)
	}
	p.groups, p.batch, p.cells = f.RowGroups(), make([]parquet.Row, 256), make([]string, len(names))
	p.out, err = table.NewWriter(&p.buffer, names, nil, o)
	if err == nil {
		err = p.out.Close() // so that the names are there
	}
	return err
}

// Read reads text, of which rows are made when it is asked for.
func (p *parquetText) Read(to []byte) (int, error) {
	for p.buffer.Len() == 0 && p.err == nil {
		p.buffer.Reset()
		p.err = guarded(p.fill)
	}
	if p.buffer.Len() > 0 {
		return p.buffer.Read(to)
	}
	return 0, p.err
}

// fill makes the text of some rows.
func (p *parquetText) fill() error {
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
		if err := p.out.Write(p.cells); err != nil {
			return err
		}
	}
	if err == io.EOF {
		err = p.rows.Close()
		p.rows = nil
	}
	return errors.Join(err, p.out.Close())
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
