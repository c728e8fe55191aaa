// The settings of a run, their flags and their checks.

package main

import (
	"path/filepath"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/mnist/internal/dataset"
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
	Model         string        `json:"model,omitempty"` // whose autoencoder is used

	checkpoint string // nothing that the result depends on
	resume     bool
}

// flags declares the flags that train and sweep have in common: all but the
// flow's size.
func (c *config) flags(f *command.Flags) {
	f.Choice(&c.Encoder, "encoder", "conv", "`kind` of encoder: conv, dense or pca", "conv", "dense", "pca")
	f.Int(&c.Embedding, "embedding", 20, 2, command.MaxSize, "`dimensions` of the embedding") // a coupling keeps one and moves one
	f.Int(&c.AEEpochs, "ae-epochs", 10, 1, command.Most, "`epochs` for the autoencoder")
	f.Positive(&c.AERate, "ae-rate", 4e-3, 1, "learning `rate` of the autoencoder")
	f.Float(&c.AEDecay, "ae-decay", 0, 0, 1, "weight `decay` of the autoencoder, added to its gradients")
	f.Int(&c.FlowEpochs, "flow-epochs", 20, 1, command.Most, "`epochs` for the flow")
	f.Positive(&c.FlowRate, "flow-rate", 3e-3, 1, "learning `rate` of the flow")
	f.Float(&c.FlowDecay, "flow-decay", 0.2, 0, 1, "weight `decay` of the flow, beside its steps (AdamW); 0.1 suits widths of 100, 0.3 of 256")
	f.Choice(&c.Schedule, "schedule", "cosine", "`course` of both rates: cosine or constant", "cosine", "constant")
	f.Choice(&c.Coupling, "coupling", "affine", "`kind` of flow: affine (Real NVP), glow (affine couplings with learned linear maps), additive (NICE) or spline (NSF)", "affine", "glow", "additive", "spline")
	f.Choice(&c.Scale, "scale", "", "scale `parametrisation` of glow and affine: tanh, learned-tanh, softclamp, softsign, sigmoid or exp", "tanh", "learned-tanh", "softclamp", "softsign", "sigmoid", "exp")
	f.Choice(&c.Norm, "norm", "", "`normalisation` between couplings: batch, act or none; empty: what the kind of flow has", "batch", "act", "none")
	f.Bool(&c.Unconditional, "unconditional", "do not tell the flow which digit it is")
	f.Int(&c.Batch, "batch", 100, 2, 1_000_000, "`rows` a training step") // batch norm needs two
	f.Seed(&c.Seed, "seed", 1, "`seed` of initial weights and of the order of images")
	f.String(&c.Model, "model", "", "`file` of a model whose autoencoder to use, in place of -encoder, -embedding and -ae-epochs; empty: train one")
	dataset.Flag(f, &c.Data)
	dataset.LimitFlag(f, &c.Limit)
}

// sizeFlags declares the flags for the flow's size.
func (c *config) sizeFlags(f *command.Flags) {
	f.Int(&c.Layers, "layers", 9, 1, command.MaxSize, "`number` of couplings")
	f.Sizes(&c.Hidden, "hidden", command.Sizes{200, 200}, "`widths` of a coupling's hidden layers, as in 200,200")
}

// check says which flags do not go together.
func (c *config) check() error {
	switch {
	case c.Scale != "" && c.Coupling != "glow" && c.Coupling != "affine":
		return command.Usagef("-scale %s: %s couplings have no scale; leave it out or use -coupling affine", c.Scale, c.Coupling)
	case c.resume && c.checkpoint == "":
		return command.Usagef("-resume: want -checkpoint with the directory to go on from")
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
