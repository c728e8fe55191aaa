// Networks by themselves: what is saved of them.

package coupling_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
)

// TestNetworkSpecs: a network's Spec is the public one, with its defaults, in
// the JSON that files have, and makes an equal network.
func TestNetworkSpecs(t *testing.T) {
	widths := []int{3, 2}
	mlp := coupling.MLPSpec{In: 4, Out: 2, Hidden: widths, Activation: "tanh", Seed: 5, OutScale: 0.5}
	for name, c := range map[string]struct {
		net   bijector.Network[float32]
		again func(any) (bijector.Network[float32], error)
		want  string
	}{
		"mlp": {
			must(coupling.NewMLP[float32](mlp)),
			func(s any) (bijector.Network[float32], error) { return coupling.NewMLP[float32](s.(coupling.MLPSpec)) },
			`{"in":4,"out":2,"hidden":[3,2],"activation":"tanh","seed":5,"out_scale":0.5}`,
		},
		"affine mlp": {
			must(coupling.NewMLP[float32](coupling.MLPSpec{In: 4, Out: 2})),
			func(s any) (bijector.Network[float32], error) { return coupling.NewMLP[float32](s.(coupling.MLPSpec)) },
			`{"in":4,"out":2,"hidden":null}`,
		},
		"residual": {
			must(coupling.NewResidual[float32](coupling.ResidualSpec{In: 4, Out: 2})),
			func(s any) (bijector.Network[float32], error) {
				return coupling.NewResidual[float32](s.(coupling.ResidualSpec))
			},
			`{"in":4,"out":2,"hidden":100,"blocks":2}`,
		},
		"convnet": {
			must(coupling.NewConvNet[float32](coupling.ConvNetSpec{InChannels: 1, OutChannels: 2, Height: 4, Width: 6, ContextDim: 3, Checkerboard: "odd"})),
			func(s any) (bijector.Network[float32], error) {
				return coupling.NewConvNet[float32](s.(coupling.ConvNetSpec))
			},
			`{"in_channels":1,"out_channels":2,"height":4,"width":6,"context_dim":3,"checkerboard":"odd","hidden":32,"blocks":2}`,
		},
	} {
		spec := c.net.Spec()
		if name == "mlp" {
			widths[0] = 9 // the caller's slice is no concern of the network's
		}
		if got := string(must(json.Marshal(c.net.Spec()))); got != c.want {
			t.Errorf("%s: the spec is %s, want %s", name, got, c.want)
		}
		again, err := c.again(spec)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !reflect.DeepEqual(again.Params(), c.net.Params()) || !reflect.DeepEqual(again.Spec(), spec) {
			t.Errorf("%s: its spec makes another network", name)
		}
	}
}
