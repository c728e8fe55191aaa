package nn

// Masked networks of blocks: their formula, the steps, and what depends on what.

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

// blocksSpecs are networks with and without a context, wide and narrow, of blocks
// of either kind.
func blocksSpecs() []BlocksSpec {
	var all []BlocksSpec
	for _, plain := range []bool{false, true} {
		for i, s := range []BlocksSpec{
			{Features: 4, Params: 2, Hidden: 7, Blocks: 2},
			{Features: 3, Context: 2, Params: 3, Hidden: 8, Blocks: 2},
			{Features: 5, Context: 1, Params: 1, Hidden: 3, Blocks: 1},
			{Features: 1, Context: 3, Params: 2, Hidden: 4, Blocks: 2},
			{Features: 1, Params: 2, Hidden: 4, Blocks: 1},
		} {
			s.Plain, s.Activation, s.Seed = plain, []string{"relu", "tanh"}[i%2], uint64(i)
			all = append(all, s)
		}
	}
	return all
}

// blocksByHand computes the outputs of a row from the parameters by their names.
func blocksByHand(b *Blocks[float64], x []float64) []float64 {
	s, params := b.Spec().(BlocksSpec), map[string]bijector.Param[float64]{}
	for _, p := range b.Params() {
		params[p.Name] = p
	}
	affine := func(layer string, x []float64) []float64 {
		w := params[layer+".weight"]
		if w.Data == nil { // of a lone feature
			return append([]float64(nil), params[layer+".bias"].Data...)
		}
		y := make([]float64, w.Shape[0])
		copy(y, params[layer+".bias"].Data)
		for i := range y {
			for j, v := range x {
				y[i] += w.Data[i*len(x)+j] * v
			}
		}
		return y
	}
	plus := func(x, y []float64) []float64 {
		for i, v := range y {
			x[i] += v
		}
		return x
	}
	activate := func(x []float64) []float64 {
		y := make([]float64, len(x))
		for i, v := range x {
			if y[i] = math.Tanh(v); s.Activation != "tanh" {
				y[i] = max(v, 0)
			}
		}
		return y
	}
	ctx := x[:s.Context]
	h := affine("initial", x[s.Context:])
	if s.Context > 0 {
		h = plus(h, activate(affine("context", ctx)))
	}
	if s.Plain {
		h = activate(h)
	}
	for k := range s.Blocks {
		at := fmt.Sprintf("blocks.%d.", k)
		if s.Plain {
			h = activate(affine(at+"0", h))
			continue
		}
		m := affine(at+"0", activate(h))
		if s.Context > 0 {
			m = plus(m, affine(at+"context", ctx))
		}
		h = plus(h, affine(at+"1", activate(m)))
	}
	return affine("final", h)
}

func TestBlocksFormula(t *testing.T) {
	for _, s := range blocksSpecs() {
		rng := rand.New(rand.NewPCG(1, 2))
		b, err := NewBlocks[float64](s)
		if err != nil {
			t.Fatal(err)
		}
		overwrite[float64](b, rng)
		const n = 5
		x, want := randomMat[float64](rng, b.In(), n), bijector.NewMat[float64](b.Out(), n)
		for i := range n {
			row := make([]float64, b.In())
			for j := range row {
				row[j] = x.Feature(j)[i]
			}
			for j, v := range blocksByHand(b, row) {
				want.Feature(j)[i] = v
			}
		}
		if a := maxRoundingUnits(want, evalBatch[float64](b, x)); !(a <= 1) {
			t.Errorf("%+v: %v times the tolerance from the formula", s, a)
		}
		for _, cuts := range [][]int{{0, n}, {0, 1, 3, n}} {
			if a := maxRoundingUnits(want, evalStepwise[float64](b, s.Context, s.Features, x, cuts)); !(a <= 1) {
				t.Errorf("%+v: step by step in ranges %v, %v times the tolerance from the formula", s, cuts, a)
			}
		}
	}
}

// TestBlocksDepend: the outputs of a feature depend on the context and on the
// features before it alone, and a weight that a file masks wrongly is refused.
func TestBlocksDepend(t *testing.T) {
	for _, s := range blocksSpecs() {
		s.Activation = "tanh" // no unit is off
		b, err := NewBlocks[float64](s)
		if err != nil {
			t.Fatal(err)
		}
		overwrite[float64](b, rand.New(rand.NewPCG(5, 6)))
		x := randomMat[float64](rand.New(rand.NewPCG(3, 4)), b.In(), 1)
		y := evalBatch[float64](b, x)
		for k := range b.In() {
			moved := bijector.NewMat[float64](b.In(), 1)
			moved.CopyFrom(x)
			moved.Feature(k)[0] += 0.5
			other := evalBatch[float64](b, moved)
			for i := range b.Out() {
				before, changes := k < s.Context || k-s.Context < i%s.Features, y.Feature(i)[0] != other.Feature(i)[0]
				if changes && !before || !changes && before && (s.Hidden >= s.Features || k < s.Context) {
					t.Fatalf("%+v: that output %d depends on input %d is %v", s, i, k, changes)
				}
			}
		}
		if s.Features > 1 {
			w := b.Params()[0] // its first unit sees the first feature at most
			w.Data[s.Features-1] = 0.1
			if err := b.Validate(); !errors.Is(err, bijector.ErrSpec) {
				t.Errorf("%+v: a masked weight of 0.1: %v, want ErrSpec", s, err)
			}
			b.Invalidate()
			if err := b.Validate(); err != nil {
				t.Errorf("%+v: %v", s, err)
			}
		}
	}
}

func TestBlocksRefused(t *testing.T) {
	for _, s := range []BlocksSpec{{}, {Features: 2}, {Features: 2, Params: 1, Hidden: -1}, {Features: 2, Params: 1, Blocks: -1}, {Features: 2, Params: 1, Activation: "cubic"}, {Features: 2, Params: 1, Context: -1}} {
		if _, err := NewBlocks[float32](s); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%+v: %v, want ErrSpec", s, err)
		}
	}
}
