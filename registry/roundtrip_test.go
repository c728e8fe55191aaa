package registry_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/registry"
)

func path(t testing.TB) string { return filepath.Join(t.TempDir(), "model.safetensors") }

func TestFlowRoundTrip(t *testing.T) {
	t.Run("float32", testFlow[float32])
	t.Run("float64", testFlow[float64])
}

func testFlow[T bijector.Float](t *testing.T) {
	f := bigFlow[T]()
	file := path(t)
	if err := registry.Save(file, f); err != nil {
		t.Fatal(err)
	}
	g, err := registry.LoadFlow[T](file)
	if err != nil {
		t.Fatal(err)
	}
	x, context := batch[T](300, 4), batch[T](300, 2)
	a, b := f.Given(context), g.Given(context)
	sameBits(t, "LogProb", must(a.LogProb(x)), must(b.LogProb(x)))
	sameBits(t, "Inverse", must(a.Inverse(x)), must(b.Inverse(x)))
	draw := func(f *flow.Flow[T]) *bijector.Rows[T] {
		return must(f.Sample(rand.New(rand.NewPCG(1, 2)), 300))
	}
	sameBits(t, "Sample", draw(a), draw(b))

	// Saved again, whether the model was loaded or not, it is the same file.
	again := path(t)
	if err := errors.Join(registry.Save(again, g), registry.Save(again, g)); err != nil {
		t.Fatal(err)
	}
	if first, second := must(os.ReadFile(file)), must(os.ReadFile(again)); !bytes.Equal(first, second) {
		t.Errorf("saving a loaded model gives other bytes")
	}
	var w bytes.Buffer
	if err := registry.Write(&w, f); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(w.Bytes(), must(os.ReadFile(file))) {
		t.Error("Write and Save differ")
	}
	h, err := registry.Read[*flow.Flow[T]](&w, int64(w.Len()))
	if err != nil {
		t.Fatal(err)
	}
	sameBits(t, "LogProb of Read", must(a.LogProb(x)), must(h.Given(context).LogProb(x)))
}

// An embedding of contexts is a part of its flow.
func TestEmbeddingRoundTrip(t *testing.T) {
	chain := must(coupling.RealNVP[float32](coupling.Recipe{Dim: 4, ContextDim: 3, Layers: 2, Hidden: []int{6}, Raw: true}))
	f := must(flow.NewWithEmbedding[float32](chain, distribution.StandardNormal[float32](4),
		must(coupling.NewMLP[float32](coupling.MLPSpec{In: 2, Out: 3, Hidden: []int{5}}))))
	stir[float32](f, 3)
	file := path(t)
	if err := registry.Save(file, f); err != nil {
		t.Fatal(err)
	}
	g, err := registry.LoadFlow[float32](file)
	if err != nil {
		t.Fatal(err)
	}
	x, context := batch[float32](30, 4), batch[float32](30, 2)
	sameBits(t, "LogProb", must(f.Given(context).LogProb(x)), must(g.Given(context).LogProb(x)))
	doc := string(must(registry.MarshalSpec(f)))
	if !strings.HasSuffix(doc, `"embedding":{"type":"coupling.mlp","spec":{"in":2,"out":3,"hidden":[5]}}}`) {
		t.Errorf("spec %s", doc)
	}
	if doc := must(registry.MarshalSpec(must(flow.New(f.Layer(), f.Base())))); bytes.Contains(doc, []byte("embedding")) {
		t.Errorf("a flow without an embedding has the spec %s", doc)
	}
	_, err = registry.NewFlow[float32]([]byte(strings.Replace(doc, `"in":2,"out":3`, `"in":2,"out":0`, 1)))
	wantError(t, "an embedding of no width", err, bijector.ErrSpec, "embedding: coupling.mlp")
	_, err = registry.NewFlow[float32]([]byte(strings.Replace(doc, `"in":2,"out":3`, `"in":2,"out":4`, 1)))
	wantError(t, "an embedding that does not fit", err, bijector.ErrContext, "makes 4 context features")
}

func TestEnsembleRoundTrip(t *testing.T) {
	t.Run("float32", testEnsemble[float32])
	t.Run("float64", testEnsemble[float64])
}

func testEnsemble[T bijector.Float](t *testing.T) {
	for _, m := range []flow.Mixing{{}, {Weights: []float64{2, 1}, Learned: true}} {
		second := must(flow.New(bijector.Layer[T](must(coupling.RealNVP[T](coupling.Recipe{Dim: 4, Layers: 2, Hidden: []int{6}}))), distribution.Base[T](distribution.StandardNormal[T](4))))
		e := must(flow.NewEnsemble(m, bigFlow[T](), second))
		stir[T](e, 5)
		file := path(t)
		if err := registry.Save(file, e); err != nil {
			t.Fatal(err)
		}
		g, err := registry.Load[*flow.Ensemble[T]](file)
		if err != nil {
			t.Fatal(err)
		}
		x, context := batch[T](300, 4), batch[T](300, 2)
		sameBits(t, "LogProb", must(e.Given(context).LogProb(x)), must(g.Given(context).LogProb(x)))
		draw := func(e *flow.Ensemble[T]) *bijector.Rows[T] {
			return must(e.Given(context).Sample(rand.New(rand.NewPCG(1, 2)), 300))
		}
		sameBits(t, "Sample", draw(e), draw(g))
		var w bytes.Buffer
		if err := registry.Write(&w, g); err != nil || !bytes.Equal(w.Bytes(), must(os.ReadFile(file))) {
			t.Errorf("saving a loaded ensemble gives other bytes, or %v", err)
		}
		if _, err := registry.Read[*flow.Ensemble[T]](&w, int64(w.Len())); err != nil {
			t.Error(err)
		}
		_, err = registry.LoadFlow[T](file)
		wantError(t, "an ensemble as a flow", err, registry.ErrFormat, `"ensemble"`, `"flow"`)
		doc := must(registry.MarshalSpec(e))
		h, err := registry.NewEnsemble[T](doc)
		if err != nil {
			t.Fatal(err)
		}
		if again := must(registry.MarshalSpec(h)); !bytes.Equal(doc, again) {
			t.Errorf("the spec of what a spec makes is another:\n%s\n%s", doc, again)
		}
	}
	_, err := registry.NewEnsemble[T]([]byte(`{"flows": [], "weights": []}`))
	wantError(t, "no flows", err, bijector.ErrSpec, "no flows")
	_, err = registry.NewEnsemble[T]([]byte(`{"flows": [{"type": "distribution.normal", "spec": {"dim": 2}}]}`))
	wantError(t, "a base for a flow", err, registry.ErrNotRegistered, "flow 0", "distribution.normal")
	_, err = registry.NewEnsemble[T]([]byte(`{"members": []}`))
	wantError(t, "an unknown field", err, bijector.ErrSpec, "members")
	base := distribution.Base[T](distribution.StandardNormal[T](2))
	inner := must(bijector.NewChain[T](bijector.Invert[T](must(NewShift[T](ShiftSpec{Dim: 2})))))
	fine := must(flow.NewEnsemble(flow.Mixing{}, must(flow.New(bijector.Layer[T](inner), base))))
	if err := registry.Save(path(t), fine); err != nil {
		t.Error(err)
	}
}

// A flow of an ensemble that cannot be saved is named.
func TestEnsembleOfStateless(t *testing.T) {
	base := distribution.Base[float32](distribution.StandardNormal[float32](2))
	layer := bijector.Layer[float32](Stateless{must(NewShift[float32](ShiftSpec{Dim: 2}))})
	e := must(flow.NewEnsemble(flow.Mixing{}, must(flow.New(layer, base))))
	wantError(t, "a layer without state", registry.Save(path(t), e), bijector.ErrSpec, "flow 0: bijector", "registry_test.Stateless")
}

func TestConvert(t *testing.T) {
	f := bigFlow[float32]()
	file := path(t)
	if err := registry.Save(file, f); err != nil {
		t.Fatal(err)
	}
	_, err := registry.LoadFlow[float64](file)
	wantError(t, "the other type", err, bijector.ErrDType, "float32", "float64", "LoadOptions{Convert: true}")
	wide, err := registry.LoadFlow[float64](file, registry.LoadOptions{Convert: true})
	if err != nil {
		t.Fatal(err)
	}
	// Every float32 is a float64, so what is narrowed again is what was there.
	if err := registry.Save(file, wide); err != nil {
		t.Fatal(err)
	}
	narrow, err := registry.LoadFlow[float32](file, registry.LoadOptions{Convert: true})
	if err != nil {
		t.Fatal(err)
	}
	x, context := batch[float32](50, 4), batch[float32](50, 2)
	sameBits(t, "LogProb", must(f.Given(context).LogProb(x)), must(narrow.Given(context).LogProb(x)))

	wide.Params()[0].Data[0] = 1e300
	if err := registry.Save(file, wide); err != nil {
		t.Fatal(err)
	}
	_, err = registry.LoadFlow[float32](file, registry.LoadOptions{Convert: true})
	wantError(t, "too large for float32", err, bijector.ErrNonFinite, wide.Params()[0].Name)
	_, err = registry.LoadFlow[float32](file, registry.LoadOptions{}, registry.LoadOptions{})
	wantError(t, "two options", err, bijector.ErrSpec, "2 LoadOptions")
}

func TestLatentRoundTrip(t *testing.T) {
	t.Run("float32", testLatent[float32])
	t.Run("float64", testLatent[float64])
}

func testLatent[T bijector.Float](t *testing.T) {
	pca := must(autoencoder.NewPCA[T](autoencoder.PCASpec{In: 16, Embedding: 3, Whiten: true}))
	if err := pca.Fit(batch[T](100, 16)); err != nil {
		t.Fatal(err)
	}
	far := must(autoencoder.NewPCA[T](autoencoder.PCASpec{In: 16, Embedding: 2, Residual: true}))
	if err := far.Fit(batch[T](100, 16)); err != nil {
		t.Fatal(err)
	}
	chain := must(autoencoder.NewChain[T](must(autoencoder.NewIdentity[T](autoencoder.IdentitySpec{Dim: 16})), far))
	mixture := must(flow.NewEnsemble(flow.Mixing{Weights: []float64{1, 2}}, latent[T](far, 3).Flow(), latent[T](far, 3).Flow()))
	for name, l := range map[string]*autoencoder.Latent[T]{
		"chain":    latent[T](chain, 3),
		"mixture":  must(autoencoder.NewLatentEnsemble[T](pca, nil, mixture)),
		"scores":   must(must(autoencoder.NewLatentEnsemble[T](pca, nil, mixture)).WithScores([]float64{-3, -1, -2})),
		"conv":     latent[T](must(autoencoder.NewConv[T](autoencoder.ConvSpec{Height: 4, Channels: []int{2, 3}, Embedding: 3, Bias: true, Seed: 1})), 3),
		"dense":    latent[T](must(autoencoder.NewDense[T](autoencoder.DenseSpec{In: 16, Hidden: []int{5}, Embedding: 3, Seed: 2})), 3),
		"drawn":    latent[T](must(autoencoder.NewDense[T](autoencoder.DenseSpec{In: 16, Embedding: 3, Loss: "gaussian", Variational: true, Seed: 2})), 3),
		"noisy":    latent[T](must(autoencoder.NewConv[T](autoencoder.ConvSpec{Height: 4, Channels: []int{2}, Embedding: 3, Loss: "squared", Noise: 0.5})), 3),
		"pca":      latent[T](pca, 3),
		"identity": latent[T](must(autoencoder.NewIdentity[T](autoencoder.IdentitySpec{Dim: 16})), 16),
	} {
		t.Run(name, func(t *testing.T) {
			if !slices.Contains([]string{"pca", "chain", "mixture", "scores"}, name) { // whose components mean something
				stir[T](l, 9)
			}
			file := path(t)
			if err := registry.Save(file, l); err != nil {
				t.Fatal(err)
			}
			m, err := registry.Load[*autoencoder.Latent[T]](file)
			if err != nil {
				t.Fatal(err)
			}
			x := batch[T](40, 16)
			sameBits(t, "LogProb", must(l.LogProb(x)), must(m.LogProb(x)))
			sameBits(t, "Encode", must(l.Encode(x)), must(m.Encode(x)))
			if a, b := l.PValues([]float64{-2.5}), m.PValues([]float64{-2.5}); (a[0] == a[0]) != (name == "scores") || a[0] == a[0] && a[0] != b[0] {
				t.Errorf("p-values %v and %v", a, b)
			}
			draw := func(l *autoencoder.Latent[T]) *bijector.Rows[T] {
				return must(l.Sample(rand.New(rand.NewPCG(1, 2)), 40))
			}
			sameBits(t, "Sample", draw(l), draw(m))
			first := must(os.ReadFile(file))
			if err := registry.Save(file, m); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(first, must(os.ReadFile(file))) {
				t.Error("saving a loaded model gives other bytes")
			}
			n, err := registry.Read[*autoencoder.Latent[T]](bytes.NewReader(first), int64(len(first)))
			if err != nil {
				t.Fatal(err)
			}
			sameBits(t, "LogProb of Read", must(l.LogProb(x)), must(n.LogProb(x)))
			if _, err := registry.NewLatent[T](must(registry.MarshalSpec(l))); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestEncoderRoundTrip(t *testing.T) {
	a := must(autoencoder.NewDense[float32](autoencoder.DenseSpec{In: 7, Embedding: 2, Seed: 2}))
	stir[float32](a, 3)
	file := path(t)
	if err := registry.Save(file, a); err != nil {
		t.Fatal(err)
	}
	e, err := registry.Load[autoencoder.Encoder[float32]](file)
	if err != nil {
		t.Fatal(err)
	}
	x := batch[float32](9, 7)
	sameBits(t, "Encode", must(a.Encode(x)), must(e.Encode(x)))
	z := must(a.Encode(x))
	sameBits(t, "Decode", must(a.Decode(z)), must(e.(autoencoder.Decoder[float32]).Decode(z)))
	raw := must(os.ReadFile(file))
	if _, err := registry.Read[autoencoder.Encoder[float32]](bytes.NewReader(raw), int64(len(raw))); err != nil {
		t.Error(err)
	}
}

func TestBijectorRoundTrip(t *testing.T) {
	l := bigFlow[float64]().Layer()
	file := path(t)
	if err := registry.Save(file, l); err != nil {
		t.Fatal(err)
	}
	m, err := registry.Load[bijector.Layer[float64]](file)
	if err != nil {
		t.Fatal(err)
	}
	x, context := batch[float64](9, 4), batch[float64](9, 2)
	sameBits(t, "Forward", must(bijector.Given(l, context).Forward(x)), must(bijector.Given(m, context).Forward(x)))
	raw := must(os.ReadFile(file))
	if _, err := registry.Read[bijector.Layer[float64]](bytes.NewReader(raw), int64(len(raw))); err != nil {
		t.Error(err)
	}
	_, err = registry.LoadFlow[float64](file)
	wantError(t, "another kind", err, registry.ErrFormat, `is "bijector", want "flow"`)
}

// What is loaded may be asked for by its own type.
func TestLoadConcrete(t *testing.T) {
	file := path(t)
	if err := registry.Save(file, bigFlow[float64]().Layer()); err != nil {
		t.Fatal(err)
	}
	c, err := registry.Load[*bijector.Chain[float64]](file)
	if err != nil || len(c.Members()) != 12 {
		t.Errorf("a chain: %v, %v", c, err)
	}
	l, err := registry.Load[*bijector.Scale[float64]](file)
	wantError(t, "another layer", err, registry.ErrFormat, "*bijector.Chain[float64], want a *bijector.Scale[float64]")
	if l != nil {
		t.Error("a layer came with the error")
	}
	_, err = registry.Load[*bijector.Chain[float32]](file)
	wantError(t, "another type", err, bijector.ErrDType, "float64")
	narrow, err := registry.Load[*bijector.Chain[float32]](file, registry.LoadOptions{Convert: true})
	if err != nil || narrow.Dim() != 4 {
		t.Errorf("converted: %v", err)
	}
	for what, err := range map[string]error{
		"a number":        second(registry.Load[int](file)),
		"anything":        second(registry.Load[any](file)),
		"a base":          second(registry.Load[distribution.Base[float64]](file)),
		"a flow by value": second(registry.Load[flow.Flow[float64]](file)),
	} {
		wantError(t, what, err, bijector.ErrSpec, "no file holds a")
	}
	if err := registry.Save(file, must(autoencoder.NewDense[float32](autoencoder.DenseSpec{In: 7, Embedding: 2}))); err != nil {
		t.Fatal(err)
	}
	if _, err := registry.Load[*autoencoder.Autoencoder[float32]](file); err != nil {
		t.Error(err)
	}
}

func second[V any](_ V, err error) error { return err }
