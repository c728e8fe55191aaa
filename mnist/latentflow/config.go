package main

import (
	"flag"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bijou-flow/bijou/mnist/internal/command"
	"github.com/bijou-flow/bijou/train"
)

// config is everything that a training run depends on. It is written to
// metrics.json as it is.
type config struct {
	Encoder       string        `json:"encoder"`
	Embedding     int           `json:"embedding"`
	AEEpochs      int           `json:"ae_epochs"`
	AERate        float64       `json:"ae_rate"`
	AEDecay       float64       `json:"ae_decay"`
	FlowEpochs    int           `json:"flow_epochs"`
	FlowRate      float64       `json:"flow_rate"`
	FlowDecay     float64       `json:"flow_decay"`
	Schedule      string        `json:"schedule"`
	Coupling      string        `json:"coupling"`
	Layers        int           `json:"layers"`
	Hidden        command.Sizes `json:"hidden"`
	Scale         string        `json:"scale,omitempty"`
	Norm          string        `json:"norm,omitempty"`
	Unconditional bool          `json:"unconditional"`
	Batch         int           `json:"batch"`
	Seed          uint64        `json:"seed"`
	Data          string        `json:"data,omitempty"`
	Limit         int           `json:"limit,omitempty"`

	checkpoint string // nothing that the result depends on
	resume     bool
}

// flags declares the flags that train and sweep have in common: all but the
// flow's size.
func (c *config) flags(f *flag.FlagSet) {
	f.StringVar(&c.Encoder, "encoder", "conv", "`kind` of encoder: conv, dense or pca")
	f.IntVar(&c.Embedding, "embedding", 20, "`dimensions` of the embedding")
	f.IntVar(&c.AEEpochs, "ae-epochs", 10, "`epochs` for the autoencoder")
	f.Float64Var(&c.AERate, "ae-rate", 4e-3, "learning `rate` of the autoencoder")
	f.Float64Var(&c.AEDecay, "ae-decay", 0, "weight `decay` of the autoencoder, added to its gradients")
	f.IntVar(&c.FlowEpochs, "flow-epochs", 20, "`epochs` for the flow")
	f.Float64Var(&c.FlowRate, "flow-rate", 3e-3, "learning `rate` of the flow")
	f.Float64Var(&c.FlowDecay, "flow-decay", 0.2, "weight `decay` of the flow, beside its steps (AdamW); 0.1 suits widths of 100, 0.3 of 256")
	f.StringVar(&c.Schedule, "schedule", "cosine", "`course` of both rates: cosine or constant")
	f.StringVar(&c.Coupling, "coupling", "affine", "`kind` of flow: affine (Real NVP), glow (affine couplings with learned linear maps), additive (NICE) or spline (NSF)")
	f.StringVar(&c.Scale, "scale", "", "scale `parametrisation` of glow and affine: tanh, learned-tanh, softclamp, softsign, sigmoid or exp")
	f.StringVar(&c.Norm, "norm", "", "`normalisation` between couplings: batch, act or none; empty: what the kind of flow has")
	f.BoolVar(&c.Unconditional, "unconditional", false, "do not tell the flow which digit it is")
	f.IntVar(&c.Batch, "batch", 100, "`rows` a training step")
	f.Uint64Var(&c.Seed, "seed", 1, "`seed` of initial weights and of the order of images")
	f.StringVar(&c.Data, "data", "", "`directory` of other IDX files, such as Fashion-MNIST's; empty: MNIST")
	f.IntVar(&c.Limit, "limit", 0, "train on the first `n` training images only; 0: all. The test set stays whole")
}

// sizeFlags declares the flags for the flow's size.
func (c *config) sizeFlags(f *flag.FlagSet) {
	c.Hidden = command.Sizes{200, 200}
	f.IntVar(&c.Layers, "layers", 9, "`number` of couplings")
	f.Var(&c.Hidden, "hidden", "`widths` of a coupling's hidden layers, as in 200,200")
}

// check says which setting is not possible.
func (c *config) check() error {
	for _, v := range []struct {
		flag, value string
		want        []string
	}{
		{"encoder", c.Encoder, []string{"conv", "dense", "pca"}},
		{"coupling", c.Coupling, []string{"affine", "glow", "additive", "spline"}},
		{"schedule", c.Schedule, []string{"cosine", "constant"}},
		{"norm", c.Norm, []string{"", "batch", "act", "none"}},
		{"scale", c.Scale, []string{"", "tanh", "learned-tanh", "softclamp", "softsign", "sigmoid", "exp"}},
	} {
		if !slices.Contains(v.want, v.value) {
			return command.Usagef("-%s %q: want one of %s", v.flag, v.value, strings.TrimPrefix(strings.Join(v.want, ", "), ", "))
		}
	}
	for _, v := range []struct {
		flag          string
		value, lo, hi int
	}{
		{"embedding", c.Embedding, 2, command.MaxSize}, // a coupling keeps one and moves one
		{"ae-epochs", c.AEEpochs, 1, 1 << 30},
		{"flow-epochs", c.FlowEpochs, 1, 1 << 30},
		{"layers", c.Layers, 1, command.MaxSize},
		{"batch", c.Batch, 2, 1 << 20}, // batch norm needs two
		{"limit", c.Limit, 0, math.MaxInt},
	} {
		if v.value < v.lo || v.value > v.hi {
			return command.Usagef("-%s %d: want %d to %d", v.flag, v.value, v.lo, v.hi)
		}
	}
	switch {
	case c.Scale != "" && c.Coupling != "glow" && c.Coupling != "affine":
		return command.Usagef("-scale %s: %s couplings have no scale; leave it out or use -coupling affine", c.Scale, c.Coupling)
	case !(c.AERate > 0 && c.AERate <= 1), !(c.FlowRate > 0 && c.FlowRate <= 1):
		return command.Usagef("-ae-rate %g -flow-rate %g: want learning rates above 0, at most 1", c.AERate, c.FlowRate)
	case c.resume && c.checkpoint == "":
		return command.Usagef("-resume: want -checkpoint with the directory to go on from")
	case !(c.AEDecay >= 0 && c.AEDecay <= 1), !(c.FlowDecay >= 0 && c.FlowDecay <= 1):
		return command.Usagef("-ae-decay %g -flow-decay %g: want 0 to 1", c.AEDecay, c.FlowDecay)
	}
	return nil
}

// options are those of train.Fit for a stage.
func (c *config) options(stage string, epochs int, rate float64, adam train.Adam) train.Options {
	o := train.Options{
		Epochs: epochs, Batch: c.Batch, Rate: rate, Seed: c.Seed,
		Optimizer: adam,
	}
	if c.Schedule == "cosine" {
		o.Schedule = train.Cosine{}
	}
	if c.checkpoint != "" {
		o.Checkpoint = train.Checkpoint{Dir: filepath.Join(c.checkpoint, stage), Resume: c.resume}
	}
	return o
}
