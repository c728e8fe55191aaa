// Blocks as bytes: numbers as they stand in memory, names of columns once.

package bijoubeam

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/bijou-flow/bijou/table"
)

func encodeRows(r Rows) ([]byte, error) { return appendRows(nil, r), nil }

func decodeRows(raw []byte) (Rows, error) {
	p := parser{rest: raw}
	r := p.rows()
	return r, p.end("block of rows")
}

func encodeScoredRows(s ScoredRows) ([]byte, error) {
	b := appendRows(nil, s.Rows)
	b = binary.AppendUvarint(b, uint64(len(s.Scores)))
	for _, v := range s.Scores {
		flag := byte(0)
		if v.Flag {
			flag = 1
		}
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v.LogDensity))
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v.PValue))
		b = append(b, flag)
	}
	return b, nil
}

func decodeScoredRows(raw []byte) (ScoredRows, error) {
	p := parser{rest: raw}
	s := ScoredRows{Rows: p.rows()}
	if n := p.count(17); n > 0 {
		s.Scores = make([]Scored, n)
	}
	for i := range s.Scores {
		b := p.take(17)
		s.Scores[i] = Scored{LogDensity: float64At(b, 0), PValue: float64At(b, 1), Flag: b[16] != 0}
	}
	return s, p.end("block of rows")
}

func appendRows(b []byte, r Rows) []byte {
	b = slices.Grow(b, 64+len(r.Source)+8*len(r.Numbers)+4*len(r.Float32)+8*len(r.Float64))
	b = appendText(binary.AppendUvarint(b, uint64(r.Width)), r.Source)
	b = binary.AppendUvarint(b, uint64(len(r.Numbers)))
	for _, v := range r.Numbers {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	b = appendFloat64s(appendFloat32s(b, r.Float32), r.Float64)
	b = binary.AppendUvarint(b, uint64(len(r.Records)))
	var last Record
	for _, v := range r.Records {
		b = binary.AppendVarint(b, v.Row)
		if v.Source == last.Source && slices.Equal(v.Names, last.Names) {
			b = append(b, 0)
		} else {
			b = appendTexts(appendText(append(b, 1), v.Source), v.Names)
		}
		b = appendText(appendTexts(b, v.Cells), v.Text)
		last = v
	}
	return b
}

func appendFloat32s(b []byte, values []float32) []byte {
	b = binary.AppendUvarint(b, uint64(len(values)))
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func appendFloat64s(b []byte, values []float64) []byte {
	b = binary.AppendUvarint(b, uint64(len(values)))
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendTexts(b []byte, all []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(all)))
	for _, s := range all {
		b = appendText(b, s)
	}
	return b
}

// parser takes bytes from the front. What is cut short is zeros, and an error at the end.
type parser struct {
	rest []byte
	bad  bool
}

func (p *parser) end(what string) error {
	if p.bad || len(p.rest) > 0 {
		return fmt.Errorf("bijoubeam: bytes that are no %s: %w", what, table.ErrInput)
	}
	return nil
}

func (p *parser) rows() (r Rows) {
	r.Width, r.Source = int(p.uvarint()), p.text()
	if n := p.count(8); n > 0 {
		r.Numbers = make([]int64, n)
	}
	for i, b := 0, p.take(8*len(r.Numbers)); i < len(r.Numbers); i++ {
		r.Numbers[i] = int64(binary.LittleEndian.Uint64(b[8*i:]))
	}
	r.Float32, r.Float64 = p.float32s(), p.float64s()
	if n := p.count(4); n > 0 {
		r.Records = make([]Record, n)
	}
	var last Record
	for i := range r.Records {
		v := Record{Row: p.varint(), Source: last.Source, Names: last.Names}
		if p.take(1)[0] != 0 {
			v.Source, v.Names = p.text(), p.texts()
		}
		v.Cells, v.Text = p.texts(), p.text()
		r.Records[i], last = v, v
	}
	return r
}

// take are the next n bytes.
func (p *parser) take(n int) []byte {
	if n > len(p.rest) {
		p.bad, p.rest = true, nil
		return make([]byte, n)
	}
	b := p.rest[:n]
	p.rest = p.rest[n:]
	return b
}

func (p *parser) uvarint() uint64 {
	v, n := binary.Uvarint(p.rest)
	p.take(p.width(n))
	return v
}

func (p *parser) varint() int64 {
	v, n := binary.Varint(p.rest)
	p.take(p.width(n))
	return v
}

// width is that of a number, of which none or too much was there where it is not positive.
func (p *parser) width(n int) int {
	if n <= 0 {
		p.bad, p.rest = true, nil
		return 0
	}
	return n
}

// count is how many values follow, of so many bytes each at least.
func (p *parser) count(size int) int {
	n := p.uvarint()
	if n > uint64(len(p.rest)/size) {
		p.bad, p.rest = true, nil
		return 0
	}
	return int(n)
}

func (p *parser) float32s() (values []float32) {
	if n := p.count(4); n > 0 {
		values = make([]float32, n)
	}
	for i, b := 0, p.take(4*len(values)); i < len(values); i++ {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return values
}

func (p *parser) float64s() (values []float64) {
	if n := p.count(8); n > 0 {
		values = make([]float64, n)
	}
	for i, b := 0, p.take(8*len(values)); i < len(values); i++ {
		values[i] = float64At(b, i)
	}
	return values
}

func (p *parser) text() string { return string(p.take(p.count(1))) }

func (p *parser) texts() (all []string) {
	if n := p.count(1); n > 0 {
		all = make([]string, n)
	}
	for i := range all {
		all[i] = p.text()
	}
	return all
}

func float64At(b []byte, i int) float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
}
