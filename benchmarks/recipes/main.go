// Command recipes trains every recipe on embeddings of MNIST, and Real NVP with
// every parametrisation of its scale, and prints what each comes to as Markdown
// tables.
//
//	go run ./benchmarks/recipes
//	go run ./benchmarks/recipes -train emb_train.npy -test emb_test.npy -seeds 1,2,3
//
// Without -train and -test it trains an autoencoder first and uses its
// embeddings. Flows know the digit. All are trained alike: see trainOptions.
// Times are those of the fastest steps and runs, so that what else the machine
// does shows little.
package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bijou-flow/bijou/internal/command"
)

const about = `Trains every recipe on embeddings of MNIST, and Real NVP with every
parametrisation of its scale.

It prints two tables as Markdown, a row as soon as it is measured, and writes no
file. Without -train and -test it trains an autoencoder first and uses its
embeddings. Flows know the digit.

Example: go run ./benchmarks/recipes -only "Real NVP" -limit 10000 -epochs 5
`

func main() { command.Main(run) }

// run is main with its surroundings as arguments; it returns the exit code.
func run(ctx context.Context, args []string, s command.Streams) int {
	return command.Exit("recipes", recipesCommand(ctx, args, s), s)
}

func recipesCommand(ctx context.Context, args []string, s command.Streams) error {
	var a arguments
	f := command.NewFlags("./benchmarks/recipes", about)
	f.String(&a.train, "train", "", "`file` of embeddings of the training images in their order, float32 (60000, d): a .npy file, or FILE.npz:NAME; empty: train an autoencoder")
	f.String(&a.test, "test", "", "`file` of embeddings of the test images")
	f.Int(&a.epochs, "epochs", 20, 1, command.Most, "`number` of epochs for each flow")
	f.Int(&a.aeEpochs, "ae-epochs", 10, 1, command.Most, "`number` of epochs for the autoencoder")
	f.Seeds(&a.seeds, "seeds", 1, "`seeds`, with commas between: each row is the mean over them")
	f.String(&a.only, "only", "", "`words`, with commas between: the rows whose names contain one; empty: all")
	f.Int(&a.limit, "limit", 0, 0, command.Most, "train on the first `n` images alone; 0: all")
	if err := f.Parse(args, s); err != nil {
		return err
	}
	if (a.train == "") != (a.test == "") {
		return command.Usagef("-train %q -test %q: want both or neither", a.train, a.test)
	}
	return command.Early(a.compare(ctx, s), "what was measured is printed")
}

// arguments of the command.
type arguments struct {
	train, test, only       string
	epochs, aeEpochs, limit int
	seeds                   []uint64
}

// selects says whether -only names a row.
func (a arguments) selects(name string) bool {
	return a.only == "" || slices.ContainsFunc(strings.Split(a.only, ","), func(w string) bool { return strings.Contains(name, w) })
}

// compare trains all rows that are wanted and prints the tables.
func (a arguments) compare(ctx context.Context, s command.Streams) error {
	w := s.Out
	d, err := load(ctx, a, s.Log)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "| recipe | size | test, nats | train, nats | training, s | log-density, us a row | a draw, us | parameters |")
	fmt.Fprintln(w, "|---|---|--:|--:|--:|--:|--:|--:|")
	for _, v := range recipes(d.dim) {
		if !a.selects(v.name + " " + v.size) {
			continue
		}
		r, err := meanOverSeeds(ctx, v, d, a, nil, s.Log)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "| %s | %s | %s | %.2f | %.1f | %.2f | %.2f | %d |\n",
			v.name, v.size, r.formatTestLoss(), r.trained, r.seconds, r.densitySeconds*1e6, r.drawSeconds*1e6, r.params)
	}
	fmt.Fprintln(w, "\n| scale | test, nats | train, nats | worst round trip | largest gain of the inverse |")
	fmt.Fprintln(w, "|---|--:|--:|--:|--:|")
	for _, v := range scales(d.dim) {
		if !a.selects("scale " + v.name) {
			continue
		}
		r, err := meanOverSeeds(ctx, v, d, a, stability, s.Log)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "| %s | %s | %.2f | %.1e | %.0f |\n", v.name, r.formatTestLoss(), r.trained, r.roundTrip, r.gain)
	}
	return nil
}
