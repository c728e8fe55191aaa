// Command bijou-beam scores tables by a model, draws rows of it, and fits one, in pipelines of
// Apache Beam: as the command bijou does, for tables of many files.
//
//	go run ./cmd/bijou-beam score -model model.safetensors -out scored.csv 'new-*.csv'
//	go run ./cmd/bijou-beam sample -model model.safetensors -n 1000000 -out draws.csv.gz
//
// in the directory of the module, beam. docs/scale.md has the runners.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/metrics"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/gcs"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/local"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/flink"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/spark"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/universal"

	"github.com/bijou-flow/bijou/internal/command"
)

const usage = `Usage: go run ./cmd/bijou-beam COMMAND [flags] [FILES] [-- flags of Beam]

Scores tables of many files by a model, draws rows of it, and fits one, on Apache
Beam.

Commands:
  score     log-density, p-value and flag of rows
  sample    draw rows
  describe  what the columns of a table are taken for
  fit       learn the density of rows, and write a model

An example:

  go run ./cmd/bijou-beam score -model model.safetensors -out scored.csv 'new-*.csv'

Tables are CSV or NDJSON, as they are or in gzip, Parquet or Avro, by paths of
this machine or gs://. Each file is read by one worker. Written are files like
scored-00000-of-00004.csv. What stands behind "--" is Beam's, such as
--endpoint=localhost:8099 for a Flink or Spark job server. "COMMAND -h" lists the
flags of a command.

Exit codes: 0 done, 1 failed, 2 wrong flags, 130 interrupted.
`

// commands in the order in which they are listed.
var commands = []command.Command{
	{Name: "score", Run: scoreCommand},
	{Name: "sample", Run: sampleCommand},
	{Name: "describe", Run: describeCommand},
	{Name: "fit", Run: fitCommand},
}

func main() {
	args, beams := os.Args[1:], []string(nil)
	if i := slices.Index(args, "--"); i >= 0 {
		args, beams = args[:i], args[i+1:]
	} else if len(args) > 0 && strings.HasPrefix(args[0], "--worker") { // a runner starts a worker
		args, beams = nil, args
	}
	if err := flag.CommandLine.Parse(beams); err != nil {
		os.Exit(command.WrongFlags)
	}
	beam.Init() // which does not return in a worker
	os.Args = append(os.Args[:1:1], args...)
	command.Main(run)
}

// run is main with its surroundings as arguments; it returns the exit code.
func run(ctx context.Context, args []string, s command.Streams) int {
	return command.Dispatch(ctx, "bijou-beam", usage, commands, args, s)
}

// newFlags are the flags of one of the commands.
func newFlags(name, about string) *command.Flags {
	return command.NewFlags("./cmd/bijou-beam "+name, about)
}

// job are the flags of a command that runs a pipeline.
type job struct {
	runner string
	quiet  bool
	force  bool
}

// declare declares them, with -force for tables that are written.
func (j *job) declare(f *command.Flags) {
	j.declareRunner(f)
	f.Bool(&j.force, "force", "replace files of an earlier run, once this run is finished")
}

func (j *job) declareRunner(f *command.Flags) {
	f.Choice(&j.runner, "runner", "prism", "Beam's `runner`: prism, in this process; flink, spark or universal, by a job server", "prism", "flink", "spark", "universal")
	f.Bool(&j.quiet, "quiet", "say nothing on the way: errors alone go to standard error")
}

// hush are the streams without what is said on the way.
func (j *job) hush(s command.Streams) command.Streams {
	if j.quiet {
		s.Log = io.Discard
	}
	return s
}

// run runs a pipeline to its end. Beam's own log is not shown: what went wrong is in
// its error.
func (j *job) run(ctx context.Context, p *beam.Pipeline) (beam.PipelineResult, error) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	result, err := beam.Run(ctx, j.runner, p)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return result, cause(err)
}

// cause is what went wrong in a function of the pipeline, without the plan around it.
func cause(err error) error {
	if err == nil {
		return nil
	}
	const mark = "caused by:\n"
	text := err.Error()
	i := strings.LastIndex(text, mark)
	if i < 0 {
		return err
	}
	text = text[i+len(mark):]
	if before, rest, ok := strings.Cut(text, "failed:\n"); ok && strings.HasPrefix(before, "DoFn[") {
		text = rest
	}
	return errors.New(strings.TrimSpace(text))
}

// counted is a counter of a pipeline that ran.
func counted(r beam.PipelineResult, name string) (n int) {
	query := func(r metrics.SingleResult) bool { return r.Namespace() == "bijou" && r.Name() == name }
	for _, c := range r.Metrics().Query(query).Counters() {
		n += int(c.Result())
	}
	return n
}
