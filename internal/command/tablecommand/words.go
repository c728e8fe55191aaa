// Schemas in words.

package tablecommand

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/bijou-flow/bijou/table"
)

// Describe tells a schema in words, a column a line.
func Describe(w io.Writer, schema *table.Schema, facts *table.Inference) {
	fmt.Fprintf(w, "%s rows, %d columns", Grouped(facts.Rows()), len(schema.Columns)+len(schema.LeftOut))
	if n := len(schema.LeftOut); n > 0 {
		fmt.Fprintf(w, ", %d of them left out", n)
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i := range schema.Columns {
		c := &schema.Columns[i]
		fmt.Fprintf(t, "  %s\t%s\t%s\n", c.Name, c.Kind, inWords(c, facts.Missing(c.Name), facts.Rows()))
	}
	for _, l := range schema.LeftOut {
		fmt.Fprintf(t, "  %s\tleft out\t%s\n", l.Name, l.Reason)
	}
	t.Flush()
}

// inWords says what is special about a column.
func inWords(c *table.Column, missing, rows int) string {
	var parts []string
	switch {
	case !c.Number():
		parts = append(parts, some(c.Categories, len(c.Categories)))
	case c.Min == c.Max:
		parts = append(parts, "always "+cell(c, c.Min))
	default:
		parts = append(parts, cell(c, c.Min)+" to "+cell(c, c.Max))
	}
	if c.Step > 0 && c.Min < c.Max {
		parts = append(parts, "step "+step(c))
	}
	if n := len(c.Atoms); n > 0 && c.Min < c.Max {
		texts := make([]string, 0, n)
		for _, a := range c.Atoms {
			texts = append(texts, cell(c, a))
		}
		parts = append(parts, "atoms "+some(texts, n))
	}
	if missing > 0 {
		parts = append(parts, fmt.Sprintf("%.1f %% missing", 100*float64(missing)/float64(rows)))
	}
	return strings.Join(parts, "; ")
}

// some are the first few of n texts.
func some(texts []string, n int) string {
	const most = 6
	if n <= most {
		return strings.Join(texts, ", ")
	}
	return fmt.Sprintf("%s, ... (%d)", strings.Join(texts[:most-1], ", "), n)
}

// cell is a value as the column writes it.
func cell(c *table.Column, v float64) string {
	text, err := c.Decode(c.ToModel(v))
	if err != nil {
		return fmt.Sprint(v)
	}
	return text
}

// step is a column's step with its unit, if it has one.
func step(c *table.Column) string {
	if c.Kind == table.Time {
		return time.Duration(c.Step * float64(time.Second)).String()
	}
	return strconv.FormatFloat(c.Step, 'g', -1, 64)
}

// WriteJSON writes a document for machines that a person can read, too.
func WriteJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// Grouped writes a number with commas between its thousands.
func Grouped(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
