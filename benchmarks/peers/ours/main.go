// Command ours times one workload of the comparison with other frameworks and
// prints the seconds of one operation:
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
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/train"
)

const about = `Times one workload of the comparison with other frameworks.

It prints the seconds of one operation, and writes no file but with
-onnx. benchmarks/peers/run times all workloads beside those frameworks.

Example: go run ./benchmarks/peers/ours -work flow-train -seconds 2
`

// workloads is what -work takes.
const workloads = "flow-train, plain-train, maf-train, nsf-train, nice-train, image-train, ae-train, or logprob-N, maf-logprob-N, nsf-logprob-N or sample-N"

func main() { command.Main(run) }

// run is main with its surroundings as arguments; it returns the exit code.
func run(ctx context.Context, args []string, s command.Streams) int {
	return command.Exit("ours", ours(ctx, args, s), s)
}

func ours(ctx context.Context, args []string, s command.Streams) error {
	var work, models string
	var seconds float64
	var workers int
	var mean bool
	f := command.NewFlags("./benchmarks/peers/ours", about)
	f.String(&work, "work", "flow-train", "`workload`: "+workloads+" for N rows")
	f.Positive(&seconds, "seconds", 2, 3600, "`seconds` to run")
	f.Int(&workers, "workers", 0, 0, command.MaxSize, "`number` of workers; 0: as many as are fastest, by measurement")
	f.Bool(&mean, "mean", "print the mean, with all pauses, in the place of the median")
	f.String(&models, "onnx", "", "write the scored models to `directory` as ONNX instead, for other runtimes")
	if err := f.Parse(args, s); err != nil {
		return err
	}
	if models != "" {
		return export(models)
	}
	t := timing{workers: workers, d: time.Duration(seconds * float64(time.Second)), of: benchmarks.Median}
	if mean {
		t.of = benchmarks.Mean
	}
	took, err := measure(ctx, work, t)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.Out, took)
	return nil
}

// flows are those of training and scoring, by the first part of a workload's name.
var flows = map[string]func() (*flow.Flow[float32], error){
	"flow":  benchmarks.NewFlow[float32],
	"plain": benchmarks.NewPlainFlow[float32],
	"maf":   benchmarks.NewMAF[float32],
	"nsf":   benchmarks.NewNSF[float32],
	"nice":  benchmarks.NewNICE[float32],
	"image": benchmarks.NewImage[float32],
}

// timing is how an operation is timed.
type timing struct {
	workers int // 0: as many as are fastest
	d       time.Duration
	of      func([]float64) float64
}

// measure times a workload by its name.
func measure(ctx context.Context, work string, t timing) (float64, error) {
	const rows = 10000
	data := train.Tensor(benchmarks.Normal[float32](rows, 20)).Given(benchmarks.Labels[float32](rows))
	kind, _ := strings.CutSuffix(work, "-train")
	var n int
	switch {
	case work == "ae-train":
		return trainSteps(ctx, benchmarks.NewConv[float32], train.Tensor(benchmarks.Pixels[float32](1000)), t)
	case work == "nice-train", work == "image-train":
		return trainSteps(ctx, flows[kind], train.Tensor(benchmarks.Pixels[float32](1000)), t)
	case kind != work && flows[kind] != nil:
		return trainSteps(ctx, flows[kind], data, t)
	case rowsOf(work, "logprob-", &n):
		return logProb(ctx, flows["flow"], n, t)
	case rowsOf(work, "maf-logprob-", &n):
		return logProb(ctx, flows["maf"], n, t)
	case rowsOf(work, "nsf-logprob-", &n):
		return logProb(ctx, flows["nsf"], n, t)
	case rowsOf(work, "sample-", &n):
		return sample(ctx, n, t)
	}
	return 0, command.Usagef("-work %q: want %s, for N rows up to %d", work, workloads, maxRows)
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

// trainSteps is the time of a training step of a new model.
func trainSteps[M bijector.Objective[float32]](ctx context.Context, make func() (M, error), data train.Source, t timing) (float64, error) {
	m, err := make()
	if err != nil {
		return 0, err
	}
	return benchmarks.StepTime(ctx, m, data, benchmarks.Batch, t.workers, t.d, t.of)
}

func logProb(ctx context.Context, newFlow func() (*flow.Flow[float32], error), n int, t timing) (float64, error) {
	flow, err := newFlow()
	if err != nil {
		return 0, err
	}
	flow.SetParallelism(t.workers)
	x := benchmarks.Normal[float32](n, flow.Dim())
	dst, given := make([]float64, n), flow.Given(benchmarks.Labels[float32](n))
	return benchmarks.OpTime(ctx, func() error { return given.LogProbInto(dst, x) }, t.d, t.of)
}

func sample(ctx context.Context, n int, t timing) (float64, error) {
	flow, err := benchmarks.NewFlow[float32]()
	if err != nil {
		return 0, err
	}
	flow.SetParallelism(t.workers)
	rng := rand.New(rand.NewPCG(1, 1))
	dst, given := make([]float32, n*flow.Dim()), flow.Given(benchmarks.Labels[float32](n))
	return benchmarks.OpTime(ctx, func() error { return given.SampleInto(dst, rng) }, t.d, t.of)
}
