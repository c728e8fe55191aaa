// Arrays: any other density as an engine.

package serve

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
)

type arrayEngine[T bijector.Float] struct {
	density     Density[T]
	rows        rowDensity[T] // nil: the density takes tensors alone
	values      int
	calibration *flow.Calibration
	buffers     sync.Pool // of *[]T
}

func (e *arrayEngine[T]) kind() string { return kindArrays }
func (e *arrayEngine[T]) width() int   { return e.values }

// arrayReader reads arrays of numbers that T holds.
type arrayReader struct{ most float64 }

func (e *arrayEngine[T]) reader(*query) (rowReader, error) {
	most := math.MaxFloat64
	if _, single := any(*new(T)).(float32); single {
		most = math.MaxFloat32
	}
	return arrayReader{most}, nil
}

func (arrayReader) done() {}

func (r arrayReader) read(text []byte, codes []float64) error {
	wrong := func(given string) error {
		return &problem{
			status: 422, Code: "array", Given: given, Want: fmt.Sprintf("an array of %d finite numbers", len(codes)), Do: "mend the row",
		}
	}
	p := 0
	space := func() {
		for p < len(text) && isSpace(text[p]) {
			p++
		}
	}
	if space(); p == len(text) || text[p] != '[' {
		return wrong("a row that begins with " + quoted(text[p:]))
	}
	p++
	for n := 0; ; n++ {
		space()
		start := p
		for p < len(text) && !isSpace(text[p]) && text[p] != ',' && text[p] != ']' {
			p++
		}
		number := text[start:p]
		space()
		if p == len(text) {
			return wrong("an array without an end")
		}
		if n == 0 && len(number) == 0 && text[p] == ']' {
			return wrong("an empty array")
		}
		if n == len(codes) {
			return wrong(fmt.Sprintf("an array of more than %d values", n))
		}
		v, ok := parseNumber(number)
		if !ok || math.Abs(v) > r.most {
			return wrong("the value " + quoted(number))
		}
		codes[n] = v
		end := text[p]
		p++
		if end == ',' {
			continue
		}
		if n+1 < len(codes) {
			return wrong(fmt.Sprintf("an array of %d values", n+1))
		}
		if space(); end != ']' || p < len(text) {
			return wrong("an array with " + quoted(text[p-1:]) + " in it or behind it")
		}
		return nil
	}
}

// parseNumber reads a number as JSON writes it.
func parseNumber(text []byte) (float64, bool) {
	for _, b := range text { // neither inf, nan, hexadecimals nor underscores
		if (b < '0' || b > '9') && b != '-' && b != '+' && b != '.' && b != 'e' && b != 'E' {
			return 0, false
		}
	}
	v, err := strconv.ParseFloat(string(text), 64)
	return v, err == nil
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' || b == '\r' || b == '\n' }

// quoted is the beginning of a text, for an error.
func quoted(text []byte) string {
	const most = 40
	if len(text) > most {
		return strconv.Quote(string(text[:most])) + "..."
	}
	return strconv.Quote(string(text))
}

func (e *arrayEngine[T]) logProb(dst, codes []float64) error {
	b, ok := e.buffers.Get().(*[]T)
	if !ok {
		b = new([]T)
	}
	defer e.buffers.Put(b)
	x := (*b)[:0]
	for _, v := range codes {
		x = append(x, T(v))
	}
	*b = x
	if e.rows != nil {
		return e.rows.LogProbRows(dst, x)
	}
	rows, err := bijector.RowsOf(x, len(dst), e.values)
	if err != nil {
		return err
	}
	logp, err := e.density.LogProb(rows)
	if len(logp) == len(dst) {
		copy(dst, logp)
	} else if err == nil {
		err = fmt.Errorf("serve: %d log-densities of %d rows: %w", len(logp), len(dst), bijector.ErrShape)
	}
	return err
}

func (e *arrayEngine[T]) pValue(logp float64) float64 {
	if e.calibration == nil {
		return math.NaN()
	}
	return e.calibration.PValue(logp)
}

func (e *arrayEngine[T]) explain([]float64) ([][]byte, error) {
	return nil, notExplained("a density that is none of a table")
}

func notExplained(given string) *problem {
	return &problem{
		status: 501, Code: "not_explained", Given: given, Want: "a table's, of columns that follow each other",
		Do: `ask /v1/score, or fit the table with "bijou fit" without -recipe`,
	}
}

func (e *arrayEngine[T]) describe() map[string]any {
	about := map[string]any{"values": e.values, "calibration_rows": 0}
	if e.calibration != nil {
		about["calibration_rows"] = len(e.calibration.Scores())
	}
	return about
}

func (e *arrayEngine[T]) columns() map[string]string { return nil }

func (e *arrayEngine[T]) rowSchema() map[string]any {
	return map[string]any{"type": "array", "items": map[string]any{"type": "number"}, "minItems": e.values, "maxItems": e.values}
}

// isRowError says whether an error is of some rows alone, whose results are NaN.
func isRowError(err error) bool {
	var e *bijector.RowError
	return errors.As(err, &e)
}
