package nn

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

var _ bijector.Invalidator = (*MADE[float32])(nil)

// madeSpecs are masked perceptrons with and without a context, wider and
// narrower than their features, and of one feature.
func madeSpecs() []MADESpec {
	var all []MADESpec
	for _, features := range []int{1, 2, 3, 5, 8} {
		for _, context := range []int{0, 2} {
			for _, hidden := range [][]int{nil, {1}, {2, 1}, {4}, {3, 5, 3}, {8, 9}, {33, 16}} {
				for _, activation := range []string{"relu", "tanh"} {
					all = append(all, MADESpec{Features: features, Context: context, Params: 2, Hidden: hidden, Activation: activation, Seed: 7})
				}
			}
		}
	}
	return all
}

func newMADE[T bijector.Float](t testing.TB, s MADESpec) *MADE[T] {
	t.Helper()
	m, err := NewMADE[T](s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// overwrite puts something into every parameter, as a hostile file would.
func overwrite[T bijector.Float](m bijector.Network[T], rng *rand.Rand) {
	for _, p := range m.Params() {
		for i := range p.Data {
			p.Data[i] = T(rng.NormFloat64())
		}
	}
	m.(bijector.Invalidator).Invalidate()
}

// maskedLayer is a layer by the paper: explicit degrees of inputs and units, a
// mask for each pair.
func maskedLayer(p bijector.Param[float64], bias, x []float64, in, out []int) []float64 {
	y := make([]float64, len(out))
	for i := range y {
		y[i] = bias[i]
		for k, v := range x {
			if out[i] >= in[k] {
				y[i] += p.Data[i*len(x)+k] * v
			}
		}
	}
	return y
}

// reference evaluates one sample with masks written out.
func reference(m *MADE[float64], x []float64) []float64 {
	s := m.Spec().(MADESpec)
	var degrees []int
	for range s.Context {
		degrees = append(degrees, 0)
	}
	for j := range s.Features {
		degrees = append(degrees, j+1)
	}
	least := 1
	if s.Context > 0 || s.Features == 1 {
		least = 0
	}
	ps := m.MLP.Params()
	for l := 0; l < len(ps); l += 2 {
		var next []int
		if l == len(ps)-2 {
			for range s.Params {
				for j := range s.Features {
					next = append(next, j)
				}
			}
			return maskedLayer(ps[l], ps[l+1].Data, x, degrees, next)
		}
		width, n := s.Hidden[l/2], s.Features-least
		for i := range width {
			d := float64(i) * float64(n) / float64(width)
			if width > 1 && width < n {
				d = float64(i) * float64(n-1) / float64(width-1)
			}
			next = append(next, least+int(math.Floor(d+1e-9)))
		}
		x = maskedLayer(ps[l], ps[l+1].Data, x, degrees, next)
		for i, v := range x {
			if s.Activation == "tanh" {
				x[i] = math.Tanh(v)
			} else {
				x[i] = max(0, v)
			}
		}
		degrees = next
	}
	panic("no layers")
}

// TestMADEValues: at once, one by one and step by step, with parameters that
// came from anywhere, a MADE is the perceptron with masks.
func TestMADEValues(t *testing.T) {
	for _, s := range madeSpecs() {
		rng := rand.New(rand.NewPCG(1, 2))
		m := newMADE[float64](t, s)
		for range 2 { // as it starts, then overwritten
			const n = 5
			x := randomMat[float64](rng, m.In(), n)
			want := bijector.NewMat[float64](m.Out(), n)
			for i := range n {
				row := make([]float64, m.In())
				for j := range row {
					row[j] = x.Feature(j)[i]
				}
				for j, v := range reference(m, row) {
					want.Feature(j)[i] = v
				}
			}
			if a := maxRoundingUnits(want, evalBatch[float64](m, x)); !(a <= 1) {
				t.Errorf("%+v: %v times the tolerance from masks written out", s, a)
			}
			if a := maxRoundingUnits(want, evalSingly[float64](m, x)); !(a <= 1) {
				t.Errorf("%+v: one by one, %v times the tolerance from masks written out", s, a)
			}
			for _, cuts := range [][]int{{0, n}, {0, 1, 3, n}} {
				if a := maxRoundingUnits(want, evalStepwise[float64](m, s.Context, s.Features, x, cuts)); !(a <= 1) {
					t.Errorf("%+v: step by step in ranges %v, %v times the tolerance from masks written out", s, cuts, a)
				}
			}
			for i := range n {
				one := bijector.NewMat[float64](m.In(), 1)
				one.CopyFrom(x.Samples(i, i+1))
				if a := maxRoundingUnits(want.Samples(i, i+1), evalStepwise[float64](m, s.Context, s.Features, one, []int{0, 1})); !(a <= 1) {
					t.Errorf("%+v: a sample step by step, %v times the tolerance from masks written out", s, a)
				}
			}
			overwrite[float64](m, rng)
		}
	}
}

// evalStepwise evaluates x by Step, and shows it a feature only when it may be
// seen.
func evalStepwise[T bijector.Float](m Stepwise[T], context, features int, x bijector.Mat[T], cuts []int) bijector.Mat[T] {
	p := m.NewStepPass(bijector.PassOptions{MaxBatch: x.N + 20})
	u, y := bijector.NewMat[T](x.D, x.N), bijector.NewMat[T](m.Out(), x.N)
	for i := range u.Data {
		u.Data[i] = T(math.NaN())
	}
	for i := range len(cuts) - 1 {
		lo, hi := cuts[i], cuts[i+1]
		for j := range context {
			copy(u.Feature(j)[lo:hi], x.Feature(j)[lo:hi])
		}
		for j := range features {
			p.Step(y, u, j, lo, hi)
			copy(u.Feature(context + j)[lo:hi], x.Feature(context + j)[lo:hi])
		}
	}
	return y
}

// TestMADEDepends: the outputs of a feature depend on the context, and on the
// features before it alone; on all of them where the layers are wide enough.
func TestMADEDepends(t *testing.T) {
	for _, s := range madeSpecs() {
		s.Activation = "tanh" // no unit is off
		m := newMADE[float64](t, s)
		overwrite[float64](m, rand.New(rand.NewPCG(5, 6)))
		x := randomMat[float64](rand.New(rand.NewPCG(3, 4)), m.In(), 1)
		y := evalBatch[float64](m, x)
		wide := true
		for _, h := range s.Hidden {
			wide = wide && h >= s.Features
		}
		for k := range m.In() {
			moved := bijector.NewMat[float64](m.In(), 1)
			moved.CopyFrom(x)
			moved.Feature(k)[0] += 0.5
			other := evalBatch[float64](m, moved)
			for i := range m.Out() {
				before := k < s.Context || k-s.Context < i%s.Features
				changes := y.Feature(i)[0] != other.Feature(i)[0]
				if changes && !before {
					t.Fatalf("%+v: output %d depends on input %d", s, i, k)
				}
				if !changes && before && (wide || k < s.Context) {
					t.Fatalf("%+v: output %d does not depend on input %d", s, i, k)
				}
			}
		}
		// The last feature sees the first, however narrow the layers are.
		if s.Features > 1 && (s.Context == 0 || len(s.Hidden) == 0) {
			moved := bijector.NewMat[float64](m.In(), 1)
			moved.CopyFrom(x)
			moved.Feature(s.Context)[0] += 0.5
			if evalBatch[float64](m, moved).Feature(s.Features - 1)[0] == y.Feature(s.Features - 1)[0] {
				t.Fatalf("%+v: the last feature does not depend on the first", s)
			}
		}
	}
}

// TestMADEMaskedStayZero: what is masked has no gradient, so that no optimiser
// moves it, and Changed clears whatever was written there, NaN included.
func TestMADEMaskedStayZero(t *testing.T) {
	for _, s := range madeSpecs() {
		m := newMADE[float32](t, s)
		masked := make([][]bool, len(m.Params()))
		count := 0
		for k, p := range m.Params() {
			masked[k] = make([]bool, len(p.Data))
			for i, v := range p.Data {
				masked[k][i] = v == 0 && len(p.Shape) == 2
				if masked[k][i] {
					count++
				}
			}
		}
		if count == 0 && s.Features > 1 { // no unit sees the last feature

			t.Fatalf("%+v: nothing is masked", s)
		}
		rng := rand.New(rand.NewPCG(1, 2))
		x, dy := randomMat[float32](rng, m.In(), 9), randomMat[float32](rng, m.Out(), 9)
		p := m.NewNetworkGradPass(bijector.PassOptions{MaxBatch: 9})
		step[float32](m, p, x, dy, nil)
		for k, g := range p.Grads() {
			for i, v := range g {
				if masked[k][i] && v != 0 {
					t.Fatalf("%+v: masked weight %d of parameter %d has the gradient %v", s, i, k, v)
				}
			}
		}
		for _, p := range m.Params() {
			for i := range p.Data {
				p.Data[i] = float32(math.NaN())
			}
		}
		m.Invalidate()
		for k, p := range m.Params() {
			for i, v := range p.Data {
				if masked[k][i] != (v == 0) {
					t.Fatalf("%+v: weight %d of parameter %d is %v after Changed, masked: %v", s, i, k, v, masked[k][i])
				}
			}
		}
	}
}

func TestMADERefuses(t *testing.T) {
	for _, s := range []MADESpec{
		{},
		{Features: 3},
		{Params: 2},
		{Features: -1, Params: 2},
		{Features: 3, Params: 2, Context: -1},
		{Features: min(1<<40, math.MaxInt), Params: min(1<<40, math.MaxInt)},
		{Features: 1 << 15, Params: 1 << 15},
		{Features: 3, Params: 2, Hidden: []int{0}},
		{Features: 3, Params: 2, Activation: "sine"},
	} {
		t.Run(fmt.Sprintf("%+v", s), func(t *testing.T) {
			if _, err := NewMADE[float32](s); !errors.Is(err, bijector.ErrSpec) {
				t.Errorf("error %v, want ErrSpec", err)
			}
		})
	}
}
