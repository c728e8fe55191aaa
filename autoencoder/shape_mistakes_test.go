// Every shape mistake is ErrShape, whatever else it is.

package autoencoder

import (
	"errors"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
)

func TestShapeMistakes(t *testing.T) {
	a := must(NewConv[float64](ConvSpec{Height: 6, Channels: []int{2}, Embedding: 2}))
	other := must(NewDense[float64](DenseSpec{In: 35, Embedding: 2}))
	_, encoded := a.Encode(images[float64](3, 35))
	_, decoded := a.Decode(images[float64](3, 3))
	encoder, _ := a.Networks()
	_, decoder := other.Networks()
	_, pair := New(encoder, decoder)
	_, latent := NewLatent(a, nil, flowOf(3, 0))
	_, posterior := must(NewLatent(a, nil, flowOf(2, 2))).Posterior(images[float64](3, 36), flow.Classes{Contexts: images[float64](4, 3)})
	_, components := NewPCA[float64](PCASpec{In: 3, Embedding: 4})
	pca := must(NewPCA[float64](PCASpec{In: 3, Embedding: 2}))
	for name, c := range map[string]struct{ err, also error }{
		"width":                   {encoded, nil},
		"width of embeddings":     {decoded, nil},
		"encoder and decoder":     {pair, nil},
		"embedding and flow":      {latent, nil},
		"contexts of the classes": {posterior, bijector.ErrContext},
		"components":              {components, bijector.ErrSpec},
		"width of a PCA":          {pca.Fit(images[float64](9, 4)), nil},
		"rows of a PCA":           {pca.Fit(images[float64](2, 3)), nil},
	} {
		if !errors.Is(c.err, bijector.ErrShape) {
			t.Errorf("%s: %v, want one that wraps ErrShape", name, c.err)
		}
		if c.also != nil && !errors.Is(c.err, c.also) {
			t.Errorf("%s: %v, want one that wraps %q", name, c.err, c.also)
		}
	}
}
