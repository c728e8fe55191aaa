// The command explain: which columns make a row unlikely.

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/command/tablecommand"
	"github.com/bijou-flow/bijou/internal/tables"
	"github.com/bijou-flow/bijou/table"
)

const explainAbout = `Says which columns make rows unlikely, the strongest first.

The log-density of a row is the sum of one term a column, log p(column | those before
it in the model's order). A column counts by how far its term is below the one that
is usual, its mean over rows that the model draws. Without -rows, the -n least likely
rows of the input are explained.

Example: go run ./cmd/bijou explain -model model.safetensors new.csv -n 5
`

// explanation is a row and what its columns contribute.
type explanation struct {
	Row        int            `json:"row"`
	Line       int            `json:"line"`
	LogDensity command.Number `json:"log_density"`
	PValue     float64        `json:"p_value"`
	Columns    []columnTerm   `json:"columns"`

	codes []float64
	logp  float64
}

// columnTerm is a column's part in a row's log-density.
type columnTerm struct {
	Column string         `json:"column"`
	Cell   string         `json:"cell"`
	Term   command.Number `json:"log_density"`
	Usual  command.Number `json:"usual"`
}

func explainCommand(ctx context.Context, args []string, s command.Streams) error {
	var rows string
	var in modelRows
	var n, columns int
	var asJSON bool
	f := newFlags("explain", explainAbout)
	in.declare(f)
	f.Int(&n, "n", 10, 1, 100_000, "how many of the least likely rows")
	f.String(&rows, "rows", "", "`numbers` of rows to explain, counted from 1, with commas between")
	f.Int(&columns, "columns", 3, 1, 100_000, "how many columns of a row to name at most")
	f.Bool(&asJSON, "json", "write NDJSON, an object a row, with all columns")
	out := f.File("out", "", "`file` to write; empty: standard output", ".txt", ".json", ".ndjson", ".jsonl")
	if err := in.parse(f, args, s); err != nil {
		return err
	}
	wanted, err := rowNumbers(rows)
	if err != nil {
		return err
	}
	m, log, err := in.load(s)
	if err != nil {
		return err
	}
	var picked []*explanation
	err = in.open(m.Schema(), func(r *table.Reader, b *table.Binding) error {
		picked, err = pick(ctx, m, b, r, wanted, n)
		return at(in.path(), err)
	})
	if err != nil {
		return err
	}
	if err := explain(m, picked); err != nil {
		return err
	}
	return writeOut(out, s, log, func(w io.Writer) error {
		if !asJSON && !slices.Contains([]string{".json", ".ndjson", ".jsonl"}, out.Extension()) {
			return tell(w, picked, columns)
		}
		e := json.NewEncoder(w)
		for _, x := range picked {
			if err := e.Encode(x); err != nil {
				return err
			}
		}
		return nil
	})
}

// rowNumbers reads -rows.
func rowNumbers(text string) (map[int]bool, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	wanted := map[int]bool{}
	for _, part := range strings.Split(text, ",") {
		row, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || row < 1 {
			return nil, command.Usagef("-rows %q: want numbers of rows, counted from 1, with commas between", text)
		}
		wanted[row] = true
	}
	return wanted, nil
}

// pick reads all rows and keeps those that are wanted, or the n least likely.
func pick(ctx context.Context, m *table.Model[float32], b *table.Binding, r *table.Reader, wanted map[int]bool, n int) (picked []*explanation, err error) {
	width := len(m.Schema().Columns)
	var some []*explanation
	flush := func() error {
		if len(some) == 0 {
			return ctx.Err()
		}
		codes := make([]float64, 0, len(some)*width)
		for _, x := range some {
			codes = append(codes, x.codes...)
		}
		logp, err := m.LogProb(codes)
		if err != nil {
			return err
		}
		p := m.PValues(logp)
		for i, x := range some {
			x.logp, x.LogDensity, x.PValue = logp[i], command.Number(logp[i]), p[i]
		}
		picked = append(picked, some...)
		if some = some[:0]; wanted == nil {
			slices.SortStableFunc(picked, func(a, b *explanation) int { return cmp.Compare(a.logp, b.logp) })
			picked = slices.Clip(picked[:min(n, len(picked))])
		}
		return ctx.Err()
	}
	for {
		row := make([]float64, width)
		err := b.Read(r, row)
		if err == io.EOF {
			break
		}
		if errors.Is(err, table.ErrSkipped) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if wanted != nil && !wanted[r.Row()] {
			continue
		}
		if some = append(some, &explanation{Row: r.Row(), Line: r.Line(), codes: row}); len(some) == block {
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	if err := flush(); err != nil {
		return nil, err
	}
	if len(picked) < len(wanted) {
		return nil, fmt.Errorf("%d of the rows of -rows are not there, or are left out; the input has %s rows", len(wanted)-len(picked), tablecommand.Grouped(r.Row()))
	}
	return picked, nil
}

// explain adds the columns to the rows, the strongest first.
func explain(m *table.Model[float32], picked []*explanation) error {
	schema := m.Schema()
	usual, err := tables.UsualTerms(m)
	if err != nil {
		return err
	}
	cells := make([]string, len(usual))
	for _, x := range picked {
		terms, err := m.Contributions(x.codes)
		if err != nil {
			return err
		}
		if err := tables.Given(schema, x.codes, cells); err != nil {
			return err
		}
		for j := range schema.Columns {
			x.Columns = append(x.Columns, columnTerm{schema.Columns[j].Name, cells[j], command.Number(terms[j]), command.Number(usual[j])})
		}
		slices.SortStableFunc(x.Columns, func(a, b columnTerm) int { return cmp.Compare(float64(a.Term-a.Usual), float64(b.Term-b.Usual)) })
	}
	return nil
}

// tell writes explanations in words.
func tell(w io.Writer, picked []*explanation, columns int) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, x := range picked {
		fmt.Fprintf(t, "row %d (line %d): log-density %.2f, p-value %.3g\n", x.Row, x.Line, x.logp, x.PValue)
		for _, c := range x.Columns[:min(columns, len(x.Columns))] {
			if c.Term >= c.Usual {
				break
			}
			cell := c.Cell
			if cell == "" {
				cell = "(missing)"
			}
			below := "impossible"
			if d := float64(c.Usual - c.Term); !math.IsInf(d, 0) {
				below = fmt.Sprintf("%.2f below its usual %.2f", d, float64(c.Usual))
			}
			fmt.Fprintf(t, "  %s\t%s\t%.2f\t%s\n", c.Column, cell, float64(c.Term), below)
		}
	}
	return t.Flush()
}
