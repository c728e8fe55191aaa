// Command app is a stranger's program: a flow of couplings and a layer of its
// own, trained on a banana of correlated, heavy-tailed points.
package main

import (
	"context"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/train"
	"gorgonia.org/tensor"
)

func main() {
	log.SetFlags(0)
	if err := run(); err != nil {
		log.Fatal(err)
	}
	fmt.Println("ok")
}

func run() error {
	registry.Register("app.tails", NewTails[float32], NewTails[float64])

	var layers []bijector.Layer[float32]
	for i, kind := range []string{"odd", "even", "odd", "even"} {
		c, err := coupling.NewAffine[float32](coupling.AffineSpec{
			Dim: 2, Hidden: []int{32, 32}, Mask: coupling.MaskSpec{Kind: kind}, Seed: uint64(i),
		})
		if err != nil {
			return err
		}
		layers = append(layers, c)
	}
	tails, err := NewTails[float32](TailsSpec{Dim: 2})
	if err != nil {
		return err
	}
	chain, err := bijector.NewChain(append(layers, tails)...)
	if err != nil {
		return err
	}
	flow := flow.New(chain, distribution.StandardNormal[float32](2))

	x := banana(4000)
	before, err := train.Evaluate(context.Background(), flow, train.Tensor(x))
	if err != nil {
		return err
	}
	report, err := train.Fit(context.Background(), flow, train.Tensor(x), train.Options{Epochs: 10, Seed: 1})
	if err != nil {
		return err
	}
	fmt.Printf("negative log-likelihood: %.3f before, %.3f after %d steps\n", before, report.Loss(), report.Steps)
	if !(report.Loss() < before-0.3) {
		return fmt.Errorf("training did not help")
	}

	dir, err := os.MkdirTemp("", "app")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "model.safetensors")
	if err := registry.Save(path, flow); err != nil {
		return err
	}
	loaded, err := registry.LoadFlow[float32](path)
	if err != nil {
		return err
	}
	a, err := flow.LogProb(x)
	if err != nil {
		return err
	}
	b, err := loaded.LogProb(x)
	if err != nil {
		return err
	}
	for i, v := range a.Float32s() {
		if w := b.Float32s()[i]; v != w {
			return fmt.Errorf("row %d: log-density %v before saving, %v after loading", i, v, w)
		}
	}
	draws, err := loaded.Sample(rand.New(rand.NewPCG(1, 2)), 1000)
	if err != nil {
		return err
	}
	fmt.Println("draws:", draws.Shape())
	return nil
}

// banana draws n points of x2 = x1^2/2 + noise with heavy tails in x1.
func banana(n int) *tensor.Dense {
	rng := rand.New(rand.NewPCG(7, 7))
	data := make([]float32, 0, 2*n)
	for range n {
		a := math.Sinh(1.2 * rng.NormFloat64())
		data = append(data, float32(a), float32(math.Min(a*a/2, 20)+0.5*rng.NormFloat64()))
	}
	return tensor.New(tensor.WithShape(n, 2), tensor.WithBacking(data))
}
