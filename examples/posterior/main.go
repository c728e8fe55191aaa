// Command posterior answers from a posterior that sbi trained in Python: it draws
// parameters given an observation, and writes them as CSV.
//
//	go run ./examples/posterior -observation=-0.2,0.1 -draws 10000 > draws.csv
//
// The model is two_moons.safetensors, or that of -model: train.py makes them.
package main

import (
	"bytes"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bijou-flow/bijou/interop/torch"
	"github.com/bijou-flow/bijou/posterior"
)

//go:embed two_moons.safetensors
var twoMoons []byte

func main() {
	log.SetFlags(0)
	model := flag.String("model", "", "a `file` of export.py; the posterior of two moons by default")
	observation := flag.String("observation", "0,0", "what was observed, `values` with commas")
	draws := flag.Int("draws", 1000, "`number` of draws")
	flag.Parse()
	state, err := torch.Read(bytes.NewReader(twoMoons), int64(len(twoMoons)))
	if *model != "" {
		state, err = torch.Open(*model)
	}
	if err != nil {
		log.Fatal(err)
	}
	if err := run(os.Stdout, os.Stderr, state, *observation, *draws); err != nil {
		log.Fatal(err)
	}
}

// run writes n draws to w, and to report what they cost.
func run(w, report io.Writer, state *torch.State, observation string, n int) error {
	p, err := load(state)
	if err != nil {
		return err
	}
	var x []float32
	for _, s := range strings.Split(observation, ",") {
		v, err := strconv.ParseFloat(s, 32)
		if err != nil {
			return fmt.Errorf("an observation is of numbers: %w", err)
		}
		x = append(x, float32(v))
	}
	rng := rand.New(rand.NewPCG(1, 2))
	rows := make([]float32, n*p.Dim())
	// The first call makes room, and the median of more is what one costs.
	for _, k := range []int{1, n} {
		var times []time.Duration
		for range 10 {
			start := time.Now()
			if err := p.SampleIntoGiven(rows[:k*p.Dim()], x, rng); err != nil {
				return err
			}
			times = append(times, time.Since(start))
		}
		slices.Sort(times)
		fmt.Fprintf(report, "%d draws: %v\n", k, times[len(times)/2].Round(time.Microsecond))
	}
	a, err := p.Acceptance(x)
	if err != nil {
		return err
	}
	fmt.Fprintf(report, "within the prior's bounds: %.1f %%\n", 100*a)
	for row := range slices.Chunk(rows, p.Dim()) {
		if _, err := fmt.Fprintln(w, strings.Trim(strings.ReplaceAll(fmt.Sprint(row), " ", ","), "[]")); err != nil {
			return err
		}
	}
	return nil
}

// load makes the posterior of a file: the flow, within the bounds of its prior.
func load(state *torch.State) (*posterior.Truncated[float32], error) {
	f, err := torch.Load[float32](state)
	if err != nil {
		return nil, err
	}
	lo, hi := state.PriorBounds()
	return posterior.NewTruncated[float32](f, lo, hi)
}
