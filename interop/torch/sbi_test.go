// What is sbi's own: prefixes, embeddings, and states of its older versions.

package torch_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/safetensors"
	"github.com/bijou-flow/bijou/interop/torch"
)

// TestSBIFaults are those of the prefixes and of the embedding.
func TestSBIFaults(t *testing.T) {
	const flow, embedding = "net._transform._transforms.", "net._embedding_net."
	for _, c := range []struct {
		file, tensor string
		spoil        func(it *safetensors.Item)
		want         error
	}{
		{"sbi_maf", flow + "0._scale", func(it *safetensors.Item) { it.Data.([]float64)[1] = -1 }, bijector.ErrSpec},
		{"sbi_maf", flow + "0._shift", resize(4), bijector.ErrShape},
		{"sbi_maf", embedding + "0._std", func(it *safetensors.Item) { it.Data.([]float64)[1] = 0 }, bijector.ErrSpec},
		{"sbi_maf", embedding + "0._mean", resize(3), bijector.ErrShape},
		{"sbi_nsf", embedding + "0._std", resize(3), bijector.ErrShape},
		{"sbi_nsf", embedding + "1.net.3.weight", resize(3, 5), bijector.ErrShape},
		{"sbi_nsf", flow + "1.transform_net.initial_layer.weight", resize(4, 3), bijector.ErrShape},
		{"sbi_nsf", flow + "1.transform_net.blocks.1.context_layer.weight", resize(4, 2), bijector.ErrShape},
		{"sbi_nsf_lone_64", flow + "1.transform_net.spline_predictor.4.weight", resize(8, 5), bijector.ErrShape},
		{"sbi_zuko_maf", "net.transform.transforms.0.loc", resize(2), bijector.ErrShape},
		{"sbi_zuko_maf", "_embedding_net.0._mean", resize(3), bijector.ErrShape},
	} {
		items := itemsOf(t, "testdata/"+c.file+".safetensors")
		i := slices.IndexFunc(items, func(it safetensors.Item) bool { return it.Name == c.tensor })
		c.spoil(&items[i])
		err := mapError(readParity(t, "testdata/"+c.file+".json"), stateOf(t, items))
		var e *torch.TensorError
		if !errors.As(err, &e) || e.Tensor != c.tensor || !errors.Is(err, c.want) {
			t.Errorf("%s, %s: %v, want %v", c.file, c.tensor, err, c.want)
		}
	}
}

// TestSBIEmbedding: one without a mapping is refused by the name of a tensor, and one
// with a choice of activations asks for it.
func TestSBIEmbedding(t *testing.T) {
	const norm = "net._embedding_net.1.net.1.weight"
	items := append(itemsOf(t, "testdata/sbi_nsf.safetensors"), safetensors.Item{Name: norm, Shape: []int{4}, Data: make([]float64, 4)})
	_, err := torch.SBI[float32](stateOf(t, items), torch.SBIOptions{EmbeddingActivation: "relu"})
	var e *torch.TensorError
	if !errors.As(err, &e) || e.Tensor != norm || !errors.Is(err, torch.ErrUnexpected) {
		t.Errorf("a layer norm: %v, want ErrUnexpected of %s", err, norm)
	}
	_, err = torch.SBI[float32](stateOf(t, itemsOf(t, "testdata/sbi_nsf.safetensors")), torch.SBIOptions{})
	if !errors.Is(err, bijector.ErrSpec) || !strings.Contains(err.Error(), "EmbeddingActivation") {
		t.Errorf("an embedding without an activation: %v, want ErrSpec and what to set", err)
	}
}

// TestSBIOlder: in older versions an estimator is nflows' flow itself.
func TestSBIOlder(t *testing.T) {
	p, s := readParity(t, "testdata/sbi_maf.json"), must(torch.Open("testdata/sbi_maf.safetensors"))
	got := flowResults(p, must(torch.SBI[float64](s.Under("net."), torch.SBIOptions{})))
	for name, v := range p.Float64 {
		if e := maxError(t, got[name], v); e > 1e-10 {
			t.Errorf("%s is off by %.2g", name, e)
		}
	}
}
