package registry

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
)

// onTable runs f with a table of its own in place of the package's.
func onTable(f func()) {
	old := global
	global = builtins()
	defer func() { global = old }()
	f()
}

type (
	ownSpec   struct{ Dim int }
	otherSpec struct{ Dim int }
	numSpec   int
)

func own[T bijector.Float](s ownSpec) (*bijector.ActNorm[T], error) {
	return bijector.NewActNorm[T](bijector.ActNormSpec{Dim: s.Dim})
}

func other[T bijector.Float](s otherSpec) (*bijector.ActNorm[T], error) {
	return own[T](ownSpec(s))
}

func number[T bijector.Float](s numSpec) (*bijector.ActNorm[T], error) {
	return own[T](ownSpec{int(s)})
}

func unnamed[T bijector.Float](s struct{ Dim int }) (*bijector.ActNorm[T], error) {
	return own[T](ownSpec(s))
}

func pointer[T bijector.Float](s *ownSpec) (*bijector.ActNorm[T], error) { return own[T](*s) }

// none is a nil function of f's type.
func none[F any](F) (f F) { return f }

func TestRegisterPanics(t *testing.T) {
	for what, c := range map[string]struct {
		do   func()
		says string
	}{
		"a name twice": {func() {
			Register("own.layer", own[float32], own[float64])
			Register("own.layer", other[float32], other[float64])
		}, "own.layer is registered twice"},
		"a built-in name":        {func() { Register("coupling.affine", own[float32], own[float64]) }, "coupling.affine is registered twice"},
		"a name of another kind": {func() { Register("distribution.normal", own[float32], own[float64]) }, "registered twice"},
		"a spec type twice":      {func() { Register("own.a", own[float32], own[float64]); Register("own.b", own[float32], own[float64]) }, "already that of own.a"},
		"a built-in's spec":      {func() { Register("own.mlp", bijector.NewPermute[float32], bijector.NewPermute[float64]) }, "already that of bijector.permute"},
		"nil for float32":        {func() { Register("own.layer", none(own[float32]), own[float64]) }, "nil constructor"},
		"nil for float64":        {func() { Register("own.layer", own[float32], none(own[float64])) }, "nil constructor"},
		"a nil container": {func() {
			RegisterContainer("own.layer", bijector.BuildChain[float32], none(bijector.BuildChain[float64]))
		}, "nil constructor"},
		"a nil base": {func() {
			RegisterBase("own.base", distribution.NewNormal[float32], none(distribution.NewNormal[float64]))
		}, "nil constructor"},
		"a nil map":                {func() { RegisterNetwork("own.map", coupling.NewMLP[float32], none(coupling.NewMLP[float64])) }, "nil constructor"},
		"a nil encoder":            {func() { RegisterEncoder("own.encoder", none(autoencoder.NewPCA[float32]), autoencoder.NewPCA[float64]) }, "nil constructor"},
		"a nil decoder":            {func() { RegisterDecoder("own.decoder", none(autoencoder.NewPCA[float32]), autoencoder.NewPCA[float64]) }, "nil constructor"},
		"an empty name":            {func() { Register("", own[float32], own[float64]) }, "no name"},
		"a name without a package": {func() { Register("layer", own[float32], own[float64]) }, "package.type"},
		"a name in upper case":     {func() { Register("own.Layer", own[float32], own[float64]) }, "lower case"},
		"a name with a space":      {func() { Register("own.my layer", own[float32], own[float64]) }, "no name"},
		"a long name":              {func() { Register("own."+strings.Repeat("y", 100), own[float32], own[float64]) }, "no name"},
		"a spec that is a number":  {func() { Register("own.layer", number[float32], number[float64]) }, "want a named struct"},
		"a spec without a name":    {func() { Register("own.layer", unnamed[float32], unnamed[float64]) }, "want a named struct"},
		"a spec that is a pointer": {func() { Register("own.layer", pointer[float32], pointer[float64]) }, "want a named struct"},
	} {
		onTable(func() {
			defer func() {
				if r := recover(); r == nil || !strings.HasPrefix(fmt.Sprint(r), "registry: ") || !strings.Contains(fmt.Sprint(r), c.says) {
					t.Errorf("%s: panic %v, want %q", what, r, c.says)
				}
			}()
			c.do()
		})
	}
}

// A registration that panicked leaves nothing behind.
func TestPanicLeavesNothing(t *testing.T) {
	onTable(func() {
		before := Names(Bijectors)
		func() {
			defer func() { recover() }()
			Register("own.layer", own[float32], none(own[float64]))
		}()
		Register("own.layer", own[float32], own[float64])
		if got := len(Names(Bijectors)); got != len(before)+1 {
			t.Errorf("%d names, want %d", got, len(before)+1)
		}
	})
}

func TestNames(t *testing.T) {
	onTable(func() {
		want := map[Kind][]string{
			Bijectors: {
				"autoregressive.affine", "autoregressive.spline", "bijector.actnorm", "bijector.batchnorm", "bijector.chain", "bijector.invert", "bijector.part",
				"bijector.permute", "bijector.scale", "coupling.additive", "coupling.affine", "coupling.spline",
			},
			Bases: {
				"autoregressive.mixed", "distribution.classmixture", "distribution.independent", "distribution.logistic", "distribution.mixture",
				"distribution.normal", "distribution.studentt", "distribution.uniform",
			},
			Networks: {"autoregressive.made", "coupling.convnet", "coupling.mlp", "coupling.residual"},
			Encoders: {"autoencoder.conv", "autoencoder.dense", "autoencoder.identity", "autoencoder.pca"},
			Decoders: nil,
		}
		for kind, names := range want {
			got := Names(kind)
			// Files hold these names: more may come, none may go.
			for _, n := range names {
				if !slices.Contains(got, n) {
					t.Errorf("%v %q is not there", kind, n)
				}
			}
			if !slices.IsSorted(got) {
				t.Errorf("%v: %q are not sorted", kind, got)
			}
		}
		if Bijectors.String() != "bijector" || Kind(99).String() != "Kind(99)" {
			t.Error("a kind's name")
		}
	})
}

func TestConcurrentRegistration(t *testing.T) {
	onTable(func() {
		var wg sync.WaitGroup
		failed := make([]bool, 8)
		for i := range failed {
			wg.Add(1)
			go func() {
				defer wg.Done()
				defer func() { failed[i] = recover() != nil }()
				Names(Bijectors)
				Register("own.layer", own[float32], own[float64])
			}()
			wg.Add(1)
			go func() {
				defer wg.Done()
				New[float32]("bijector.permute", []byte(`{"dim":3}`))
				MarshalSpec(distribution.StandardNormal[float32](2))
			}()
		}
		wg.Wait()
		if n := len(failed) - len(slices.DeleteFunc(failed, func(b bool) bool { return b })); n != 7 {
			t.Errorf("%d of 8 registrations of one name panicked, want 7", n)
		}
	})
}

// TestSizes holds each built-in's count of its values to what it is used for:
// never more than there are, or sound files would be refused, and not much
// less.
func TestSizes(t *testing.T) {
	for _, c := range []struct{ name, spec string }{
		{"bijector.permute", `{"dim":70}`},
		{"bijector.batchnorm", `{"dim":70}`},
		{"bijector.actnorm", `{"dim":70}`},
		{"bijector.scale", `{"dim":70}`},
		{"bijector.scale", `{"dim":70,"from_data":true}`},
		{"bijector.shift", `{"dim":70}`},
		{"bijector.lu", `{"dim":70}`},
		{"bijector.conv1x1", `{"channels":9,"height":3,"width":4}`},
		{"bijector.squeeze", `{"channels":3,"height":4,"width":6}`},
		{"bijector.actnorm", `{"dim":70,"pixels":7}`},
		{"bijector.batchnorm", `{"dim":70,"pixels":10}`},
		{"bijector.standardize", `{"dim":70}`},
		{"bijector.bounds", `{"dim":70,"features":[{"feature":3,"lower":0,"infer_upper":true}]}`},
		{"bijector.whiten", `{"dim":70}`},
		{"bijector.standardizecontext", `{"dim":70}`},
		{"bijector.logit", `{"dim":70,"alpha":0.05}`},
		{"bijector.background", `{"dim":70,"levels":16}`},
		{"bijector.sigmoid", `{"dim":70}`},
		{"bijector.tanh", `{"dim":70}`},
		{"bijector.softplus", `{"dim":70}`},
		{"coupling.additive", `{"dim":7}`},
		{"coupling.additive", `{"dim":7,"hidden":[9,8],"context_dim":5}`},
		{"coupling.affine", `{"dim":2}`},
		{"coupling.affine", `{"dim":30}`},
		{"coupling.affine", `{"dim":31,"hidden":[40],"mask":{"kind":"even"},"scale":"learned-tanh"}`},
		{"coupling.affine", `{"dim":31,"hidden":[40],"mask":{"kind":"second-half"}}`},
		{"coupling.affine", `{"dim":5,"hidden":[40,30,20],"mask":{"keep":[1,0,0,0,0]}}`},
		{"coupling.affine", `{"dim":5,"hidden":[40,30,20],"mask":{"keep":[1,1,1,1,0]}}`},
		{"coupling.affine", `{"dim":5,"hidden":[40],"mask":{"keep":[1,1,1,1,0],"invert":true}}`},
		{"coupling.affine", `{"dim":60,"hidden":[4],"mask":{"kind":"channel","channels":3,"height":4,"width":5}}`},
		{"coupling.affine", `{"dim":60,"hidden":[4],"mask":{"kind":"channel","channels":3,"height":4,"width":5,"invert":true}}`},
		{"coupling.affine", `{"dim":27,"hidden":[4],"mask":{"kind":"checkerboard","channels":3,"height":3,"width":3,"invert":true}}`},
		{"coupling.affine", `{"dim":2,"conditioner":{"type":"coupling.mlp","spec":{"in":1,"out":2}}}`},
		{"coupling.spline", `{"dim":7}`},
		{"coupling.spline", `{"dim":5,"bins":5,"hidden":[9],"mask":{"keep":[1,0,0,0,0]}}`},
		{"coupling.circular", `{"dim":7,"circles":[{"feature":0},{"feature":3,"hi":24}]}`},
		{"coupling.circular", `{"dim":5,"bins":5,"hidden":[9],"mask":{"keep":[1,0,0,0,0]},"circles":[{"feature":0}]}`},
		{"autoregressive.circular", `{"dim":7,"circles":[{"feature":0},{"feature":3,"hi":24}]}`},
		{"autoregressive.affine", `{"dim":7}`},
		{"autoregressive.affine", `{"dim":1,"context_dim":3,"hidden":[9,8]}`},
		{"autoregressive.affine", `{"dim":1}`},
		{"autoregressive.spline", `{"dim":1,"hidden":[9]}`},
		{"autoregressive.made", `{"features":1,"params":2}`},
		{"autoregressive.spline", `{"dim":7}`},
		{"autoregressive.spline", `{"dim":4,"context_dim":3,"bins":5,"hidden":[9]}`},
		{"autoregressive.made", `{"features":5,"params":2}`},
		{"autoregressive.blocks", `{"features":1,"params":2,"context":2}`},
		{"autoregressive.blocks", `{"features":5,"params":2,"hidden":7,"context":3}`},
		{"autoregressive.blocks", `{"features":5,"params":2,"hidden":7,"context":3,"blocks":3,"plain":true}`},
		{"autoregressive.affine", `{"dim":4,"context_dim":3,"blocks":{"hidden":9}}`},
		{"autoregressive.made", `{"features":5,"context":3,"params":4,"hidden":[9,8]}`},
		{"coupling.mlp", `{"in":3,"out":4}`},
		{"coupling.mlp", `{"in":3,"out":4,"hidden":[5,6]}`},
		{"coupling.residual", `{"in":3,"out":4}`},
		{"coupling.convnet", `{"in_channels":2,"out_channels":4,"height":4,"width":5}`},
		{"coupling.convnet", `{"in_channels":2,"out_channels":4,"height":4,"width":5,"context_dim":3,"hidden":5,"blocks":3,"checkerboard":"odd"}`},
		{"coupling.residual", `{"in":3,"out":4,"hidden":5,"blocks":3}`},
		{"coupling.residual", `{"in":3,"out":4,"hidden":5,"blocks":3,"context_dim":2}`},
		{"distribution.normal", `{"dim":3,"learned":true}`},
		{"distribution.logistic", `{"dim":3}`},
		{"distribution.studentt", `{"dim":3}`},
		{"distribution.studentt", `{"dim":700,"learned":true,"learned_df":true}`},
		{"distribution.uniform", `{"dim":3}`},
		{"distribution.mixture", `{"dim":70}`},
		{"distribution.mixture", `{"dim":70,"components":1}`},
		{"distribution.mixture", `{"dim":70,"full":true}`},
		{"distribution.classmixture", `{"dim":70,"classes":10}`},
		{"distribution.classmixture", `{"dim":7,"classes":10,"components":20}`},
		{"distribution.independent", `{"dim":3,"marginals":[{"kind":"laplace","params":[0,1]}]}`},
		{"autoregressive.mixed", `{"columns":[{"atoms":[0,1,2]},{"continuous":true},{"atoms":[0],"continuous":true}],"hidden":20}`},
		{"autoregressive.mixed", `{"columns":[{"continuous":true},{"atoms":[0,1]}],"context_dim":3,"order":{"kind":"reverse"},"blocks":-1,"bins":4}`},
		{"autoregressive.mixed", `{"columns":[{"atoms":[0,1]}]}`},
		{"autoregressive.mixed", `{"columns":[{"continuous":true},{"atoms":[0,1]}],"no_direct":true}`},
		{"autoencoder.conv", `{}`},
		{"autoencoder.conv", `{"height":9,"width":6,"in_channels":3,"channels":[4,5,6],"embedding":2,"bias":true}`},
		{"autoencoder.conv", `{"height":1,"in_channels":70,"channels":[900],"embedding":1,"encoder_bias":true}`},
		{"autoencoder.conv", `{"height":1,"in_channels":900,"channels":[70],"embedding":1,"decoder_bias":true}`},
		{"autoencoder.dense", `{"in":50}`},
		{"autoencoder.dense", `{"in":50,"hidden":[20,10],"embedding":3}`},
		{"autoencoder.dense", `{"in":3,"embedding":1,"loss":"gaussian","variational":true}`},
		{"autoencoder.dense", `{"in":3,"embedding":1,"loss":"squared","noise":0.5}`},
		{"autoencoder.conv", `{"height":3,"channels":[2],"embedding":1,"loss":"gaussian","variational":true}`},
		{"autoencoder.pca", `{"in":50}`},
		{"autoencoder.pca", `{"in":5}`},
		{"autoencoder.pca", `{"in":50,"embedding":7}`},
		{"autoencoder.pca", `{"in":50,"embedding":7,"residual":true}`},
		{"autoencoder.identity", `{"dim":50}`},
	} {
		e := global.byName[c.name]
		b := &builder[float64]{left: math.Inf(1)}
		n := bijector.NamedSpec{Name: c.name, Spec: []byte(c.spec)}
		var part any
		var err error
		switch e.kind {
		case Bijectors:
			part, err = b.Layer(n)
		case Bases:
			part, err = b.Base(n)
		case Networks:
			part, err = b.Network(n)
		case Encoders:
			part, err = b.Encoder(n)
		}
		if err != nil {
			t.Errorf("%s %s: %v", c.name, c.spec, err)
			continue
		}
		actual := 0.0
		s := part.(bijector.Stateful[float64])
		for _, p := range s.Params() {
			actual += float64(len(p.Data))
		}
		for _, b := range s.Buffers() {
			switch d := b.Data.(type) {
			case []float64:
				actual += float64(len(d))
			case []int64:
				actual += float64(len(d))
			}
		}
		spec, err := e.specOf(n.Spec, ofSpec)
		if err != nil {
			t.Fatal(err)
		}
		counted := 0.0
		if s, ok := spec.(Sizer); ok {
			counted = s.Values()
		}
		if counted > actual || actual > 1000 && counted < actual/2 || c.name == "autoencoder.conv" && counted != actual {
			t.Errorf("%s %s: counted %v values, there are %v", c.name, c.spec, counted, actual)
		}
	}
	// Everything that takes a width has a count.
	for _, e := range global.byName {
		_, sizer := reflect.Zero(e.spec).Interface().(Sizer)
		without := []string{"autoencoder.chain", "bijector.chain", "bijector.invert", "bijector.part", "coupling.sequential", "distribution.flow", "distribution.normal", "distribution.logistic", "autoencoder.identity"}
		if !sizer && !slices.Contains(without, e.name) && !strings.HasPrefix(e.name, "test.") {
			t.Errorf("%s has no count of its values", e.name)
		}
	}
}

type nilSpec struct{}

func makesNil[T bijector.Float](nilSpec) (*bijector.ActNorm[T], error) { return nil, nil }

func makesNone[T bijector.Float](otherSpec) (bijector.Layer[T], error) { return nil, nil }

func TestConstructorReturnsNil(t *testing.T) {
	onTable(func() {
		Register("own.nil", makesNil[float32], makesNil[float64])
		Register("own.none", makesNone[float32], makesNone[float64])
		for _, name := range []string{"own.nil", "own.none"} {
			if l, err := New[float32](name, nil); !errors.Is(err, bijector.ErrSpec) || l != nil || !strings.Contains(err.Error(), "returned nil") {
				t.Errorf("%s: %v, %v", name, l, err)
			}
		}
	})
}
