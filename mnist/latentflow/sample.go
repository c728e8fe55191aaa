// The command sample: draws digits from a trained model.

package main

import (
	"context"
	"io"
	"math"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	"github.com/sbinet/npyio"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/mnist"
	"github.com/bijou-flow/bijou/mnist/latentflow/internal/page"
)

const sampleAbout = `Draws digits from a trained model.

It writes one file: a picture of all draws, or their values as a NumPy array.

Example: go run ./mnist/latentflow sample -model out/model.safetensors -n 64 -digit 7 -out sevens.png
`

// maxDrawn bounds the digits of one picture.
const maxDrawn = 10000

func sampleCommand(ctx context.Context, args []string, s command.Streams) error {
	var model string
	var n, digit int
	var temperature float64
	var seed uint64
	f := newFlags("sample", sampleAbout)
	f.String(&model, "model", "out/model.safetensors", "`file` of a trained model")
	f.Int(&n, "n", 100, 1, command.Most, "`number` of digits")
	f.Int(&digit, "digit", -1, -1, 255, "`class` to draw; -1: all in turn (conditional models only)")
	f.Float(&temperature, "temperature", 1, 0, math.Inf(1), "`t` below 1 draws the typical, above 1 the unusual")
	f.Seed(&seed, "seed", 1, "`seed` of the draws")
	out := f.File("out", "samples.png", "`file` to write: .png, or .npy for float32 (n, height, width) in [0, 1]", ".png", ".npy")
	if err := f.Parse(args, s); err != nil {
		return err
	}
	array := strings.ToLower(filepath.Ext(out.Path)) == ".npy"
	if n > maxDrawn && !array {
		return command.Usagef("-n %d: a picture has room for %d; draw more into -out FILE.npy", n, maxDrawn)
	}
	m, err := loadModel(model)
	if err != nil {
		return err
	}
	classes := m.Flow().ContextDim()
	switch {
	case digit == -1:
	case classes == 0:
		return command.Usagef("-digit %d: the model is unconditional; leave -digit out", digit)
	case digit >= classes:
		return command.Usagef("-digit %d: the model knows classes 0 to %d", digit, classes-1)
	}
	pixels, err := drawDigits(ctx, m.WithTemperature(temperature), n, digit, seed)
	if err != nil {
		return err
	}
	h, w := imageSize(m, len(pixels)/n)
	if array {
		return out.Write(s, func(to io.Writer) error { return npyio.Write(to, npyImages(pixels, h, w)) })
	}
	g := mnist.Grid{Height: h, Width: w}
	if digit == -1 && classes > 0 { // a column a class
		g.Cols = min(n, classes)
		for k := range g.Cols {
			g.ColCaptions = append(g.ColCaptions, strconv.Itoa(k))
		}
	}
	img, err := mnist.DrawValues(g, pixels)
	if err != nil {
		return err
	}
	return out.WritePNG(s, img)
}

// drawDigits draws n images, one after the other. digit -1 takes the classes
// of a conditional model in turn.
func drawDigits(ctx context.Context, m *autoencoder.Latent[float32], n, digit int, seed uint64) ([]float32, error) {
	rng := page.Rand(seed)
	classes := m.Flow().ContextDim()
	var pixels []float32
	for lo := 0; lo < n; lo += encodeBlock {
		if ctx.Err() != nil {
			return nil, command.Interruption("nothing is written")
		}
		size := min(encodeBlock, n-lo)
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

// npyImages are images one after the other as npyio takes three axes: a slice of
// arrays of arrays, whose type has their size.
func npyImages(pixels []float32, h, w int) any {
	row := reflect.ArrayOf(w, reflect.TypeFor[float32]())
	n := len(pixels) / (h * w)
	all := reflect.MakeSlice(reflect.SliceOf(reflect.ArrayOf(h, row)), n, n)
	for i := range n * h {
		reflect.Copy(all.Index(i/h).Index(i%h), reflect.ValueOf(pixels[i*w:(i+1)*w]))
	}
	return all.Interface()
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
