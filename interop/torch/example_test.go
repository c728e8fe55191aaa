package torch_test

import (
	"bytes"
	"context"
	"fmt"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/interop/torch"
	"github.com/bijou-flow/bijou/train"
)

func ExampleLoad() {
	// export.save(flow, "normflows.safetensors", x=rows)
	state, err := torch.Open("testdata/exported/normflows.safetensors")
	if err != nil {
		fmt.Println(err)
		return
	}
	flow, err := torch.Load[float64](state)
	if err != nil {
		fmt.Println(err)
		return
	}
	x := tensor.New(tensor.WithShape(1, 3), tensor.WithBacking([]float64{0.5, -1, 0.2}))
	logp, _ := flow.LogProb(x)
	fmt.Printf("%.4f nats\n", logp)
	// Output: [-6.9994] nats
}

func ExampleZuko() {
	// safetensors.torch.save_file(flow.state_dict(), "zuko.safetensors")
	state, err := torch.Open("testdata/zuko.safetensors")
	if err != nil {
		fmt.Println(err)
		return
	}
	flow, err := torch.Zuko[float64](state, torch.ZukoOptions{Activation: "relu"})
	if err != nil {
		fmt.Println(err)
		return
	}
	x := tensor.New(tensor.WithShape(1, 5), tensor.WithBacking([]float64{0.5, -1, 0, 1, 0.2}))
	logp, _ := flow.LogProb(x)
	fmt.Printf("%.4f nats\n", logp)
	// Output: [-6.7722] nats
}

func ExampleNFlows() {
	state, err := torch.Open("testdata/nflows.safetensors")
	if err != nil {
		fmt.Println(err)
		return
	}
	flow, err := torch.NFlows[float32](state, torch.NFlowsOptions{Activation: "relu"})
	fmt.Println(flow.Dim(), "features,", err)
	// Output: 5 features, <nil>
}

func ExampleNormFlows() {
	state, err := torch.Open("testdata/normflows.safetensors")
	if err != nil {
		fmt.Println(err)
		return
	}
	// Three couplings, each with a swap: len(model.flows) is 6.
	flow, err := torch.NormFlows[float32](state, torch.NormFlowsOptions{Activation: "relu", Flows: 6})
	fmt.Println(flow.Dim(), "features,", err)
	// Output: 5 features, <nil>
}

// A model that was trained in part by another program: the error says which of
// its tensors has no place.
func ExampleDemo() {
	state, err := torch.Open("testdata/demo_context_64.safetensors")
	if err != nil {
		fmt.Println(err)
		return
	}
	flow, err := torch.Demo[float32](state, torch.DemoOptions{})
	fmt.Println(flow.Dim(), "features,", flow.ContextDim(), "of the context,", err)
	_, err = torch.Zuko[float32](state, torch.ZukoOptions{Activation: "relu"})
	fmt.Println(err)
	// Output:
	// 6 features, 3 of the context, <nil>
	// torch: "transform.transforms.0.mask": missing tensor
}

func ExampleDemoAutoencoder() {
	state, err := torch.Open("testdata/autoencoder.safetensors")
	if err != nil {
		fmt.Println(err)
		return
	}
	a, err := torch.DemoAutoencoder[float32](state, torch.DemoAutoencoderOptions{})
	fmt.Println(a.Dim(), "pixels,", a.Embedding(), "values,", err)
	// Output: 64 pixels, 4 values, <nil>
}

// SaveDemo writes the same to a file.
func ExampleWriteDemo() {
	chain, err := coupling.RealNVP[float32](coupling.Recipe{Dim: 4, Layers: 3, Hidden: []int{8, 8}, Scale: "tanh", Raw: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	f, err := flow.New(chain, distribution.StandardNormal[float32](4))
	if err != nil {
		fmt.Println(err)
		return
	}
	var file bytes.Buffer
	if err := torch.WriteDemo(&file, f); err != nil {
		fmt.Println(err)
		return
	}
	state, _ := torch.Read(&file, int64(file.Len()))
	again, err := torch.Demo[float32](state, torch.DemoOptions{})
	fmt.Println(again.Dim(), "features,", err)
	// Output: 4 features, <nil>
}

// A flow of PyTorch is read, trained on, and goes back for load_state_dict.
func ExampleUpdate() {
	state, err := torch.Open("testdata/exported/zuko_nsf.safetensors")
	if err != nil {
		fmt.Println(err)
		return
	}
	f, err := torch.Load[float32](state)
	if err != nil {
		fmt.Println(err)
		return
	}
	rows := tensor.New(tensor.WithShape(2, 3), tensor.WithBacking([]float32{0.5, -1, 0.2, 1, 0, -0.3}))
	contexts := tensor.New(tensor.WithShape(2, 2), tensor.WithBacking([]float32{0, 1, 1, 0}))
	if _, err := train.Fit(context.Background(), f, train.Tensor(rows).Given(contexts), train.Options{Epochs: 3, ValidationFraction: train.NoValidation}); err != nil {
		fmt.Println(err)
		return
	}
	updated, err := torch.Update(state, f, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	var file bytes.Buffer // or updated.Save("trained.safetensors")
	if err := updated.Write(&file); err != nil {
		fmt.Println(err)
		return
	}
	again, err := torch.Read(&file, int64(file.Len()))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = torch.Load[float32](again) // its proof rows have their new log-densities
	fmt.Println(err)
	// Output: <nil>
}
