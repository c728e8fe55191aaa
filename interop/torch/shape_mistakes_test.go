// Every shape mistake is ErrShape, whatever else it is.

package torch_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/interop/torch"
)

func TestShapeMistakes(t *testing.T) {
	write := func(s autoencoder.ConvSpec) error {
		return torch.WriteDemoAutoencoder(new(bytes.Buffer), must(autoencoder.NewConv[float32](s)))
	}
	items := itemsOf(t, "testdata/zuko.safetensors")
	for i := range items {
		if items[i].Name == "base.loc" {
			resize(4)(&items[i])
		}
	}
	_, zuko := torch.Zuko[float32](stateOf(t, items), torch.ZukoOptions{Activation: "relu"})
	_, height := torch.DemoAutoencoder[float32](must(torch.Open("testdata/autoencoder.safetensors")), torch.DemoAutoencoderOptions{Height: 12})
	for name, c := range map[string]struct{ err, also error }{
		"tensor":         {zuko, nil},
		"height":         {height, nil},
		"odd sides":      {write(autoencoder.ConvSpec{Height: 9}), bijector.ErrSpec},
		"wide embedding": {write(autoencoder.ConvSpec{Height: 4, Channels: []int{1, 2}, Embedding: 3}), bijector.ErrSpec},
	} {
		if !errors.Is(c.err, bijector.ErrShape) {
			t.Errorf("%s: %v, want one that wraps ErrShape", name, c.err)
		}
		if c.also != nil && !errors.Is(c.err, c.also) {
			t.Errorf("%s: %v, want one that wraps %q", name, c.err, c.also)
		}
	}
}
