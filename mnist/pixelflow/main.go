// Command pixelflow trains a multi-scale Real NVP (Dinh et al. 2017, arXiv
// 1605.08803) on the pixels of MNIST and draws from it.
//
//	pixelflow -out DIR
package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/mnist"
	"github.com/bijou-flow/bijou/mnist/internal/command"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/train"
)

const about = `pixelflow: train a multi-scale Real NVP on dequantised MNIST images.

usage: pixelflow [-out DIR] [flags]

It writes to DIR
  model.safetensors  the model
  samples.png        draws, not picked; a class a row with -conditional
  curves.png         losses over the epochs
and prints the bits per dimension of the test images. Ctrl-C ends training
early and writes what was trained until then.

example: pixelflow -out small -limit 5000 -epochs 5
`

// levels of a pixel.
const levels = 256

// config is what a run depends on.
type config struct {
	recipe      coupling.ImageRecipe
	options     train.Options
	conditional bool
	data, out   string
	limit       int
	validate    int
}

func (c *config) parse(args []string, s command.Streams) error {
	f := command.NewFlags("pixelflow")
	f.IntVar(&c.recipe.Scales, "scales", 0, "`number` of scales; 0: as many as leave 4 pixels a side")
	f.IntVar(&c.recipe.Couplings, "couplings", 3, "`number` of couplings of either kind at each scale")
	f.IntVar(&c.recipe.Hidden, "hidden", 32, "`channels` within a coupling's network")
	f.IntVar(&c.recipe.Blocks, "blocks", 2, "residual `blocks` of a coupling's network")
	f.StringVar(&c.recipe.Norm, "norm", "batch", "`normalisation` between couplings: batch, act or none")
	f.Float64Var(&c.recipe.Alpha, "alpha", 1e-6, "`share` that the logit leaves at either end of its interval")
	f.IntVar(&c.options.Epochs, "epochs", 20, "`passes` over the training images")
	f.IntVar(&c.options.Batch, "batch", 100, "`rows` a training step")
	f.Float64Var(&c.options.Rate, "rate", 1e-3, "learning `rate`, which falls along a cosine")
	f.Float64Var(&c.options.ClipNorm, "clip", 0, "largest `norm` of a gradient; 0: no bound")
	f.Uint64Var(&c.options.Seed, "seed", 1, "`seed` of initial weights, noise, order of images and draws")
	f.BoolVar(&c.conditional, "conditional", false, "tell the flow which digit it is")
	f.StringVar(&c.data, "data", "", "`directory` of other IDX files, such as Fashion-MNIST's; empty: MNIST")
	f.IntVar(&c.limit, "limit", 0, "train on the first `n` training images only; 0: all")
	f.IntVar(&c.validate, "validate", 1000, "follow training by the first `n` test images; 0: by none")
	f.StringVar(&c.out, "out", "out", "`directory` for what is written; made if need be")
	if err := command.Parse(f, args, about, s); err != nil {
		return err
	}
	if c.options.Epochs < 1 || c.options.Batch < 2 || c.limit < 0 || c.validate < 0 {
		return command.Usagef("-epochs %d -batch %d -limit %d -validate %d: want at least 1, 2, 0 and 0", c.options.Epochs, c.options.Batch, c.limit, c.validate)
	}
	c.options.Schedule = train.Cosine{}
	c.recipe.Seed = c.options.Seed
	return nil
}

func main() {
	command.Main(func(ctx context.Context, args []string, s command.Streams) int {
		return command.Exit("pixelflow", run(ctx, args, 0, s), s)
	})
}

// run trains, measures on the first tests images, all where that is 0, and
// draws.
func run(ctx context.Context, args []string, tests int, s command.Streams) error {
	var c config
	if err := c.parse(args, s); err != nil {
		return err
	}
	tr, te, err := command.LoadData(c.data, c.limit, s.Log)
	if err != nil {
		return err
	}
	if tests > 0 {
		te = te.Head(tests)
	}
	c.recipe.Channels, c.recipe.Height, c.recipe.Width = 1, tr.Height(), tr.Width()
	if c.conditional {
		c.recipe.ContextDim = tr.Classes()
	}
	chain, err := coupling.RealNVPImage[float32](c.recipe)
	if err != nil {
		return err
	}
	flow := distribution.NewFlow(chain, distribution.StandardNormal[float32](chain.Dim()))
	if err := command.MakeDir(c.out); err != nil {
		return err
	}
	if c.validate > 0 {
		c.options.Validation = c.source(te.Head(min(c.validate, te.Len())))
	}
	bits := func(nll float64) float64 { return distribution.BitsPerDim(-nll, chain.Dim(), levels) }
	say := func(training, test float64) string {
		return fmt.Sprintf("training %.4f, test %.4f bits a dimension", bits(training), bits(test))
	}
	start := time.Now()
	report, err := command.Fit(ctx, flow, c.source(tr), c.options, "flow", say, s)
	stage := command.NewStage(report, start)
	interrupted := errors.Is(err, context.Canceled)
	if err != nil && !(interrupted && stage.Steps > 0) {
		return err
	}
	nll, err := train.Evaluate(context.Background(), flow, c.source(te))
	if err != nil {
		return err
	}
	if err := registry.Save(filepath.Join(c.out, "model.safetensors"), flow); err != nil {
		return err
	}
	curve := command.Curve{Title: "flow", Unit: "negative log-likelihood, nats an image", Epochs: stage.Epochs}
	if err := command.DrawCurves(filepath.Join(c.out, "curves.png"), []command.Curve{curve}); err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "parameters           %d\n", command.CountParams(flow))
	fmt.Fprintf(s.Out, "test log-likelihood  %.2f nats an image\n", -nll)
	fmt.Fprintf(s.Out, "test bits per dim    %.4f\n", bits(nll))
	fmt.Fprintf(s.Out, "training             %.0f s\n", stage.Seconds)
	if err := c.draw(flow, tr, s); err != nil {
		return err
	}
	if interrupted {
		return command.Interrupted("what was trained until then is in " + c.out)
	}
	return nil
}

// source is a set's dequantised images, with their labels where the flow takes
// them.
func (c *config) source(set *mnist.Set) train.Source {
	if c.conditional {
		return train.Dequantize(set.Conditional(), levels, c.options.Seed)
	}
	return train.Dequantize(set, levels, c.options.Seed)
}

// draw draws ten rows of ten images.
func (c *config) draw(flow *distribution.Flow[float32], set *mnist.Set, s command.Streams) error {
	const rows, cols = 10, 10
	if c.conditional {
		labels := make([]uint8, rows*cols)
		for i := range labels {
			labels[i] = uint8(i / cols % set.Classes())
		}
		classes, err := mnist.OneHot[float32](labels, set.Classes())
		if err != nil {
			return err
		}
		flow = flow.Given(classes)
	}
	start := time.Now()
	x, err := flow.Sample(rand.New(rand.NewPCG(c.options.Seed, 1)), rows*cols)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "drawing              %.1f ms an image\n", float64(time.Since(start).Milliseconds())/(rows*cols))
	grid := mnist.Grid{Cols: cols, Height: set.Height(), Width: set.Width()}
	return grid.WritePNG(filepath.Join(c.out, "samples.png"), x)
}
