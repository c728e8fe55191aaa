package registry_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/registry"
	"gorgonia.org/tensor"
)

// Flip is a layer of one's own: z = -x, whose log-det is 0.
type Flip[T bijector.Float] struct{ spec FlipSpec }

// FlipSpec describes a Flip.
type FlipSpec struct {
	Dim int `json:"dim"`
}

// NewFlip makes a Flip.
func NewFlip[T bijector.Float](s FlipSpec) (*Flip[T], error) { return &Flip[T]{s}, nil }

func (f *Flip[T]) Dim() int                                      { return f.spec.Dim }
func (f *Flip[T]) ContextDim() int                               { return 0 }
func (f *Flip[T]) Params() []bijector.Param[T]                   { return nil }
func (f *Flip[T]) Buffers() []bijector.Buffer                    { return nil }
func (f *Flip[T]) Spec() any                                     { return f.spec }
func (f *Flip[T]) NewPass(bijector.PassOptions) bijector.Pass[T] { return flipPass[T]{} }

type flipPass[T bijector.Float] struct{}

func (flipPass[T]) Forward(z, x, _ bijector.Mat[T], _ []float64) {
	for j := range x.D {
		for i, v := range x.Feature(j) {
			z.Feature(j)[i] = -v
		}
	}
}

func (p flipPass[T]) Inverse(x, z, cond bijector.Mat[T], logDet []float64) {
	p.Forward(x, z, cond, logDet)
}

// A layer of one's own gets a name, and can then be asked for in JSON, saved
// and loaded like those of the library.
func ExampleRegister() {
	registry.Register("example.flip", NewFlip[float32], NewFlip[float64])

	layer, err := registry.New[float32]("bijector.chain", []byte(`{"layers": [
		{"type": "example.flip", "spec": {"dim": 2}},
		{"type": "bijector.permute", "spec": {"dim": 2, "kind": "reverse"}}
	]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	z, err := layer.(*bijector.Chain[float32]).Forward(tensor.New(tensor.WithShape(1, 2), tensor.WithBacking([]float32{1, 2})))
	fmt.Println(z.Values(), err)
	// Output: [-2 -1] <nil>
}

func ExampleSave() {
	chain, err := coupling.RealNVP[float32](coupling.Recipe{Dim: 2, Layers: 4, Hidden: []int{16}, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	f, err := flow.New[float32](chain, distribution.StandardNormal[float32](2))
	if err != nil {
		fmt.Println(err)
		return
	}
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	file := filepath.Join(dir, "model.safetensors")
	if err := registry.Save(file, f); err != nil {
		fmt.Println(err)
		return
	}
	loaded, err := registry.LoadFlow[float32](file)
	if err != nil {
		fmt.Println(err)
		return
	}
	a, _ := f.Sample(rand.New(rand.NewPCG(1, 2)), 10)
	b, _ := loaded.Sample(rand.New(rand.NewPCG(1, 2)), 10)
	fmt.Println(slices.Equal(a.Values(), b.Values()))
	// Output: true
}

// A model may come from anywhere, such as a file that is embedded in the
// program.
func ExampleRead() {
	f, err := flow.New[float64](mustScale(2), distribution.StandardNormal[float64](2))
	if err != nil {
		fmt.Println(err)
		return
	}
	var embedded bytes.Buffer
	if err := registry.Write(&embedded, f); err != nil {
		fmt.Println(err)
		return
	}
	loaded, err := registry.Read[*flow.Flow[float64]](&embedded, int64(embedded.Len()))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(loaded.Dim())
	// Output: 2
}

func mustScale(dim int) *bijector.Scale[float64] {
	s, err := bijector.NewScale[float64](bijector.ScaleSpec{Dim: dim})
	if err != nil {
		panic(err)
	}
	return s
}

func ExampleNew() {
	layer, err := registry.New[float32]("coupling.affine", []byte(`{"dim": 8, "hidden": [32, 32]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(layer.Dim())

	_, err = registry.New[float32]("coupling.affine", []byte(`{"dim": 8, "hiden": [32, 32]}`))
	fmt.Println(err)
	// Output:
	// 8
	// registry: coupling.affine: unknown field "hiden" in a coupling.AffineSpec: invalid spec
}

func ExampleNewFlow() {
	flow, err := registry.NewFlow[float32]([]byte(`{
		"bijector": {"type": "bijector.chain", "spec": {"layers": [
			{"type": "coupling.affine", "spec": {"dim": 4, "hidden": [16]}},
			{"type": "bijector.batchnorm", "spec": {"dim": 4}},
			{"type": "coupling.affine", "spec": {"dim": 4, "hidden": [16], "mask": {"kind": "even"}}}
		]}},
		"base": {"type": "distribution.normal", "spec": {"dim": 4}}
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(flow.Dim())
	// Output: 4
}

func ExampleNewLatent() {
	model, err := registry.NewLatent[float32]([]byte(`{
		"encoder": {"type": "autoencoder.dense", "spec": {"in": 16, "hidden": [8], "embedding": 2}},
		"flow": {"type": "distribution.flow", "spec": {
			"bijector": {"type": "coupling.affine", "spec": {"dim": 2}},
			"base": {"type": "distribution.normal", "spec": {"dim": 2}}
		}}
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	x, err := model.Sample(rand.New(rand.NewPCG(1, 2)), 3)
	fmt.Println(x.Shape(), err)
	// Output: (3, 16) <nil>
}

func ExampleMarshalSpec() {
	f, err := flow.New[float64](mustScale(2), distribution.StandardNormal[float64](2))
	if err != nil {
		fmt.Println(err)
		return
	}
	spec, err := registry.MarshalSpec(f)
	fmt.Println(string(spec), err)
	// Output: {"bijector":{"type":"bijector.scale","spec":{"dim":2}},"base":{"type":"distribution.normal","spec":{"dim":2}}} <nil>
}

func ExampleNames() {
	for _, name := range registry.Names(registry.Bases) {
		fmt.Println(name)
	}
	// Output:
	// autoregressive.mixed
	// distribution.classmixture
	// distribution.independent
	// distribution.logistic
	// distribution.mixture
	// distribution.normal
	// distribution.studentt
	// distribution.uniform
}

// Flows that were trained apart are kept as one mixture.
func ExampleLoad() {
	var flows []*flow.Flow[float32]
	for seed := range uint64(2) {
		chain, err := coupling.NICE[float32](coupling.Recipe{Dim: 2, Seed: seed})
		if err != nil {
			fmt.Println(err)
			return
		}
		f, err := flow.New(chain, distribution.StandardNormal[float32](2))
		if err != nil {
			fmt.Println(err)
			return
		}
		flows = append(flows, f)
	}
	ensemble, err := flow.NewEnsemble(flow.Mixing{Weights: []float64{3, 1}}, flows...)
	if err != nil {
		fmt.Println(err)
		return
	}
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "ensemble.safetensors")
	if err := registry.Save(path, ensemble); err != nil {
		fmt.Println(err)
		return
	}
	loaded, err := registry.Load[*flow.Ensemble[float32]](path)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d flows, weights %.2f\n", len(loaded.Flows()), loaded.Weights())
	// Output: 2 flows, weights [0.75 0.25]
}
