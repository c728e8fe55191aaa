package main

import (
	"flag"
	"fmt"
	"strconv"
	"strings"

	"github.com/bijou-flow/bijou/train"
)

// config is everything that a training run depends on. It is written to
// metrics.json as it is.
type config struct {
	Encoder       string  `json:"encoder"`
	Embedding     int     `json:"embedding"`
	AEEpochs      int     `json:"ae_epochs"`
	AERate        float64 `json:"ae_rate"`
	FlowEpochs    int     `json:"flow_epochs"`
	FlowRate      float64 `json:"flow_rate"`
	Schedule      string  `json:"schedule"`
	Decay         float64 `json:"weight_decay"`
	Coupling      string  `json:"coupling"`
	Layers        int     `json:"layers"`
	Hidden        sizes   `json:"hidden"`
	Scale         string  `json:"scale,omitempty"`
	Norm          string  `json:"norm"`
	Unconditional bool    `json:"unconditional"`
	Batch         int     `json:"batch"`
	Seed          uint64  `json:"seed"`
	Data          string  `json:"data,omitempty"`
	Limit         int     `json:"limit,omitempty"`
}

// sizes is a list of layer widths as a flag: 100,100.
type sizes []int

func (s *sizes) String() string {
	parts := make([]string, len(*s))
	for i, n := range *s {
		parts[i] = strconv.Itoa(n)
	}
	return strings.Join(parts, ",")
}

func (s *sizes) Set(text string) error {
	*s = nil
	for _, part := range strings.Split(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 1 {
			return fmt.Errorf("%q is no width; want whole numbers with commas between, such as 100,100", part)
		}
		*s = append(*s, n)
	}
	return nil
}

// flags declares the flags that train and sweep have in common.
func (c *config) flags(f *flag.FlagSet) {
	c.Hidden = sizes{100, 100}
	f.StringVar(&c.Encoder, "encoder", "conv", "`kind` of encoder: conv, dense or pca")
	f.IntVar(&c.Embedding, "embedding", 20, "`dimensions` of the embedding")
	f.IntVar(&c.AEEpochs, "ae-epochs", 10, "`epochs` for the autoencoder")
	f.Float64Var(&c.AERate, "ae-rate", 1e-3, "learning `rate` of the autoencoder")
	f.IntVar(&c.FlowEpochs, "flow-epochs", 20, "`epochs` for the flow")
	f.Float64Var(&c.FlowRate, "flow-rate", 2e-3, "learning `rate` of the flow")
	f.StringVar(&c.Schedule, "schedule", "cosine", "`course` of both rates: cosine or constant")
	f.Float64Var(&c.Decay, "weight-decay", 1e-5, "weight `decay` of both")
	f.StringVar(&c.Coupling, "coupling", "affine", "`kind` of coupling: additive (NICE) or affine (Real NVP)")
	f.IntVar(&c.Layers, "layers", 9, "`number` of couplings")
	f.Var(&c.Hidden, "hidden", "`widths` of a coupling's hidden layers, as in 100,100")
	f.StringVar(&c.Scale, "scale", "", "scale `parametrisation` of affine couplings: tanh, learned-tanh, softclamp, sigmoid or exp")
	f.StringVar(&c.Norm, "norm", "batch", "`normalisation` between couplings: batch, act or none")
	f.BoolVar(&c.Unconditional, "unconditional", false, "do not tell the flow which digit it is")
	f.IntVar(&c.Batch, "batch", 100, "`rows` a training step")
	f.Uint64Var(&c.Seed, "seed", 1, "`seed` of initial weights and of the order of images")
	f.StringVar(&c.Data, "data", "", "`directory` of other IDX files, such as Fashion-MNIST's; empty: MNIST")
	f.IntVar(&c.Limit, "limit", 0, "train on the first `n` images only; 0: all")
}

// check says which setting is not possible.
func (c *config) check() error {
	switch {
	case c.Encoder != "conv" && c.Encoder != "dense" && c.Encoder != "pca":
		return fmt.Errorf("-encoder %q: want conv, dense or pca", c.Encoder)
	case c.Coupling != "affine" && c.Coupling != "additive":
		return fmt.Errorf("-coupling %q: want affine or additive", c.Coupling)
	case c.Schedule != "cosine" && c.Schedule != "constant":
		return fmt.Errorf("-schedule %q: want cosine or constant", c.Schedule)
	case c.Embedding < 2:
		return fmt.Errorf("-embedding %d: a coupling needs at least 2 dimensions", c.Embedding)
	case c.Layers < 1:
		return fmt.Errorf("-layers %d: want at least 1", c.Layers)
	case c.AEEpochs < 1 || c.FlowEpochs < 1:
		return fmt.Errorf("-ae-epochs %d -flow-epochs %d: want at least 1 of each", c.AEEpochs, c.FlowEpochs)
	case c.Batch < 2:
		return fmt.Errorf("-batch %d: want at least 2", c.Batch)
	case c.Limit < 0:
		return fmt.Errorf("-limit %d: want 0 or more", c.Limit)
	case !(c.AERate > 0) || !(c.FlowRate > 0):
		return fmt.Errorf("-ae-rate %g -flow-rate %g: want positive numbers", c.AERate, c.FlowRate)
	case !(c.Decay >= 0):
		return fmt.Errorf("-weight-decay %g: want 0 or more", c.Decay)
	}
	return nil
}

// options are those of train.Fit for either stage.
func (c *config) options(epochs int, rate float64) train.Options {
	o := train.Options{
		Epochs: epochs, Batch: c.Batch, Rate: rate, Seed: c.Seed,
		Optimizer: train.Adam{WeightDecay: c.Decay},
	}
	if c.Schedule == "cosine" {
		o.Schedule = train.Cosine{}
	}
	return o
}
