package torch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
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
	"github.com/bijou-flow/bijou/internal/safetensors"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/interop/torch"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/train"
)

// readBack reads what was written.
func readBack(t testing.TB, b *bytes.Buffer, err error) *torch.State {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return must(torch.Read(bytes.NewReader(b.Bytes()), int64(b.Len())))
}

// TestWriteDemo: what is written computes what was read does, to the bit.
func TestWriteDemo(t *testing.T) {
	t.Run("float32", testWriteDemo[float32])
	t.Run("float64", testWriteDemo[float64])
}

func testWriteDemo[T bijector.Float](t *testing.T) {
	same := func(file string, a, b map[string][]float64) {
		t.Helper()
		for name, v := range a {
			tolerance := 0.0
			// The base's deviation goes out squared, and statistics in T.
			if _, narrow := any(*new(T)).(float32); name == "log_prob" || narrow && strings.HasSuffix(file, "64") {
				tolerance = 1e-6
			}
			if e := maxError(t, b[name], v); e > tolerance {
				t.Errorf("%s is off by %.2g", name, e)
			}
		}
	}
	for _, name := range []string{"demo", "demo_context_64", "demo_two_networks"} {
		p := readParity(t, "testdata/"+name+".json")
		f := testkit.Must(read[T](p, must(torch.Open("testdata/"+name+".safetensors"))))
		var b bytes.Buffer
		s := readBack(t, &b, torch.WriteDemo(&b, f))
		same(name, flowResults(p, f), flowResults(p, testkit.Must(read[T](p, s))))
	}
	for _, name := range []string{"autoencoder", "autoencoder_64", "autoencoder_biased", "autoencoder_plain_64"} {
		p := readParity(t, "testdata/"+name+".json")
		a := must(torch.DemoAutoencoder[T](must(torch.Open("testdata/"+name+".safetensors")), torch.DemoAutoencoderOptions{}))
		var b bytes.Buffer
		s := readBack(t, &b, torch.WriteDemoAutoencoder(&b, a))
		same(name, coderResults(p, a), coderResults(p, must(torch.DemoAutoencoder[T](s, torch.DemoAutoencoderOptions{}))))
	}
}

// trainedFlow is a flow that the demo's class can hold, made and trained here.
func trainedFlow[T bijector.Float](t testing.TB, contextDim int) *flow.Flow[T] {
	t.Helper()
	chain := must(coupling.RealNVP[T](coupling.Recipe{
		Dim: 5, ContextDim: contextDim, Layers: 3, Hidden: []int{8, 8}, Scale: "tanh", Raw: true, Mask: coupling.MaskSpec{Kind: "random", Seed: 2}, Seed: 3,
	}))
	base := must(distribution.NewNormal[T](distribution.NormalSpec{Dim: 5, Learned: true}))
	f := must(flow.New(chain, base))
	p := readParity(t, "testdata/demo.json")
	src := train.Tensor(input[T](p, "x"))
	if contextDim > 0 {
		src = src.Given(input[T](contextOf(p, contextDim), "context"))
	}
	if _, err := train.Fit(context.Background(), f, src, train.Options{ValidationFraction: train.NoValidation, Epochs: 20}); err != nil {
		t.Fatal(err)
	}
	return f
}

// contextOf gives a case a context, cut from what its inverse starts from.
func contextOf(p parity, c int) parity {
	in := p.Inputs["u"]
	n := in.Shape[0]
	in.Shape, in.Data = []int{n, c}, in.Data[:n*c]
	p.Inputs["context"] = in
	return p
}

// TestWriteTrained writes flows and an autoencoder of the library's making, and
// what they compute. With BIJOU_TORCH_OUT they are kept there, for
// testdata/load.py to compare with PyTorch.
func TestWriteTrained(t *testing.T) {
	dir := os.Getenv("BIJOU_TORCH_OUT")
	if dir == "" {
		dir = t.TempDir()
	}
	t.Run("float32", func(t *testing.T) { testWriteTrained[float32](t, dir) })
	t.Run("float64", func(t *testing.T) { testWriteTrained[float64](t, dir) })
}

func testWriteTrained[T bijector.Float](t *testing.T, dir string) {
	kind := strings.TrimPrefix(t.Name(), "TestWriteTrained/")
	keep := func(name string, p parity, out map[string][]float64) *torch.State {
		t.Helper()
		p.Float32, p.Float64 = out, nil
		if kind == "float64" {
			p.Float32, p.Float64 = nil, out
		}
		file := filepath.Join(dir, name+"_"+kind)
		if err := os.WriteFile(file+".json", must(json.Marshal(p)), 0o644); err != nil {
			t.Fatal(err)
		}
		return must(torch.Open(file + ".safetensors"))
	}
	for _, contextDim := range []int{0, 2} {
		p := readParity(t, "testdata/demo.json")
		name := "flow"
		if contextDim > 0 {
			p, name = contextOf(p, contextDim), "flow_context"
		}
		f := trainedFlow[T](t, contextDim)
		if err := torch.SaveDemo(filepath.Join(dir, name+"_"+kind+".safetensors"), f); err != nil {
			t.Fatal(err)
		}
		out := flowResults(p, f)
		s := keep(name, p, out)
		for k, v := range flowResults(p, testkit.Must(read[T](p, s))) {
			if e := maxError(t, v, out[k]); e > 1e-5 {
				t.Errorf("%s: %s is off by %.2g", name, k, e)
			}
		}
	}
	p := readParity(t, "testdata/autoencoder.json")
	a := must(autoencoder.NewConv[T](autoencoder.ConvSpec{Height: 8, Channels: []int{3, 5}, Embedding: 4, Seed: 1}))
	if err := torch.SaveDemoAutoencoder(filepath.Join(dir, "autoencoder_"+kind+".safetensors"), a); err != nil {
		t.Fatal(err)
	}
	out := coderResults(p, a)
	s := keep("autoencoder", p, out)
	for k, v := range coderResults(p, must(torch.DemoAutoencoder[T](s, torch.DemoAutoencoderOptions{}))) {
		if !slices.Equal(v, out[k]) {
			t.Errorf("autoencoder: %s differs", k)
		}
	}
}

// TestPublishedAutoencoder reads and writes the names and shapes of the demo's
// own autoencoder: convolutions without a bias, transposed ones with it.
func TestPublishedAutoencoder(t *testing.T) {
	published := []safetensors.Item{
		{Name: "conv1.weight", Shape: []int{32, 1, 3, 3}},
		{Name: "conv2.weight", Shape: []int{64, 32, 3, 3}},
		{Name: "linear1.weight", Shape: []int{20, 3136}},
		{Name: "linear1.bias", Shape: []int{20}},
		{Name: "linear2.weight", Shape: []int{3136, 20}},
		{Name: "linear2.bias", Shape: []int{3136}},
		{Name: "convt1.weight", Shape: []int{64, 32, 3, 3}},
		{Name: "convt1.bias", Shape: []int{32}},
		{Name: "convt2.weight", Shape: []int{32, 1, 3, 3}},
		{Name: "convt2.bias", Shape: []int{1}},
	}
	shapes := func(items []safetensors.Item) map[string]string {
		all := map[string]string{}
		for _, it := range items {
			all[it.Name] = fmt.Sprint(it.Shape)
		}
		return all
	}
	for i := range published {
		resize(published[i].Shape...)(&published[i])
	}
	a := must(torch.DemoAutoencoder[float32](stateOf(t, published), torch.DemoAutoencoderOptions{}))
	if a.Dim() != 784 || a.Embedding() != 20 {
		t.Errorf("from %d pixels to %d values, want 784 to 20", a.Dim(), a.Embedding())
	}
	// What is made here goes out in those shapes too, whichever bias it has not.
	for _, a := range []*autoencoder.Autoencoder[float32]{a, must(autoencoder.NewConv[float32](autoencoder.ConvSpec{}))} {
		file := filepath.Join(t.TempDir(), "a.safetensors")
		must(0, torch.SaveDemoAutoencoder(file, a))
		if got, want := shapes(itemsOf(t, file)), shapes(published); !maps.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

// TestWriteRefuses what the demo's classes cannot hold.
func TestWriteRefuses(t *testing.T) {
	good := coupling.Recipe{Dim: 4, Layers: 2, Scale: "tanh", Raw: true}
	if err := torch.WriteDemo(new(bytes.Buffer), realNVP(good)); err != nil {
		t.Fatal(err)
	}
	refused := func(want string, f *flow.Flow[float32]) {
		t.Helper()
		err := torch.WriteDemo(new(bytes.Buffer), f)
		if !errors.Is(err, bijector.ErrSpec) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want ErrSpec and %q", err, want)
		}
	}
	for want, change := range map[string]func(r *coupling.Recipe){
		`layer 0 is a *coupling.Affine[float32]: its scale is ""`: func(r *coupling.Recipe) { r.Scale = "" },
		`its conditioner has the activation "tanh"`:               func(r *coupling.Recipe) { r.Activation = "tanh" },
		`layer 2 is a *bijector.ActNorm[float32]`:                 func(r *coupling.Recipe) { r.Norm = "act" },
		`layer 1 is a *coupling.Affine[float32]: the next`:        func(r *coupling.Recipe) { r.Norm, r.Order = "none", "alternate" },
		`its eps is 0.1`: func(r *coupling.Recipe) { r.Eps = 0.1 },
		`layer 0 is a *bijector.Gaussianize[float32]`: func(r *coupling.Recipe) { r.Raw = false },
		`does not end`: func(r *coupling.Recipe) { r.Norm, r.Layers, r.Order = "none", 1, "random" },
	} {
		r := good
		change(&r)
		refused(want, realNVP(r))
	}
	chain := realNVP(good).Layer()
	refused("want a chain", must(flow.New(chain.(*bijector.Chain[float32]).Members()[0], distribution.StandardNormal[float32](4))))
	refused("the demo's a normal", must(flow.New[float32](chain, must(distribution.NewLogistic[float32](distribution.LogisticSpec{Dim: 4})))))
	c := must(coupling.NewAffineWith(coupling.AffineSpec{Dim: 4, Scale: "tanh"}, coupling.Residual[float32](coupling.ResidualSpec{})))
	refused("the demo's a perceptron", must(flow.New(must(bijector.NewChain[float32](c)), distribution.StandardNormal[float32](4))))
	c = must(coupling.NewAffine[float32](coupling.AffineSpec{Dim: 4, Scale: "tanh", Reverse: true}))
	refused("reverse: true", must(flow.New(must(bijector.NewChain[float32](c)), distribution.StandardNormal[float32](4))))
	for _, s := range []autoencoder.ConvSpec{{Height: 9}, {Width: 9}, {Channels: []int{3}}, {Height: 4, Channels: []int{1, 2}, Embedding: 3}} {
		err := torch.WriteDemoAutoencoder(new(bytes.Buffer), must(autoencoder.NewConv[float32](s)))
		if !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%+v: %v, want ErrSpec", s, err)
		}
	}
	dense := must(autoencoder.NewDense[float32](autoencoder.DenseSpec{In: 8}))
	if err := torch.WriteDemoAutoencoder(new(bytes.Buffer), dense); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("a dense autoencoder: %v, want ErrSpec", err)
	}
	if err := torch.SaveDemo(filepath.Join(t.TempDir(), "no", "such"), realNVP(good)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
}

func realNVP(r coupling.Recipe) *flow.Flow[float32] {
	return must(flow.New(must(coupling.RealNVP[float32](r)), distribution.StandardNormal[float32](r.Dim)))
}

// TestImportsLiveOn: every imported flow is saved, loaded and trained like any
// other.
func TestImportsLiveOn(t *testing.T) {
	for _, file := range must(filepath.Glob("testdata/*.json")) {
		p := readParity(t, file)
		if p.Source == "autoencoder" {
			continue
		}
		f := testkit.Must(read[float32](p, must(torch.Open(strings.TrimSuffix(file, "json")+"safetensors"))))
		var b bytes.Buffer
		if err := registry.Write(&b, f); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		g, err := registry.Read[*flow.Flow[float32]](&b, int64(b.Len()))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		before := flowResults(p, f)
		for k, v := range flowResults(p, g) {
			if !slices.Equal(v, before[k]) {
				t.Errorf("%s: %s differs after loading", file, k)
			}
		}
		if file == "testdata/flowjax_masked_spline.json" { // an inverse
			if err := g.Check(); !errors.Is(err, bijector.ErrNotTrainable) {
				t.Errorf("%s: %v, want ErrNotTrainable", file, err)
			}
			continue
		}
		src := train.Tensor(input[float32](p, "x"))
		if c := input[float32](p, "context"); c != nil {
			src = src.Given(c)
		}
		if _, err := train.Fit(context.Background(), g, src, train.Options{ValidationFraction: train.NoValidation, Epochs: 40}); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		after := flowResults(p, g)
		if mean(after["log_prob"]) <= mean(before["log_prob"]) {
			t.Errorf("%s: %.3f nats after training, %.3f before", file, mean(after["log_prob"]), mean(before["log_prob"]))
		}
	}
}

func mean(v []float64) float64 {
	s := 0.0
	for _, x := range v {
		s += x / float64(len(v))
	}
	return s
}
