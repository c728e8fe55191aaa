// The settings of a run, their flags, and the model that they make.

package main

import (
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/mnist"
	"github.com/bijou-flow/bijou/mnist/internal/dataset"
	"github.com/bijou-flow/bijou/train"
)

// config is everything that a run depends on. It is written to metrics.json as
// it is.
type config struct {
	Recipe        string        `json:"recipe"`
	Steps         command.Sizes `json:"steps"`
	Coupling      string        `json:"coupling"`
	Scales        int           `json:"scales,omitempty"`
	Couplings     int           `json:"couplings"`
	Norm          string        `json:"norm"`
	Hidden        command.Sizes `json:"hidden"`
	Blocks        int           `json:"blocks"`
	Start         string        `json:"start"`
	Alpha         float64       `json:"alpha"`
	Unconditional bool          `json:"unconditional"`
	Epochs        int           `json:"epochs"`
	Batch         int           `json:"batch"`
	Rate          float64       `json:"rate"`
	Warmup        int           `json:"warmup"`
	Average       float64       `json:"average"`
	Clip          float64       `json:"clip"`
	Seed          uint64        `json:"seed"`
	Data          string        `json:"data,omitempty"`
	Limit         int           `json:"limit,omitempty"`
	Validate      int           `json:"validate"`
	Holdout       int           `json:"holdout,omitempty"`
}

// flags declares the flags of all settings.
func (c *config) flags(f *command.Flags) {
	f.Choice(&c.Recipe, "recipe", "glow", "`model`: glow, or realnvp, the paper's with couplings over checkerboards", "glow", "realnvp")
	f.Sizes(&c.Steps, "steps", command.Sizes{4, 6}, "`numbers` of steps at each scale of glow, which halves the sides")
	f.Choice(&c.Coupling, "coupling", "spline", "`kind` of glow's couplings: spline, or affine as in the paper", "spline", "affine")
	f.Int(&c.Scales, "scales", 0, 0, command.MaxSize, "`number` of scales of realnvp; 0: as many as leave 4 pixels a side")
	f.Int(&c.Couplings, "couplings", 3, 1, command.MaxSize, "`number` of realnvp's couplings of either kind at each scale")
	f.Choice(&c.Norm, "norm", "batch", "`normalisation` between realnvp's couplings: batch, act or none", "batch", "act", "none")
	f.Sizes(&c.Hidden, "hidden", command.Sizes{64}, "`channels` within a coupling's network, for glow one number or one a scale")
	f.Int(&c.Blocks, "blocks", 1, 1, command.MaxSize, "residual `blocks` of a coupling's network")
	f.Choice(&c.Start, "start", "background", "`function` that takes pixels to the real line: background, or logit as in the papers", "background", "logit")
	f.Positive(&c.Alpha, "alpha", 0.05, 0.49, "`share` that the logit leaves at either end of its interval")
	f.Bool(&c.Unconditional, "unconditional", "do not tell the flow which digit it is")
	f.Int(&c.Epochs, "epochs", 5, 1, command.Most, "`passes` over the training images")
	f.Int(&c.Batch, "batch", 48, 2, 1_000_000, "`rows` a training step")
	f.Positive(&c.Rate, "rate", 4e-3, 1, "learning `rate`, which falls along a cosine")
	f.Int(&c.Warmup, "warmup", 200, 0, command.Most, "`steps` in which the rate rises first")
	f.Float(&c.Average, "average", 0.998, 0, 0.9999999, "`decay` of the average of the parameters over the steps, which is the model; 0: the last ones")
	f.Float(&c.Clip, "clip", 500, 0, math.Inf(1), "largest `norm` of a gradient; 0: no bound")
	f.Seed(&c.Seed, "seed", 1, "`seed` of initial weights, noise, order of images and draws")
	dataset.Flag(f, &c.Data)
	dataset.LimitFlag(f, &c.Limit)
	f.Int(&c.Validate, "validate", 1000, 0, command.Most, "follow training by the first `n` test images; 0: by none")
	f.Int(&c.Holdout, "holdout", 0, 0, command.Most, "keep the last `n` training images from training, and measure by them in place of the test set: for choosing settings")
}

// chain makes the untrained layers for the images of a set.
func (c *config) chain(set *mnist.Set) (*bijector.Chain[float32], error) {
	context := 0
	if !c.Unconditional {
		context = set.Classes()
	}
	if c.Recipe == "realnvp" {
		if len(c.Hidden) != 1 {
			return nil, command.Usagef("-hidden %v: want one number for realnvp", c.Hidden)
		}
		return coupling.RealNVPImage[float32](coupling.ImageRecipe{
			Channels: 1, Height: set.Height(), Width: set.Width(), ContextDim: context,
			Scales: c.Scales, Couplings: c.Couplings, Norm: c.Norm, Hidden: c.Hidden[0], Blocks: c.Blocks,
			Start: c.Start, Alpha: c.Alpha, Seed: c.Seed,
		})
	}
	if n := len(c.Hidden); n != 1 && n != len(c.Steps) {
		return nil, command.Usagef("-hidden %v: want one number, or one for each of -steps %v", c.Hidden, c.Steps)
	}
	return coupling.GlowImage[float32](coupling.GlowImageRecipe{
		Channels: 1, Height: set.Height(), Width: set.Width(), ContextDim: context,
		Steps: c.Steps, Coupling: c.Coupling, Bound: splineBound, Hidden: c.Hidden, Blocks: c.Blocks,
		Start: c.Start, Alpha: c.Alpha, Seed: c.Seed,
	})
}

// splineBound is that of the splines: behind an actnorm few values are beyond.
const splineBound = 9

// options are those of train.Fit.
func (c *config) options() train.Options {
	return train.Options{
		Epochs: c.Epochs, Batch: c.Batch, Rate: c.Rate, Seed: c.Seed, ClipNorm: c.Clip, Average: c.Average,
		Schedule: train.Warmup{Steps: c.Warmup, Then: train.Cosine{}}, ValidationFraction: train.NoValidation,
	}
}
