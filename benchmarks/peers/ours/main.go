// Command ours times one workload of the comparison with other frameworks and
// prints the median seconds of one operation:
//
//	ours -work flow-train -seconds 2
package main

import (
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"time"

	"github.com/bijou-flow/bijou/benchmarks"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/train"
)

func main() {
	log.SetFlags(0)
	work := flag.String("work", "", "`workload`: flow-train, plain-train, ae-train, logprob-N or sample-N")
	seconds := flag.Float64("seconds", 2, "how long to run")
	flag.Parse()
	median, err := run(*work, time.Duration(*seconds*float64(time.Second)))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(median)
}

// run times a workload by its name.
func run(work string, d time.Duration) (float64, error) {
	const rows = 10000
	data := train.Tensor(benchmarks.Normal[float32](rows, 20)).Given(benchmarks.Labels[float32](rows))
	var n int
	switch {
	case work == "flow-train":
		return trainSteps(benchmarks.NewFlow[float32], data, d)
	case work == "plain-train":
		return trainSteps(benchmarks.NewPlainFlow[float32], data, d)
	case work == "ae-train":
		return trainSteps(benchmarks.NewConv[float32], train.Tensor(benchmarks.Pixels[float32](1000)), d)
	case scan(work, "logprob-%d", &n):
		return logProb(n, d)
	case scan(work, "sample-%d", &n):
		return sample(n, d)
	}
	return 0, fmt.Errorf("there is no workload %q", work)
}

func scan(s, format string, n *int) bool {
	_, err := fmt.Sscanf(s, format, n)
	return err == nil && *n > 0
}

// trainSteps is the median time of a training step of a new model.
func trainSteps[M bijector.Objective[float32]](make func() (M, error), data train.Source, d time.Duration) (float64, error) {
	m, err := make()
	if err != nil {
		return 0, err
	}
	return benchmarks.StepTime(m, data, benchmarks.Batch, d)
}

func logProb(n int, d time.Duration) (float64, error) {
	flow, err := benchmarks.NewFlow[float32]()
	if err != nil {
		return 0, err
	}
	x := benchmarks.Normal[float32](n, flow.Dim())
	dst, given := make([]float64, n), flow.Given(benchmarks.Labels[float32](n))
	return benchmarks.OpTime(func() error { return given.LogProbInto(dst, x) }, d)
}

func sample(n int, d time.Duration) (float64, error) {
	flow, err := benchmarks.NewFlow[float32]()
	if err != nil {
		return 0, err
	}
	rng := rand.New(rand.NewPCG(1, 1))
	dst, given := make([]float32, n*flow.Dim()), flow.Given(benchmarks.Labels[float32](n))
	return benchmarks.OpTime(func() error { return given.SampleInto(dst, rng) }, d)
}
