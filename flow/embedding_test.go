// Contexts that pass through a map of their own.

package flow

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/internal/nn"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// shiftedNormal is a normal whose location is the last context feature, with the
// gradient of that.
type shiftedNormal[T bijector.Float] struct {
	*distribution.Normal[T]
	context int
}

func (m shiftedNormal[T]) ContextDim() int { return m.context }

func (m shiftedNormal[T]) NewBasePass(o bijector.PassOptions) distribution.BasePass[T] {
	return &shiftedNormalPass[T]{context: m.context, pass: m.Normal.NewBasePass(o), z: bijector.NewMat[T](m.Dim(), o.MaxBatch)}
}

func (m shiftedNormal[T]) NewBaseGradPass(o bijector.PassOptions) distribution.BaseGradPass[T] {
	g := m.Normal.NewBaseGradPass(o)
	return &shiftedNormalPass[T]{context: m.context, grad: g, z: bijector.NewMat[T](m.Dim(), o.MaxBatch)}
}

type shiftedNormalPass[T bijector.Float] struct {
	context int
	pass    distribution.BasePass[T]
	grad    distribution.BaseGradPass[T]
	z       bijector.Mat[T]
}

func (p *shiftedNormalPass[T]) subtractLocation(z, cond bijector.Mat[T]) bijector.Mat[T] {
	m := p.z.Resize(z.N)
	for j := range z.D {
		for i, v := range z.Feature(j) {
			m.Feature(j)[i] = v - cond.Feature(p.context - 1)[i]
		}
	}
	return m
}

func (p *shiftedNormalPass[T]) LogProb(z, cond bijector.Mat[T], logp []float64) {
	if p.grad != nil {
		p.grad.LogProb(p.subtractLocation(z, cond), cond, logp)
		return
	}
	p.pass.LogProb(p.subtractLocation(z, cond), cond, logp)
}

func (p *shiftedNormalPass[T]) Sample(rng *rand.Rand, z, cond bijector.Mat[T], temperature float64) {
	p.pass.Sample(rng, z, cond, temperature)
	for j := range z.D {
		for i := range z.N {
			z.Feature(j)[i] += cond.Feature(p.context - 1)[i]
		}
	}
}

func (p *shiftedNormalPass[T]) Backward(dz, dcond, z, cond bijector.Mat[T], dlogp []float64) {
	p.grad.Backward(dz, bijector.Mat[T]{}, p.subtractLocation(z, cond), cond, dlogp)
	if dcond.Empty() {
		return
	}
	for j := range z.D {
		for i, d := range dz.Feature(j) {
			dcond.Feature(p.context - 1)[i] -= d
		}
	}
}

func (p *shiftedNormalPass[T]) Grads() [][]T { return p.grad.Grads() }

// embeddedFlow has layers and a base that depend on an embedding of three
// context features in two.
func embeddedFlow[T bijector.Float]() *Flow[T] {
	net := testkit.Must(nn.NewMLP[T](nn.MLPSpec{In: 3, Out: 2, Hidden: []int{5}, Activation: "tanh", Seed: 3}))
	chain := testkit.Must(bijector.NewChain[T](newBend[T](2, 2, 1), newBend[T](2, 2, 2)))
	base := shiftedNormal[T]{testkit.Must(distribution.NewNormal[T](distribution.NormalSpec{Dim: 2, Learned: true})), 2}
	return testkit.Must(NewWithEmbedding[T](chain, base, net))
}

// embed is the embedding of contexts by other means: one row at a time.
func embed[T bijector.Float](f *Flow[T], context *bijector.Rows[T]) *bijector.Rows[T] {
	c := testkit.Must(bijector.MatOf[T](context, f.ContextDim()))
	out := make([]T, 0, c.N*2)
	for i := range c.N {
		h := bijector.NewMat[T](2, 1)
		one := bijector.NewMat[T](c.D, 1)
		one.CopyFrom(c.Samples(i, i+1))
		f.Embedding().NewNetworkPass(bijector.PassOptions{MaxBatch: 1}).Forward(h, one, 0, 1)
		out = append(out, h.Feature(0)[0], h.Feature(1)[0])
	}
	return testkit.Rows(out, c.N, 2)
}

// A flow with an embedding is the flow without, under embedded contexts.
func TestEmbeddingIsApplied(t *testing.T) {
	f := embeddedFlow[float64]()
	if f.ContextDim() != 3 || f.Embedding() == nil || newFlow(f.Layer(), f.Base()).Embedding() != nil {
		t.Fatalf("%d context features, embedding %v", f.ContextDim(), f.Embedding())
	}
	plain := newFlow(f.Layer(), f.Base())
	for _, n := range []int{1, 7, 300} {
		x := rowsOf[float64](n, 2)
		for _, c := range []*bijector.Rows[float64]{rowsOf[float64](1, 3), rowsOf[float64](n, 3)} {
			a, b := f.Given(c), plain.Given(embed(f, c))
			agree := func(what string, got, want []float64) {
				t.Helper()
				if len(got) != len(want) {
					t.Fatalf("%s, n = %d: %d values, want %d", what, n, len(got), len(want))
				}
				for i, v := range want {
					if !testkit.IsNear(got[i], v, 1e-11) {
						t.Fatalf("%s, n = %d: %v, want %v", what, n, got[i], v)
					}
				}
			}
			agree("LogProb", testkit.Must(a.LogProb(x)), testkit.Must(b.LogProb(x)))
			agree("Forward", testkit.Must(a.Forward(x)).Values(), testkit.Must(b.Forward(x)).Values())
			z := smallRows(n, 2)
			agree("Inverse", testkit.Must(a.Inverse(z)).Values(), testkit.Must(b.Inverse(z)).Values())
			draw := func(f *Flow[float64]) []float64 {
				return testkit.Must(f.WithTemperature(0.5).Sample(testkit.NewRand(3), n)).Values()
			}
			agree("Sample", draw(a), draw(b))
			draws, logp, err := a.SampleWithLogProb(testkit.NewRand(4), n)
			if err != nil {
				t.Fatal(err)
			}
			agree("SampleWithLogProb", logp, testkit.Must(a.LogProb(draws)))
		}
	}
}

// The gradient goes through layers, base and embedding.
func TestEmbeddingGradient(t *testing.T) {
	f := embeddedFlow[float64]()
	if err := f.Check(); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 2, 9} {
		data, given := smallRows(n, 2), rowsOf[float64](n, 3)
		x, cond := testkit.Must(bijector.MatOf[float64](data, 2)), testkit.Must(bijector.MatOf[float64](given, 3))
		checkStep(t, f, x, cond)
		checkLoss(t, f, f.Given(given), data, x, cond)
	}
}

// Workers change no bit.
func TestEmbeddingWorkers(t *testing.T) {
	const n = 200
	net := testkit.Must(nn.NewMLP[float32](nn.MLPSpec{In: 3, Out: 2, Hidden: []int{100, 100}, Seed: 3}))
	f := testkit.Must(NewWithEmbedding[float32](newBend[float32](2, 2, 1), shiftedNormal[float32]{distribution.StandardNormal[float32](2), 2}, net))
	x, cond := testkit.Must(bijector.MatOf[float32](rowsOf[float32](n, 2), 2)), testkit.Must(bijector.MatOf[float32](rowsOf[float32](n, 3), 3))
	run := func(w *bijector.Workers) ([]float64, [][]float32) {
		loss := make([]float64, 2*n)
		o := bijector.PassOptions{MaxBatch: n, Workers: w}
		step := f.NewStepPass(o)
		step.Step(x, cond, loss[:n])
		f.NewLossPass(o).Loss(x, cond, loss[n:])
		return loss, step.Grads()
	}
	loss, grads := run(nil)
	for _, k := range []int{2, 3} {
		w := bijector.NewWorkers(k)
		l, g := run(w)
		if !slices.Equal(l, loss) || !reflect.DeepEqual(g, grads) {
			t.Errorf("%d workers change the bits", k)
		}
		w.Close()
	}
}

// contextRecorder keeps the contexts it is calibrated on.
type contextRecorder struct {
	*bend[float64]
	cond bijector.Mat[float64]
}

func (w *contextRecorder) Calibrate(_, cond bijector.Mat[float64], _ bool, _ *bijector.Workers) {
	w.cond = cond
}

// Layers are calibrated on embedded contexts, however many there are.
func TestEmbeddingCalibrates(t *testing.T) {
	for _, n := range []int{1, 5, 2500} {
		f := embeddedFlow[float64]()
		layer := &contextRecorder{bend: newBend[float64](2, 2, 1)}
		given := rowsOf[float64](n, 3)
		testkit.Must(NewWithEmbedding[float64](layer, f.Base(), f.Embedding())).Calibrate(
			testkit.Must(bijector.MatOf[float64](rowsOf[float64](n, 2), 2)), testkit.Must(bijector.MatOf[float64](given, 3)), true, nil)
		want := testkit.Must(bijector.MatOf[float64](embed(f, given), 2))
		if layer.cond.D != 2 || layer.cond.N != n {
			t.Fatalf("calibrated on contexts of %d features, %d rows", layer.cond.D, layer.cond.N)
		}
		for j := range 2 {
			for i, v := range want.Feature(j) {
				if !testkit.IsNear(layer.cond.Feature(j)[i], v, 1e-12) {
					t.Fatalf("context %d of %d: %v, want %v", i, n, layer.cond.Feature(j)[i], v)
				}
			}
		}
	}
}

// An embedding that overflows makes no results of its rows, and no trouble for
// the others.
func TestEmbeddingOverflows(t *testing.T) {
	f := embeddedFlow[float64]()
	c := rowsOf[float64](4, 3)
	last := f.Embedding().Params()[3] // a bias of the output
	x := rowsOf[float64](4, 2)
	want := testkit.Must(f.Given(c).LogProb(x))
	c.Values()[3*2] = math.NaN()
	got, err := f.Given(c).LogProb(x)
	var rows *bijector.RowError
	if !errors.As(err, &rows) || rows.What != "context" || rows.Row != 2 || rows.Count != 1 {
		t.Errorf("a NaN in context 2: %v", err)
	}
	for i, v := range got {
		if i == 2 != math.IsNaN(v) || i != 2 && v != want[i] {
			t.Errorf("row %d: %v, without the NaN %v", i, v, want[i])
		}
	}
	last.Data[1] = math.Inf(1)
	f.Invalidate()
	got, err = f.Given(rowsOf[float64](4, 3)).LogProb(x)
	if !errors.As(err, &rows) || rows.What != "result" || rows.Count != 4 || !math.IsNaN(got[3]) {
		t.Errorf("an embedding of infinities: %v, %v", got, err)
	}
	draws, err := f.Given(rowsOf[float64](4, 3)).Sample(testkit.NewRand(1), 4)
	if !errors.As(err, &rows) || rows.What != "result" || rows.Count != 4 || !math.IsNaN(draws.Values()[7]) {
		t.Errorf("draws under an embedding of infinities: %v, %v", draws, err)
	}
}

// countingNetwork is an embedding that counts what reaches it.
type countingNetwork struct {
	bijector.Network[float64]
	invalidated int
	validateErr error
}

func (m *countingNetwork) Invalidate()     { m.invalidated++ }
func (m *countingNetwork) Validate() error { return m.validateErr }

func TestEmbeddingState(t *testing.T) {
	f := embeddedFlow[float64]()
	var names []string
	for _, p := range f.Params() {
		names = append(names, p.Name)
	}
	all := strings.Join(names, " ")
	if want := "base.log_scale embedding.0.weight embedding.0.bias embedding.1.weight embedding.1.bias"; !strings.HasSuffix(all, want) {
		t.Errorf("parameters %s, want %s at the end", all, want)
	}
	s := f.Spec().(Spec)
	if s.Embedding == nil || !reflect.DeepEqual(s.Embedding.Spec, f.Embedding().Spec()) {
		t.Errorf("spec %+v", s)
	}
	m := &countingNetwork{Network: f.Embedding(), validateErr: bijector.ErrNonFinite}
	g := testkit.Must(NewWithEmbedding(f.Layer(), f.Base(), bijector.Network[float64](m)))
	g.Invalidate()
	if err := g.Validate(); m.invalidated != 1 || !errors.Is(err, bijector.ErrNonFinite) || !strings.Contains(err.Error(), "embedding") {
		t.Errorf("told of %d changes; Validate says %v", m.invalidated, err)
	}
}

func TestEmbeddingRefuses(t *testing.T) {
	f := embeddedFlow[float64]()
	narrow := testkit.Must(nn.NewMLP[float64](nn.MLPSpec{In: 3, Out: 1}))
	for name, c := range map[string]struct {
		layer bijector.Layer[float64]
		base  distribution.Base[float64]
	}{
		"another width": {f.Layer(), f.Base()},
		"unconditional": {newBend[float64](2, 0, 1), distribution.StandardNormal[float64](2)},
	} {
		g, err := NewWithEmbedding(c.layer, c.base, bijector.Network[float64](narrow))
		if g != nil || !errors.Is(err, bijector.ErrContext) || !strings.Contains(err.Error(), "makes 1 context features") {
			t.Errorf("%s: %v, %v", name, g, err)
		}
	}
	if _, err := f.Given(rowsOf[float64](1, 2)).LogProb(rowsOf[float64](1, 2)); !errors.Is(err, bijector.ErrContext) {
		t.Errorf("a context as wide as the embedding: %v", err)
	}
}
