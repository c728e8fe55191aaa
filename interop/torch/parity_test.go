// The sources' own results, number by number: testdata/parity.py writes them.

package torch_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/interop/torch"
)

// parity is a case: inputs, and what the source computes in each type.
type parity struct {
	Source  string `json:"source"`
	Options struct {
		Activation string  `json:"activation"`
		TailBound  float64 `json:"tail_bound"`
		Class      string  `json:"class"`
		Slope      float64 `json:"slope"`

		EmbeddingActivation string  `json:"embedding_activation"`
		Interval            float64 `json:"interval"`
		MinWidth            float64 `json:"min_width"`
		MinDerivative       float64 `json:"min_derivative"`
		MinScale            float64 `json:"min_scale"`
		Clamp               float64 `json:"clamp"`
		Epsilon             float64 `json:"epsilon"`
	} `json:"options"`
	Inputs map[string]struct {
		Shape []int     `json:"shape"`
		Data  []float64 `json:"data"`
	} `json:"inputs"`
	Float64 map[string][]float64 `json:"float64"`
	Float32 map[string][]float64 `json:"float32"`
}

// want are the source's results in T.
func want[T bijector.Float](p parity) map[string][]float64 {
	if _, ok := any(*new(T)).(float32); ok {
		return p.Float32
	}
	return p.Float64
}

func readParity(t testing.TB, file string) (p parity) {
	t.Helper()
	if err := json.Unmarshal(must(os.ReadFile(file)), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// input is a tensor of the case, nil where it has none of that name.
func input[T bijector.Float](p parity, name string) *tensor.Dense {
	in, ok := p.Inputs[name]
	if !ok {
		return nil
	}
	data := make([]T, len(in.Data))
	for i, v := range in.Data {
		data[i] = T(v)
	}
	return tensor.New(tensor.WithShape(in.Shape...), tensor.WithBacking(data))
}

// read makes the flow of a case by its source's mapping.
func read[T bijector.Float](p parity, s *torch.State) (*flow.Flow[T], error) {
	o := p.Options
	o.Activation = cmp.Or(o.Activation, "relu")
	switch p.Source {
	case "demo":
		return torch.Demo[T](s, torch.DemoOptions{Activation: o.Activation})
	case "zuko":
		return torch.Zuko[T](s, torch.ZukoOptions{Activation: o.Activation, Class: o.Class, Slope: o.Slope, Epsilon: o.Epsilon})
	case "nflows":
		return torch.NFlows[T](s, torch.NFlowsOptions{Activation: o.Activation, TailBound: o.TailBound})
	case "sbi": // the conditioners' activation is that of its builders
		return torch.SBI[T](s, torch.SBIOptions{
			Activation: p.Options.Activation, EmbeddingActivation: cmp.Or(p.Options.EmbeddingActivation, "relu"),
			TailBound: o.TailBound, Class: o.Class, Slope: o.Slope,
		})
	case "normflows":
		return torch.NormFlows[T](s, torch.NormFlowsOptions{Activation: o.Activation, TailBound: o.TailBound})
	case "freia":
		return torch.FrEIA[T](s, torch.FrEIAOptions{Activation: o.Activation, Clamp: o.Clamp})
	case "flowjax":
		return torch.FlowJAX[T](s, torch.FlowJAXOptions{
			Activation: o.Activation, Interval: o.Interval, MinWidth: o.MinWidth, MinDerivative: o.MinDerivative, MinScale: o.MinScale,
		})
	}
	return nil, fmt.Errorf("source %q", p.Source)
}

// results are what the library computes of a case's inputs.
func results[T bijector.Float](t testing.TB, p parity, s *torch.State) map[string][]float64 {
	t.Helper()
	if p.Source == "autoencoder" {
		a := must(torch.DemoAutoencoder[T](s, torch.DemoAutoencoderOptions{}))
		return coderResults(p, a)
	}
	return flowResults(p, testkit.Must(read[T](p, s)))
}

func flowResults[T bijector.Float](p parity, f *flow.Flow[T]) map[string][]float64 {
	context := input[T](p, "context")
	f = f.Given(context)
	layer := bijector.Given(f.Layer(), embedded(f, context))
	x := input[T](p, "x")
	return map[string][]float64{
		"z":        float64s[T](must(f.Forward(x))),
		"log_det":  must(layer.LogDetJacobian(x)),
		"log_prob": must(f.LogProb(x)),
		"inverse":  float64s[T](must(f.Inverse(input[T](p, "u")))),
	}
}

// embedded is what the layers see of a context.
func embedded[T bijector.Float](f *flow.Flow[T], context *tensor.Dense) *tensor.Dense {
	e := f.Embedding()
	if e == nil {
		return context
	}
	c := must(bijector.MatOf[T](context, e.In()))
	h := bijector.NewMat[T](e.Out(), c.N)
	e.NewNetworkPass(bijector.PassOptions{MaxBatch: c.N}).Forward(h, c, 0, c.N)
	rows := make([]T, 0, e.Out()*c.N)
	for i := range c.N {
		for j := range h.D {
			rows = append(rows, h.Feature(j)[i])
		}
	}
	return tensor.New(tensor.WithShape(c.N, e.Out()), tensor.WithBacking(rows))
}

func coderResults[T bijector.Float](p parity, a *autoencoder.Autoencoder[T]) map[string][]float64 {
	return map[string][]float64{
		"z":       float64s[T](must(a.Encode(input[T](p, "x")))),
		"decoded": float64s[T](must(a.Decode(input[T](p, "u")))),
	}
}

// maxError is the largest error, relative to a value or to 1 where it is smaller.
func maxError(t testing.TB, got, want []float64) float64 {
	t.Helper()
	if len(got) != len(want) || len(want) == 0 {
		t.Fatalf("%d values, want %d", len(got), len(want))
	}
	most := 0.0
	for i, v := range want {
		if e := math.Abs(got[i]-v) / max(1, math.Abs(v)); !(e <= most) {
			most = e
		}
	}
	return most
}

var outputs = []string{"z", "log_det", "log_prob", "inverse", "decoded"}

// TestParity prints the table of docs/interop.md with -v.
func TestParity(t *testing.T) {
	files := must(filepath.Glob("testdata/*.json"))
	table := []string{"| case | type | " + strings.Join(outputs, " | ") + " |", "|---|---|" + strings.Repeat("--:|", len(outputs))}
	sources := map[string]int{}
	for _, file := range files {
		p := readParity(t, file)
		sources[p.Source]++
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		s := must(torch.Open("testdata/" + name + ".safetensors"))
		table = append(table,
			compareParity[float64](t, name, p, s, 1e-10),
			compareParity[float32](t, name, p, s, 1e-5))
	}
	for _, source := range []string{"demo", "autoencoder", "zuko", "nflows", "normflows", "sbi", "freia", "flowjax"} {
		if sources[source] < 2 {
			t.Errorf("%d cases of %s, want 2 at least", sources[source], source)
		}
	}
	t.Log("max error, relative to a value or to 1\n" + strings.Join(table, "\n"))
}

func compareParity[T bijector.Float](t *testing.T, name string, p parity, s *torch.State, tolerance float64) (row string) {
	t.Helper()
	got, want := results[T](t, p, s), want[T](p)
	if len(got) != len(want) {
		t.Errorf("%s: %d outputs, the source has %d", name, len(got), len(want))
	}
	row = fmt.Sprintf("| %s | %T |", name, *new(T))
	for _, output := range outputs {
		if _, ok := want[output]; !ok {
			row += " |"
			continue
		}
		e := maxError(t, got[output], want[output])
		if !(e <= tolerance) {
			t.Errorf("%s in %T: %s is off by %.2g, want %.0g at most", name, *new(T), output, e, tolerance)
		}
		row += fmt.Sprintf(" %.1e |", e)
	}
	return row
}

// TestReadTwice: a mapping leaves the state as it was.
func TestReadTwice(t *testing.T) {
	for _, file := range must(filepath.Glob("testdata/*.json")) {
		p, s := readParity(t, file), must(torch.Open(strings.TrimSuffix(file, "json")+"safetensors"))
		a, b := results[float32](t, p, s), results[float32](t, p, s)
		for name, v := range a {
			if !slices.Equal(v, b[name]) {
				t.Errorf("%s: %s differs the second time", file, name)
			}
		}
	}
}

func float64s[T bijector.Float](r *bijector.Rows[T]) []float64 {
	data := r.Values()
	out := make([]float64, len(data))
	for i, v := range data {
		out[i] = float64(v)
	}
	return out
}

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}
