package nn

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

// convNetSpecs are small networks of every kind, with fewer, as many and more
// channels than the convolutions gather taps for.
var convNetSpecs = []ConvNetSpec{
	{InChannels: 1, OutChannels: 2, Height: 3, Width: 4, Hidden: 5, Blocks: 1, Seed: 1},
	{InChannels: 2, OutChannels: 3, Height: 3, Width: 3, Hidden: 9, ContextDim: 2, Seed: 2, OutScale: 0.5},
	{InChannels: 1, OutChannels: 2, Height: 3, Width: 4, Hidden: 4, Blocks: 1, Checkerboard: "odd", Seed: 3},
	{InChannels: 2, OutChannels: 4, Height: 3, Width: 3, Hidden: 3, ContextDim: 1, Checkerboard: "even", Seed: 4},
}

// TestConvNetFormula computes a network by its definition, pixel by pixel.
func TestConvNetFormula(t *testing.T) {
	for i, s := range convNetSpecs {
		net, err := NewConvNet[float64](s)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(uint64(i), 7))
		for _, p := range net.Params() { // w is not v, and biases are not small
			for k := range p.Data {
				p.Data[k] += rng.NormFloat64() / 3
			}
		}
		x, y := randomMat[float64](rng, net.In(), 1), bijector.NewMat[float64](net.Out(), 1)
		net.NewNetworkPass(bijector.PassOptions{MaxBatch: 5}).Forward(y, x, 0, 1)

		params := map[string][]float64{}
		for _, p := range net.Params() {
			params[p.Name] = p.Data
		}
		spec, size := net.spec, s.Height*s.Width
		odd := func(p int) string { return []string{"even", "odd"}[(p/s.Width+p%s.Width)%2] }
		var image [][]float64 // by channel
		for c := range s.ContextDim {
			plane := make([]float64, size)
			for p := range plane {
				plane[p] = x.Data[c]
			}
			image = append(image, plane)
		}
		at := s.ContextDim
		for range s.InChannels {
			plane := make([]float64, size)
			for p := range plane {
				if s.Checkerboard == "" || odd(p) == s.Checkerboard {
					plane[p] = x.Data[at]
					at++
				}
			}
			image = append(image, plane)
		}
		conv := func(in [][]float64, name string, k int) [][]float64 {
			v, g, b := params[name+".weight_v"], params[name+".weight_g"], params[name+".bias"]
			out := make([][]float64, len(g))
			for o := range out {
				length := 0.0
				for l := o; l < len(v); l += len(g) {
					length += v[l] * v[l]
				}
				out[o] = make([]float64, size)
				for p := range size {
					sum := 0.0
					if b != nil {
						sum = b[o]
					}
					for c := range in {
						for tap := range k * k {
							yy, xx := p/s.Width+tap/k-k/2, p%s.Width+tap%k-k/2
							if yy >= 0 && yy < s.Height && xx >= 0 && xx < s.Width {
								sum += g[o] * v[(c*k*k+tap)*len(g)+o] / math.Sqrt(length) * in[c][yy*s.Width+xx]
							}
						}
					}
					out[o][p] = sum
				}
			}
			return out
		}
		relu := func(in [][]float64) [][]float64 {
			out := make([][]float64, len(in))
			for c := range in {
				for _, v := range in[c] {
					out[c] = append(out[c], max(v, 0))
				}
			}
			return out
		}
		h := conv(image, "initial", 3)
		for k := range spec.Blocks {
			name := "blocks." + string(rune('0'+k))
			for c, plane := range conv(relu(conv(relu(h), name+".0", 3)), name+".1", 1) {
				for p, v := range plane {
					h[c][p] += v
				}
			}
		}
		at = 0
		for _, plane := range conv(relu(h), "final", 1) {
			for p, v := range plane {
				if s.Checkerboard == "" || odd(p) != s.Checkerboard {
					if d := math.Abs(y.Data[at] - v); d > 1e-12 {
						t.Fatalf("network %d: output %d is %v, the definition gives %v", i, at, y.Data[at], v)
					}
					at++
				}
			}
		}
		if at != y.D {
			t.Errorf("network %d: %d outputs, the definition gives %d", i, y.D, at)
		}
	}
}

// TestConvNetStartsAsItsWeights: before training g is v's length, and OutScale
// scales what comes out.
func TestConvNetStartsAsItsWeights(t *testing.T) {
	s := convNetSpecs[1]
	run := func(scale float64) (y bijector.Mat[float64]) {
		s.OutScale = scale
		net, err := NewConvNet[float64](s)
		if err != nil {
			t.Fatal(err)
		}
		x := randomMat[float64](rand.New(rand.NewPCG(1, 1)), net.In(), 3)
		y = bijector.NewMat[float64](net.Out(), 3)
		net.NewNetworkPass(bijector.PassOptions{MaxBatch: 3}).Forward(y, x, 0, 3)
		for _, c := range net.convs[:len(net.convs)-1] {
			p := newWeightNormPass(c, bijector.PassOptions{MaxBatch: 1}, false, false, 0)
			p.updateWeights()
			for i, w := range p.conv.w {
				if math.Abs(w-c.conv.w[i]) > 1e-15 {
					t.Fatalf("weight %v starts at v = %v", w, c.conv.w[i])
				}
			}
		}
		return y
	}
	whole, small := run(1), run(1e-3)
	for j := range whole.D {
		for i, v := range whole.Feature(j) {
			if math.Abs(small.Feature(j)[i]-1e-3*v) > 1e-15 {
				t.Fatalf("scaled output %v, want %v", small.Feature(j)[i], 1e-3*v)
			}
		}
	}
}

// TestZeroKernel: a channel without a direction gives its bias, and gradients
// stay finite.
func TestZeroKernel(t *testing.T) {
	net, err := NewConvNet[float64](convNetSpecs[0])
	if err != nil {
		t.Fatal(err)
	}
	clear(net.convs[1].conv.w)
	rng := rand.New(rand.NewPCG(1, 1))
	x, dy := randomMat[float64](rng, net.In(), 2), randomMat[float64](rng, net.Out(), 2)
	p := net.NewNetworkGradPass(bijector.PassOptions{MaxBatch: 2})
	y, dx := step(net, p, x, dy, nil)
	for _, v := range append(append(p.Grads(), y.Data), dx.Data) {
		for _, f := range v {
			if f-f != 0 {
				t.Fatal("not finite")
			}
		}
	}
}
