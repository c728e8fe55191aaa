// The masked network: what is saved of it.

package autoregressive_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/bijou-flow/bijou/autoregressive"
)

// TestNetworkSpecs: the network's Spec is the public one, in the JSON that
// files have, by itself and within a layer.
func TestNetworkSpecs(t *testing.T) {
	net := must(autoregressive.NewMADE[float64](autoregressive.MADESpec{Features: 3, Context: 2, Params: 2, Hidden: []int{100, 100}, Seed: 4}))
	const want = `{"features":3,"context":2,"params":2,"hidden":[100,100],"seed":4}`
	if got := string(must(json.Marshal(net.Spec()))); got != want {
		t.Errorf("the spec is %s, want %s", got, want)
	}
	inside := must(autoregressive.NewAffine[float64](autoregressive.AffineSpec{Dim: 3, ContextDim: 2, Seed: 4})).Conditioner()
	again := must(autoregressive.NewMADE[float64](inside.Spec().(autoregressive.MADESpec)))
	if !reflect.DeepEqual(inside.Spec(), net.Spec()) || !reflect.DeepEqual(again.Params(), inside.Params()) {
		t.Errorf("a layer's network has the spec %+v, want %+v", inside.Spec(), net.Spec())
	}
}
