// Command rows trains recipes on rows as people have them, drawn from densities
// that are known, and prints how far from the truth each ends.
//
//	go run ./benchmarks/rows
//	go run ./benchmarks/rows -only contexts -seeds 1,2
package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/train"
)

const about = `Trains recipes on rows as people have them, drawn from densities that are known:
contexts in units of their own, and columns with heavy tails, skew and outliers;
and on tables of yours, beside the automatic choice.

It prints a table a section as Markdown, a row as soon as it is measured, and
writes no file. Figures are nats on new rows, beside those of the truth.

Example: go run ./benchmarks/rows -only tails -seeds 1,2
`

func main() { command.Main(run) }

// run is main with its surroundings as arguments; it returns the exit code.
func run(ctx context.Context, args []string, s command.Streams) int {
	return command.Exit("rows", rowsCommand(ctx, args, s), s)
}

// arguments of the command.
type arguments struct {
	only   string
	tables string
	zero   bool
	auto   bool
	rows   int
	seeds  []uint64
}

func rowsCommand(ctx context.Context, args []string, s command.Streams) error {
	var a arguments
	f := command.NewFlags("./benchmarks/rows", about)
	f.String(&a.only, "only", "", "`words`, with commas between: the sections and data sets whose names contain one; empty: all")
	f.String(&a.tables, "tables", "", "CSV `files` of numbers under a line of names, with commas between: tables to fit")
	f.Bool(&a.zero, "zero", "of the tables, the zero train.Options and the Gaussian alone, which take seconds")
	f.Bool(&a.auto, "auto", "of the tables, auto.Fit and the Gaussian alone")
	f.Int(&a.rows, "rows", 20_000, 100, command.Most, "train on `n` rows")
	f.Seeds(&a.seeds, "seeds", 1, "`seeds` of rows and weights, with commas between: a row of the table each")
	if err := f.Parse(args, s); err != nil {
		return err
	}
	for _, section := range []func(context.Context, arguments, command.Streams) error{contexts, tails, tables} {
		if err := section(ctx, a, s); err != nil {
			return command.Early(err, "what was measured is printed")
		}
	}
	return nil
}

// selects says whether -only names a section or a data set.
func (a arguments) selects(names ...string) bool {
	if a.only == "" {
		return true
	}
	for _, w := range strings.Split(a.only, ",") {
		for _, name := range names {
			if strings.Contains(name, w) {
				return true
			}
		}
	}
	return false
}

// recipe is a recipe with its defaults.
type recipe[T bijector.Float] struct {
	name string
	// build makes its chain; margins and raw are those of the recipe.
	build func(dim, contextDim int, margins string, raw bool, seed uint64) (*bijector.Chain[T], error)
}

func recipes[T bijector.Float]() []recipe[T] {
	couplings := func(f func(coupling.Recipe) (*bijector.Chain[T], error)) func(int, int, string, bool, uint64) (*bijector.Chain[T], error) {
		return func(dim, contextDim int, margins string, raw bool, seed uint64) (*bijector.Chain[T], error) {
			return f(coupling.Recipe{Dim: dim, ContextDim: contextDim, Margins: margins, Raw: raw, Seed: seed})
		}
	}
	masked := func(f func(autoregressive.Recipe) (*bijector.Chain[T], error)) func(int, int, string, bool, uint64) (*bijector.Chain[T], error) {
		return func(dim, contextDim int, margins string, raw bool, seed uint64) (*bijector.Chain[T], error) {
			return f(autoregressive.Recipe{Dim: dim, ContextDim: contextDim, Hidden: []int{128, 128}, Margins: margins, Raw: raw, Seed: seed})
		}
	}
	return []recipe[T]{
		{"NICE", couplings(coupling.NICE[T])},
		{"RealNVP", couplings(coupling.RealNVP[T])},
		{"Glow", couplings(coupling.Glow[T])},
		{"NSF", couplings(coupling.NSF[T])},
		{"MAF", masked(autoregressive.MAF[T])},
		{"NSF, autoregressive", masked(autoregressive.NSF[T])},
	}
}

// fit trains a flow as the recipes' comments say, and returns it with its mean
// loss on new rows.
func fit(ctx context.Context, layer *bijector.Chain[float32], data, test *train.TensorSource, epochs int, seed uint64) (*flow.Flow[float32], float64, error) {
	f, err := flow.New[float32](layer, distribution.StandardNormal[float32](layer.Dim()))
	if err != nil {
		return nil, 0, err
	}
	_, err = train.Fit(ctx, f, data, train.Options{
		Epochs: epochs, Rate: 3e-3, Schedule: train.Cosine{}, Seed: seed,
		Optimizer: train.Adam{WeightDecay: 0.1, Decoupled: true}, ValidationFraction: train.NoValidation,
	})
	if err != nil {
		return nil, 0, err
	}
	loss, err := train.Evaluate(ctx, f, test)
	return f, loss, err
}

// newRand is the generator of a section's rows.
func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x726f7773)) }

// cell is a figure of a table, or what went wrong.
func cell(v float64, err error) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%.3f", v)
}
