package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

// cases are maps of every kind, small and irregular.
func cases[T bijector.Float](t testing.TB) map[string]bijector.Network[T] {
	rng := rand.New(rand.NewPCG(3, 5))
	all := map[string]bijector.Network[T]{}
	must := func(m bijector.Network[T], err error) bijector.Network[T] {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for i, s := range convSpecs {
		all[fmt.Sprintf("conv %d", i)] = must(NewConv2D[T](s, rng))
		s.OutputPaddingH, s.OutputPaddingW = max(s.Stride, 1)-1, 0
		all[fmt.Sprintf("transposed conv %d", i)] = must(NewConvTranspose2D[T](s, rng))
	}
	all["dense wide"] = must(NewDense[T](3, 20, true, rng))
	all["dense narrow"] = must(NewDense[T](20, 3, false, rng))
	all["mlp relu"] = must(NewMLP[T](MLPSpec{In: 4, Out: 3, Hidden: []int{7, 5}, Seed: 1}))
	all["mlp tanh"] = must(NewMLP[T](MLPSpec{In: 4, Out: 3, Hidden: []int{7, 5}, Seed: 1, Activation: "tanh"}))
	for name, s := range map[string]ResidualSpec{
		"residual relu": {In: 4, Out: 3, Hidden: 7, Blocks: 3, Seed: 1},
		"residual tanh": {In: 4, Out: 3, Hidden: 7, Blocks: 1, Seed: 1, Activation: "tanh"},
		"residual gate": {In: 5, Out: 3, Hidden: 7, Blocks: 2, Seed: 1, ContextDim: 2},
	} {
		r := must(NewResidual[T](s))
		for _, p := range r.Params() { // away from the near-identity that blocks start from
			for i := range p.Data {
				p.Data[i] += T(rng.NormFloat64() / 3)
			}
		}
		all[name] = r
	}
	for i, s := range convNetSpecs {
		all[fmt.Sprintf("conv net %d", i)] = must(NewConvNet[T](s))
	}
	for i, a := range activationNames {
		seed := uint64(i + 1)
		all["mlp "+a] = must(NewMLP[T](MLPSpec{In: 4, Out: 3, Hidden: []int{7, 5}, Seed: seed, Activation: a}))
		all["made "+a] = must(NewMADE[T](MADESpec{Features: 3, Context: 2, Params: 3, Hidden: []int{6, 5}, Seed: seed, Activation: a}))
		all["residual "+a] = must(NewResidual[T](ResidualSpec{In: 4, Out: 3, Hidden: 7, Blocks: 2, Seed: seed, Activation: a}))
		all["blocks "+a] = must(NewBlocks[T](BlocksSpec{Features: 3, Context: 2, Params: 2, Hidden: 6, Blocks: 2, Seed: seed, Activation: a}))
		all["plain blocks "+a] = must(NewBlocks[T](BlocksSpec{Features: 3, Context: 2, Params: 2, Hidden: 6, Blocks: 2, Seed: seed, Activation: a, Plain: true}))
	}
	all["made relu"] = must(NewMADE[T](MADESpec{Features: 4, Params: 2, Hidden: []int{7, 5}, Seed: 1}))
	all["made tanh"] = must(NewMADE[T](MADESpec{Features: 3, Context: 2, Params: 3, Hidden: []int{6, 2}, Seed: 1, Activation: "tanh"}))
	for i, s := range blocksSpecs() {
		b := must(NewBlocks[T](s))
		overwrite[T](b, rng)
		all[fmt.Sprintf("blocks %d", i)] = b
	}
	all["autoencoder"] = must(NewSequential(
		must(NewConv2D[T](ConvSpec{InChannels: 2, Height: 6, Width: 5, OutChannels: 9, Kernel: 3, Stride: 2, Padding: 1, ReLU: true, OutChannelsLast: true}, rng)),
		must(NewConv2D[T](ConvSpec{InChannels: 9, Height: 3, Width: 3, OutChannels: 4, Kernel: 3, Stride: 2, Padding: 1, ReLU: true, Bias: true, InChannelsLast: true}, rng)),
		must(NewDense[T](16, 3, false, rng)),
		must(NewMLP[T](MLPSpec{In: 3, Out: 4, Hidden: []int{5}, Seed: 2})),
		must(NewDense[T](4, 16, true, rng)),
		must(NewMLP[T](MLPSpec{In: 16, Out: 16, Seed: 2})),
		must(NewConvTranspose2D[T](ConvSpec{InChannels: 4, Height: 2, Width: 2, OutChannels: 9, Kernel: 3, Stride: 2, Padding: 1, ReLU: true, OutChannelsLast: true}, rng)),
		must(NewConvTranspose2D[T](ConvSpec{InChannels: 9, Height: 3, Width: 3, OutChannels: 2, Kernel: 3, Stride: 2, Padding: 1, OutputPaddingH: 1, InChannelsLast: true}, rng)),
	))
	return all
}

func randomMat[T bijector.Float](rng *rand.Rand, d, n int) bijector.Mat[T] {
	m := bijector.NewMat[T](d, n)
	for j := range d {
		f := m.Feature(j)
		for i := range f {
			f[i] = T(rng.NormFloat64())
		}
	}
	return m
}

// step runs a whole step and returns the output and the input's gradient.
func step[T bijector.Float](m bijector.Network[T], p bijector.NetworkGradPass[T], x, dy bijector.Mat[T], w *bijector.Workers, cuts ...int) (y, dx bijector.Mat[T]) {
	y, dx = bijector.NewMat[T](m.Out(), x.N), bijector.NewMat[T](m.In(), x.N)
	for _, g := range p.Grads() {
		clear(g)
	}
	if cuts == nil {
		w.For(x.N, 1, func(lo, hi int) { p.Forward(y, x, lo, hi) })
		w.For(x.N, 1, func(lo, hi int) { p.Backward(dx, dy, x, y, lo, hi) })
	}
	for i := range len(cuts) - 1 {
		p.Forward(y, x, cuts[i], cuts[i+1])
	}
	for i := range len(cuts) - 1 {
		p.Backward(dx, dy, x, y, cuts[i], cuts[i+1])
	}
	p.Accumulate(dy, x, y)
	return y, dx
}

// TestGradients compares with central differences of sum(dy * f(x)).
func TestGradients(t *testing.T) {
	for name, m := range cases[float64](t) {
		t.Run(name, func(t *testing.T) {
			const n, h = 3, 1e-6
			rng := rand.New(rand.NewPCG(1, 2))
			x, dy := randomMat[float64](rng, m.In(), n), randomMat[float64](rng, m.Out(), n)
			// MaxBatch is larger than the batch, as in the last batch of an epoch.
			p := m.NewNetworkGradPass(bijector.PassOptions{MaxBatch: 20})
			_, dx := step(m, p, x, dy, nil)
			eval := m.NewNetworkPass(bijector.PassOptions{MaxBatch: n})
			y := bijector.NewMat[float64](m.Out(), n)
			loss := func() float64 {
				if c, ok := m.(bijector.Invalidator); ok {
					c.Invalidate()
				}
				eval.Forward(y, x, 0, n)
				var s float64
				for j := range y.D {
					for i, v := range y.Feature(j) {
						s += v * dy.Feature(j)[i]
					}
				}
				return s
			}
			check := func(what string, v *float64, got float64) {
				t.Helper()
				old := *v
				*v = old + h
				up := loss()
				*v = old - h
				want := (up - loss()) / (2 * h)
				*v = old
				loss() // says that it changed
				if math.Abs(got-want) > 1e-6*max(1, math.Abs(want)) {
					t.Errorf("%s: gradient %v, differences give %v", what, got, want)
				}
			}
			for j := range x.D {
				for i := range n {
					check(fmt.Sprintf("x[%d][%d]", j, i), &x.Feature(j)[i], dx.Feature(j)[i])
				}
			}
			grads := p.Grads()
			if len(grads) != len(m.Params()) {
				t.Fatalf("%d gradients for %d parameters", len(grads), len(m.Params()))
			}
			for k, q := range m.Params() {
				size := 1
				for _, s := range q.Shape {
					size *= s
				}
				if size != len(q.Data) || len(grads[k]) != len(q.Data) {
					t.Fatalf("%s: shape %v, %d values, %d gradients", q.Name, q.Shape, len(q.Data), len(grads[k]))
				}
				for i := range q.Data {
					check(fmt.Sprintf("%s[%d]", q.Name, i), &q.Data[i], grads[k][i])
				}
			}
		})
	}
}

func sameMat[T bijector.Float](t *testing.T, what string, a, b bijector.Mat[T]) {
	t.Helper()
	for j := range a.D {
		for i, v := range a.Feature(j) {
			if v != b.Feature(j)[i] {
				t.Fatalf("%s: feature %d of sample %d is %v and %v", what, j, i, v, b.Feature(j)[i])
			}
		}
	}
}

// TestSplits: neither the cutting into ranges nor the number of workers nor
// what a pass did before shows in a single bit.
func TestSplits(t *testing.T) {
	t.Run("float32", testSplits[float32])
	t.Run("float64", testSplits[float64])
}

func testSplits[T bijector.Float](t *testing.T) {
	for name, m := range cases[T](t) {
		t.Run(name, func(t *testing.T) {
			const n = 37
			rng := rand.New(rand.NewPCG(1, 2))
			x, dy := randomMat[T](rng, m.In(), n), randomMat[T](rng, m.Out(), n)
			ref := m.NewNetworkGradPass(bijector.PassOptions{MaxBatch: n})
			y, dx := step(m, ref, x, dy, nil)
			compare := func(what string, p bijector.NetworkGradPass[T], y2, dx2 bijector.Mat[T]) {
				t.Helper()
				sameMat(t, what+": output", y, y2)
				sameMat(t, what+": dx", dx, dx2)
				for k, g := range p.Grads() {
					for i, v := range g {
						if v != ref.Grads()[k][i] {
							t.Fatalf("%s: gradient %d[%d] is %v and %v", what, k, i, v, ref.Grads()[k][i])
						}
					}
				}
			}
			p := m.NewNetworkGradPass(bijector.PassOptions{MaxBatch: 100})
			big := randomMat[T](rng, m.In(), 100)
			step(m, p, big, randomMat[T](rng, m.Out(), 100), nil) // leaves its traces
			y2, dx2 := step(m, p, x, dy, nil, 0, 1, 17, 18, 33, n)
			compare("ranges", p, y2, dx2)
			for _, count := range []int{1, 2, 3} {
				w := bijector.NewWorkers(count)
				p := m.NewNetworkGradPass(bijector.PassOptions{MaxBatch: n, Workers: w})
				y2, dx2 := step(m, p, x, dy, w)
				compare(fmt.Sprintf("%d workers", count), p, y2, dx2)
				w.Close()
			}
			eval := m.NewNetworkPass(bijector.PassOptions{MaxBatch: 50})
			y3 := bijector.NewMat[T](m.Out(), n)
			eval.Forward(y3, x, 20, n)
			eval.Forward(y3, x, 0, 20)
			sameMat(t, "evaluation", y, y3)
		})
	}
}

// TestNoInputGradient: an empty dx leaves the parameters' gradients alone.
func TestNoInputGradient(t *testing.T) {
	for name, m := range cases[float64](t) {
		rng := rand.New(rand.NewPCG(1, 2))
		x, dy := randomMat[float64](rng, m.In(), 5), randomMat[float64](rng, m.Out(), 5)
		a := m.NewNetworkGradPass(bijector.PassOptions{MaxBatch: 5})
		step(m, a, x, dy, nil)
		b := m.NewNetworkGradPass(bijector.PassOptions{MaxBatch: 5})
		y := bijector.NewMat[float64](m.Out(), 5)
		b.Forward(y, x, 0, 5)
		b.Backward(bijector.Mat[float64]{}, dy, x, y, 0, 5)
		b.Accumulate(dy, x, y)
		for k, g := range a.Grads() {
			for i, v := range g {
				if v != b.Grads()[k][i] {
					t.Errorf("%s: gradient %d[%d] is %v, without dx %v", name, k, i, v, b.Grads()[k][i])
				}
			}
		}
	}
}
