package torch_test

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/safetensors"
	"github.com/bijou-flow/bijou/interop/torch"
)

// itemsOf are the tensors of a case. Booleans become integers, which a mapping
// reads too.
func itemsOf(t testing.TB, file string) []safetensors.Item {
	t.Helper()
	raw := must(os.ReadFile(file))
	r := bytes.NewReader(raw)
	h := must(safetensors.ReadHeader(r, int64(len(raw)), safetensors.Bool))
	vr := &safetensors.ValueReader{R: r}
	var items []safetensors.Item
	for _, x := range h.Tensors {
		it := safetensors.Item{Name: x.Name, Shape: x.Shape()}
		var err error
		switch n := x.Elements(); x.DType {
		case safetensors.I64:
			d := make([]int64, n)
			it.Data, err = d, safetensors.ReadInts(vr, x, d)
		case safetensors.Bool:
			d, b := make([]int64, n), make([]bool, n)
			err = safetensors.ReadBools(vr, x, b)
			for i, v := range b {
				if v {
					d[i] = 1
				}
			}
			it.Data = d
		default:
			d := make([]float64, n)
			it.Data, err = d, safetensors.ReadFloats(vr, x, d)
		}
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, it)
	}
	return items
}

func stateOf(t testing.TB, items []safetensors.Item) *torch.State {
	t.Helper()
	items = safetensors.Layout(items)
	b := bytes.NewBuffer(must(safetensors.EncodeHeader(items, nil)))
	if err := safetensors.WriteData(b, items); err != nil {
		t.Fatal(err)
	}
	return must(torch.Read(bytes.NewReader(b.Bytes()), int64(b.Len())))
}

// mapError is the error of the source's mapping to float32.
func mapError(p parity, s *torch.State) (err error) {
	if p.Source == "autoencoder" {
		_, err = torch.DemoAutoencoder[float32](s, torch.DemoAutoencoderOptions{})
		return err
	}
	_, err = read[float32](p, s)
	return err
}

// isMask says whether a tensor is one of zeros and ones.
func isMask(name string) bool {
	return strings.HasSuffix(name, ".mask") || strings.HasSuffix(name, ".weight.args[0]") || strings.HasPrefix(name, "flows.") && strings.HasSuffix(name, ".b")
}

// lastPermutation is the index of the permutation that a flow of nflows ends in, or -1.
func lastPermutation(items []safetensors.Item) int {
	at, last := -1, ""
	for i, it := range items {
		if strings.Contains(it.Name, "_transform.") && it.Name > last {
			at, last = i, it.Name
		}
	}
	if !strings.HasSuffix(last, "._permutation") {
		return -1
	}
	return at
}

// TestEveryTensorMatters spoils every tensor of every case in every way: the
// error has its name and says what is wrong.
func TestEveryTensorMatters(t *testing.T) {
	for _, file := range must(filepath.Glob("testdata/*.safetensors")) {
		p := readParity(t, strings.TrimSuffix(file, "safetensors")+"json")
		if err := mapError(p, stateOf(t, itemsOf(t, file))); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		check := func(what string, items []safetensors.Item, name string, sentinel error) {
			t.Helper()
			err := mapError(p, stateOf(t, items))
			var e *torch.TensorError
			if !errors.As(err, &e) || sentinel != nil && !errors.Is(err, sentinel) || name != "" && (e.Tensor != name || !strings.Contains(err.Error(), name)) {
				t.Errorf("%s: %s: %v, want %v of %q", file, what, err, sentinel, name)
			}
		}
		for i := range itemsOf(t, file) {
			items := itemsOf(t, file)
			it := &items[i]
			name := it.Name
			if p.Source == "normflows" && strings.HasPrefix(name, "p.") {
				continue // no part of the flow
			}

			it.Shape = append([]int{1}, it.Shape...)
			check("another axis", items, name, bijector.ErrShape)
			it.Shape = it.Shape[1:]

			switch d := it.Data.(type) {
			case []float64:
				old := d[0]
				d[0] = math.NaN()
				if isMask(name) || strings.HasSuffix(name, "data_dep_init_done") {
					check("NaN", items, name, nil)
				} else {
					check("NaN", items, name, bijector.ErrNonFinite)
					d[0] = 1e300
					check("more than float32 holds", items, name, bijector.ErrNonFinite)
				}
				d[0] = old
				if !isMask(name) {
					it.Data = make([]int64, len(d))
					check("integers", items, name, bijector.ErrDType)
					it.Data = d
				}
			case []int64:
				if len(d) == 0 {
					break
				}
				if !isMask(name) {
					it.Data = make([]float64, len(d))
					check("floats", items, name, bijector.ErrDType)
					it.Data = d
				}
				old := d[0]
				for _, v := range []int64{-1, 100} {
					d[0] = v
					check("an index out of range", items, name, bijector.ErrSpec)
				}
				d[0] = old
			}

			if i != lastPermutation(items) && name != "phi.3" { // without it the flow is whole
				check("missing", append(items[:i:i], items[i+1:]...), "", nil)
			}
			it.Name = "other"
			check("renamed", items, "", nil)
			it.Name = name
			extra := safetensors.Item{Name: name + ".extra", Data: []float32{1}}
			check("left over", append(items, extra), extra.Name, torch.ErrUnexpected)
		}
		check("nothing", nil, "", torch.ErrMissing)
	}
}

// TestFaults are those that need more than one tensor to see.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		file, tensor string
		spoil        func(it *safetensors.Item)
		want         error
	}{
		{"demo", "flows.1.p", func(it *safetensors.Item) { copy(it.Data.([]int64), []int64{1, 1}) }, bijector.ErrSpec},
		{"demo", "flows.1.invp", func(it *safetensors.Item) { swap(it.Data.([]int64)) }, bijector.ErrSpec},
		{"demo", "flows.0.mask", func(it *safetensors.Item) { it.Data.([]float64)[0] = 0.5 }, bijector.ErrSpec},
		{"demo", "flows.0.mask", func(it *safetensors.Item) { clear(it.Data.([]float64)) }, bijector.ErrSpec},
		{"demo", "flows.3.mask", func(it *safetensors.Item) { it.Shape, it.Data = []int{4}, []float64{0, 1, 0, 1} }, bijector.ErrShape},
		{"demo", "flows.2.running_var", func(it *safetensors.Item) { it.Data.([]float64)[0] = -1 }, bijector.ErrSpec},
		{"demo", "prior_var", func(it *safetensors.Item) { it.Data.([]float64)[1] = -1 }, bijector.ErrSpec},
		{"demo", "prior_var", func(it *safetensors.Item) { it.Data.([]float64)[1] = 0 }, bijector.ErrSpec},
		{"demo_two_networks", "flows.3.t.0.weight", resize(8, 6), bijector.ErrShape},
		{"demo", "flows.0.s.0.weight", resize(8, 4), bijector.ErrShape},
		{"demo", "flows.3.s.0.weight", resize(8, 6), bijector.ErrShape}, // a context, which flow 0 has not
		{"demo", "flows.0.s.2.weight", resize(8, 7), bijector.ErrShape},
		{"zuko", "transform.transforms.0.hyper.0.weight", resize(8, 1), bijector.ErrShape},
		{"zuko", "transform.transforms.1.hyper.0.weight", resize(8, 5), bijector.ErrShape},
		{"zuko_context_64", "base.loc", resize(5), bijector.ErrShape},
		{"nflows", "_transform._transforms.0.transform_features", func(it *safetensors.Item) { it.Data.([]int64)[0] = 0 }, bijector.ErrSpec},
		{"nflows", "_transform._transforms.0.transform_net.blocks.1.linear_layers.0.weight", resize(8, 9), bijector.ErrShape},
		{"nflows_norm_64", "_transform._transforms.1.running_var", func(it *safetensors.Item) { it.Data.([]float64)[0] = -1 }, bijector.ErrSpec},
		{"normflows", "flows.0.flows.1.param_map.net.0.weight", resize(8, 2), bijector.ErrShape},
		{"normflows_shuffle_64", "flows.2.data_dep_init_done", func(it *safetensors.Item) { it.Data.([]float64)[0] = 0 }, bijector.ErrSpec},
		{"normflows_shuffle_64", "flows.1.inv_perm", func(it *safetensors.Item) { swap(it.Data.([]int64)) }, bijector.ErrSpec},
		{"nflows_spline", "_transform._transforms.0._transforms.2.transform_net.final_layer.weight", resize(22, 7), bijector.ErrShape},
		{"nflows_spline", "_transform._transforms.0._transforms.1.upper_entries", resize(5), bijector.ErrShape},
		{"nflows_maf", "_transform._transforms.1.autoregressive_net.blocks.1.context_layer.weight", resize(6, 3), bijector.ErrShape},
		{"freia_glow", "module_list.0.subnet2.0.weight", resize(6, 6), bijector.ErrShape},
		{"freia_rnvp_64", "module_list.0.subnet_t2.0.weight", resize(5, 3), bijector.ErrShape},
		{"normflows_coupled", "flows.0.prqct.unconditional_transform.unnormalized_derivatives", resize(2, 4), bijector.ErrShape},
		{"flowjax_coupling", ".bijection.bijection.bijection.bijections[0].conditioner.layers[1].bias", resize(4), bijector.ErrShape},
		{"flowjax_coupling", ".bijection.bijection.bijection.bijections[0].conditioner.layers[0].weight", resize(2, 6, 1), bijector.ErrShape},
		{"flowjax_coupling", ".bijection.bijection.bijection.bijections[1].inverse_permutation[0]", func(it *safetensors.Item) { swap(it.Data.([]int64)) }, bijector.ErrSpec},
		{"flowjax_coupling_spline_64", ".bijection.bijection.bijection.bijections[0].transformer_constructor.derivatives.args[0]", resize(4), bijector.ErrShape},
		{"nflows_maf", "_transform._transforms.1.autoregressive_net.blocks.0.linear_layers.1.mask", resize(6, 6), bijector.ErrSpec},
		{"nflows_maf", "_transform._transforms.1.autoregressive_net.final_layer.weight", resize(6, 7), bijector.ErrShape},
		{"zuko_maf", "transform.transforms.1.hyper.0.mask", resize(10, 3), bijector.ErrShape},
		{"zuko_maf", "transform.transforms.0.hyper.4.mask", resize(8, 6), bijector.ErrShape},
		{"autoencoder", "linear1.weight", resize(4, 15), bijector.ErrShape},
		{"autoencoder", "conv1.weight", resize(3, 1, 5, 5), bijector.ErrShape},
	} {
		items := itemsOf(t, "testdata/"+c.file+".safetensors")
		found := false
		for i := range items {
			if items[i].Name == c.tensor {
				c.spoil(&items[i])
				found = true
			}
		}
		p := readParity(t, "testdata/"+c.file+".json")
		err := mapError(p, stateOf(t, items))
		var e *torch.TensorError
		if !found || !errors.As(err, &e) || e.Tensor != c.tensor || !errors.Is(err, c.want) {
			t.Errorf("%s, %s: %v, want %v", c.file, c.tensor, err, c.want)
		}
	}
}

// TestMasks: a mask that lets a parameter see what comes later makes no flow.
func TestMasks(t *testing.T) {
	items := itemsOf(t, "testdata/zuko_maf.safetensors")
	for i := range items {
		if items[i].Name == "transform.transforms.0.order" {
			slices.Reverse(items[i].Data.([]int64))
		}
	}
	_, err := torch.Zuko[float32](stateOf(t, items), torch.ZukoOptions{Activation: "relu"})
	var e *torch.TensorError
	if !errors.As(err, &e) || !strings.HasPrefix(e.Tensor, "transform.transforms.0.hyper.") || !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("the order reversed: %v, want ErrSpec of the network", err)
	}
}

// TestNoLayer: a spline coupling with contexts is refused by the name of what they enter
// by.
func TestNoLayer(t *testing.T) {
	const gate = "flows.0.prqct.transform_net.blocks.0.context_layer.weight"
	items := append(itemsOf(t, "testdata/normflows_coupled.safetensors"), safetensors.Item{Name: gate, Shape: []int{5, 2}, Data: make([]float64, 10)})
	_, err := torch.NormFlows[float32](stateOf(t, items), torch.NormFlowsOptions{Activation: "relu"})
	var e *torch.TensorError
	if !errors.As(err, &e) || e.Tensor != gate || !errors.Is(err, torch.ErrUnexpected) {
		t.Errorf("%v, want ErrUnexpected of %s", err, gate)
	}
}

// TestTwoNetworks: those of s and t are of one depth and of d outputs each.
func TestTwoNetworks(t *testing.T) {
	for want, change := range map[string]func(items []safetensors.Item) []safetensors.Item{
		"flows.3.t.0.weight": func(items []safetensors.Item) []safetensors.Item {
			return slices.DeleteFunc(items, func(it safetensors.Item) bool { return strings.HasPrefix(it.Name, "flows.3.t.6.") })
		},
		"flows.3.t.6.weight": func(items []safetensors.Item) []safetensors.Item {
			for i := range items {
				switch items[i].Name {
				case "flows.3.t.6.weight":
					resize(10, 8)(&items[i])
				case "flows.3.t.6.bias":
					resize(10)(&items[i])
				}
			}
			return items
		},
	} {
		_, err := torch.Demo[float32](stateOf(t, change(itemsOf(t, "testdata/demo_two_networks.safetensors"))), torch.DemoOptions{})
		var e *torch.TensorError
		if !errors.As(err, &e) || e.Tensor != want || !errors.Is(err, bijector.ErrShape) {
			t.Errorf("%v, want ErrShape of %s", err, want)
		}
	}
}

func swap(v []int64) { v[0], v[1] = v[1], v[0] }

// resize gives an item another shape, and ones.
func resize(shape ...int) func(it *safetensors.Item) {
	return func(it *safetensors.Item) {
		n := 1
		for _, s := range shape {
			n *= s
		}
		d := make([]float64, n)
		for i := range d {
			d[i] = 1
		}
		it.Shape, it.Data = shape, d
	}
}

func TestOptions(t *testing.T) {
	open := func(name string) *torch.State { return must(torch.Open("testdata/" + name + ".safetensors")) }
	refused := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%s: %v, want ErrSpec", what, err)
		}
	}
	_, err := torch.Zuko[float32](open("zuko"), torch.ZukoOptions{Activation: "relu", Slope: 1.5})
	refused("a slope above 1", err)
	_, err = torch.Zuko[float32](open("zuko"), torch.ZukoOptions{Activation: "cubic"})
	refused("an activation that there is not", err)
	_, err = torch.NFlows[float32](open("nflows"), torch.NFlowsOptions{Activation: "cubic"})
	refused("an activation that there is not", err)
	_, err = torch.FlowJAX[float32](open("flowjax_coupling_spline_64"), torch.FlowJAXOptions{Activation: "tanh"})
	refused("splines without an interval", err)
	_, err = torch.FrEIA[float32](open("freia_glow"), torch.FrEIAOptions{Activation: "relu", Clamp: -1})
	refused("a negative clamp", err)
	_, err = torch.NormFlows[float32](open("normflows"), torch.NormFlowsOptions{Activation: "relu", Flows: -1})
	refused("-1 flows", err)
	_, err = torch.Demo[float32](open("demo"), torch.DemoOptions{Eps: -1})
	refused("a negative eps", err)
	if _, err := torch.NormFlows[float32](open("normflows"), torch.NormFlowsOptions{Activation: "relu", Flows: 4}); !errors.Is(err, torch.ErrUnexpected) {
		t.Errorf("fewer flows than the state has: %v, want ErrUnexpected", err)
	}
	if _, err := torch.DemoAutoencoder[float32](open("autoencoder"), torch.DemoAutoencoderOptions{Height: 12}); !errors.Is(err, bijector.ErrShape) {
		t.Errorf("a height that does not divide the area: %v, want ErrShape", err)
	}
	a, err := torch.DemoAutoencoder[float32](open("autoencoder"), torch.DemoAutoencoderOptions{Height: 4})
	if err != nil || a.Dim() != 64 {
		t.Errorf("images of 4x16: %v", err)
	}
	// 5 flows of a coupling and a swap: the sixth, a swap, is seen by its gap.
	inferred := must(torch.NormFlows[float64](open("normflows"), torch.NormFlowsOptions{Activation: "relu"}))
	for flows, same := range map[int]bool{5: false, 6: true} {
		f := must(torch.NormFlows[float64](open("normflows"), torch.NormFlowsOptions{Activation: "relu", Flows: flows}))
		x := input[float64](readParity(t, "testdata/normflows.json"), "x")
		if (maxError(t, float64s[float64](must(f.Forward(x))), float64s[float64](must(inferred.Forward(x)))) == 0) != same {
			t.Errorf("%d flows: equal to what is inferred is %v, want %v", flows, !same, same)
		}
	}
}

func TestUnder(t *testing.T) {
	items := itemsOf(t, "testdata/demo.safetensors")
	for i := range items {
		items[i].Name = "model.flow." + items[i].Name
	}
	items = append(items, safetensors.Item{Name: "model.encoder.weight", Data: []float32{1}})
	s := stateOf(t, items)
	if _, err := torch.Demo[float32](s.Under("model.").Under("flow."), torch.DemoOptions{}); err != nil {
		t.Error(err)
	}
	_, err := torch.Demo[float32](s.Under("model."), torch.DemoOptions{})
	var e *torch.TensorError
	if !errors.As(err, &e) || e.Tensor != "model.flows.0.mask" {
		t.Errorf("%v, want the whole name of a missing tensor", err)
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	if _, err := torch.Open(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := torch.Open(dir); !errors.Is(err, safetensors.ErrFormat) {
		t.Errorf("a directory: %v", err)
	}
	file := filepath.Join(dir, "cut.safetensors")
	raw := must(os.ReadFile("testdata/demo.safetensors"))
	if err := os.WriteFile(file, raw[:len(raw)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := torch.Open(file); !errors.Is(err, safetensors.ErrFormat) || !strings.Contains(err.Error(), file) {
		t.Errorf("a file cut short: %v", err)
	}
}
