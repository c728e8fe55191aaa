package nn

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/rows"
)

var convSpecs = []ConvSpec{
	{InChannels: 1, Height: 6, Width: 6, OutChannels: 3, Kernel: 3, Stride: 2, Padding: 1},
	{InChannels: 2, Height: 5, Width: 7, OutChannels: 17, Kernel: 3, Stride: 2, Padding: 1, Bias: true, ReLU: true},
	{InChannels: 9, Height: 4, Width: 5, OutChannels: 2, Kernel: 3, Padding: 1, Bias: true, InChannelsLast: true},
	{InChannels: 3, Height: 7, Width: 6, OutChannels: 2, Kernel: 5, Stride: 3, Padding: 2, ReLU: true, OutChannelsLast: true},
	{InChannels: 2, Height: 5, Width: 4, OutChannels: 3, Kernel: 2, Stride: 2, InChannelsLast: true, OutChannelsLast: true},
	{InChannels: 2, Height: 8, Width: 7, OutChannels: 2, Kernel: 1, Stride: 3, Bias: true},
	{InChannels: 1, Height: 6, Width: 6, OutChannels: 1, Kernel: 3, Stride: 2},
}

// referenceConv is the definition in the doc of Conv2D, with weights in PyTorch's
// order.
func referenceConv(s ConvSpec, transposed bool, w, b, x []float64, outH, outW int) []float64 {
	at := func(last bool, c, y, x, channels, h, w int) int {
		if last {
			return (y*w+x)*channels + c
		}
		return (c*h+y)*w + x
	}
	y := make([]float64, s.OutChannels*outH*outW)
	for o := range s.OutChannels {
		for i := range outH {
			for j := range outW {
				if b != nil {
					y[at(s.OutChannelsLast, o, i, j, s.OutChannels, outH, outW)] = b[o]
				}
			}
		}
	}
	stride := max(s.Stride, 1)
	for o := range s.OutChannels {
		for c := range s.InChannels {
			for u := range s.Kernel {
				for v := range s.Kernel {
					if transposed {
						for i := range s.Height {
							for j := range s.Width {
								p, q := stride*i+u-s.Padding, stride*j+v-s.Padding
								if p >= 0 && q >= 0 && p < outH && q < outW {
									y[at(s.OutChannelsLast, o, p, q, s.OutChannels, outH, outW)] +=
										w[((c*s.OutChannels+o)*s.Kernel+u)*s.Kernel+v] * x[at(s.InChannelsLast, c, i, j, s.InChannels, s.Height, s.Width)]
								}
							}
						}
						continue
					}
					for i := range outH {
						for j := range outW {
							p, q := stride*i+u-s.Padding, stride*j+v-s.Padding
							if p >= 0 && q >= 0 && p < s.Height && q < s.Width {
								y[at(s.OutChannelsLast, o, i, j, s.OutChannels, outH, outW)] +=
									w[((o*s.InChannels+c)*s.Kernel+u)*s.Kernel+v] * x[at(s.InChannelsLast, c, p, q, s.InChannels, s.Height, s.Width)]
							}
						}
					}
				}
			}
		}
	}
	if s.ReLU {
		for i := range y {
			y[i] = max(0, y[i])
		}
	}
	return y
}

func TestConvAgainstDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for i, s := range convSpecs {
		for _, transposed := range []bool{false, true} {
			t.Run(fmt.Sprint(i, transposed), func(t *testing.T) {
				s, build := s, NewConv2D[float64]
				if transposed {
					build = NewConvTranspose2D[float64]
					s.OutputPaddingW = max(s.Stride, 1) - 1
				}
				c, err := build(s, rng)
				if err != nil {
					t.Fatal(err)
				}
				testAgainstDefinition(t, c, s, transposed)
			})
		}
	}
}

func testAgainstDefinition(t *testing.T, c *Conv2D[float64], s ConvSpec, transposed bool) {
	const n = 4
	rng := rand.New(rand.NewPCG(8, 8))
	w := make([]float64, len(c.w))
	for i := range w {
		w[i] = rng.NormFloat64()
	}
	c.SetWeight(w)
	back := make([]float64, len(w))
	c.Weight(back, c.w)
	for i := range w {
		if back[i] != w[i] {
			t.Fatalf("weight %d came back as %v, was %v", i, back[i], w[i])
		}
	}
	x := randomMat[float64](rng, c.In(), n)
	y := bijector.NewMat[float64](c.Out(), n)
	c.NewNetworkPass(bijector.PassOptions{MaxBatch: n}).Forward(y, x, 0, n)
	_, outH, outW := c.OutShape()
	for i := range n {
		row := make([]float64, x.D)
		for j := range row {
			row[j] = x.Feature(j)[i]
		}
		for j, want := range referenceConv(s, transposed, w, c.b, row, outH, outW) {
			if got := y.Feature(j)[i]; math.Abs(got-want) > 1e-12 {
				t.Fatalf("feature %d of sample %d is %v, want %v", j, i, got, want)
			}
		}
	}
}

// TestConvAgainstPyTorch reads testdata/conv.json, which testdata/conv.py
// writes: outputs and gradients for the loss sum(y * dy).
func TestConvAgainstPyTorch(t *testing.T) {
	raw, err := os.ReadFile("testdata/conv.json")
	if err != nil {
		t.Fatal(err)
	}
	var fixture []struct {
		Transposed                             bool
		InChannels, Height, Width, OutChannels int
		Kernel, Stride, Padding                int
		OutputPadding                          []int
		ReLU                                   bool
		N                                      int
		W, B, X, Y, DY, DX, DW, DB             []float64
	}
	if err := json.Unmarshal(raw, &fixture); err != nil {
		t.Fatal(err)
	}
	if len(fixture) < 4 {
		t.Fatalf("only %d cases", len(fixture))
	}
	for i, f := range fixture {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			build := NewConv2D[float64]
			if f.Transposed {
				build = NewConvTranspose2D[float64]
			}
			c, err := build(ConvSpec{
				InChannels: f.InChannels, Height: f.Height, Width: f.Width, OutChannels: f.OutChannels,
				Kernel: f.Kernel, Stride: f.Stride, Padding: f.Padding,
				OutputPaddingH: f.OutputPadding[0], OutputPaddingW: f.OutputPadding[1],
				Bias: f.B != nil, ReLU: f.ReLU,
			}, rand.New(rand.NewPCG(1, 1)))
			if err != nil {
				t.Fatal(err)
			}
			c.SetWeight(f.W)
			copy(c.b, f.B)
			x, dy := bijector.NewMat[float64](c.In(), f.N), bijector.NewMat[float64](c.Out(), f.N)
			for i := range f.N {
				for j := range x.D {
					x.Feature(j)[i] = f.X[i*x.D+j]
				}
				for j := range dy.D {
					dy.Feature(j)[i] = f.DY[i*dy.D+j]
				}
			}
			p := c.NewNetworkGradPass(bijector.PassOptions{MaxBatch: f.N})
			y, dx := step[float64](c, p, x, dy, nil)
			near := func(what string, got, want []float64) {
				t.Helper()
				if len(got) != len(want) {
					t.Fatalf("%s has %d values, PyTorch's %d", what, len(got), len(want))
				}
				for i := range got {
					if math.Abs(got[i]-want[i]) > 1e-10*max(1, math.Abs(want[i])) {
						t.Fatalf("%s[%d] is %v, PyTorch's %v", what, i, got[i], want[i])
					}
				}
			}
			values := make([]float64, y.D*f.N)
			rows.Store(values, rows.Features[float64](y), 0)
			near("output", values, f.Y)
			values = make([]float64, dx.D*f.N)
			rows.Store(values, rows.Features[float64](dx), 0)
			near("gradient of the input", values, f.DX)
			dw := make([]float64, len(f.DW))
			c.Weight(dw, p.Grads()[0])
			near("gradient of the weight", dw, f.DW)
			if f.B != nil {
				near("gradient of the bias", p.Grads()[1], f.DB)
			}
		})
	}
}

// TestConvStart: the initial weights fill the interval of PyTorch's default.
func TestConvStart(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	s := ConvSpec{InChannels: 16, Height: 8, Width: 8, OutChannels: 32, Kernel: 3, Stride: 2, Padding: 1, Bias: true}
	a, err := NewConv2D[float64](s, rng)
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewConvTranspose2D[float64](s, rng)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		conv  *Conv2D[float64]
		fanIn float64
	}{{a, 16 * 9}, {b, 32 * 9}} {
		bound, largest := 1/math.Sqrt(c.fanIn), 0.0
		for _, p := range c.conv.Params() {
			for _, v := range p.Data {
				largest = max(largest, math.Abs(v))
			}
		}
		if largest > bound || largest < 0.99*bound {
			t.Errorf("largest weight %v, want just below %v", largest, bound)
		}
	}
}

func TestConvSpecErrors(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	good := ConvSpec{InChannels: 1, Height: 5, Width: 5, OutChannels: 2, Kernel: 3, Stride: 2, Padding: 1}
	for name, change := range map[string]func(*ConvSpec){
		"channels":       func(s *ConvSpec) { s.InChannels = 0 },
		"out channels":   func(s *ConvSpec) { s.OutChannels = -1 },
		"height":         func(s *ConvSpec) { s.Height = 0 },
		"huge":           func(s *ConvSpec) { s.Height, s.Width, s.OutChannels = 1<<14, 1<<14, 1<<14 },
		"kernel":         func(s *ConvSpec) { s.Kernel = 0 },
		"stride":         func(s *ConvSpec) { s.Stride = -2 },
		"padding":        func(s *ConvSpec) { s.Padding = 3 },
		"output padding": func(s *ConvSpec) { s.OutputPaddingH = 1 },
		"nothing left":   func(s *ConvSpec) { s.Kernel, s.Padding = 7, 0 },
	} {
		s := good
		change(&s)
		if _, err := NewConv2D[float32](s, rng); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%s: error %v, want ErrSpec", name, err)
		}
	}
	s := good
	s.OutputPaddingW = 2
	if _, err := NewConvTranspose2D[float32](s, rng); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("output padding of the stride: error %v, want ErrSpec", err)
	}
	if _, err := NewDense[float32](1<<20, 1<<20, false, rng); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("an affine map of 2^40 weights: error %v, want ErrSpec", err)
	}
	a, _ := NewConv2D[float64](good, rng)
	if _, err := NewSequential[float64](a, a); !errors.Is(err, bijector.ErrShape) {
		t.Errorf("a sequence that does not fit: error %v, want ErrShape", err)
	}
	if _, err := NewSequential[float64](); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("an empty sequence: error %v, want ErrSpec", err)
	}
}
