package autoencoder

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// taps is the order of the kernel's places in a weight, as NewConv documents
// it.
var taps = [9][2]int{{0, 0}, {0, 2}, {2, 0}, {2, 2}, {0, 1}, {2, 1}, {1, 0}, {1, 2}, {1, 1}}

// fromPyTorch puts a parameter or its gradient into the order that NewConv
// documents. c, h and w are the size of the smallest image.
func fromPyTorch(v []float64, shape []int, c, h, w int) []float64 {
	out := make([]float64, 0, len(v))
	pixels := h * w
	switch {
	case len(shape) == 4: // (out, in, 3, 3), or transposed (in, out, 3, 3)
		for b := range shape[1] {
			for _, t := range taps {
				for a := range shape[0] {
					out = append(out, v[((a*shape[1]+b)*3+t[0])*3+t[1]])
				}
			}
		}
	case len(shape) == 2 && shape[1] == c*pixels: // (embedding, c*h*w)
		for p := range pixels {
			for ch := range c {
				for e := range shape[0] {
					out = append(out, v[e*shape[1]+ch*pixels+p])
				}
			}
		}
	case len(shape) == 2: // (c*h*w, embedding)
		for p := range pixels {
			for ch := range c {
				out = append(out, v[(ch*pixels+p)*shape[1]:][:shape[1]]...)
			}
		}
	case shape[0] == c*pixels:
		for p := range pixels {
			for ch := range c {
				out = append(out, v[ch*pixels+p])
			}
		}
	default:
		out = append(out, v...)
	}
	return out
}

// TestPyTorch reads testdata/conv.json, which testdata/conv.py writes.
func TestPyTorch(t *testing.T) {
	raw := must(os.ReadFile("testdata/conv.json"))
	var fixture []struct {
		InChannels, Height, Width int
		Channels                  []int
		Embedding, N              int
		Bias                      bool
		X, Z, Y                   []float64
		Loss                      float64
		Params                    []struct {
			Shape      []int
			Data, Grad []float64
		}
	}
	if err := json.Unmarshal(raw, &fixture); err != nil {
		t.Fatal(err)
	}
	if len(fixture) != 3 {
		t.Fatalf("%d cases", len(fixture))
	}
	for i, f := range fixture {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			a := must(NewConv[float64](ConvSpec{InChannels: f.InChannels, Height: f.Height, Width: f.Width, Channels: f.Channels, Embedding: f.Embedding, Bias: f.Bias}))
			h, w := f.Height, f.Width
			for range f.Channels {
				h, w = (h+1)/2, (w+1)/2
			}
			c := f.Channels[len(f.Channels)-1]
			params := a.Params()
			if len(params) != len(f.Params) {
				t.Fatalf("%d parameters, PyTorch has %d", len(params), len(f.Params))
			}
			near := func(what string, got, want []float64) {
				t.Helper()
				if len(got) != len(want) {
					t.Fatalf("%s: %d values, PyTorch has %d", what, len(got), len(want))
				}
				for i := range got {
					if math.Abs(got[i]-want[i]) > 1e-10*max(1e-2, math.Abs(want[i])) {
						t.Fatalf("%s[%d] is %v, PyTorch's %v", what, i, got[i], want[i])
					}
				}
			}
			for k, p := range f.Params {
				copy(params[k].Data, fromPyTorch(p.Data, p.Shape, c, h, w))
			}
			x := testkit.Rows(f.X, f.N, a.Dim())
			z := must(a.Encode(x))
			near("embeddings", z.Float64s(), f.Z)
			near("decoded", must(a.Decode(z)).Float64s(), f.Y)
			loss := make([]float64, f.N)
			step := a.NewStepPass(bijector.PassOptions{MaxBatch: f.N})
			step.Step(must(bijector.MatOf[float64](x, a.Dim())), bijector.Mat[float64]{}, loss)
			mean := 0.0
			for _, l := range loss {
				mean += l / float64(f.N)
			}
			near("loss", []float64{mean}, []float64{f.Loss})
			for k, p := range f.Params {
				near("gradient of "+params[k].Name, step.Grads()[k], fromPyTorch(p.Grad, p.Shape, c, h, w))
			}
		})
	}
}
