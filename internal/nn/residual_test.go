package nn

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

// TestResidualFormula computes the network again, value by value, from the
// parameters by their names.
func TestResidualFormula(t *testing.T) {
	relu := func(v float64) float64 { return max(v, 0) }
	for name, a := range map[string]func(float64) float64{"relu": relu, "tanh": math.Tanh, "gate": relu} {
		r := cases[float64](t)["residual "+name].(*Residual[float64])
		params := map[string]bijector.Param[float64]{}
		for _, p := range r.Params() {
			params[p.Name] = p
		}
		affine := func(layer string, x []float64) []float64 {
			w, b := params[layer+".weight"], params[layer+".bias"]
			if w.Shape[1] != len(x) {
				t.Fatalf("%s has shape %v, its input %d values", layer, w.Shape, len(x))
			}
			y := append([]float64(nil), b.Data...)
			for i := range y {
				for j, v := range x {
					y[i] += w.Data[i*len(x)+j] * v
				}
			}
			return y
		}
		activate := func(x []float64) []float64 {
			y := make([]float64, len(x))
			for i, v := range x {
				y[i] = a(v)
			}
			return y
		}
		const n = 5
		x, y := randomMat[float64](rand.New(rand.NewPCG(1, 2)), r.In(), n), bijector.NewMat[float64](r.Out(), n)
		r.NewNetworkPass(bijector.PassOptions{MaxBatch: n}).Forward(y, x, 0, n)
		for i := range n {
			var row []float64
			for j := range x.D {
				row = append(row, x.Feature(j)[i])
			}
			h := affine("initial", row)
			for k := range r.Spec().(ResidualSpec).Blocks {
				u := affine(fmt.Sprintf("blocks.%d.0", k), activate(h))
				gate := make([]float64, len(h))
				if c := r.Spec().(ResidualSpec).ContextDim; c > 0 {
					gate = affine(fmt.Sprintf("blocks.%d.gate", k), row[:c])
					for j, v := range gate {
						gate[j] = 1 / (1 + math.Exp(-v))
					}
				} else {
					for j := range gate {
						gate[j] = 1
					}
				}
				for j, v := range affine(fmt.Sprintf("blocks.%d.1", k), activate(u)) {
					h[j] += v * gate[j]
				}
			}
			for j, want := range affine("final", h) {
				if got := y.Feature(j)[i]; math.Abs(got-want) > 1e-13*max(1, math.Abs(want)) {
					t.Errorf("%s: output %d of sample %d is %v, want %v", name, j, i, got, want)
				}
			}
		}
	}
}

func TestResidualSpec(t *testing.T) {
	r, err := NewResidual[float32](ResidualSpec{In: 2, Out: 1, OutScale: 1e-9})
	if err != nil {
		t.Fatal(err)
	}
	if s := r.Spec().(ResidualSpec); s.Hidden != 100 || s.Blocks != 2 {
		t.Errorf("the defaults are %+v, want 2 blocks of 100", s)
	}
	for _, p := range r.Params() {
		bound := float32(1)
		switch p.Name {
		case "blocks.0.1.weight", "blocks.0.1.bias", "blocks.1.1.weight", "blocks.1.1.bias":
			bound = 1e-3
		case "final.weight", "final.bias":
			bound = 1e-9
		}
		largest := float32(0)
		for _, v := range p.Data {
			largest = max(largest, max(v, -v))
		}
		if largest == 0 || largest > bound {
			t.Errorf("%s starts at up to %v, want something up to %v", p.Name, largest, bound)
		}
	}
	for _, s := range []ResidualSpec{
		{In: 2},
		{Out: 2},
		{In: 2, Out: 2, Hidden: -1},
		{In: 2, Out: 2, Blocks: -1},
		{In: 2, Out: 2, Hidden: 1, Blocks: 1 << 13},
		{In: 2, Out: 2, Activation: "cubic"},
		{In: 2, Out: 2, ContextDim: 3},
		{In: 2, Out: 2, ContextDim: -1},
	} {
		if _, err := NewResidual[float32](s); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%+v: %v, want ErrSpec", s, err)
		}
	}
}
