// Command ours times one workload of the comparison with other frameworks and
// prints the median seconds of one operation:
//
//	ours -work flow-train -seconds 2
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"slices"
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
	data := benchmarks.Ring{X: benchmarks.Normal[float32](rows, 20), Context: benchmarks.Labels[float32](rows), N: rows}
	var n int
	switch {
	case work == "flow-train":
		return trainSteps(benchmarks.NewFlow[float32], data, d)
	case work == "plain-train":
		return trainSteps(benchmarks.NewPlainFlow[float32], data, d)
	case work == "ae-train":
		return trainSteps(benchmarks.NewConv[float32], benchmarks.Ring{X: benchmarks.Pixels[float32](1000), N: 1000}, d)
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

// trainSteps is the median time of a training step of train.Fit: reading,
// gradient and optimiser.
func trainSteps[M bijector.Objective[float32]](make func() (M, error), data train.Source, d time.Duration) (float64, error) {
	m, err := make()
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	var w watch
	_, err = train.Fit(ctx, benchmarks.Bare[float32]{Objective: m}, data, train.Options{
		Epochs: 1 << 20, Batch: benchmarks.Batch, Rate: 1e-4, Optimizer: train.Adam{WeightDecay: 1e-5}, Observer: &w,
	})
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return 0, err
	}
	return w.median()
}

// watch is an Observer that times steps.
type watch struct {
	last  time.Time
	times []float64
}

func (w *watch) Epoch(train.EpochEvent) {}

func (w *watch) Step(train.StepEvent) {
	now := time.Now()
	if !w.last.IsZero() {
		w.times = append(w.times, now.Sub(w.last).Seconds())
	}
	w.last = now
}

func (w *watch) median() (float64, error) {
	if len(w.times) < 3 {
		return 0, errors.New("too few operations in the time; raise -seconds")
	}
	slices.Sort(w.times)
	return w.times[len(w.times)/2], nil
}

// timed runs f until d is over and returns its median time, the first tenth
// left out.
func timed(d time.Duration, f func() error) (float64, error) {
	var w watch
	start := time.Now()
	for {
		before := time.Now()
		if before.Sub(start) > d {
			break
		}
		if err := f(); err != nil {
			return 0, err
		}
		if before.Sub(start) > d/10 {
			w.times = append(w.times, time.Since(before).Seconds())
		}
	}
	return w.median()
}

func logProb(n int, d time.Duration) (float64, error) {
	flow, err := benchmarks.NewFlow[float32]()
	if err != nil {
		return 0, err
	}
	x := benchmarks.Normal[float32](n, flow.Dim())
	dst, given := make([]float64, n), flow.Given(benchmarks.Labels[float32](n))
	return timed(d, func() error { return given.LogProbInto(dst, x) })
}

func sample(n int, d time.Duration) (float64, error) {
	flow, err := benchmarks.NewFlow[float32]()
	if err != nil {
		return 0, err
	}
	rng := rand.New(rand.NewPCG(1, 1))
	dst, given := make([]float32, n*flow.Dim()), flow.Given(benchmarks.Labels[float32](n))
	return timed(d, func() error { return given.SampleInto(dst, rng) })
}
