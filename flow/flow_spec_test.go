// Specs, names of parameters and buffers, Build.

package flow

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/internal/specnames"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// partBuilder builds the parts that the tests name.
type partBuilder struct{ dim int }

func (w partBuilder) Layer(n bijector.NamedSpec) (bijector.Layer[float64], error) {
	if n.Name != "bend" {
		return nil, bijector.ErrSpec
	}
	return newBend[float64](w.dim, 0, 1), nil
}

func (partBuilder) Network(bijector.NamedSpec) (bijector.Network[float64], error) {
	return nil, bijector.ErrSpec
}

func (partBuilder) Base(n bijector.NamedSpec) (distribution.Base[float64], error) {
	if n.Name != "normal" {
		return nil, bijector.ErrSpec
	}
	return distribution.NewNormal[float64](n.Spec.(distribution.NormalSpec))
}

func TestBuild(t *testing.T) {
	good := Spec{Bijector: bijector.NamedSpec{Name: "bend"}, Base: bijector.NamedSpec{Name: "normal", Spec: distribution.NormalSpec{Dim: 2}}}
	f, err := Build[float64](good, partBuilder{2})
	if err != nil || f.Dim() != 2 || f.ContextDim() != 0 || f.Check() != nil {
		t.Fatalf("%+v makes %v, %v", good, f, err)
	}
	for name, c := range map[string]struct {
		spec Spec
		dim  int
		want error
	}{
		"layer":      {Spec{Base: good.Base}, 2, bijector.ErrSpec},
		"base":       {Spec{Bijector: good.Bijector}, 2, bijector.ErrSpec},
		"base spec":  {Spec{Bijector: good.Bijector, Base: bijector.NamedSpec{Name: "normal", Spec: distribution.NormalSpec{}}}, 2, bijector.ErrSpec},
		"dimensions": {good, 3, bijector.ErrShape},
	} {
		if f, err := Build[float64](c.spec, partBuilder{c.dim}); !errors.Is(err, c.want) || f != nil {
			t.Errorf("%s: %v, %v, want %v", name, f, err, c.want)
		}
	}
}

func TestFlowState(t *testing.T) {
	f := flowOf[float64](2, 0)
	var names []string
	for _, p := range f.Params() {
		names = append(names, p.Name)
	}
	want := []string{
		"bijector.0.a", "bijector.0.l", "bijector.0.m", "bijector.0.w",
		"bijector.1.a", "bijector.1.l", "bijector.1.m", "bijector.1.w",
		"base.loc", "base.log_scale",
	}
	if !slices.Equal(names, want) {
		t.Errorf("parameters %v, want %v", names, want)
	}
	s := f.Spec().(Spec)
	if _, ok := s.Bijector.Spec.(bijector.ChainSpec); !ok || !reflect.DeepEqual(s.Base.Spec, f.Base().Spec()) {
		t.Errorf("spec %+v", s)
	}
	// The tests of this package link the registry, which has the names.
	scale := testkit.Must(bijector.NewScale[float64](bijector.ScaleSpec{Dim: 1}))
	text := string(testkit.Must(json.Marshal(newFlow[float64](scale, distribution.StandardNormal[float64](1)).Spec())))
	if want := `{"bijector":{"type":"bijector.scale","spec":{"dim":1}},"base":{"type":"distribution.normal","spec":{"dim":1}}}`; text != want {
		t.Errorf("spec %s, want %s", text, want)
	}
	if _, err := json.Marshal(f.Spec()); !errors.Is(err, specnames.ErrNotRegistered) {
		t.Errorf("a spec of layers that are not registered: %v", err)
	}
	counts := testkit.Must(bijector.NewChain[float64](newBend[float64](2, 0, 1), bijector.Layer[float64](testkit.Must(bijector.NewActNorm[float64](bijector.ActNormSpec{Dim: 2})))))
	for _, b := range newFlow[float64](counts, distribution.StandardNormal[float64](2)).Buffers() {
		if b.Name[:11] != "bijector.1." {
			t.Errorf("buffer %s, want it behind bijector.1.", b.Name)
		}
	}
}
