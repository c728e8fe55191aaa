// Command ours times one workload of the comparison with other frameworks and
// prints the median seconds of one operation:
//
//	go run ./benchmarks/peers/ours -work flow-train -seconds 2
package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/bijou-flow/bijou/benchmarks"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/train"
)

const about = `Times one workload of the comparison with other frameworks.

It prints the median seconds of one operation, and writes no file.
benchmarks/peers/run times all workloads beside those frameworks.

Example: go run ./benchmarks/peers/ours -work flow-train -seconds 2
`

func main() { command.Main(run) }

// run is main with its surroundings as arguments; it returns the exit code.
func run(ctx context.Context, args []string, s command.Streams) int {
	return command.Exit("ours", ours(ctx, args, s), s)
}

func ours(ctx context.Context, args []string, s command.Streams) error {
	var work string
	var seconds float64
	f := command.NewFlags("./benchmarks/peers/ours", about)
	f.String(&work, "work", "flow-train", "`workload`: flow-train, plain-train, ae-train, logprob-N or sample-N for N rows")
	f.Positive(&seconds, "seconds", 2, 3600, "`seconds` to run")
	if err := f.Parse(args, s); err != nil {
		return err
	}
	median, err := measure(ctx, work, time.Duration(seconds*float64(time.Second)))
	if err != nil {
		return err
	}
	fmt.Fprintln(s.Out, median)
	return nil
}

// measure times a workload by its name.
func measure(ctx context.Context, work string, d time.Duration) (float64, error) {
	const rows = 10000
	data := train.Tensor(benchmarks.Normal[float32](rows, 20)).Given(benchmarks.Labels[float32](rows))
	var n int
	switch {
	case work == "flow-train":
		return trainSteps(ctx, benchmarks.NewFlow[float32], data, d)
	case work == "plain-train":
		return trainSteps(ctx, benchmarks.NewPlainFlow[float32], data, d)
	case work == "ae-train":
		return trainSteps(ctx, benchmarks.NewConv[float32], train.Tensor(benchmarks.Pixels[float32](1000)), d)
	case rowsOf(work, "logprob-", &n):
		return logProb(ctx, n, d)
	case rowsOf(work, "sample-", &n):
		return sample(ctx, n, d)
	}
	return 0, command.Usagef("-work %q: want flow-train, plain-train, ae-train, logprob-N or sample-N, for N rows up to %d", work, maxRows)
}

// maxRows bounds the rows of an operation.
const maxRows = 1_000_000

// rowsOf reads the N of a workload's name, prefix and N.
func rowsOf(work, prefix string, n *int) bool {
	digits, ok := strings.CutPrefix(work, prefix)
	v, err := strconv.Atoi(digits)
	*n = v
	return ok && err == nil && v > 0 && v <= maxRows
}

// trainSteps is the median time of a training step of a new model.
func trainSteps[M bijector.Objective[float32]](ctx context.Context, make func() (M, error), data train.Source, d time.Duration) (float64, error) {
	m, err := make()
	if err != nil {
		return 0, err
	}
	return benchmarks.StepTime(ctx, m, data, benchmarks.Batch, d)
}

func logProb(ctx context.Context, n int, d time.Duration) (float64, error) {
	flow, err := benchmarks.NewFlow[float32]()
	if err != nil {
		return 0, err
	}
	x := benchmarks.Normal[float32](n, flow.Dim())
	dst, given := make([]float64, n), flow.Given(benchmarks.Labels[float32](n))
	return benchmarks.OpTime(ctx, func() error { return given.LogProbInto(dst, x) }, d)
}

func sample(ctx context.Context, n int, d time.Duration) (float64, error) {
	flow, err := benchmarks.NewFlow[float32]()
	if err != nil {
		return 0, err
	}
	rng := rand.New(rand.NewPCG(1, 1))
	dst, given := make([]float32, n*flow.Dim()), flow.Given(benchmarks.Labels[float32](n))
	return benchmarks.OpTime(ctx, func() error { return given.SampleInto(dst, rng) }, d)
}
