// Scores as text.

package tables

import (
	"math"
	"strconv"
	"strings"

	"github.com/bijou-flow/bijou/table"
)

// Density is a log-density as text. JSON has no infinities: null.
func Density(v float64, f table.Format) string {
	if f == table.NDJSON && math.IsInf(v, 0) {
		return ""
	}
	return strconv.FormatFloat(v, 'f', 4, 64)
}

// PValue is a p-value as text, "" for a model without calibration.
func PValue(p float64) string {
	if math.IsNaN(p) {
		return ""
	}
	return strconv.FormatFloat(p, 'g', 4, 64)
}

// AppendJSON appends values to a JSON object, as they stand: null for an empty one.
func AppendJSON(object string, names, values []string) string {
	line := strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(object), "}"))
	for i, name := range names {
		if !strings.HasSuffix(line, "{") {
			line += ","
		}
		value := values[i]
		if value == "" {
			value = "null"
		}
		line += strconv.Quote(name) + ":" + value
	}
	return line + "}"
}

// Given are the cells of an encoded row as they were given: as Schema.Decode has them,
// but for numbers beyond a bound of their column, which it moves to the bound.
func Given(s *table.Schema, codes []float64, cells []string) error {
	if err := s.Decode(codes, cells); err != nil {
		return err
	}
	for j := range s.Columns {
		c := &s.Columns[j]
		if !c.Number() || c.Kind == table.Time || codes[j] == table.Missing {
			continue
		}
		v := c.FromModel(codes[j])
		if c.Lower != nil && v < *c.Lower || c.Upper != nil && v > *c.Upper {
			if moved := c.ToModel(c.Value(codes[j])); math.Abs(moved-codes[j]) > 1e-6*(1+math.Abs(codes[j])) {
				cells[j] = strconv.FormatFloat(v, 'g', 9, 64)
			}
		}
	}
	return nil
}
