// Command serve puts load on a service of package serve, in a process of its
// own on the same machine, and prints what it holds: single rows on many
// connections, and one long stream.
//
//	go run ./benchmarks/serve
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/serve"
	"github.com/bijou-flow/bijou/table"
)

const about = `Puts load on a service of package serve: single rows of a table on many connections,
and then one stream of NDJSON.

It fits a table of its own, starts itself as the service, and prints a table as
Markdown: requests and rows a second, the time of a request at the median and
beyond, and the service's memory before and behind each. It writes no file that
stays. Client and service share the machine's cores.

Example: go run ./benchmarks/serve -seconds 5 -rows 100000
`

func main() { command.Main(run) }

// run is main with its surroundings as arguments; it returns the exit code.
func run(ctx context.Context, args []string, s command.Streams) int {
	return command.Exit("serve", load(ctx, args, s), s)
}

func load(ctx context.Context, args []string, s command.Streams) error {
	var columns, seconds, connections, rows int
	var file, url string
	f := command.NewFlags("./benchmarks/serve", about)
	f.Int(&columns, "columns", 20, 1, 1000, "columns of the table, every fifth a category")
	f.Int(&seconds, "seconds", 20, 1, 100_000, "`seconds` of single rows")
	f.Int(&connections, "connections", 64, 1, 1000, "connections of single rows")
	f.Int(&rows, "rows", 1_000_000, 1, command.Most, "rows of the stream")
	f.String(&url, "host", "", "`host:port` of another service to ask, in place of one that is started: its rows are those of -columns, and it has POST /v1/score")
	f.String(&file, "serve", "", "`file` of a model: serve it until standard input ends, which is how the service is started")
	if err := f.Parse(args, s); err != nil {
		return err
	}
	if file != "" {
		return service(ctx, file, s)
	}
	if url == "" {
		host, stop, err := start(ctx, columns, s)
		if err != nil {
			return err
		}
		defer stop()
		url = host
	}
	fmt.Fprintln(s.Out, "| load | requests/s | rows/s | p50, ms | p99, ms | p99.9, ms | memory before, MB | behind, MB |\n|---|--:|--:|--:|--:|--:|--:|--:|")
	if err := singles(ctx, url, columns, connections, time.Duration(seconds)*time.Second, s.Out); err != nil {
		return command.Early(err, "what was measured is printed")
	}
	return command.Early(stream(ctx, url, columns, rows, s.Out), "what was measured is printed")
}

// service serves a model, and says where.
func service(ctx context.Context, file string, s command.Streams) error {
	m, err := registry.Load[*table.Model[float32]](file)
	if err != nil {
		return err
	}
	served, err := serve.Table(m)
	if err != nil {
		return err
	}
	h, err := serve.New(served, serve.Options{})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(s.Out, l.Addr())
	ctx, end := context.WithCancel(ctx)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		end()
	}()
	return serve.Run(ctx, l, h, serve.RunOptions{Grace: -1})
}

// start fits a model and starts a service of it.
func start(ctx context.Context, columns int, s command.Streams) (host string, stop func(), err error) {
	dir, err := os.MkdirTemp("", "bijou-serve-*")
	if err != nil {
		return "", nil, err
	}
	stop = func() { os.RemoveAll(dir) }
	defer func() {
		if err != nil {
			stop()
		}
	}()
	file := filepath.Join(dir, "model.safetensors")
	fmt.Fprintf(s.Log, "fitting %d columns\n", columns)
	if err := fit(ctx, columns, file); err != nil {
		return "", nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	child := exec.Command(self, "-serve", file)
	child.Stderr = s.Log
	in, err := child.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	out, err := child.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := child.Start(); err != nil {
		return "", nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return "", nil, fmt.Errorf("the service did not start: %w", err)
	}
	return strings.TrimSpace(line), func() {
		in.Close()
		child.Wait()
		os.RemoveAll(dir)
	}, nil
}

// cells are those of a random row, of which every fifth is a category's.
func cells(rng *rand.Rand, columns int) []string {
	all := make([]string, columns)
	shared := rng.NormFloat64()
	for j := range all {
		if v := shared + rng.NormFloat64(); j%5 == 4 {
			all[j] = string(rune('a' + int(min(max(v+3, 0), 5))))
		} else {
			all[j] = strconv.FormatFloat(v, 'f', 6, 64)
		}
	}
	return all
}

// names of the columns.
func names(columns int) []string {
	all := make([]string, columns)
	for j := range all {
		all[j] = fmt.Sprintf("column%02d", j+1)
	}
	return all
}

// fit fits a model with the default widths.
func fit(ctx context.Context, columns int, file string) error {
	const n = 4000
	rng := rand.New(rand.NewPCG(1, 2))
	infer, err := table.NewInference(names(columns), table.InferOptions{})
	if err != nil {
		return err
	}
	rows := make([][]string, n)
	for i := range rows {
		rows[i] = cells(rng, columns)
		if err := infer.Add(rows[i]); err != nil {
			return err
		}
	}
	schema, err := infer.Schema()
	if err != nil {
		return err
	}
	codes := make([]float64, n*columns)
	for i, row := range rows {
		if err := schema.Encode(row, codes[i*columns:(i+1)*columns]); err != nil {
			return err
		}
	}
	m, _, err := table.Fit[float32](ctx, schema, table.MemoryRows(columns, codes), table.FitOptions{Epochs: 5, Seed: 1})
	if err != nil {
		return err
	}
	return registry.Save(file, m)
}
