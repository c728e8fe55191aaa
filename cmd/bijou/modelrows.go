// What commands share that read rows for a model: their flags, and the way to the
// rows.

package main

import (
	"context"
	"errors"
	"io"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/command/tablecommand"
	"github.com/bijou-flow/bijou/internal/tables"
	"github.com/bijou-flow/bijou/table"
)

// modelRows are the flags of a command that reads a table for a model.
type modelRows struct {
	input   tablecommand.InputFlags
	model   string
	unknown string // a table.Policy; "": the schema's own
	extra   bool
	hush    func(command.Streams) command.Streams
	list    *command.Args
	options table.ReaderOptions // after parse
}

// declare declares them.
func (r *modelRows) declare(f *command.Flags) {
	r.list = f.Args("FILE", 1, 1)
	modelFlag(f, &r.model)
	r.input.Declare(f)
	f.Bool(&r.extra, "extra", "allow columns that the model does not know")
	r.hush = quietFlag(f)
}

// declareUnknown declares -unknown, with what becomes of a cell that is counted as
// missing.
func (r *modelRows) declareUnknown(f *command.Flags, missing string) {
	f.Choice(&r.unknown, "unknown", "", "what becomes of a cell that its column does not take, whatever the model's schema says: error, "+missing+", skip", "error", "missing", "skip")
}

// parse reads all flags of the command.
func (r *modelRows) parse(f *command.Flags, args []string, s command.Streams) (err error) {
	r.options, err = r.input.Parse(f, args, s)
	return err
}

// load reads the model. log are the streams for what is said on the way.
func (r *modelRows) load(s command.Streams) (m *table.Model[float32], log command.Streams, err error) {
	m, err = loadModel(r.model)
	return m, r.hush(s), err
}

// schema is the model's, with the policy of -unknown, to be changed at will.
func (r *modelRows) schema(m *table.Model[float32]) *table.Schema {
	return tables.WithPolicy(m.Schema(), table.Policy(r.unknown))
}

// path is that of the table.
func (r *modelRows) path() string { return r.list.List[0] }

// open opens the table for as long as do runs, and finds the schema's columns in it.
func (r *modelRows) open(schema *table.Schema, do func(*table.Reader, *table.Binding) error) error {
	in, err := open(r.path())
	if err != nil {
		return err
	}
	defer in.Close()
	o := r.options
	o.Columns = schema.Names()
	t, err := reader(in, r.path(), o)
	if err != nil {
		return err
	}
	b, err := schema.Bind(t.Columns(), r.extra)
	if err != nil {
		return at(r.path(), err)
	}
	return do(t, b)
}

// eachRow reads one row after the other into row, and calls do for it. It returns how
// many there were, without those that are skipped.
func eachRow(ctx context.Context, in *table.Reader, b *table.Binding, row []float64, count *counter, do func() error) (rows int, err error) {
	for {
		err := b.Read(in, row)
		switch {
		case err == io.EOF:
			return rows, nil
		case errors.Is(err, table.ErrSkipped):
			continue
		case err != nil:
			return rows, err
		}
		if err := do(); err != nil {
			return rows, err
		}
		if rows++; rows%64 == 0 {
			if err := ctx.Err(); err != nil {
				return rows, err
			}
			count.at(rows)
		}
	}
}
