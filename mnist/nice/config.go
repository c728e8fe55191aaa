// The settings of a run, their flags and their checks.

package main

import (
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/mnist/internal/dataset"
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
}

// flags declares the flags of all settings but -resume.
func (c *config) flags(f *command.Flags) {
	f.Int(&c.Epochs, "epochs", 14, 1, command.Most, "passes over the images, as many as `n`")
	f.Int(&c.Decay, "decay", 0, 0, command.Most, "the last `n` epochs, over which the rate falls evenly to 0; 0: two fifths of all")
	f.Positive(&c.Rate, "rate", 1.5e-3, 1, "learning `rate` before it falls")
	f.Positive(&c.ScaleRate, "scale-rate", 10, 1000, "`factor` on the rate of the diagonal scale")
	f.Int(&c.Batch, "batch", 200, 1, 1_000_000, "`rows` a training step")
	f.Int(&c.Layers, "layers", 4, 1, command.MaxSize, "`number` of couplings")
	f.Sizes(&c.Hidden, "hidden", command.Sizes{1000, 1000, 1000, 1000, 1000}, "`widths` of a coupling's hidden layers")
	f.Seed(&c.Seed, "seed", 1, "`seed` of initial weights, of the order of images and of the noise")
	dataset.Flag(f, &c.Data)
	dataset.LimitFlag(f, &c.Limit)
	f.Int(&c.Holdout, "holdout", 0, 0, command.Most, "keep the last `n` training images from training, and follow them in place of the test set: for choosing settings")
	f.Int(&c.Save, "save", 2, 1, command.Most, "write the model and a checkpoint after every `n` epochs")
}

// check says which flags do not go together, and fills in the decay.
func (c *config) check() error {
	if c.Decay > c.Epochs {
		return command.Usagef("-decay %d: want 0 to %d, the epochs", c.Decay, c.Epochs)
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
