package registry_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
)

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

// stir moves a model away from where its constructor put it: parameters, batch
// norm's statistics, permutations.
func stir[T bijector.Float](s bijector.Stateful[T], seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	for _, p := range s.Params() {
		for i := range p.Data {
			p.Data[i] += T(0.1 * rng.NormFloat64())
		}
	}
	for _, b := range s.Buffers() {
		switch d := b.Data.(type) {
		case []float64:
			for i := range d {
				d[i] = 0.5 + rng.Float64()
			}
		case []int64:
			if strings.HasSuffix(b.Name, "indices") && len(d) == 4 {
				copy(d, []int64{2, 0, 3, 1})
			}
		}
	}
	if c, ok := s.(bijector.Invalidator); ok {
		c.Invalidate()
	}
}

// bigFlow has every layer of the library, two of another module's parts, a
// context and a learned base.
func bigFlow[T bijector.Float]() *flow.Flow[T] {
	const d, c = 4, 2
	layers := []bijector.Layer[T]{
		must(bijector.NewPermute[T](bijector.PermuteSpec{Dim: d, Seed: 1<<63 + 1})),
		must(NewShift[T](ShiftSpec{Dim: d})),
		must(coupling.NewAffine[T](coupling.AffineSpec{Dim: d, ContextDim: c, Hidden: []int{5}, Seed: 3, Scale: "learned-tanh"})),
		must(bijector.NewActNorm[T](bijector.ActNormSpec{Dim: d})),
		must(coupling.NewAdditive[T](coupling.AdditiveSpec{Dim: d, Mask: coupling.MaskSpec{Keep: []int{1, 1, 1, 0}}})),
		must(coupling.NewSpline[T](coupling.SplineSpec{Dim: d, ContextDim: c, Bins: 4, Hidden: []int{5}, Seed: 6})),
		must(autoregressive.NewAffine[T](autoregressive.AffineSpec{Dim: d, ContextDim: c, Hidden: []int{5}, Order: autoregressive.OrderSpec{Kind: "random", Seed: 2}, Seed: 7})),
		must(autoregressive.NewSpline[T](autoregressive.SplineSpec{Dim: d, Bins: 4, Hidden: []int{5}, Order: autoregressive.OrderSpec{Indices: []int{2, 0, 3, 1}}, Seed: 8})),
		must(bijector.NewBatchNorm[T](bijector.BatchNormSpec{Dim: d, Eps: 1e-3})),
		must(bijector.NewPart(d, 1, 3, bijector.Layer[T](bijector.Invert[T](
			must(coupling.NewAffine[T](coupling.AffineSpec{Dim: 2, Hidden: []int{3}})))))),
		must(coupling.NewAffineWith(coupling.AffineSpec{Dim: d}, func(in, out int) (bijector.Network[T], error) {
			return NewWave[T](WaveSpec{in, out})
		})),
		must(bijector.NewScale[T](bijector.ScaleSpec{Dim: d, FromData: true})),
	}
	base := must(distribution.NewNormal[T](distribution.NormalSpec{Dim: d, Loc: []float64{1, 2, 3, 4}, Learned: true}))
	f := must(flow.New(bijector.Layer[T](must(bijector.NewChain(layers...))), distribution.Base[T](base)))
	stir[T](f, 7)
	return f
}

// smallFlow makes a file of about 2 kB.
func smallFlow[T bijector.Float]() *flow.Flow[T] {
	chain := must(bijector.NewChain[T](
		must(coupling.NewAffine[T](coupling.AffineSpec{Dim: 2, Hidden: []int{2}, Seed: 5})),
		must(bijector.NewPermute[T](bijector.PermuteSpec{Dim: 2, Kind: "reverse"})),
	))
	return must(flow.New(bijector.Layer[T](chain), distribution.Base[T](must(distribution.NewLogistic[T](distribution.LogisticSpec{Dim: 2})))))
}

func latent[T bijector.Float](e autoencoder.Encoder[T], dim int) *autoencoder.Latent[T] {
	chain := must(coupling.RealNVP[T](coupling.Recipe{Dim: dim, Layers: 2, Hidden: []int{6}, Seed: 4}))
	return must(autoencoder.NewLatent(e, nil, must(flow.New(bijector.Layer[T](chain), distribution.Base[T](distribution.StandardNormal[T](dim))))))
}

// batch is n rows of d values around 0.
func batch[T bijector.Float](n, d int) *bijector.Rows[T] {
	rng := rand.New(rand.NewPCG(uint64(n), uint64(d)))
	x := bijector.NewRows[T](n, d)
	for i := range x.Values() {
		x.Values()[i] = T(rng.NormFloat64())
	}
	return x
}

// sameBits compares two tensors bit by bit.
func sameBits(t *testing.T, what string, a, b any) {
	t.Helper()
	bits := func(x any) (u []uint64) {
		switch r := x.(type) {
		case *bijector.Rows[float32]:
			x = r.Values()
		case *bijector.Rows[float64]:
			x = r.Values()
		}
		switch d := x.(type) {
		case []float32:
			for _, v := range d {
				u = append(u, uint64(math.Float32bits(v)))
			}
		case []float64:
			for _, v := range d {
				u = append(u, math.Float64bits(v))
			}
		}
		return u
	}
	u, v := bits(a), bits(b)
	if len(u) == 0 || len(u) != len(v) {
		t.Fatalf("%s: %d and %d values", what, len(u), len(v))
	}
	for i := range u {
		if u[i] != v[i] {
			t.Fatalf("%s: value %d differs", what, i)
		}
	}
}

// wideFlow makes a file of about 5 MB.
func wideFlow() *flow.Flow[float32] {
	chain := must(coupling.RealNVP[float32](coupling.Recipe{Dim: 200, Layers: 2, Hidden: []int{600, 600}}))
	return must(flow.New(bijector.Layer[float32](chain), distribution.Base[float32](distribution.StandardNormal[float32](200))))
}
