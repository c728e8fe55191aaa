// Command posteriors trains conditional flows on simulators whose posteriors are
// known, checks them, and draws from them for comparison.
//
//	go run ./benchmarks/posteriors -out draws
//	python3 benchmarks/posteriors/c2st.py sbibm/tasks draws
package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"gonum.org/v1/gonum/stat"

	"github.com/bijou-flow/bijou/auto"
	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/posterior"
	"github.com/bijou-flow/bijou/train"
)

const about = `Neural posterior estimation on four tasks of sbibm (PyPI): simulates pairs, trains
conditional flows, checks them on new pairs (package posterior), and draws from
the posterior of each of the package's ten observations.

It prints a table as Markdown, a row as soon as it is measured. The draws go to
-out as TASK-RECIPE-SIMULATIONS-OBSERVATION.csv; c2st.py beside this program
compares them with the package's reference posteriors.

Example: go run ./benchmarks/posteriors -tasks sbibm/tasks -out draws
`

func main() { command.Main(run) }

// run is main with its surroundings as arguments; it returns the exit code.
func run(ctx context.Context, args []string, s command.Streams) int {
	return command.Exit("posteriors", posteriors(ctx, args, s), s)
}

// arguments of the command.
type arguments struct {
	tasks, out, only, recipe string
	simulations              string
	draws, pairs, epochs     int
	seeds                    []uint64
}

func posteriors(ctx context.Context, args []string, s command.Streams) error {
	var a arguments
	f := command.NewFlags("./benchmarks/posteriors", about)
	f.String(&a.tasks, "tasks", "", "`folder` tasks of the package, with the observations; empty: checks alone, no draws")
	f.String(&a.out, "out", "draws", "`folder` for the draws, which must be empty or not there")
	f.String(&a.only, "only", "", "`words`, with commas between: tasks whose names contain one; empty: all")
	f.Choice(&a.recipe, "recipe", "auto", "the automatic choice, or a conditional flow", "auto", "nsf", "maf")
	f.String(&a.simulations, "simulations", "1000,10000,100000", "`numbers` of simulations to train on, with commas between")
	f.Int(&a.draws, "draws", 10_000, 1, command.Most, "draw `n` parameters an observation")
	f.Int(&a.pairs, "pairs", 1000, 2, command.Most, "check on `n` new pairs")
	f.Int(&a.epochs, "epochs", 0, 0, command.Most, "train for `n` epochs at most; 0: as many as 40,000 steps are, from 20 to 400")
	f.Seeds(&a.seeds, "seeds", 1, "`seeds` of simulations and weights, with commas between: a row of the table each")
	if err := f.Parse(args, s); err != nil {
		return err
	}
	var simulations []int
	for _, word := range strings.Split(a.simulations, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 100 || n > command.Most {
			return command.Usagef("-simulations: want whole numbers from 100 on with commas between, in place of %q", word)
		}
		simulations = append(simulations, n)
	}
	if a.tasks != "" {
		if there, err := os.ReadDir(a.out); err == nil && len(there) > 0 {
			return command.Usagef("-out %s: it has files; want an empty folder, or one that is not there", a.out)
		}
		if err := os.MkdirAll(a.out, 0o777); err != nil {
			return err
		}
	}
	fmt.Fprint(s.Out, "| task | simulations | seed | training | loss on new pairs | coverage of 50, 90 % by density | by distance | least p of a parameter |\n|---|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, t := range tasks() {
		if !slices.ContainsFunc(strings.Split(a.only, ","), func(w string) bool { return strings.Contains(t.name, w) }) {
			continue
		}
		for _, n := range simulations {
			for _, seed := range a.seeds {
				if err := measure(ctx, a, t, n, seed, s); err != nil {
					return command.Early(err, "what was measured is printed")
				}
			}
		}
	}
	return nil
}

// measure trains on n simulations of a task, prints its row of the table and
// writes its draws.
func measure(ctx context.Context, a arguments, t task, n int, seed uint64, s command.Streams) error {
	began := time.Now()
	f, err := fit(ctx, a, t, n, seed, s)
	if err != nil {
		return err
	}
	took := time.Since(began)
	parameters, observations := t.pairs(a.pairs, seed+1000)
	logp := make([]float64, a.pairs)
	if err := f.LogProbRowsGiven(logp, parameters.Values(), observations.Values()); err != nil {
		return err
	}
	report, err := posterior.Check[float32](ctx, f, parameters, observations, posterior.Options{Seed: seed})
	if err != nil {
		return err
	}
	least := 1.0
	for _, ranks := range report.Parameters {
		least = min(least, ranks.PValue())
	}
	fmt.Fprintf(s.Out, "| %s | %d | %d | %.0f s | %.3f | %.1f, %.1f | %.1f, %.1f | %.3f |\n", t.name, n, seed, took.Seconds(), -stat.Mean(logp, nil),
		100*report.Density.Coverage(0.5), 100*report.Density.Coverage(0.9), 100*report.Distance.Coverage(0.5), 100*report.Distance.Coverage(0.9), least)
	if a.tasks == "" {
		return nil
	}
	for k := 1; k <= 10; k++ {
		x, err := observation(filepath.Join(a.tasks, t.name, "files", fmt.Sprintf("num_observation_%d", k), "observation.csv"), t.dataDim)
		if err != nil {
			return err
		}
		draws := make([]float32, a.draws*t.dim)
		if err := f.SampleIntoGiven(draws, x, rand.New(rand.NewPCG(seed, uint64(k)))); err != nil {
			return err
		}
		name := fmt.Sprintf("%s-%s-%d-%d-%d.csv", t.name, a.recipe, n, seed, k)
		if err := command.WriteFile(filepath.Join(a.out, name), text(draws, t.dim)); err != nil {
			return err
		}
	}
	return nil
}

// fit trains a conditional density on n simulations: bounds where the prior has
// them, so that no draw leaves it, and behind them the automatic choice or a
// recipe with its defaults.
func fit(ctx context.Context, a arguments, t task, n int, seed uint64, s command.Streams) (posterior.Density[float32], error) {
	parameters, observations := t.pairs(n, seed)
	bounds, err := t.newBounds()
	if err != nil {
		return nil, err
	}
	if bounds != nil {
		if parameters, err = bounds.Forward(parameters); err != nil {
			return nil, err
		}
	}
	data := train.Tensor(parameters).Given(observations)
	var d posterior.Density[float32]
	if a.recipe == "auto" {
		d, _, err = auto.Fit[float32](ctx, data, auto.Options{Seed: seed})
	} else {
		d, err = fitRecipe(ctx, a, t, data, seed, s)
	}
	if err != nil || bounds == nil {
		return d, err
	}
	return bounded{d, bounds}, nil
}

func fitRecipe(ctx context.Context, a arguments, t task, data train.Source, seed uint64, s command.Streams) (*flow.Flow[float32], error) {
	var layer bijector.Layer[float32]
	var err error
	switch a.recipe {
	case "maf":
		layer, err = autoregressive.MAF[float32](autoregressive.Recipe{Dim: t.dim, ContextDim: t.dataDim, Hidden: []int{100, 100}, Seed: seed})
	default:
		layer, err = coupling.NSF[float32](coupling.Recipe{Dim: t.dim, ContextDim: t.dataDim, Seed: seed})
	}
	if err != nil {
		return nil, err
	}
	f, err := flow.New(layer, distribution.StandardNormal[float32](t.dim))
	if err != nil {
		return nil, err
	}
	epochs := a.epochs
	if epochs == 0 {
		epochs = min(max(40_000*batch/data.Len(), 20), 400)
	}
	_, err = command.Fit(ctx, f, data, train.Options{
		Epochs: epochs, Batch: batch, Schedule: train.Cosine{}, Seed: seed, ClipNorm: 5,
		Optimizer: train.Adam{WeightDecay: 0.1, Decoupled: true}, ValidationFraction: 0.1, Patience: max(epochs/5, 20),
	}, fmt.Sprintf("%s, %d", t.name, data.Len()), command.Losses("nats"), s)
	return f, err
}

const batch = 100

// observation reads the one row of numbers under a line of names.
func observation(path string, dim int) ([]float32, error) {
	rows, err := command.ReadNumbers(path)
	if err != nil {
		return nil, err
	}
	if len(rows) != 1 || len(rows[0]) != dim {
		return nil, fmt.Errorf("%s: want a line of names and one of %d numbers", path, dim)
	}
	x := make([]float32, dim)
	round(x, rows[0])
	return x, nil
}

// text are rows of dim values as CSV without a header.
func text(values []float32, dim int) []byte {
	var b []byte
	for i, v := range values {
		b = strconv.AppendFloat(b, float64(v), 'g', -1, 32)
		if i%dim == dim-1 {
			b = append(b, '\n')
		} else {
			b = append(b, ',')
		}
	}
	return b
}
