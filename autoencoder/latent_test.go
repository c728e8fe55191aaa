package autoencoder

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/google/go-cmp/cmp"
)

func flowOf(dim, context int) *flow.Flow[float64] {
	chain := must(coupling.RealNVP[float64](coupling.Recipe{Dim: dim, ContextDim: context, Layers: 3, Hidden: []int{8}, Seed: 4}))
	return must(flow.New(chain, distribution.StandardNormal[float64](dim)))
}

func newRand() *rand.Rand { return rand.New(rand.NewPCG(6, 7)) }

func equal(t *testing.T, what string, a, b any) {
	t.Helper()
	if d := cmp.Diff(values(b), values(a)); d != "" {
		t.Fatalf("%s (-want +got):\n%s", what, d)
	}
}

// values are those of rows, with their shape, or a slice as it is.
func values(v any) any {
	if r, ok := v.(*bijector.Rows[float64]); ok {
		return [2]any{[]int(r.Shape()), r.Values()}
	}
	return v
}

// outside are a user's own encoder and decoder: the first two values, twice.
type outsideEncoder struct{ err error }

func (e outsideEncoder) Encode(in tensor.Tensor) (*bijector.Rows[float64], error) {
	x := must(bijector.DenseOf(in))
	if e.err != nil {
		return nil, e.err
	}
	n, d := x.Shape()[0], x.Shape()[1]
	z := make([]float64, 2*n)
	for i := range n {
		z[2*i], z[2*i+1] = 2*x.Float64s()[i*d], 2*x.Float64s()[i*d+1]
	}
	return testkit.Rows(z, n, 2), nil
}

type outsideDecoder struct{}

func (outsideDecoder) Decode(in tensor.Tensor) (*bijector.Rows[float64], error) {
	z := must(bijector.DenseOf(in))
	n := z.Shape()[0]
	x := make([]float64, 2*n)
	for i, v := range z.Float64s() {
		x[i] = v / 2
	}
	return testkit.Rows(x, n, 2), nil
}

// TestLatent: densities are the flow's at the embeddings, draws are the
// decoded draws of the flow, with context and temperature.
func TestLatent(t *testing.T) {
	x := images[float64](200, 30)
	conv := must(NewConv[float64](ConvSpec{Height: 6, Width: 5, Channels: []int{3}, Embedding: 2, Seed: 1}))
	pca := must(NewPCA[float64](PCASpec{In: 30, Embedding: 2}))
	if err := pca.Fit(x); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		e Encoder[float64]
		d Decoder[float64]
	}{
		"conv": {conv, nil}, "conv twice": {conv, conv}, "pca": {pca, nil},
		"mixed": {pca, conv}, "outside": {outsideEncoder{}, outsideDecoder{}},
	} {
		for _, context := range []tensor.Tensor{nil, testkit.Rows([]float64{0.3, -1, 2}, 1, 3)} {
			model := flowOf(2, 0)
			if context != nil {
				model = flowOf(2, 3)
			}
			l := must(NewLatent(c.e, c.d, model))
			if context != nil {
				model, l = model.Given(context), l.Given(context)
			}
			z := must(c.e.Encode(x))
			equal(t, name+": Encode", must(l.Encode(x)), z)
			equal(t, name+": LogProb", must(l.LogProb(x)), must(model.LogProb(z)))
			if context != nil {
				classes := flow.Classes{Prior: []float64{1, 2, 3}}
				equal(t, name+": Posterior", must(l.Posterior(x, classes)), must(model.Posterior(z, classes)))
			}
			decoder := c.d
			if decoder == nil {
				decoder = c.e.(Decoder[float64])
			}
			equal(t, name+": Decode", must(l.Decode(z)), must(decoder.Decode(z)))
			cool := model.WithTemperature(0.5)
			want, wantLogp, err := cool.SampleWithLogProb(newRand(), 150)
			if err != nil {
				t.Fatal(err)
			}
			draws, logp, err := l.WithTemperature(0.5).SampleWithLogProb(newRand(), 150)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, name+": draws", draws, must(decoder.Decode(want)))
			equal(t, name+": density of draws", logp, wantLogp)
			equal(t, name+": Sample", must(l.WithTemperature(0.5).Sample(newRand(), 150)), draws)
			if l.Flow().Dim() != 2 {
				t.Errorf("%s: Flow", name)
			}
		}
	}
}

func TestLatentErrors(t *testing.T) {
	conv := must(NewConv[float64](ConvSpec{Height: 6, Width: 5, Channels: []int{3}, Embedding: 2, Seed: 1}))
	model := flowOf(2, 0)
	for name, c := range map[string]struct {
		e    Encoder[float64]
		d    Decoder[float64]
		f    *flow.Flow[float64]
		want error
	}{
		"no encoder": {nil, conv, model, bijector.ErrSpec},
		"no flow":    {conv, nil, nil, bijector.ErrSpec},
		"widths":     {conv, nil, flowOf(3, 0), bijector.ErrShape},
		"decoder":    {outsideEncoder{}, conv, flowOf(3, 0), bijector.ErrShape},
	} {
		if l, err := NewLatent(c.e, c.d, c.f); !errors.Is(err, c.want) || l != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	l := must(NewLatent[float64](outsideEncoder{}, nil, model))
	if _, err := l.Sample(newRand(), 3); !errors.Is(err, ErrNoDecoder) {
		t.Errorf("Sample without a decoder: %v", err)
	}
	if _, _, err := l.SampleWithLogProb(newRand(), 3); !errors.Is(err, ErrNoDecoder) {
		t.Errorf("SampleWithLogProb without a decoder: %v", err)
	}
	if _, err := l.Decode(images[float64](3, 2)); !errors.Is(err, ErrNoDecoder) {
		t.Errorf("Decode without a decoder: %v", err)
	}
	mine := errors.New("mine")
	l = must(NewLatent[float64](outsideEncoder{mine}, outsideDecoder{}, model))
	if p, err := l.Posterior(images[float64](3, 2), flow.Classes{}); !errors.Is(err, mine) || p != nil {
		t.Errorf("Posterior of what the encoder refuses: %v", err)
	}
	if z, err := l.LogProb(images[float64](3, 2)); !errors.Is(err, mine) || z != nil {
		t.Errorf("an encoder that fails: %v, %v", z, err)
	}
	l = must(NewLatent[float64](conv, nil, model))
	if _, err := l.LogProb(images[float64](3, 29)); !errors.Is(err, bijector.ErrShape) {
		t.Errorf("a width of 29: %v", err)
	}
	if _, err := l.Sample(newRand(), 0); !errors.Is(err, bijector.ErrShape) {
		t.Errorf("no draws: %v", err)
	}
	if _, err := l.Posterior(images[float64](3, 30), flow.Classes{}); !errors.Is(err, bijector.ErrContext) {
		t.Errorf("Posterior of an unconditional model: %v", err)
	}
	if _, _, err := l.WithRedraws(-1).SampleWithLogProb(newRand(), 2); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("-1 redraws: %v", err)
	}
	if _, _, err := l.WithTemperature(-1).SampleWithLogProb(newRand(), 2); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("a temperature of -1: %v", err)
	}
	x := images[float64](140, 30)
	clean := must(l.LogProb(images[float64](140, 30)))
	x.Float64s()[131*30+2] = math.Inf(1)
	logp, err := l.LogProb(x)
	var row *bijector.RowError
	if !errors.As(err, &row) || row.Row != 131 || row.Count != 1 {
		t.Fatalf("an infinite row: %v", err)
	}
	for i, v := range logp {
		if (i == 131) != math.IsNaN(v) || i != 131 && v != clean[i] {
			t.Errorf("row %d: %v, without the bad row %v", i, v, clean[i])
		}
	}
}

// testBuilder builds a Latent from the parts of another.
type testBuilder struct {
	nodes   []bijector.NamedSpec
	encoder Encoder[float64]
	decoder Decoder[float64]
	flow    *flow.Flow[float64]
	fail    string
}

func (p *testBuilder) checkPart(n bijector.NamedSpec, what string) error {
	p.nodes = append(p.nodes, n)
	if p.fail == what {
		return errors.New("broken")
	}
	return nil
}

func (p *testBuilder) Encoder(n bijector.NamedSpec) (Encoder[float64], error) {
	return p.encoder, p.checkPart(n, "encoder")
}

func (p *testBuilder) Decoder(n bijector.NamedSpec) (Decoder[float64], error) {
	return p.decoder, p.checkPart(n, "decoder")
}

func (p *testBuilder) Flow(n bijector.NamedSpec) (*flow.Flow[float64], error) {
	return p.flow, p.checkPart(n, "flow")
}

func TestLatentState(t *testing.T) {
	conv := must(NewConv[float64](ConvSpec{Height: 6, Channels: []int{3}, Embedding: 2, Seed: 1}))
	pca := must(NewPCA[float64](PCASpec{In: 36, Embedding: 2}))
	names := func(l *Latent[float64]) (all []string) {
		for _, p := range l.Params() {
			all = append(all, p.Name)
		}
		for _, b := range l.Buffers() {
			all = append(all, b.Name)
		}
		return all
	}
	count := func(all []string, prefix string) (n int) {
		for _, s := range all {
			if strings.HasPrefix(s, prefix) {
				n++
			}
		}
		return n
	}
	for name, c := range map[string]struct {
		d                      Decoder[float64]
		nodes, decoderEntities int
	}{"by itself": {nil, 2, 0}, "given twice": {conv, 2, 0}, "other decoder": {pca, 3, 5}} {
		model := flowOf(2, 0)
		l := must(NewLatent(conv, c.d, model))
		all := names(l)
		want := len(conv.Params()) + c.decoderEntities + len(model.Params()) + len(model.Buffers())
		if len(all) != want || count(all, "encoder.") != len(conv.Params()) || count(all, "decoder.") != c.decoderEntities {
			t.Errorf("%s: %d arrays, want %d: %v", name, len(all), want, all)
		}
		s := l.Spec().(LatentSpec)
		if _, ok := s.Encoder.Spec.(ConvSpec); !ok {
			t.Errorf("%s: encoder's spec is %T", name, s.Encoder.Spec)
		}
		if _, ok := s.Flow.Spec.(flow.Spec); !ok {
			t.Errorf("%s: flow's spec is %T", name, s.Flow.Spec)
		}
		b := &testBuilder{encoder: conv, decoder: pca, flow: model}
		again := must(BuildLatent(s, b))
		if len(b.nodes) != c.nodes || len(names(again)) != len(all) {
			t.Errorf("%s: built from %d nodes into %d arrays, want %d and %d", name, len(b.nodes), len(names(again)), c.nodes, len(all))
		}
		for _, part := range []string{"encoder", "decoder", "flow"}[:] {
			b.fail = part
			_, err := BuildLatent(s, b)
			if part == "decoder" && c.nodes == 2 {
				continue
			}
			if err == nil || !strings.HasPrefix(err.Error(), part+": ") {
				t.Errorf("%s: a broken %s gives %v", name, part, err)
			}
		}
		l.Invalidate()
		if err := l.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	l := must(NewLatent(conv, pca, flowOf(2, 0)))
	pca.mean[0] = math.NaN()
	if err := l.Validate(); !errors.Is(err, bijector.ErrNonFinite) || !strings.HasPrefix(err.Error(), "decoder: ") {
		t.Errorf("a NaN in the decoder: %v", err)
	}
}
