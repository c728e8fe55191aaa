// Command measure takes the figures of docs/scale.md: rows a second through Prism
// beside the plain loop of the library, and fits on shards beside one machine.
//
//	go run ./cmd/measure score -rows 1000000
//	go run ./cmd/measure fit -shards 2,8,32
//
// It writes to standard output.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/local"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"

	"github.com/bijou-flow/bijou/internal/command"
)

const usage = `Usage: go run ./cmd/measure score|fit [flags]
`

func main() {
	args := os.Args
	flag.CommandLine.Parse(nil) // Beam's own
	beam.Init()
	os.Args = args
	command.Main(func(ctx context.Context, args []string, s command.Streams) int {
		return command.Dispatch(ctx, "measure", usage, []command.Command{{Name: "score", Run: scoreCommand}, {Name: "fit", Run: fitCommand}}, args, s)
	})
}

// onPrism runs a pipeline in this process, and keeps Beam's log to itself.
func onPrism(ctx context.Context, p *beam.Pipeline) error {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	_, err := beam.Run(ctx, "prism", p)
	return err
}

// numbers are those of a list with commas, which may be empty.
func numbers(text string) (all []int, err error) {
	if text == "" {
		return nil, nil
	}
	for _, part := range strings.Split(text, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q, want whole numbers with commas between", text)
		}
		all = append(all, n)
	}
	return all, nil
}

// peak is the most memory that the process has had, in megabytes; 0 where the system
// does not say.
func peak() int {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	rest, _, _ = strings.Cut(rest, "kB")
	n, _ := strconv.Atoi(strings.TrimSpace(rest))
	return n / 1024
}

// cpu are the seconds of processor time that the process has had, which other work on
// the machine changes less than a clock; 0 where the system does not say.
func cpu() float64 {
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100 // ticks a second
}

// resetPeak begins to count anew, where the system can.
func resetPeak() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }
