// The command predict: a column given the others.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/command/tablecommand"
	"github.com/bijou-flow/bijou/table"
)

const predictAbout = `Predicts a column of each row from the other columns.

Appends "predicted" and, for a column of categories or of few values, the likeliest
value's probability and that of each of them: p(a), p(b) and so on. For other numbers it
appends their mean and, as lower and upper, the 5 and 95 % points. The input need not
have the column; what it has there is not looked at. Probabilities are those of the
density, so that other cells may be missing where the model has met that. Other
missing cells are integrated out, by draws, as numbers are.

Example: go run ./cmd/bijou predict -model model.safetensors -column species new.csv
`

func predictCommand(ctx context.Context, args []string, s command.Streams) error {
	var column string
	var in modelRows
	var draws int
	var seed uint64
	f := newFlags("predict", predictAbout)
	in.declare(f)
	f.String(&column, "column", "", "`name` of the column to predict")
	out := f.File("out", "", "`file` to write, .gz for gzip; empty: standard output", tablecommand.Files...)
	f.Int(&draws, "draws", 1024, 64, 1_000_000, "draws for a row where probabilities are not exact, and for numbers")
	f.Seed(&seed, "seed", 1, "seed")
	in.declareUnknown(f, "missing")
	if err := in.parse(f, args, s); err != nil {
		return err
	}
	m, log, err := in.load(s)
	if err != nil {
		return err
	}
	schema := in.schema(m)
	target := schema.Index(column)
	if target < 0 {
		return command.Usagef("-column %q: want a column of the model: %s", column, strings.Join(schema.Names(), ", "))
	}
	for i := range schema.Columns {
		schema.Columns[i].Missing = true
	}
	schema.Columns[target].OnUnknown = table.TakeMissing // it is not looked at, and need not be there
	return in.open(schema, func(r *table.Reader, b *table.Binding) error {
		p := &predictor{model: m, target: target, in: r, bound: b, draws: draws, seed: seed}
		if err := p.prepare(); err != nil {
			return at(in.path(), err)
		}
		err := writeOut(out, s, log, func(w io.Writer) error {
			return tablecommand.Packed(out.Path, w, func(w io.Writer) error {
				return p.run(ctx, w, tablecommand.OutputFormat(out.Path, r.Options()), schema, log)
			})
		})
		return at(in.path(), err)
	})
}

// predictor predicts a column for the rows of a reader.
type predictor struct {
	model  *table.Model[float32]
	target int
	in     *table.Reader
	bound  *table.Binding
	draws  int
	seed   uint64

	atoms []float64 // the values of the column, without a missing one; nil: numbers
	texts []string
	names []string // of the columns that are appended
}

// prepare works out what is appended.
func (p *predictor) prepare() error {
	schema := p.model.Schema()
	coding := schema.Coding(p.target)
	if p.names = []string{"predicted", "lower", "upper"}; !coding.Continuous {
		p.atoms, p.names = coding.Atoms, []string{"predicted", "probability"}
		for _, v := range p.atoms {
			text, err := schema.Columns[p.target].Decode(v)
			if err != nil {
				return err
			}
			p.texts, p.names = append(p.texts, text), append(p.names, "p("+text+")")
		}
	}
	for _, n := range p.names {
		if slices.Contains(p.in.Columns(), n) {
			return fmt.Errorf("it has a column %q, which predict appends; take it out or rename it", n)
		}
	}
	return nil
}

func (p *predictor) run(ctx context.Context, w io.Writer, form table.ReaderOptions, schema *table.Schema, log command.Streams) error {
	columns := p.in.Columns()
	out, err := table.NewWriter(w, append(slices.Clone(columns), p.names...), schema, form)
	if err != nil {
		return err
	}
	if out.Literal(len(columns) + 1); p.atoms == nil {
		out.Literal(len(columns))
	}
	row := make([]float64, len(schema.Columns))
	rows, err := eachRow(ctx, p.in, p.bound, row, newCounter("predicting", log), func() error {
		more, err := p.predict(row)
		if err != nil {
			return fmt.Errorf("row %d (line %d): %w", p.in.Row(), p.in.Line(), err)
		}
		return out.Write(append(slices.Clone(p.in.Raw()), more...))
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(log.Log, "%s rows\n", tablecommand.Grouped(rows))
	return out.Close()
}

// predict returns the cells that are appended to a row.
func (p *predictor) predict(row []float64) ([]string, error) {
	schema := p.model.Schema()
	known, exact := make([]bool, len(row)), true
	for j, v := range row {
		// A missing cell is a value like others to a model that has met one.
		known[j] = j != p.target && (v != table.Missing || schema.Columns[j].Missing)
		exact = exact && (known[j] || j == p.target)
	}
	if p.atoms == nil {
		return p.number(row, known)
	}
	var prob []float64
	if exact {
		all, err := p.model.Classify(row, p.target)
		if err != nil {
			return nil, err
		}
		prob = all[:len(p.atoms)]
	} else {
		values, err := p.values(row, known)
		if err != nil {
			return nil, err
		}
		prob = make([]float64, len(p.atoms))
		for _, v := range values {
			if k := slices.Index(p.atoms, v); k >= 0 {
				prob[k]++
			}
		}
	}
	return p.likeliest(prob)
}

// likeliest are the cells of probabilities, which need not sum to 1: a missing cell is
// not predicted.
func (p *predictor) likeliest(prob []float64) ([]string, error) {
	sum, best := 0.0, 0
	for k, v := range prob {
		if sum += v; v > prob[best] {
			best = k
		}
	}
	if !(sum > 0) {
		return nil, errors.New("its other cells are impossible together, whatever the column is")
	}
	cells := []string{p.texts[best], strconv.FormatFloat(prob[best]/sum, 'g', 6, 64)}
	for _, v := range prob {
		cells = append(cells, strconv.FormatFloat(v/sum, 'g', 6, 64))
	}
	return cells, nil
}

// values are draws of the column given the known cells, in increasing order and without
// missing ones. They depend on the row alone.
func (p *predictor) values(row []float64, known []bool) ([]float64, error) {
	rng := rand.New(rand.NewPCG(p.seed, uint64(p.in.Row())))
	codes, _, err := p.model.SampleGiven(rng, row, known, p.draws)
	if err != nil {
		return nil, err
	}
	var values []float64
	for i := p.target; i < len(codes); i += len(row) {
		if codes[i] != table.Missing {
			values = append(values, codes[i])
		}
	}
	if len(values) == 0 {
		return nil, fmt.Errorf("all of %d draws have no value in the column; -draws takes more", p.draws)
	}
	slices.Sort(values)
	return values, nil
}

// number are the cells of a prediction of numbers: their mean and two quantiles.
func (p *predictor) number(row []float64, known []bool) ([]string, error) {
	values, err := p.values(row, known)
	if err != nil {
		return nil, err
	}
	mean, n := 0.0, len(values)
	for _, v := range values {
		mean += v / float64(n)
	}
	var cells []string
	const tail = 20 // a twentieth at either end
	for _, v := range []float64{mean, values[n/tail], values[n-1-n/tail]} {
		text, err := p.model.Schema().Columns[p.target].Decode(v)
		if err != nil {
			return nil, err
		}
		cells = append(cells, text)
	}
	return cells, nil
}
