// Flows that were trained on go back into their states.

package torch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/interop/torch"
	"github.com/bijou-flow/bijou/train"
)

// trainOn trains a flow on the rows of its case.
func trainOn[T bijector.Float](t *testing.T, p parity, f *flow.Flow[T]) {
	t.Helper()
	src := train.Tensor(input[T](p, "x"))
	if c := input[T](p, "context"); c != nil {
		src = src.Given(c)
	}
	if _, err := train.Fit(context.Background(), f, src, train.Options{ValidationFraction: train.NoValidation, Epochs: 5}); err != nil {
		t.Fatal(err)
	}
}

// refused are cases whose flows have numbers here that the source has none for, and why.
var refused = map[string]string{
	"demo_two_networks":    "weights between what are two networks there",
	"freia_rnvp_64":        "weights between what are two networks there",
	"normflows_masked_64":  "weights between what are two networks there",
	"sbi_nsf":              "the layer behind an FCEmbedding",
	"zuko_mixture_tied_64": "one scale for all there",
	"zuko_plain":           "biases",
}

// TestUpdate: every case that can train goes back, whatever its source. With
// BIJOU_TORCH_OUT the states and what their flows compute are kept there, for
// testdata/back.py to compare with the sources.
func TestUpdate(t *testing.T) {
	dir := os.Getenv("BIJOU_TORCH_OUT")
	if dir == "" {
		dir = t.TempDir()
	}
	for _, file := range testkit.Must(filepath.Glob("testdata/*.safetensors")) {
		name := strings.TrimSuffix(filepath.Base(file), ".safetensors")
		p := readParity(t, "testdata/"+name+".json")
		if p.Source == "autoencoder" || name == "flowjax_masked_spline" { // the latter has no gradient
			continue
		}
		t.Run(name, func(t *testing.T) {
			if strings.HasSuffix(name, "64") {
				testUpdate[float64](t, p, file, filepath.Join(dir, name))
			} else {
				testUpdate[float32](t, p, file, filepath.Join(dir, name))
			}
		})
	}
}

func testUpdate[T bijector.Float](t *testing.T, p parity, file, out string) {
	s := testkit.Must(torch.Open(file))
	f, err := read[T](p, s)
	if err != nil {
		t.Fatal(err)
	}
	before := flowResults(p, f)
	trainOn(t, p, f)
	updated, err := torch.Update(s, f, func(s *torch.State) (*flow.Flow[float64], error) { return read[float64](p, s) })
	if refused[filepath.Base(out)] != "" {
		if !errors.Is(err, bijector.ErrSpec) || !strings.Contains(err.Error(), "no number of its own") {
			t.Errorf("%v, want ErrSpec: %s", err, refused[filepath.Base(out)])
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := updated.Save(out + ".safetensors"); err != nil {
		t.Fatal(err)
	}
	want := flowResults(p, f)
	got := flowResults(p, testkit.Must(read[T](p, testkit.Must(torch.Open(out+".safetensors")))))
	tolerance := 1e-10
	if _, ok := any(*new(T)).(float32); ok {
		tolerance = 1e-5
	}
	for k, v := range want {
		if e := maxError(t, got[k], v); !(e <= tolerance) {
			t.Errorf("%s is off by %.2g", k, e)
		}
	}
	if maxError(t, before["log_prob"], want["log_prob"]) < 1e-4 {
		t.Error("training changed nothing")
	}
	p.Float32, p.Float64 = nil, nil
	if tolerance > 1e-6 {
		p.Float32 = want
	} else {
		p.Float64 = want
	}
	if err := os.WriteFile(out+".json", testkit.Must(json.Marshal(p)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestUpdateExported: the file keeps its class, settings and bounds, and its proof holds
// for the new numbers.
func TestUpdateExported(t *testing.T) {
	for _, name := range []string{"zuko_nsf", "nflows_spline", "normflows", "sbi_nsf"} {
		s := openExported(name)
		f := testkit.Must(torch.Load[float64](s))
		for _, p := range f.Params() {
			for i := range p.Data {
				if !strings.HasPrefix(p.Name, "embedding.1.2.") { // ones behind an FCEmbedding
					p.Data[i] *= 1.01
				}
			}
		}
		f.Invalidate()
		updated, err := torch.Update(s, f, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var b bytes.Buffer
		again := readBack(t, &b, updated.Write(&b))
		if _, err := torch.Load[float64](again); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		lo, _ := again.PriorBounds()
		if was, _ := s.PriorBounds(); len(lo) != len(was) {
			t.Errorf("%s: bounds %v, want %v", name, lo, was)
		}
	}
}

func TestUpdateRefusals(t *testing.T) {
	s := testkit.Must(torch.Open("testdata/zuko_mixture_tied_64.safetensors"))
	zuko := func(s *torch.State) (*flow.Flow[float64], error) {
		return torch.Zuko[float64](s, torch.ZukoOptions{Epsilon: 1e-2})
	}
	f := testkit.Must(zuko(s))
	f.Params()[2].Data[1]++ // one scale of several that are one number in zuko
	other := testkit.Must(flow.New(testkit.Must(coupling.NICE[float64](coupling.Recipe{Dim: 3})), distribution.StandardNormal[float64](3)))
	failing := func(*torch.State) (*flow.Flow[float64], error) { return nil, bijector.ErrShape }
	for what, c := range map[string]struct {
		s    *torch.State
		f    *flow.Flow[float64]
		read func(*torch.State) (*flow.Flow[float64], error)
		want error
		text string
	}{
		"tied numbers":    {s, f, zuko, bijector.ErrSpec, `"base.log_scale"`},
		"another flow":    {s, other, zuko, bijector.ErrSpec, "another than the state's"},
		"no flow":         {s, nil, zuko, bijector.ErrSpec, "no state or no flow"},
		"no state":        {nil, f, zuko, bijector.ErrSpec, "no state or no flow"},
		"no class":        {s, f, nil, bijector.ErrSpec, "what class"},
		"failing mapping": {s, f, failing, bijector.ErrShape, "the state that is updated"},
	} {
		if _, err := torch.Update(c.s, c.f, c.read); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want %v with %q", what, err, c.want, c.text)
		}
	}
	var none *torch.State
	if err := none.Save(filepath.Join(t.TempDir(), "none")); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("no state: %v", err)
	}
}
