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
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/bijou-flow/bijou/flow"
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
	var file, url, onnxFile string
	var ofFlow bool
	f := command.NewFlags("./benchmarks/serve", about)
	f.Int(&columns, "columns", 20, 1, 1000, "columns of the table, every fifth a category")
	f.Int(&seconds, "seconds", 20, 1, 100_000, "`seconds` of single rows")
	f.Int(&connections, "connections", 64, 1, 1000, "connections of single rows")
	f.Int(&rows, "rows", 1_000_000, 1, command.Most, "rows of the stream")
	f.String(&url, "host", "", "`host:port` of another service to ask, in place of one that is started: its rows are those of -columns, and it has POST /v1/score")
	f.Bool(&ofFlow, "flow", "a Real NVP in place of a table: a row is an array of numbers")
	f.String(&onnxFile, "onnx", "", "`file` to write the Real NVP to, as ONNX, and nothing else")
	f.String(&file, "serve", "", "`file` of a model: serve it until standard input ends, which is how the service is started")
	if err := f.Parse(args, s); err != nil {
		return err
	}
	if onnxFile != "" {
		return export(onnxFile, columns)
	}
	if file != "" {
		return service(ctx, file, ofFlow, s)
	}
	row := object
	if ofFlow {
		row = array
	}
	if url == "" {
		host, stop, err := start(ctx, columns, ofFlow, s)
		if err != nil {
			return err
		}
		defer stop()
		url = host
	}
	fmt.Fprintln(s.Out, "| load | requests/s | rows/s | p50, ms | p99, ms | p99.9, ms | memory before, MB | behind, MB |\n|---|--:|--:|--:|--:|--:|--:|--:|")
	if err := singles(ctx, url, row, columns, connections, time.Duration(seconds)*time.Second, s.Out); err != nil {
		return command.Early(err, "what was measured is printed")
	}
	return command.Early(stream(ctx, url, row, columns, rows, s.Out), "what was measured is printed")
}

// service serves a model, and says where.
func service(ctx context.Context, file string, ofFlow bool, s command.Streams) error {
	var served *serve.Model
	if ofFlow {
		f, err := registry.Load[*flow.Flow[float32]](file)
		if err != nil {
			return err
		}
		if served, err = serve.Arrays(f, f.Dim(), nil); err != nil {
			return err
		}
	} else {
		m, err := registry.Load[*table.Model[float32]](file)
		if err != nil {
			return err
		}
		if served, err = serve.Table(m); err != nil {
			return err
		}
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

// start makes a model and starts a service of it.
func start(ctx context.Context, columns int, ofFlow bool, s command.Streams) (host string, stop func(), err error) {
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
	if ofFlow {
		var f *flow.Flow[float32]
		if f, err = realNVP(columns); err == nil {
			err = registry.Save(file, f)
		}
	} else {
		fmt.Fprintf(s.Log, "fitting %d columns\n", columns)
		err = fit(ctx, columns, file)
	}
	if err != nil {
		return "", nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	child := exec.Command(self, "-serve", file, fmt.Sprintf("-flow=%t", ofFlow))
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
