// Specs, names of parameters and buffers, BuildFlow.

package distribution

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

// workshop builds the parts that the tests name.
type workshop struct{ dim int }

func (w workshop) Layer(n bijector.Node) (bijector.Layer[float64], error) {
	if n.Name != "bend" {
		return nil, bijector.ErrSpec
	}
	return newBend[float64](w.dim, 0, 1), nil
}

func (workshop) Map(bijector.Node) (bijector.Map[float64], error) { return nil, bijector.ErrSpec }

func (workshop) Base(n bijector.Node) (Base[float64], error) {
	if n.Name != "normal" {
		return nil, bijector.ErrSpec
	}
	return NewNormal[float64](n.Spec.(NormalSpec))
}

func TestBuildFlow(t *testing.T) {
	good := FlowSpec{Bijector: bijector.Node{Name: "bend"}, Base: bijector.Node{Name: "normal", Spec: NormalSpec{Dim: 2}}}
	f, err := BuildFlow[float64](good, workshop{2})
	if err != nil || f.Dim() != 2 || f.ContextDim() != 0 || f.Check() != nil {
		t.Fatalf("%+v makes %v, %v", good, f, err)
	}
	for name, c := range map[string]struct {
		spec FlowSpec
		dim  int
		want error
	}{
		"layer":      {FlowSpec{Base: good.Base}, 2, bijector.ErrSpec},
		"base":       {FlowSpec{Bijector: good.Bijector}, 2, bijector.ErrSpec},
		"base spec":  {FlowSpec{Bijector: good.Bijector, Base: bijector.Node{Name: "normal", Spec: NormalSpec{}}}, 2, bijector.ErrSpec},
		"dimensions": {good, 3, bijector.ErrShape},
	} {
		if f, err := BuildFlow[float64](c.spec, workshop{c.dim}); !errors.Is(err, c.want) || f != nil {
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
	s := f.Spec().(FlowSpec)
	if _, ok := s.Bijector.Spec.(bijector.ChainSpec); !ok || !reflect.DeepEqual(s.Base.Spec, f.Base().Spec()) {
		t.Errorf("spec %+v", s)
	}
	text := string(must(json.Marshal(NewFlow[float64](newBend[float64](1, 0, 1), StandardNormal[float64](1)).Spec())))
	if want := `{"bijector":{"type":"","spec":{"Dim":1,"Context":0}},"base":{"type":"","spec":{"dim":1}}}`; text != want {
		t.Errorf("spec %s, want %s", text, want)
	}
	counts := must(bijector.NewChain[float64](newBend[float64](2, 0, 1), bijector.Layer[float64](must(bijector.NewActNorm[float64](bijector.ActNormSpec{Dim: 2})))))
	for _, b := range NewFlow[float64](counts, StandardNormal[float64](2)).Buffers() {
		if b.Name[:11] != "bijector.1." {
			t.Errorf("buffer %s, want it behind bijector.1.", b.Name)
		}
	}
}
