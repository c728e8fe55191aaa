// Command warp draws what a flow does, in four squares: points, a grid laid over
// them by the flow, what the flow makes of the points, and its density.
//
//	go run ./examples/warp -out warp.png
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"log"
	"math"
	"math/rand/v2"
	"os"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/train"
)

const (
	side = 180 // pixels of a square
	gap  = 6   // between two
)

// palette is white, shades of blue from faint to dark, a line's orange, and
// grey: 32 colours make a small file.
var palette = func() color.Palette {
	p := color.Palette{color.White, color.RGBA{0xd5, 0x5e, 0x00, 0xff}, color.RGBA{0xb0, 0xb0, 0xb0, 0xff}}
	for i := range 29 {
		t := float64(i) / 28
		p = append(p, color.RGBA{uint8(250 - 240*t), uint8(252 - 200*t), uint8(255 - 115*t), 0xff})
	}
	return p
}()

// The colours of lines and points, and of the lightest shade.
const (
	orange, grey, shade, dark = 1, 2, 3, 31
)

func main() {
	log.SetFlags(0)
	out := flag.String("out", "warp.png", "the picture")
	flag.Parse()
	f, x, err := fit(4000, 25)
	if err != nil {
		log.Fatal(err)
	}
	picture, err := draw(f, x)
	if err != nil {
		log.Fatal(err)
	}
	var file bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&file, picture); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(*out, file.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
	fmt.Println(*out)
}

// fit trains a flow on n points of a bent band.
func fit(n, epochs int) (*flow.Flow[float64], *bijector.Rows[float64], error) {
	rng := rand.New(rand.NewPCG(1, 2))
	x := bijector.NewRows[float64](n, 2)
	for i := range n {
		a := 1.1 * rng.NormFloat64()
		x.Row(i)[0], x.Row(i)[1] = a, 0.7*a*a-1.2+0.35*rng.NormFloat64()
	}
	chain, err := coupling.RealNVP[float64](coupling.Recipe{Dim: 2, Layers: 8, Hidden: []int{32, 32}, Seed: 1})
	if err != nil {
		return nil, nil, err
	}
	f, err := flow.New(chain, distribution.StandardNormal[float64](2))
	if err != nil {
		return nil, nil, err
	}
	_, err = train.Fit(context.Background(), f, train.Tensor(x), train.Options{
		Epochs: epochs, Rate: 3e-3, Schedule: train.Cosine{}, Seed: 1,
	})
	return f, x, err
}

// draw makes the four squares, each from -3.5 to 3.5.
func draw(f *flow.Flow[float64], x *bijector.Rows[float64]) (image.Image, error) {
	img := image.NewPaletted(image.Rect(0, 0, 4*side+3*gap, side), palette)
	dot := func(square int, at []float64, c uint8) {
		i, j := math.Floor((at[0]+3.5)/7*side), math.Floor((3.5-at[1])/7*side)
		if i >= 0 && i < side && j >= 0 && j < side {
			img.SetColorIndex(square*(side+gap)+int(i), int(j), c)
		}
	}

	// The density, from the highest point to 6 nats below it.
	grid := bijector.NewRows[float64](side*side, 2)
	for k := range grid.Len() {
		grid.Row(k)[0] = -3.5 + 7*(float64(k%side)+0.5)/side
		grid.Row(k)[1] = 3.5 - 7*(float64(k/side)+0.5)/side
	}
	logp, err := f.LogProb(grid)
	if err != nil {
		return nil, err
	}
	top := math.Inf(-1)
	for _, v := range logp {
		top = max(top, v)
	}
	for k, v := range logp {
		if s := 1 + (v-top)/6; s > 0 {
			img.SetColorIndex(3*(side+gap)+k%side, k/side, shade+uint8(s*(dark-shade)))
		}
	}

	// Points, and where the flow takes them.
	z, err := f.Forward(x)
	if err != nil {
		return nil, err
	}
	for i := range x.Len() {
		dot(0, x.Row(i), dark)
		dot(1, x.Row(i), grey)
		dot(2, z.Row(i), dark)
	}

	// Straight lines among the latents, and what they are among the data.
	const steps = 2000
	for k := -4; k <= 4; k++ {
		lines := bijector.NewRows[float64](2*steps, 2)
		for s := range steps {
			t := -2 + 4*float64(s)/steps
			lines.Row(s)[0], lines.Row(s)[1] = float64(k)/2, t
			lines.Row(steps + s)[0], lines.Row(steps + s)[1] = t, float64(k)/2
		}
		bent, err := f.Inverse(lines)
		if err != nil {
			return nil, err
		}
		for s := range lines.Len() {
			dot(1, bent.Row(s), orange)
			dot(2, lines.Row(s), orange)
		}
	}
	return img, nil
}
