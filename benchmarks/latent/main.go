// Command latent measures what a density of embeddings tells: pictures that are no
// digits, and digits of a class that was held out, beside simpler scores of the same
// embeddings.
//
//	go run ./benchmarks/latent
//	go run ./benchmarks/latent -seeds 1,2 -out least.png
package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/bijou-flow/bijou/auto"
	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/latent"
	"github.com/bijou-flow/bijou/mnist"
	"github.com/bijou-flow/bijou/train"
)

const about = `Trains an autoencoder on digits, fits a density to its embeddings (package latent)
and prints three tables of areas under the ROC curve, as Markdown, a row as soon as it
is measured:

  odd     digits against turned digits, upside-down ones, letters and strokes, by
          log-density, Mahalanobis distance and the fifth nearest neighbour of the
          same embeddings
  classes test digits of all classes but one against those of that one, which neither
          autoencoder nor density have seen, for each class in turn
  sphere  vectors of length 1 against three kinds of others, by how many principal
          components the density sees, with the distance from their plane and without

With -out it draws the least likely test digits of each class.

Example: go run ./benchmarks/latent -seeds 1,2 -out least.png
`

func main() { command.Main(run) }

// run is main with its surroundings as arguments; it returns the exit code.
func run(ctx context.Context, args []string, s command.Streams) int {
	return command.Exit("latent", latentCommand(ctx, args, s), s)
}

// arguments of the command.
type arguments struct {
	rows, test, epochs, steps, embedding int
	parts                                string
	seeds                                []uint64
}

func latentCommand(ctx context.Context, args []string, s command.Streams) error {
	var a arguments
	f := command.NewFlags("./benchmarks/latent", about)
	f.Int(&a.rows, "rows", 6000, 200, 60_000, "train on the first `n` training images")
	f.Int(&a.test, "test", 2000, 100, 10_000, "score the first `n` test images")
	f.Int(&a.epochs, "epochs", 8, 1, command.Most, "`n` epochs of the autoencoder")
	f.Int(&a.steps, "steps", 200, 1, command.Most, "`n` steps of each candidate for the density")
	f.Int(&a.embedding, "embedding", 20, 1, 784, "`values` of an embedding")
	f.String(&a.parts, "parts", "odd,classes,sphere", "`tables` to make, with commas between")
	f.Seeds(&a.seeds, "seeds", 1, "`seeds`, with commas between: a column of the tables each")
	out := f.File("out", "", "`picture` of the least likely test digits of each class; empty: none", ".png")
	if err := f.Parse(args, s); err != nil {
		return err
	}
	tr, te, err := mnist.Load()
	if err != nil {
		return err
	}
	tr, te = tr.Head(a.rows), te.Head(a.test)
	if out.Path != "" {
		picture, err := leastLikely(ctx, a, tr, te)
		if err != nil {
			return err
		}
		if err := out.WritePNG(s, picture); err != nil {
			return err
		}
	}
	for _, part := range strings.Split(a.parts, ",") {
		switch part {
		case "odd":
			err = oddPictures(ctx, a, tr, te, s)
		case "classes":
			err = heldOutClasses(ctx, a, tr, te, s)
		case "sphere":
			err = spheres(ctx, a, s)
		default:
			err = command.Usagef("-parts %s: there is no %q, want odd, classes or sphere", a.parts, part)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// fitted is an autoencoder with a density of its embeddings.
type fitted struct {
	coder *autoencoder.Autoencoder[float32]
	model *autoencoder.Latent[float32]
	train *bijector.Rows[float32] // embeddings of the training images
}

// fit trains on images of a set, by their numbers.
func fit(ctx context.Context, a arguments, seed uint64, x *bijector.Rows[float32]) (*fitted, error) {
	coder, err := autoencoder.NewDense[float32](autoencoder.DenseSpec{In: x.Dim(), Hidden: []int{128}, Embedding: a.embedding, Seed: seed})
	if err != nil {
		return nil, err
	}
	if _, err := train.Fit(ctx, coder, train.Tensor(x), train.Options{
		Epochs: a.epochs, Batch: 100, Rate: 2e-3, ValidationFraction: train.NoValidation, Seed: seed,
	}); err != nil {
		return nil, err
	}
	model, _, err := latent.Fit[float32](ctx, coder, train.Tensor(x), latent.Options{Auto: auto.Options{Steps: a.steps, Seed: seed}})
	if err != nil {
		return nil, err
	}
	z, err := coder.Encode(x)
	return &fitted{coder, model, z}, err
}

// oddPictures prints the first table.
func oddPictures(ctx context.Context, a arguments, tr, te *mnist.Set, s command.Streams) error {
	train, err := imagesOf(tr, everything)
	if err != nil {
		return err
	}
	normal, err := imagesOf(te, everything)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "| digits against | seed | log-density | Mahalanobis | 5th neighbour |\n|---|---|---|---|---|\n")
	for _, seed := range a.seeds {
		f, err := fit(ctx, a, seed, train)
		if err != nil {
			return err
		}
		usual, err := f.scores(normal)
		if err != nil {
			return err
		}
		for _, o := range oddSets(normal, seed) {
			odd, err := f.scores(o.x)
			if err != nil {
				return err
			}
			fmt.Fprintf(s.Out, "| %s | %d |", o.name, seed)
			for k := range usual {
				fmt.Fprintf(s.Out, " %.3f |", auroc(usual[k], odd[k]))
			}
			fmt.Fprintln(s.Out)
		}
	}
	return nil
}

// heldOutClasses prints the second table.
func heldOutClasses(ctx context.Context, a arguments, tr, te *mnist.Set, s command.Streams) error {
	fmt.Fprintf(s.Out, "\n| class held out |")
	for _, seed := range a.seeds {
		fmt.Fprintf(s.Out, " log-density, seed %d | Mahalanobis | 5th neighbour |", seed)
	}
	fmt.Fprint(s.Out, "\n|---|")
	for range a.seeds {
		fmt.Fprint(s.Out, "---|---|---|")
	}
	fmt.Fprintln(s.Out)
	sums := make([][3]float64, len(a.seeds))
	for class := range te.Classes() {
		fmt.Fprintf(s.Out, "| %d |", class)
		for i, seed := range a.seeds {
			x, err := imagesOf(tr, func(c int) bool { return c != class })
			if err != nil {
				return err
			}
			f, err := fit(ctx, a, seed, x)
			if err != nil {
				return err
			}
			var scored [2][3][]float64
			for k, of := range []func(int) bool{func(c int) bool { return c != class }, func(c int) bool { return c == class }} {
				x, err := imagesOf(te, of)
				if err != nil {
					return err
				}
				if scored[k], err = f.scores(x); err != nil {
					return err
				}
			}
			for k := range scored[0] {
				v := auroc(scored[0][k], scored[1][k])
				sums[i][k] += v / float64(te.Classes())
				fmt.Fprintf(s.Out, " %.3f |", v)
			}
		}
		fmt.Fprintln(s.Out)
	}
	fmt.Fprint(s.Out, "| mean |")
	for _, sum := range sums {
		for _, v := range sum {
			fmt.Fprintf(s.Out, " %.3f |", v)
		}
	}
	fmt.Fprintln(s.Out)
	return nil
}
