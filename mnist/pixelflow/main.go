// Command pixelflow trains a multi-scale Real NVP (Dinh et al. 2017, arXiv
// 1605.08803) on the pixels of MNIST and draws from it.
//
//	go run ./mnist/pixelflow -out DIR
package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"time"

	"github.com/bijou-flow/bijou/flow"

	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/mnist"
	"github.com/bijou-flow/bijou/mnist/internal/dataset"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/train"
)

const about = `Trains a multi-scale Real NVP on dequantised MNIST images and draws from it.

It writes to DIR, of -out
  model.safetensors  the model
  samples.png        draws, not picked; a class a row with -conditional
  curves.png         losses over the epochs
and prints the bits per dimension of the test images.

Example: go run ./mnist/pixelflow -out small -limit 5000 -epochs 5
`

// Files of a run.
const (
	modelFile   = "model.safetensors"
	samplesFile = "samples.png"
	curvesFile  = "curves.png"
)

// levels of a pixel.
const levels = 256

// config is what a run depends on.
type config struct {
	recipe      coupling.ImageRecipe
	options     train.Options
	conditional bool
	data        string
	limit       int
	validate    int
	out         *command.Outputs
}

func (c *config) parse(args []string, s command.Streams) error {
	f := command.NewFlags("./mnist/pixelflow", about)
	f.Int(&c.recipe.Scales, "scales", 0, 0, command.MaxSize, "`number` of scales; 0: as many as leave 4 pixels a side")
	f.Int(&c.recipe.Couplings, "couplings", 3, 1, command.MaxSize, "`number` of couplings of either kind at each scale")
	f.Int(&c.recipe.Hidden, "hidden", 32, 1, command.MaxSize, "`channels` within a coupling's network")
	f.Int(&c.recipe.Blocks, "blocks", 2, 1, command.MaxSize, "residual `blocks` of a coupling's network")
	f.Choice(&c.recipe.Norm, "norm", "batch", "`normalisation` between couplings: batch, act or none", "batch", "act", "none")
	f.Positive(&c.recipe.Alpha, "alpha", 1e-6, 0.49, "`share` that the logit leaves at either end of its interval")
	f.Int(&c.options.Epochs, "epochs", 20, 1, command.Most, "`passes` over the training images")
	f.Int(&c.options.Batch, "batch", 100, 2, 1_000_000, "`rows` a training step")
	f.Positive(&c.options.Rate, "rate", 1e-3, 1, "learning `rate`, which falls along a cosine")
	f.Float(&c.options.ClipNorm, "clip", 0, 0, math.Inf(1), "largest `norm` of a gradient; 0: no bound")
	f.Seed(&c.options.Seed, "seed", 1, "`seed` of initial weights, noise, order of images and draws")
	f.Bool(&c.conditional, "conditional", "tell the flow which digit it is")
	dataset.Flag(f, &c.data)
	dataset.LimitFlag(f, &c.limit)
	f.Int(&c.validate, "validate", 1000, 0, command.Most, "follow training by the first `n` test images; 0: by none")
	c.out = f.Outputs("`directory` for what is written; made if need be", modelFile, samplesFile, curvesFile)
	if err := f.Parse(args, s); err != nil {
		return err
	}
	c.options.Schedule = train.Cosine{}
	c.recipe.Seed = c.options.Seed
	return nil
}

func main() { command.Main(run) }

// run is main with its surroundings as arguments; it returns the exit code.
func run(ctx context.Context, args []string, s command.Streams) int {
	return command.Exit("pixelflow", pixelflow(ctx, args, s), s)
}

// pixelflow trains, measures on the test images, and draws.
func pixelflow(ctx context.Context, args []string, s command.Streams) error {
	var c config
	if err := c.parse(args, s); err != nil {
		return err
	}
	tr, te, err := dataset.Load(c.data, c.limit, s.Log)
	if err != nil {
		return err
	}
	c.recipe.Channels, c.recipe.Height, c.recipe.Width = 1, tr.Height(), tr.Width()
	if c.conditional {
		c.recipe.ContextDim = tr.Classes()
	}
	chain, err := coupling.RealNVPImage[float32](c.recipe)
	if err != nil {
		return err
	}
	f, err := flow.New(chain, distribution.StandardNormal[float32](chain.Dim()))
	if err != nil {
		return err
	}
	if err := c.out.Prepare(); err != nil {
		return err
	}
	c.options.ValidationFraction = train.NoValidation
	if c.validate > 0 {
		c.options.Validation = c.source(te.Head(min(c.validate, te.Len())))
	}
	bits := func(nll float64) float64 { return flow.BitsPerDim(-nll, chain.Dim(), levels) }
	say := func(training, test float64) string {
		return fmt.Sprintf("training %.4f, test %.4f bits a dimension", bits(training), bits(test))
	}
	start := time.Now()
	report, err := command.Fit(ctx, f, c.source(tr), c.options, "flow", say, s)
	stage := command.NewStage(report, start)
	ended := err // early, with what was trained until then
	switch {
	case errors.Is(ended, context.Canceled) && stage.Steps == 0:
		return command.Interruption("nothing was trained yet, and nothing is written")
	case ended != nil && !errors.Is(ended, context.Canceled) && !errors.Is(ended, train.ErrDiverged):
		return ended
	}
	nll, err := train.Evaluate(context.Background(), f, c.source(te))
	if err != nil {
		return err
	}
	dir, err := c.out.Stage()
	if err != nil {
		return err
	}
	defer c.out.Close()
	drawing, err := c.write(dir, f, stage, tr)
	if err != nil {
		return errors.Join(ended, err)
	}
	if ended == nil {
		if err := c.out.Finish(); err != nil {
			return err
		}
	}
	fmt.Fprintf(s.Out, "parameters           %d\n", command.CountParams(f))
	fmt.Fprintf(s.Out, "test log-likelihood  %.2f nats an image\n", -nll)
	fmt.Fprintf(s.Out, "test bits per dim    %.4f\n", bits(nll))
	fmt.Fprintf(s.Out, "training             %.0f s\n", stage.Seconds)
	fmt.Fprintf(s.Out, "drawing              %.1f ms an image\n", float64(drawing.Milliseconds())/draws)
	c.out.List(s.Out)
	return command.Early(ended, "what was trained until then is in "+dir)
}

// write puts model and pictures into a directory, and returns the time of
// drawing.
func (c *config) write(dir string, f *flow.Flow[float32], stage command.Stage, set *mnist.Set) (time.Duration, error) {
	if err := registry.Save(filepath.Join(dir, modelFile), f); err != nil {
		return 0, err
	}
	curve := command.Curve{Title: "flow", Unit: "negative log-likelihood, nats an image", Epochs: stage.Epochs}
	if err := command.DrawCurves(filepath.Join(dir, curvesFile), []command.Curve{curve}); err != nil {
		return 0, err
	}
	return c.draw(filepath.Join(dir, samplesFile), f, set)
}

// source is a set's dequantised images, with their labels where the flow takes
// them.
func (c *config) source(set *mnist.Set) train.Source {
	if c.conditional {
		return train.Dequantize(set.Conditional(), levels, c.options.Seed)
	}
	return train.Dequantize(set, levels, c.options.Seed)
}

// draws are a picture of ten rows of ten.
const draws = 100

// draw draws a picture, a class a row where the flow knows classes.
func (c *config) draw(path string, f *flow.Flow[float32], set *mnist.Set) (time.Duration, error) {
	const cols = 10
	grid := mnist.Grid{Cols: cols, Height: set.Height(), Width: set.Width()}
	if c.conditional {
		labels := make([]uint8, draws)
		for i := range labels {
			labels[i] = uint8(i / cols % set.Classes())
			if i%cols == 0 {
				grid.RowCaptions = append(grid.RowCaptions, strconv.Itoa(int(labels[i])))
			}
		}
		classes, err := mnist.OneHot[float32](labels, set.Classes())
		if err != nil {
			return 0, err
		}
		f = f.Given(classes)
	}
	start := time.Now()
	x, err := f.Sample(rand.New(rand.NewPCG(c.options.Seed, 1)), draws)
	if err != nil {
		return 0, err
	}
	took := time.Since(start)
	return took, grid.WritePNG(path, x)
}
