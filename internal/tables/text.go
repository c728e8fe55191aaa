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
