package main

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/internal/npy"
	"github.com/bijou-flow/bijou/mnist"
	"github.com/bijou-flow/bijou/registry"
)

func sampleCommand(_ context.Context, args []string, s streams) error {
	f := flag.NewFlagSet("sample", flag.ContinueOnError)
	model := f.String("model", "out/model.safetensors", "`file` of a trained model")
	n := f.Int("n", 100, "`number` of digits")
	digit := f.Int("digit", -1, "`class` to draw; -1: all in turn (conditional models only)")
	temperature := f.Float64("temperature", 1, "`t` below 1 draws the typical, above 1 the unusual")
	seed := f.Uint64("seed", 1, "`seed` of the draws")
	out := f.String("out", "samples.png", "`file` to write: .png, or .npy for float32 (n, height, width) in [0, 1]")
	if err := parse(f, args, s); err != nil {
		return err
	}
	ext := strings.ToLower(filepath.Ext(*out))
	if ext != ".png" && ext != ".npy" {
		return fmt.Errorf("-out %s: want a name that ends in .png or .npy", *out)
	}
	if *n < 1 {
		return fmt.Errorf("-n %d: want at least 1", *n)
	}
	m, err := registry.LoadLatent[float32](*model)
	if err != nil {
		return err
	}
	classes := m.Flow().ContextDim()
	switch {
	case *digit >= 0 && classes == 0:
		return fmt.Errorf("-digit %d: the model is unconditional; leave -digit out", *digit)
	case *digit < -1, *digit >= classes && *digit >= 0:
		return fmt.Errorf("-digit %d: the model knows classes 0 to %d", *digit, classes-1)
	}
	if classes > 0 {
		m = m.Given(oneHots(classes, *n, func(i int) int {
			if *digit >= 0 {
				return *digit
			}
			return i % classes
		}))
	}
	x, err := m.WithTemperature(*temperature).Sample(rand.New(rand.NewPCG(*seed, 0x73616d706c65)), *n)
	if err != nil {
		return err
	}
	h, w := imageSize(m, x.Shape()[1])
	if ext == ".png" {
		err = mnist.Grid{Height: h, Width: w}.WritePNG(*out, x)
	} else {
		var b bytes.Buffer
		if err = npy.Write(&b, []int{*n, h, w}, x.Float32s()); err == nil {
			err = os.WriteFile(*out, b.Bytes(), 0o644)
		}
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(s.out, *out)
	return nil
}

// imageSize is the height and width of a model's images of d pixels: what its
// spec says, or a square.
func imageSize(m *autoencoder.Latent[float32], d int) (h, w int) {
	if ae, ok := m.Decoder().(*autoencoder.Autoencoder[float32]); ok {
		if spec, ok := ae.Spec().(autoencoder.ConvSpec); ok {
			h = cmp.Or(spec.Height, 28)
			return h, cmp.Or(spec.Width, h)
		}
	}
	for h = 1; h*h < d; h++ {
	}
	if h*h == d {
		return h, h
	}
	return 1, d
}
