// The command schema, and schemas in words.

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/table"
)

const schemaAbout = `Says what the columns of a table are taken for.

It writes the schema as JSON, which can be changed and handed to "fit -schema",
and tells it in words on standard error.

Example: go run ./cmd/bijou schema data.csv -out schema.json
`

func schemaCommand(ctx context.Context, args []string, s command.Streams) error {
	var in inputFlags
	var known schemaFlags
	f := newFlags("schema", schemaAbout)
	list := f.Args("FILE", 1, 1)
	out := f.File("out", "", "`file` to write; empty: standard output", ".json")
	in.declare(f)
	known.declare(f)
	hush := quietFlag(f)
	options, err := in.parse(f, args, s)
	if err != nil {
		return err
	}
	log := hush(s)
	t := &twice{path: list.List[0]}
	defer t.close()
	schema, facts, _, err := known.infer(ctx, t, options, log)
	if err != nil {
		return err
	}
	describe(log.Log, schema, facts)
	return writeOut(out, s, log, func(w io.Writer) error {
		return writeJSON(w, schema)
	})
}

// writeJSON writes a document for machines that a person can read, too.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// writeOut writes a file whole or not at all, and says where it is on the log;
// without a name, to standard output.
func writeOut(out *command.File, s, log command.Streams, write func(io.Writer) error) error {
	if out.Path == "" {
		return write(s.Out)
	}
	return out.Write(command.Streams{Out: log.Log, Log: log.Log}, write)
}

// describe tells a schema in words, a column a line.
func describe(w io.Writer, schema *table.Schema, facts *table.Inference) {
	fmt.Fprintf(w, "%s rows, %d columns", grouped(facts.Rows()), len(schema.Columns)+len(schema.LeftOut))
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
