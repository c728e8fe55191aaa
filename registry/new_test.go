package registry_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/registry"
)

func TestNew(t *testing.T) {
	l, err := registry.New[float32]("coupling.affine", []byte(`{"dim": 6, "hidden": [4], "seed": 18446744073709551615}`))
	if err != nil {
		t.Fatal(err)
	}
	a := l.(*coupling.Affine[float32])
	if s := a.Spec().(coupling.AffineSpec); s.Dim != 6 || s.Seed != 1<<64-1 || len(s.Hidden) != 1 {
		t.Errorf("spec %+v", s)
	}
	if _, ok := must(registry.New[float64]("bijector.actnorm", json.RawMessage(`{"dim":2}`))).(*bijector.ActNorm[float64]); !ok {
		t.Error("float64 made another type")
	}
	if b := must(registry.NewBase[float64]("distribution.normal", []byte(`{"dim":3}`))); b.Dim() != 3 {
		t.Error("the base's width")
	}
	if m := must(registry.NewNetwork[float32]("test.wave", []byte(`{"in":3,"out":5}`))); m.In() != 3 || m.Out() != 5 {
		t.Error("the map's widths")
	}
	if _, ok := must(registry.NewEncoder[float32]("autoencoder.conv", nil)).(autoencoder.Decoder[float32]); !ok {
		t.Error("the encoder does not decode")
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		name, spec string
		is         error
		says       []string
	}{
		{"coupling.afine", `{}`, registry.ErrNotRegistered, []string{`"coupling.afine"`, `did you mean "coupling.affine"?`, "bijector.actnorm, bijector.background, bijector.batchnorm, "}},
		{"additive", `{}`, registry.ErrNotRegistered, []string{`did you mean "coupling.additive"?`}},
		{"Coupling.Affine", `{}`, registry.ErrNotRegistered, []string{`did you mean "coupling.affine"?`}},
		{"", `{}`, registry.ErrNotRegistered, []string{"no name"}},
		{"coupling.mlp", `{}`, registry.ErrNotRegistered, []string{"which is a network"}},
		{strings.Repeat("z", 5000), `{}`, registry.ErrNotRegistered, []string{"zzz..."}},
		{"bijector.actnorm", `{"dim":2,"dims":3}`, bijector.ErrSpec, []string{"bijector.actnorm", `"dims"`}},
		{"bijector.actnorm", `{"dim":2} {}`, bijector.ErrSpec, []string{"JSON"}},
		{"bijector.actnorm", `{"dim":2}x`, bijector.ErrSpec, []string{"JSON"}},
		{"bijector.actnorm", `{"dim":2`, bijector.ErrSpec, []string{"JSON"}},
		{"bijector.actnorm", `{"dim":2,"dim":2}`, bijector.ErrSpec, []string{"twice"}},
		{"bijector.actnorm", `{"dim":"2"}`, bijector.ErrSpec, []string{"string"}},
		{"bijector.actnorm", `[2]`, bijector.ErrSpec, []string{"array"}},
		{"bijector.actnorm", "{\"dim\":2,\"\xff\":1}", bijector.ErrSpec, []string{"UTF-8"}},
		{"bijector.actnorm", `{"dim":2}` + strings.Repeat(" ", 1<<18), registry.ErrTooLarge, []string{"at most 262144"}},
		{"bijector.actnorm", `{}`, bijector.ErrSpec, []string{"0 features"}},
		{"bijector.actnorm", ``, bijector.ErrSpec, []string{"0 features"}},
		{"bijector.actnorm", `{"dim":1000000000}`, registry.ErrTooLarge, []string{"2e+09 values"}},
		{"bijector.permute", `{"dim":1000000000}`, registry.ErrTooLarge, nil},
		{"bijector.batchnorm", `{"dim":1000000000}`, registry.ErrTooLarge, nil},
		{"bijector.scale", `{"dim":1000000000}`, registry.ErrTooLarge, nil},
		{"coupling.affine", `{"dim":1000000,"hidden":[1000000]}`, registry.ErrTooLarge, nil},
		{"coupling.additive", `{"dim":4,"context_dim":1000000,"hidden":[1000000]}`, registry.ErrTooLarge, nil},
		{"test.shift", `{"dim":1000000000}`, registry.ErrTooLarge, []string{"test.shift"}},
		{"bijector.part", `{"dim":1000000000000,"hi":2,"layer":{"type":"bijector.actnorm","spec":{"dim":2}}}`, bijector.ErrSpec, nil},
		{"bijector.chain", `{"layers":[{"type":"bijector.actnorm","spec":{"dim":2}},{"type":"bijector.actnorm","spec":{"dim":2,"x":1}}]}`, bijector.ErrSpec, []string{"layer 1", `"x"`}},
		{"bijector.chain", `{"layers":[{"type":"bijector.actnorm","spec":{"dim":2},"name":"a"}]}`, bijector.ErrSpec, []string{`"name"`}},
		{"bijector.chain", `{"layers":[{"type":7}]}`, bijector.ErrSpec, []string{"no string"}},
		{"bijector.chain", `{"layers":{}}`, bijector.ErrSpec, []string{"object", "ChainSpec.layers"}},
		{"bijector.chain", `{"layrs":[]}`, bijector.ErrSpec, []string{`"layrs"`}},
		{"bijector.chain", `{"layers":[{"type":"bijector.actnorm","spec":7}]}`, bijector.ErrSpec, []string{"layer 0"}},
		{"coupling.affine", `{"dim":2,"conditioner":{"type":"bijector.actnorm","spec":{"dim":2}}}`, registry.ErrNotRegistered, []string{"which is a bijector"}},
	} {
		l, err := registry.New[float32](c.name, []byte(c.spec))
		wantError(t, c.name+" "+c.spec, err, c.is, c.says...)
		if l != nil {
			t.Errorf("%s %s: a layer came with the error", c.name, c.spec)
		}
	}
	_, err := registry.NewBase[float32]("normal", nil)
	wantError(t, "NewBase", err, registry.ErrNotRegistered, "base distribution", `"distribution.normal"`)
	_, err = registry.NewBase[float32]("distribution.normal", []byte(`{"dim":1000000000000}`))
	wantError(t, "NewBase", err, bijector.ErrSpec)
	_, err = registry.NewNetwork[float32]("coupling.mlp", []byte(`{"in":1048576,"out":1048576}`))
	wantError(t, "NewNetwork", err, registry.ErrTooLarge)
	for name, spec := range map[string]string{
		"autoencoder.dense": `{"in":1000000,"hidden":[1000000]}`,
		"autoencoder.pca":   `{"in":1000000000}`,
		"autoencoder.conv":  `{"height":1000000000}`,
	} {
		_, err = registry.NewEncoder[float64](name, []byte(spec))
		wantError(t, name, err, registry.ErrTooLarge)
	}
	_, err = registry.NewEncoder[float64]("autoencoder.identity", []byte(`{"dim":1000000000000}`))
	wantError(t, "autoencoder.identity", err, bijector.ErrSpec)
	_, err = registry.NewLatent[float64]([]byte(`{"encoder":{"type":"autoencoder.identity","spec":{"dim":2}},"decoder":{"type":"autoencoder.nothing"}}`))
	wantError(t, "NewLatent", err, registry.ErrNotRegistered, "no decoder")
	_, err = registry.NewFlow[float64]([]byte(`{"bijector":{"type":"bijector.actnorm","spec":{"dim":2}},"base":{"type":"distribution.normal","spec":{"dim":3}}}`))
	wantError(t, "NewFlow of two widths", err, bijector.ErrShape)
	_, err = registry.NewNamed[float64]([]byte(`{"kind":"bijector.actnorm"}`))
	wantError(t, "NewNamed", err, bijector.ErrSpec, `"kind"`)
}

// claimSpec claims many values for a layer that has few.
type claimSpec struct {
	Claim float64 `json:"claim"`
}

func (s claimSpec) Values() float64 { return s.Claim }

func newClaim[T bijector.Float](claimSpec) (*Shift[T], error) { return NewShift[T](ShiftSpec{Dim: 2}) }

// A spec may name a hundred layers that each fit, and together do not.
func TestBudgetIsShared(t *testing.T) {
	registry.Register("test.claim", newClaim[float32], newClaim[float64])
	node := `{"type":"test.claim","spec":{"claim":67108864}}`
	chain := func(n int) []byte {
		return []byte(`{"layers":[` + strings.Repeat(node+",", n-1) + node + `]}`)
	}
	if _, err := registry.New[float32]("bijector.chain", chain(2)); err != nil {
		t.Error(err)
	}
	_, err := registry.New[float32]("bijector.chain", chain(3))
	wantError(t, "three layers of half of what is allowed", err, registry.ErrTooLarge, "layer 2", "test.claim")
	// A negative claim must not make room for others.
	_, err = registry.New[float32]("bijector.chain", []byte(`{"layers":[{"type":"test.claim","spec":{"claim":-1e18}},`+strings.Repeat(node+",", 2)+node+`]}`))
	wantError(t, "a negative claim", err, registry.ErrTooLarge, "layer 3")
}

// loopSpec is that of a container that contains itself.
type loopSpec struct{}

func buildLoop[T bijector.Float](_ loopSpec, b bijector.Builder[T]) (bijector.Layer[T], error) {
	return b.Layer(bijector.NamedSpec{Spec: loopSpec{}})
}

// brokenSpec is that of a container that hands over what is no JSON.
type brokenSpec struct {
	Text string `json:"text"`
}

func buildBroken[T bijector.Float](s brokenSpec, b bijector.Builder[T]) (bijector.Layer[T], error) {
	return b.Layer(bijector.NamedSpec{Name: "bijector.chain", Spec: json.RawMessage(s.Text)})
}

func TestBrokenContainer(t *testing.T) {
	registry.RegisterContainer("test.broken", buildBroken[float32], buildBroken[float64])
	for _, text := range []string{`{"layers"`, `{"layers" [`, `{"layers`, `{"layers":[{"type`, `{"layers":[}`, "{\"layers\":[{},\xff]}", `}`} {
		_, err := registry.New[float64]("test.broken", must(json.Marshal(brokenSpec{text})))
		wantError(t, text, err, bijector.ErrSpec, "test.broken: bijector.chain", "JSON")
	}
}

func TestEndlessContainer(t *testing.T) {
	registry.RegisterContainer("test.loop", buildLoop[float32], buildLoop[float64])
	_, err := registry.New[float64]("test.loop", nil)
	wantError(t, "a container of itself", err, registry.ErrTooLarge, "64 levels")
}

func TestMarshalSpec(t *testing.T) {
	f := bigFlow[float64]()
	doc, err := registry.MarshalSpec(f)
	if err != nil {
		t.Fatal(err)
	}
	g, err := registry.NewFlow[float64](doc)
	if err != nil {
		t.Fatal(err)
	}
	if again := must(registry.MarshalSpec(g)); !bytes.Equal(doc, again) {
		t.Errorf("the spec of what a spec makes is another:\n%s\n%s", doc, again)
	}
	if !bytes.Contains(doc, []byte(`"seed":9223372036854775809`)) {
		t.Errorf("a seed of 64 bits is not what it was in %s", doc)
	}
	names := func(f *flow.Flow[float64]) (all []string) {
		for _, p := range f.Params() {
			all = append(all, fmt.Sprint(p.Name, p.Shape))
		}
		return all
	}
	if a, b := fmt.Sprint(names(f)), fmt.Sprint(names(g)); a != b {
		t.Errorf("parameters %s and %s", a, b)
	}
	// Seeds make the same initial weights.
	small := smallFlow[float32]()
	x := batch[float32](5, 2)
	sameBits(t, "LogProb", must(small.LogProb(x)), must(must(registry.NewFlow[float32](must(registry.MarshalSpec(small)))).LogProb(x)))

	l := must(registry.NewNamed[float64](must(registry.MarshalSpec(f.Layer().(*bijector.Chain[float64])))))
	if l.Dim() != 4 || l.ContextDim() != 2 {
		t.Error("NewNamed made another layer")
	}
	want := `{"type":"distribution.normal","spec":{"dim":2}}`
	if got := must(registry.MarshalSpec(distribution.StandardNormal[float32](2))); string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Stranger is a layer with a spec that nobody registered.
type Stranger struct{ *Shift[float32] }

// StrangerSpec is that spec.
type StrangerSpec struct{}

func (s Stranger) Spec() any { return StrangerSpec{} }

// Stateless is a layer with nothing to save it by.
type Stateless struct{ bijector.Layer[float32] }

func TestMarshalSpecRefuses(t *testing.T) {
	shift := must(NewShift[float32](ShiftSpec{Dim: 2}))
	chain := must(bijector.NewChain[float32](shift, Stranger{must(NewShift[float32](ShiftSpec{Dim: 2}))}))
	_, err := registry.MarshalSpec(chain)
	wantError(t, "not registered", err, registry.ErrNotRegistered, "registry_test.StrangerSpec", "register it with registry.Register before saving", "member 1")
	base := distribution.Base[float32](distribution.StandardNormal[float32](2))
	_, err = registry.MarshalSpec(must(flow.New(bijector.Layer[float32](chain), base)))
	wantError(t, "within a flow", err, registry.ErrNotRegistered, "StrangerSpec")

	inner := must(bijector.NewChain[float32](shift, bijector.Invert[float32](Stateless{must(NewShift[float32](ShiftSpec{Dim: 2}))})))
	for what, s := range map[string]interface{ Spec() any }{
		"a layer": inner,
		"a flow":  must(flow.New(bijector.Layer[float32](inner), base)),
	} {
		_, err = registry.MarshalSpec(s)
		wantError(t, what, err, bijector.ErrSpec, "member 1: member 0", "registry_test.Stateless", "Params, Buffers and Spec")
	}
	_, err = registry.MarshalSpec(must(autoencoder.New[float32](
		must(coupling.NewMLP[float32](coupling.MLPSpec{In: 2, Out: 1})), must(coupling.NewMLP[float32](coupling.MLPSpec{In: 1, Out: 2})))))
	wantError(t, "an autoencoder without a spec", err, registry.ErrNotRegistered, "has no spec")
	identity := must(autoencoder.NewIdentity[float32](autoencoder.IdentitySpec{Dim: 1}))
	stateless := bijector.Layer[float32](Stateless{must(NewShift[float32](ShiftSpec{Dim: 1}))})
	one := must(flow.New(stateless, distribution.Base[float32](distribution.StandardNormal[float32](1))))
	_, err = registry.MarshalSpec(must(autoencoder.NewLatentEnsemble[float32](identity, identity, must(flow.NewEnsemble(flow.Mixing{}, one, one)))))
	wantError(t, "an ensemble of embeddings", err, bijector.ErrSpec, "flow 0: bijector", "Params, Buffers and Spec")
	_, err = registry.MarshalSpec(specified{ShiftSpec{Start: math.NaN()}})
	wantError(t, "a spec that is no JSON", err, bijector.ErrSpec, "NaN")
	_, err = registry.MarshalSpec(specified{(*ShiftSpec)(nil)})
	wantError(t, "a nil spec", err, bijector.ErrSpec, "nil")
	_, err = registry.MarshalSpec(specified{bijector.InvertSpec{Layer: bijector.NamedSpec{Name: "test.wave", Spec: ShiftSpec{}}}})
	wantError(t, "a wrong name", err, bijector.ErrSpec, `"test.wave"`, `"test.shift"`)
}

// What could not be loaded again is not saved.
func TestMarshalSpecTooLarge(t *testing.T) {
	var l bijector.Layer[float32] = must(NewShift[float32](ShiftSpec{Dim: 2}))
	for range 33 {
		l = must(bijector.NewChain(l))
	}
	_, err := registry.MarshalSpec(l.(*bijector.Chain[float32]))
	wantError(t, "a deep chain", err, registry.ErrTooLarge, "64 levels")
	wantError(t, "a deep chain", registry.Save(path(t), l), registry.ErrTooLarge)
}

type specified struct{ spec any }

func (s specified) Spec() any { return s.spec }

// Nodes deep in lists, pointers and maps get their names, and the part's own
// spec keeps its own.
type deepSpec struct {
	List  []bijector.NamedSpec           `json:"list"`
	Fixed [1]*bijector.NamedSpec         `json:"fixed"`
	Named map[string]bijector.NamedSpec  `json:"named"`
	Inner struct{ N bijector.NamedSpec } `json:"inner"`
	None  *bijector.NamedSpec            `json:"none,omitempty"`
	Embedded
	Plain map[string]float64 `json:"plain"`
}

// Embedded is a part of deepSpec.
type Embedded struct {
	Last bijector.NamedSpec `json:"last"`
}

type deep[T bijector.Float] struct {
	*Shift[T]
	spec deepSpec
}

func (d *deep[T]) Spec() any { return d.spec }

func buildDeep[T bijector.Float](s deepSpec, b bijector.Builder[T]) (*deep[T], error) {
	for _, n := range []bijector.NamedSpec{s.List[0], s.List[1], *s.Fixed[0], s.Named["a"], s.Inner.N, s.Last} {
		if _, err := b.Layer(n); err != nil {
			return nil, err
		}
	}
	return &deep[T]{must(NewShift[T](ShiftSpec{Dim: 2})), s}, nil
}

func TestDeepNodes(t *testing.T) {
	registry.RegisterContainer("test.deep", buildDeep[float32], buildDeep[float64])
	n := bijector.NamedSpec{Spec: ShiftSpec{Dim: 2}}
	d := &deep[float32]{spec: deepSpec{
		List: []bijector.NamedSpec{n, {Spec: &ShiftSpec{Dim: 3}}}, Fixed: [1]*bijector.NamedSpec{&n}, Named: map[string]bijector.NamedSpec{"a": n},
		Embedded: Embedded{n}, Plain: map[string]float64{"x": 0.5},
	}}
	d.spec.Inner.N = n
	doc, err := registry.MarshalSpec(d)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(doc), "test.shift"); got != 6 {
		t.Errorf("%d names in %s, want 6", got, doc)
	}
	if d.spec.List[0].Name != "" || n.Name != "" {
		t.Error("names were written into the part's own spec")
	}
	l, err := registry.NewNamed[float32](doc)
	if err != nil {
		t.Fatal(err)
	}
	if again := must(registry.MarshalSpec(l.(*deep[float32]))); !bytes.Equal(doc, again) {
		t.Errorf("read and written again:\n%s\n%s", doc, again)
	}
	for _, bad := range []string{`"fixed":[null]`, `"fixed":[]`, `"named":[]`, `"inner":{"M":1}`} {
		key := bad[:strings.Index(bad, ":")+1]
		if !strings.Contains(string(doc), key) {
			t.Fatal(key)
		}
	}
	_, err = registry.NewNamed[float32]([]byte(`{"type":"test.deep","spec":{"fixed":[]}}`))
	wantError(t, "a short list", err, bijector.ErrSpec, "a list of 0, want 1")
	_, err = registry.NewNamed[float32]([]byte(`{"type":"test.deep","spec":{"inner":{"M":1}}}`))
	wantError(t, "an unknown field within", err, bijector.ErrSpec, `"M"`)
}

// Halver is an encoder and Doubler a decoder of another module, alike in both
// element types.
type Halver[T bijector.Float] struct{}

// HalverSpec describes a Halver.
type HalverSpec struct{}

// NewHalver makes a Halver.
func NewHalver[T bijector.Float](HalverSpec) (*Halver[T], error) { return &Halver[T]{}, nil }

// Encode is a part of autoencoder.Encoder.
func (h *Halver[T]) Encode(x tensor.Tensor) (*bijector.Rows[T], error) {
	return x.(*bijector.Rows[T]), nil
}

// Doubler is a decoder.
type Doubler[T bijector.Float] struct{}

// DoublerSpec describes a Doubler.
type DoublerSpec struct{}

// NewDoubler makes a Doubler.
func NewDoubler[T bijector.Float](DoublerSpec) (*Doubler[T], error) { return &Doubler[T]{}, nil }

// Decode is a part of autoencoder.Decoder.
func (d *Doubler[T]) Decode(z tensor.Tensor) (*bijector.Rows[T], error) {
	return z.(*bijector.Rows[T]), nil
}

func TestOutsideEncoder(t *testing.T) {
	registry.RegisterEncoder("test.halver", NewHalver[float32], NewHalver[float64])
	registry.RegisterDecoder("test.doubler", NewDoubler[float32], NewDoubler[float64])
	flow := `"flow":{"type":"distribution.flow","spec":{"bijector":{"type":"bijector.actnorm","spec":{"dim":2}},"base":{"type":"distribution.normal","spec":{"dim":2}}}}`
	l, err := registry.NewLatent[float32]([]byte(`{"encoder":{"type":"test.halver"},"decoder":{"type":"test.doubler"},` + flow + `}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Decode(batch[float32](2, 2)); err != nil {
		t.Error(err)
	}
	if _, err = registry.NewLatent[float32]([]byte(`{"encoder":{"type":"test.halver"},"decoder":{"type":"autoencoder.identity","spec":{"dim":2}},` + flow + `}`)); err != nil {
		t.Errorf("an encoder as a decoder: %v", err)
	}
	_, err = registry.NewLatent[float32]([]byte(`{"encoder":{"type":"test.halver"},"decoder":{"type":"test.halver"},` + flow + `}`))
	wantError(t, "an encoder that does not decode", err, bijector.ErrSpec, "does not decode")
	// Without Params, Buffers and Spec it cannot be saved.
	wantError(t, "Save", registry.Save(path(t), l), registry.ErrNotRegistered, "Encoder", "has no spec")
	wantError(t, "Save", registry.Save(path(t), &Halver[float32]{}), bijector.ErrSpec, "*registry_test.Halver[float32] cannot be saved")
}
