package bijector_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

// foldedLayers is a run of members that a chain folds, none at its identity.
func foldedLayers(t *testing.T, d int, rng *rand.Rand) []bijector.Layer[float64] {
	t.Helper()
	permute := func(seed uint64) bijector.Layer[float64] {
		p, err := bijector.NewPermute[float64](bijector.PermuteSpec{Dim: d, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	norm, err := bijector.NewBatchNorm[float64](bijector.BatchNormSpec{Dim: d})
	if err != nil {
		t.Fatal(err)
	}
	act, err := bijector.NewActNorm[float64](bijector.ActNormSpec{Dim: d})
	if err != nil {
		t.Fatal(err)
	}
	scale, err := bijector.NewScale[float64](bijector.ScaleSpec{Dim: d})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []bijector.Stateful[float64]{norm, act, scale} {
		for _, p := range l.Params() {
			for i := range p.Data {
				p.Data[i] = rng.NormFloat64() / 2
			}
		}
	}
	for _, b := range norm.Buffers() {
		for i, v := 0, b.Data.([]float64); i < len(v); i++ {
			v[i] = 0.5 + rng.Float64()
		}
	}
	return []bijector.Layer[float64]{norm, permute(1), act, permute(2), scale}
}

// TestChainFolds compares a folded chain with its members one after the other.
func TestChainFolds(t *testing.T) {
	const d, most = 7, 40
	rng := rand.New(rand.NewPCG(3, 4))
	layers := foldedLayers(t, d, rng)
	chain, err := bijector.NewChain(layers...)
	if err != nil {
		t.Fatal(err)
	}
	pass := chain.NewPass(bijector.PassOptions{MaxBatch: most})
	check := func(when string) {
		t.Helper()
		for _, n := range []int{1, 2, 40} {
			x := bijector.NewMat[float64](d, n)
			for j := range d {
				for i := range n {
					x.Feature(j)[i] = rng.NormFloat64()
				}
			}
			want, wantLD := bijector.NewMat[float64](d, n), make([]float64, n)
			want.CopyFrom(x)
			for _, l := range layers {
				l.NewPass(bijector.PassOptions{MaxBatch: most}).Forward(want, want, bijector.Mat[float64]{}, wantLD)
			}
			z, ld := bijector.NewMat[float64](d, n), make([]float64, n)
			pass.Forward(z, x, bijector.Mat[float64]{}, ld)
			back := make([]float64, n)
			again := bijector.NewMat[float64](d, n)
			pass.Inverse(again, z, bijector.Mat[float64]{}, back)
			for j := range d {
				for i := range n {
					if diff := math.Abs(z.Feature(j)[i] - want.Feature(j)[i]); diff > 1e-12 {
						t.Fatalf("%s, n=%d: feature %d of sample %d is off by %g", when, n, j, i, diff)
					}
					if diff := math.Abs(again.Feature(j)[i] - x.Feature(j)[i]); diff > 1e-12 {
						t.Fatalf("%s, n=%d: the inverse is off by %g", when, n, diff)
					}
				}
			}
			for i := range n {
				if math.Abs(ld[i]-wantLD[i]) > 1e-12 || math.Abs(ld[i]+back[i]) > 1e-12 {
					t.Fatalf("%s, n=%d: log-det %g and back %g, want %g", when, n, ld[i], back[i], wantLD[i])
				}
			}
		}
	}
	check("as made")
	for _, p := range chain.Params() {
		for i := range p.Data {
			p.Data[i] += 0.25
		}
	}
	for _, b := range chain.Buffers() {
		switch v := b.Data.(type) {
		case []float64:
			v[0] *= 3
		case []int64:
			if len(v) == d {
				v[0], v[1] = v[1], v[0]
			}
		}
	}
	chain.Invalidate()
	check("after Changed")
}
