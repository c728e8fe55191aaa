// The command schema, and schemas in words.

package main

import (
	"context"
	"io"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/command/tablecommand"
)

const schemaAbout = `Says what the columns of a table are taken for.

It writes the schema as JSON, which can be changed and handed to "fit -schema",
and tells it in words on standard error.

Example: go run ./cmd/bijou schema data.csv -out schema.json
`

func schemaCommand(ctx context.Context, args []string, s command.Streams) error {
	var in tablecommand.InputFlags
	var known tablecommand.SchemaFlags
	f := newFlags("schema", schemaAbout)
	list := f.Args("FILE", 1, 1)
	out := f.File("out", "", "`file` to write; empty: standard output", ".json")
	in.Declare(f)
	known.Declare(f)
	hush := quietFlag(f)
	options, err := in.Parse(f, args, s)
	if err != nil {
		return err
	}
	log := hush(s)
	t := &twice{path: list.List[0]}
	defer t.close()
	schema, facts, _, err := inferSchema(ctx, &known, t, options, log)
	if err != nil {
		return err
	}
	tablecommand.Describe(log.Log, schema, facts)
	return writeOut(out, s, log, func(w io.Writer) error {
		return tablecommand.WriteJSON(w, schema)
	})
}

// writeOut writes a file whole or not at all, and says where it is on the log;
// without a name, to standard output.
func writeOut(out *command.File, s, log command.Streams, write func(io.Writer) error) error {
	if out.Path == "" {
		return write(s.Out)
	}
	return out.Write(command.Streams{Out: log.Log, Log: log.Log}, write)
}
