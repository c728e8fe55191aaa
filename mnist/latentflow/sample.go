package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/sbinet/npyio"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/internal/atomicfile"
	"github.com/bijou-flow/bijou/mnist"
	"github.com/bijou-flow/bijou/mnist/internal/command"
)

const sampleAbout = `latentflow sample: draw digits from a trained model.

usage: latentflow sample -model FILE [-n N] [-digit D] [-out FILE.png|FILE.npy]

It writes one file: a picture of all draws, or their values as a NumPy array.

example: latentflow sample -model out/model.safetensors -n 64 -digit 7 -out sevens.png
`

// maxDrawn bounds the digits of one picture.
const maxDrawn = 10000

func sampleCommand(ctx context.Context, args []string, s command.Streams) error {
	f := command.NewFlags("latentflow sample")
	model := f.String("model", "out/model.safetensors", "`file` of a trained model")
	n := f.Int("n", 100, "`number` of digits")
	digit := f.Int("digit", -1, "`class` to draw; -1: all in turn (conditional models only)")
	temperature := f.Float64("temperature", 1, "`t` below 1 draws the typical, above 1 the unusual")
	seed := f.Uint64("seed", 1, "`seed` of the draws")
	out := f.String("out", "samples.png", "`file` to write: .png, or .npy for float32 (n, height, width) in [0, 1]")
	if err := command.Parse(f, args, sampleAbout, s); err != nil {
		return err
	}
	ext := strings.ToLower(filepath.Ext(*out))
	switch {
	case ext != ".png" && ext != ".npy":
		return command.Usagef("-out %s: want a name that ends in .png or .npy", *out)
	case *n < 1:
		return command.Usagef("-n %d: want at least 1", *n)
	case *n > maxDrawn && ext == ".png":
		return command.Usagef("-n %d: a picture has room for %d; draw more into -out FILE.npy", *n, maxDrawn)
	case !(*temperature >= 0) || math.IsInf(*temperature, 0):
		return command.Usagef("-temperature %g: want 0 or more", *temperature)
	}
	m, err := loadModel(*model)
	if err != nil {
		return err
	}
	switch classes := m.Flow().ContextDim(); {
	case *digit == -1:
	case classes == 0:
		return command.Usagef("-digit %d: the model is unconditional; leave -digit out", *digit)
	case *digit < 0 || *digit >= classes:
		return command.Usagef("-digit %d: the model knows classes 0 to %d", *digit, classes-1)
	}
	pixels, err := drawDigits(ctx, m.WithTemperature(*temperature), *n, *digit, *seed)
	if err != nil {
		return err
	}
	h, w := imageSize(m, len(pixels) / *n)
	if ext == ".npy" {
		err = atomicfile.Write(*out, func(to io.Writer) error { return npyio.Write(to, nested(pixels, h, w)) })
	} else {
		err = drawGrid(*out, mnist.Grid{Height: h, Width: w}, pixels)
	}
	if err != nil {
		return fmt.Errorf("-out: %w", err)
	}
	fmt.Fprintln(s.Out, *out)
	return nil
}

// drawDigits draws n images, one after the other. digit -1 takes the classes
// of a conditional model in turn.
func drawDigits(ctx context.Context, m *autoencoder.Latent[float32], n, digit int, seed uint64) ([]float32, error) {
	rng := rand.New(rand.NewPCG(seed, 0x73616d706c65))
	classes := m.Flow().ContextDim()
	var pixels []float32
	for lo := 0; lo < n; lo += block {
		if ctx.Err() != nil {
			return nil, command.Interrupted("nothing is written")
		}
		size := min(block, n-lo)
		given := m
		if classes > 0 {
			given = m.Given(oneHots(classes, size, func(i int) int {
				if digit >= 0 {
					return digit
				}
				return (lo + i) % classes
			}))
		}
		x, err := given.Sample(rng, size)
		if err != nil {
			return nil, err
		}
		if pixels == nil {
			pixels = make([]float32, 0, n*x.Shape()[1])
		}
		for _, v := range x.Float32s() {
			pixels = append(pixels, min(max(v, 0), 1)) // PCA decodes to values beyond
		}
	}
	return pixels, nil
}

// nested are images one after the other as npyio takes three axes: a slice of
// arrays of arrays, whose type has their size.
func nested(pixels []float32, h, w int) any {
	row := reflect.ArrayOf(w, reflect.TypeFor[float32]())
	n := len(pixels) / (h * w)
	all := reflect.MakeSlice(reflect.SliceOf(reflect.ArrayOf(h, row)), n, n)
	for i := range n * h {
		reflect.Copy(all.Index(i/h).Index(i%h), reflect.ValueOf(pixels[i*w:(i+1)*w]))
	}
	return all.Interface()
}

// drawGrid writes images to a PNG file.
func drawGrid(path string, g mnist.Grid, pixels []float32) error {
	img, err := mnist.DrawValues(g, pixels)
	if err != nil {
		return err
	}
	return mnist.WritePNG(path, img)
}

// imageSize is the height and width of a model's images of d pixels: what its
// spec says, or a square, or one row where d is no square.
func imageSize(m *autoencoder.Latent[float32], d int) (h, w int) {
	if ae, ok := m.Decoder().(*autoencoder.Autoencoder[float32]); ok {
		if spec, ok := ae.Spec().(autoencoder.ConvSpec); ok {
			return spec.Height, spec.Width
		}
	}
	if h = int(math.Round(math.Sqrt(float64(d)))); h*h == d {
		return h, h
	}
	return 1, d
}
