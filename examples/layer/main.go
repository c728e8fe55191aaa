// Command layer adds a layer of its own to the library's: a flow of couplings
// and Tails, trained on a banana of correlated, heavy-tailed points, saved,
// loaded and drawn from. Copy tails.go and its test for a layer of yours.
package main

import (
	"context"
	"fmt"
	"io"
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
)

func main() {
	log.SetFlags(0)
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// run trains, saves and loads the flow, and writes what it did to w.
func run(w io.Writer) error {
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
	f, err := flow.New(chain, distribution.StandardNormal[float32](2))
	if err != nil {
		return err
	}

	x, err := banana(4000)
	if err != nil {
		return err
	}
	before, err := train.Evaluate(context.Background(), f, train.Tensor(x))
	if err != nil {
		return err
	}
	report, err := train.Fit(context.Background(), f, train.Tensor(x), train.Options{Epochs: 10, Seed: 1})
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "negative log-likelihood: %.3f before, %.3f after %d steps\n", before, report.Loss(), report.Steps)
	if !(report.Loss() < before-0.3) {
		return fmt.Errorf("training did not help")
	}

	dir, err := os.MkdirTemp("", "app")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "model.safetensors")
	if err := registry.Save(path, f); err != nil {
		return err
	}
	loaded, err := registry.LoadFlow[float32](path)
	if err != nil {
		return err
	}
	a, err := f.LogProb(x)
	if err != nil {
		return err
	}
	b, err := loaded.LogProb(x)
	if err != nil {
		return err
	}
	for i := range a {
		if a[i] != b[i] {
			return fmt.Errorf("row %d: log-density %v before saving, %v after loading", i, a[i], b[i])
		}
	}
	fmt.Fprintf(w, "%d rows score alike after loading\n", len(a))
	draws, err := loaded.Sample(rand.New(rand.NewPCG(1, 2)), 1000)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "draws:", draws.Shape())
	return nil
}

// banana draws n points of x2 = x1^2/2 + noise with heavy tails in x1.
func banana(n int) (*bijector.Rows[float32], error) {
	rng := rand.New(rand.NewPCG(7, 7))
	data := make([]float32, 0, 2*n)
	for range n {
		a := math.Sinh(1.2 * rng.NormFloat64())
		data = append(data, float32(a), float32(math.Min(a*a/2, 20)+0.5*rng.NormFloat64()))
	}
	return bijector.RowsOf(data, n, 2)
}
