// Command bijou fits the exact density of a table with mixed columns, and then
// scores rows by it, explains the scores, draws new rows, fills in missing cells,
// predicts a column from the others and plots data beside draws.
//
//	go run ./cmd/bijou fit data.csv -out model.safetensors
//	go run ./cmd/bijou score -model model.safetensors new.csv -out scored.csv
//	go run ./cmd/bijou explain -model model.safetensors new.csv
//	go run ./cmd/bijou sample -model model.safetensors -n 1000 -out draws.csv
//	go run ./cmd/bijou fill -model model.safetensors data.csv -out filled.csv
//	go run ./cmd/bijou predict -model model.safetensors -column species new.csv
//	go run ./cmd/bijou plot -model model.safetensors data.csv -out corner.png
//	go run ./cmd/bijou schema data.csv
//	go run ./cmd/bijou info model.safetensors
//	go run ./cmd/bijou serve model.safetensors
//
// docs/tables.md says what it does with columns and cells, docs/serve.md what it
// answers over HTTP.
package main

import (
	"context"
	"io"

	"github.com/bijou-flow/bijou/internal/command"
)

const usage = `Usage: go run ./cmd/bijou COMMAND [flags] [FILE]

Learns the density of a table, whatever its columns are: numbers, whole and
rounded ones, categories, yes and no, times, and cells that are missing.

Commands:
  fit      learn the density of a table's rows
  score    log-density, p-value and flag of rows
  explain  the columns that make rows unlikely
  sample   draw rows, with given cells if wanted
  fill     missing cells filled in
  predict  a column from the others: probabilities, or mean and quantiles
  plot     pictures of draws beside data
  schema   what the columns of a table are taken for
  info     what a model file is, any of the library's
  serve    scores, explanations and draws over HTTP

A first run:

  go run ./cmd/bijou fit data.csv -out model.safetensors
  go run ./cmd/bijou score -model model.safetensors new.csv -out scored.csv

Tables are CSV or NDJSON, as they are or in gzip; "-" is standard input. What has
no -out goes to standard output, and nothing but data does; all else goes to
standard error, without colours. "COMMAND -h" lists the flags of a command.

Exit codes: 0 done, 1 failed, 2 wrong flags, 130 interrupted.
`

// newFlags are the flags of one of the commands.
func newFlags(name, about string) *command.Flags {
	return command.NewFlags("./cmd/bijou "+name, about)
}

// commands in the order in which they are listed.
var commands = []command.Command{
	{Name: "fit", Run: fitCommand},
	{Name: "score", Run: scoreCommand},
	{Name: "explain", Run: explainCommand},
	{Name: "sample", Run: sampleCommand},
	{Name: "fill", Run: fillCommand},
	{Name: "predict", Run: predictCommand},
	{Name: "plot", Run: plotCommand},
	{Name: "schema", Run: schemaCommand},
	{Name: "info", Run: infoCommand},
	{Name: "serve", Run: serveCommand},
}

func main() { command.Main(run) }

// run is main with its surroundings as arguments; it returns the exit code.
func run(ctx context.Context, args []string, s command.Streams) int {
	return command.Dispatch(ctx, "bijou", usage, commands, args, s)
}

// quietFlag declares -quiet. hush is then the streams without what is said on
// the way; errors are printed by run, on the log itself.
func quietFlag(f *command.Flags) (hush func(command.Streams) command.Streams) {
	quiet := false
	f.Bool(&quiet, "quiet", "say nothing on the way: errors alone go to standard error")
	return func(s command.Streams) command.Streams {
		if quiet {
			s.Log = io.Discard
		}
		return s
	}
}
