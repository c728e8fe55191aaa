package main

import (
	"flag"
	"math"

	"github.com/bijou-flow/bijou/mnist/internal/command"
	"github.com/bijou-flow/bijou/train"
)

// config is everything that a run depends on. It is written to metrics.json as
// it is.
type config struct {
	Epochs    int           `json:"epochs"`
	Decay     int           `json:"decay"`
	Rate      float64       `json:"rate"`
	ScaleRate float64       `json:"scale_rate"`
	Batch     int           `json:"batch"`
	Layers    int           `json:"layers"`
	Hidden    command.Sizes `json:"hidden"`
	Seed      uint64        `json:"seed"`
	Data      string        `json:"data,omitempty"`
	Limit     int           `json:"limit,omitempty"`
	Holdout   int           `json:"holdout,omitempty"`
	Save      int           `json:"-"`
	Resume    bool          `json:"-"`
}

// flags declares the flags of all settings.
func (c *config) flags(f *flag.FlagSet) {
	c.Hidden = command.Sizes{1000, 1000, 1000, 1000, 1000}
	f.IntVar(&c.Epochs, "epochs", 14, "passes over the images, as many as `n`")
	f.IntVar(&c.Decay, "decay", 0, "the last `n` epochs, over which the rate falls evenly to 0; 0: two fifths of all")
	f.Float64Var(&c.Rate, "rate", 1.5e-3, "learning `rate` before it falls")
	f.Float64Var(&c.ScaleRate, "scale-rate", 10, "`factor` on the rate of the diagonal scale")
	f.IntVar(&c.Batch, "batch", 200, "`rows` a training step")
	f.IntVar(&c.Layers, "layers", 4, "`number` of couplings")
	f.Var(&c.Hidden, "hidden", "`widths` of a coupling's hidden layers")
	f.Uint64Var(&c.Seed, "seed", 1, "`seed` of initial weights, of the order of images and of the noise")
	f.StringVar(&c.Data, "data", "", "`directory` of other IDX files, such as Fashion-MNIST's; empty: MNIST")
	f.IntVar(&c.Limit, "limit", 0, "train on the first `n` training images only; 0: all")
	f.IntVar(&c.Holdout, "holdout", 0, "keep the last `n` training images from training, and follow them in place of the test set: for choosing settings")
	f.IntVar(&c.Save, "save", 2, "write the model and a checkpoint after every `n` epochs")
	f.BoolVar(&c.Resume, "resume", false, "go on from the checkpoint in -out, with the flags that the run started with")
}

// check says which setting is not possible, and fills in the decay.
func (c *config) check() error {
	for _, v := range []struct {
		flag          string
		value, lo, hi int
	}{
		{"epochs", c.Epochs, 1, 1 << 30},
		{"decay", c.Decay, 0, c.Epochs},
		{"batch", c.Batch, 1, 1 << 20},
		{"layers", c.Layers, 1, command.MaxSize},
		{"limit", c.Limit, 0, math.MaxInt},
		{"holdout", c.Holdout, 0, math.MaxInt},
		{"save", c.Save, 1, math.MaxInt},
	} {
		if v.value < v.lo || v.value > v.hi {
			return command.Usagef("-%s %d: want %d to %d", v.flag, v.value, v.lo, v.hi)
		}
	}
	switch {
	case !(c.Rate > 0 && c.Rate <= 1):
		return command.Usagef("-rate %g: want a learning rate above 0, at most 1", c.Rate)
	case !(c.ScaleRate > 0 && c.ScaleRate <= 1000):
		return command.Usagef("-scale-rate %g: want a factor above 0, at most 1000", c.ScaleRate)
	}
	if c.Decay == 0 {
		c.Decay = (2*c.Epochs + 4) / 5
	}
	return nil
}

// options are those of train.Fit.
func (c *config) options() train.Options {
	return train.Options{
		Epochs: c.Epochs, Batch: c.Batch, Rate: c.Rate, Seed: c.Seed,
		// The paper's decay of the second moment is 0.99 as well.
		Optimizer: train.Adam{Beta2: 0.99},
		Schedule:  trapezoid{hold: c.Epochs - c.Decay, decay: c.Decay},
	}
}

// trapezoid keeps the rate for hold epochs and lets it fall evenly to 0 over
// decay more.
type trapezoid struct{ hold, decay int }

// Factor is 1, and then what is left of the decay.
func (t trapezoid) Factor(step, perEpoch, _ int) float64 {
	return min(1, max(0, 1-float64(step-t.hold*perEpoch)/float64(t.decay*perEpoch)))
}
