// What is trained: recipes and scales, and the options for all of them.

package main

import (
	"fmt"
	"strconv"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/train"
)

// classes of digits.
const classes = 10

// variant is a row of a table.
type variant struct {
	name, size string
	decay      float64
	chain      func(seed uint64) (*bijector.Chain[float32], error)
}

// recipes are those of the library with their defaults, and at the
// demonstration's size or more, where the weight decay goes with the width.
func recipes(dim int) []variant {
	couplings := func(name string, recipe func(coupling.Recipe) (*bijector.Chain[float32], error), layers, width, blocks int, decay float64) variant {
		size := fmt.Sprintf("%d couplings of %dx%d", layers, width, width)
		hidden := []int{width, width}
		if blocks > 0 {
			size, hidden = fmt.Sprintf("%d couplings of %d residual blocks of %d", layers, blocks, width), hidden[:1]
		}
		return variant{name, size, decay, func(seed uint64) (*bijector.Chain[float32], error) {
			return recipe(coupling.Recipe{Dim: dim, ContextDim: classes, Layers: layers, Hidden: hidden, Blocks: blocks, Seed: seed})
		}}
	}
	masked := func(name string, recipe func(autoregressive.Recipe) (*bijector.Chain[float32], error), layers, width int, decay float64) variant {
		size := fmt.Sprintf("%d layers of %dx%d", layers, width, width)
		return variant{name, size, decay, func(seed uint64) (*bijector.Chain[float32], error) {
			return recipe(autoregressive.Recipe{Dim: dim, ContextDim: classes, Layers: layers, Hidden: []int{width, width}, Seed: seed})
		}}
	}
	return []variant{
		couplings("NICE", coupling.NICE[float32], 4, 100, 0, 0.1),
		couplings("NICE", coupling.NICE[float32], 9, 100, 0, 0.1),
		couplings("RealNVP", coupling.RealNVP[float32], 9, 100, 0, 0.1),
		couplings("RealNVP", coupling.RealNVP[float32], 9, 200, 0, 0.2),
		couplings("Glow", coupling.Glow[float32], 9, 100, 0, 0.1),
		couplings("Glow", coupling.Glow[float32], 9, 200, 0, 0.2),
		couplings("Glow", coupling.Glow[float32], 9, 256, 0, 0.3),
		couplings("Glow", coupling.Glow[float32], 9, 128, 2, 0.2),
		couplings("NSF", coupling.NSF[float32], 6, 100, 0, 0.1),
		couplings("NSF", coupling.NSF[float32], 6, 200, 0, 0.2),
		masked("MAF", autoregressive.MAF[float32], 5, 256, 0.1),
		masked("NSF, autoregressive", autoregressive.NSF[float32], 5, 256, 0.1),
	}
}

// scales are Real NVP at the demonstration's size with each scale.
func scales(dim int) []variant {
	var all []variant
	for _, scale := range []string{"learned-tanh", "tanh", "softclamp", "softsign", "sigmoid", "exp"} {
		all = append(all, variant{scale, "", 0.1, func(seed uint64) (*bijector.Chain[float32], error) {
			return coupling.RealNVP[float32](coupling.Recipe{Dim: dim, ContextDim: classes, Layers: 9, Scale: scale, Seed: seed})
		}})
	}
	return all
}

// trainOptions: batches of 100, Adam at 3e-3 that falls along a cosine, with
// decoupled weight decay.
func trainOptions(epochs int, decay float64, seed uint64) train.Options {
	return train.Options{
		Epochs: epochs, Batch: 100, Rate: 3e-3, Schedule: train.Cosine{}, Seed: seed,
		Optimizer: train.Adam{WeightDecay: decay, Decoupled: true}, ValidationFraction: train.NoValidation,
	}
}

// formatTestLoss are the seeds' test losses: their mean, and their range where there
// are several.
func (r result) formatTestLoss() string {
	s := strconv.FormatFloat(r.mean, 'f', 2, 64)
	if r.lowest < r.highest {
		s += fmt.Sprintf(" (%.2f to %.2f)", r.lowest, r.highest)
	}
	return s
}
