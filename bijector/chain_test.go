package bijector_test

// What a chain refuses, how it is built from specs, and what it passes on.

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/bijector/bijectortest/shear"
	"github.com/bijou-flow/bijou/internal/testkit"
)

func scale(d int) *bijector.Scale[float64] {
	return must(bijector.NewScale[float64](bijector.ScaleSpec{Dim: d}))
}

// imageLayer is a layer with image shapes.
type imageLayer struct {
	halfLayer[float64]
	in, out [3]int
}

func (l *imageLayer) InShape() (c, h, w int)  { return l.in[0], l.in[1], l.in[2] }
func (l *imageLayer) OutShape() (c, h, w int) { return l.out[0], l.out[1], l.out[2] }

// tinyLayer is a layer whose state takes one byte.
type tinyLayer struct{ dim uint8 }

func (l *tinyLayer) Dim() int        { return int(l.dim) }
func (l *tinyLayer) ContextDim() int { return 0 }
func (l *tinyLayer) NewPass(bijector.PassOptions) bijector.Pass[float64] {
	return halfLayer[float64]{int(l.dim)}
}

// A part that is nil is named.
func TestNilPart(t *testing.T) {
	var norm *bijector.BatchNorm[float64]
	err := bijector.Children[float64]{{Name: "norm", Part: norm}}.Validate()
	if !errors.Is(err, bijector.ErrSpec) || !strings.Contains(err.Error(), "norm: a nil") {
		t.Errorf("error is %v", err)
	}
}

func TestChainRefuses(t *testing.T) {
	l, tiny := scale(3), &tinyLayer{3}
	inPart := must(bijector.NewPart[float64](4, 0, 3, l))
	image := func(in, out [3]int) bijector.Layer[float64] {
		return &imageLayer{halfLayer[float64]{12}, in, out}
	}
	for name, c := range map[string]struct {
		layers []bijector.Layer[float64]
		want   error
	}{
		"no layers":      {nil, bijector.ErrSpec},
		"nil":            {[]bijector.Layer[float64]{l, nil}, bijector.ErrSpec},
		"widths":         {[]bijector.Layer[float64]{scale(3), scale(4)}, bijector.ErrShape},
		"contexts":       {[]bijector.Layer[float64]{must(shear.New[float64](shear.Spec{Dim: 3, Context: 1})), must(shear.New[float64](shear.Spec{Dim: 3, Context: 2}))}, bijector.ErrContext},
		"twice":          {[]bijector.Layer[float64]{l, l}, bijector.ErrSpec},
		"twice, tiny":    {[]bijector.Layer[float64]{tiny, tiny}, bijector.ErrSpec},
		"twice inverted": {[]bijector.Layer[float64]{l, bijector.Invert(l)}, bijector.ErrSpec},
		"twice in parts": {[]bijector.Layer[float64]{inPart, must(bijector.NewPart[float64](4, 1, 4, l))}, bijector.ErrSpec},
		"image shapes":   {[]bijector.Layer[float64]{image([3]int{3, 2, 2}, [3]int{12, 1, 1}), scale(12), image([3]int{3, 2, 2}, [3]int{3, 2, 2})}, bijector.ErrShape},
	} {
		if _, err := bijector.NewChain(c.layers...); !errors.Is(err, c.want) {
			t.Errorf("%s: error is %v, want one that wraps %q", name, err, c.want)
		}
	}
	if _, err := bijector.NewChain(image([3]int{3, 2, 2}, [3]int{12, 1, 1}), scale(12), image([3]int{12, 1, 1}, [3]int{12, 1, 1})); err != nil {
		t.Errorf("image shapes that fit: %v", err)
	}
}

func TestInvertOfNil(t *testing.T) {
	for _, layer := range []bijector.Layer[float64]{nil, (*bijector.Scale[float64])(nil)} {
		v := bijector.Invert(layer)
		if d, c := v.Dim(), v.ContextDim(); d != 0 || c != 0 {
			t.Errorf("it has %d features and %d of a context", d, c)
		}
		_, forward := v.Forward(testkit.Gauss[float64](1, 2, 1))
		_, given := bijector.Given[float64](v, nil).Forward(testkit.Gauss[float64](1, 2, 1))
		_, chain := bijector.NewChain[float64](v)
		_, twice := bijector.Invert[float64](v).Inverse(testkit.Gauss[float64](1, 2, 1))
		for name, err := range map[string]error{"Validate": v.Validate(), "Forward": forward, "Given": given, "NewChain": chain, "Invert": twice} {
			if !errors.Is(err, bijector.ErrSpec) {
				t.Errorf("%s: error is %v, want one that wraps %q", name, err, bijector.ErrSpec)
			}
		}
	}
}

func TestCheckTrainableNamesTheMember(t *testing.T) {
	chain := must(bijector.NewChain(scale(3), must(bijector.NewPart[float64](3, 0, 2, halfLayer[float64]{2}))))
	err := bijector.CheckTrainable[float64](chain)
	if !errors.Is(err, bijector.ErrNotTrainable) || !strings.Contains(err.Error(), "layer 1") || !strings.Contains(err.Error(), "half") {
		t.Errorf("a layer without gradient in a part: %v", err)
	}
	if err := bijector.CheckTrainable[float64](bijector.Invert(scale(2))); !errors.Is(err, bijector.ErrNotTrainable) {
		t.Errorf("an inverted layer: %v", err)
	}
	if err := bijector.CheckTrainable[float64](must(nestedChain[float64]())); err != nil {
		t.Errorf("a trainable chain: %v", err)
	}
}

func TestGradPassOfUntrainablePanics(t *testing.T) {
	for _, l := range []interface {
		NewGradPass(bijector.PassOptions) bijector.GradPass[float64]
	}{
		must(bijector.NewChain[float64](halfLayer[float64]{2})),
		must(bijector.NewPart[float64](3, 0, 2, halfLayer[float64]{2})),
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("NewGradPass of %T around a layer without gradient returns", l)
				}
			}()
			l.NewGradPass(bijector.PassOptions{MaxBatch: 1})
		}()
	}
}

// builder makes the layers of this package from nodes as the registry does.
type builder struct{}

func (b builder) Network(bijector.NamedSpec) (bijector.Network[float64], error) {
	return nil, errors.New("no maps here")
}

func (b builder) Layer(n bijector.NamedSpec) (bijector.Layer[float64], error) {
	text, err := json.Marshal(n.Spec)
	if err != nil {
		return nil, err
	}
	switch n.Name {
	case "scale":
		var s bijector.ScaleSpec
		return scale(3), json.Unmarshal(text, &s)
	case "actnorm":
		var s bijector.ActNormSpec
		if err := json.Unmarshal(text, &s); err != nil {
			return nil, err
		}
		return bijector.NewActNorm[float64](s)
	case "invert":
		var s bijector.InvertSpec
		if err := json.Unmarshal(text, &s); err != nil {
			return nil, err
		}
		return bijector.BuildInvert(s, b)
	case "part":
		var s bijector.PartSpec
		if err := json.Unmarshal(text, &s); err != nil {
			return nil, err
		}
		return bijector.BuildPart(s, b)
	}
	return nil, fmt.Errorf("%q is unknown", n.Name)
}

func TestBuildContainers(t *testing.T) {
	norm := bijector.NamedSpec{Name: "actnorm", Spec: bijector.ActNormSpec{Dim: 2}}
	spec := bijector.ChainSpec{Layers: []bijector.NamedSpec{
		{Name: "scale", Spec: bijector.ScaleSpec{Dim: 3}},
		{Name: "part", Spec: bijector.PartSpec{Dim: 3, Lo: 1, Hi: 3, Layer: norm}},
		{Name: "invert", Spec: bijector.InvertSpec{Layer: bijector.NamedSpec{Name: "scale", Spec: bijector.ScaleSpec{Dim: 3}}}},
	}}
	c, err := bijector.BuildChain(spec, builder{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range c.Params() {
		names = append(names, p.Name)
	}
	for _, b := range c.Buffers() {
		names = append(names, b.Name)
	}
	want := []string{"0.log_scale", "1.0.log_scale", "1.0.bias", "2.0.log_scale", "1.0.initialised"}
	if d := cmp.Diff(want, names); d != "" {
		t.Errorf("names (-want +got):\n%s", d)
	}
	got := c.Spec().(bijector.ChainSpec)
	if d := cmp.Diff(bijector.PartSpec{Dim: 3, Lo: 1, Hi: 3, Layer: bijector.NamedSpec{Spec: norm.Spec}}, got.Layers[1].Spec); d != "" {
		t.Errorf("spec of the part (-want +got):\n%s", d)
	}

	bad := bijector.NamedSpec{Name: "nothing"}
	for name, err := range map[string]error{
		"chain":  errOf(bijector.BuildChain(bijector.ChainSpec{Layers: []bijector.NamedSpec{norm, bad}}, builder{})),
		"invert": errOf(bijector.BuildInvert(bijector.InvertSpec{Layer: bad}, builder{})),
		"part":   errOf(bijector.BuildPart(bijector.PartSpec{Dim: 3, Hi: 2, Layer: bad}, builder{})),
	} {
		if err == nil || !strings.Contains(err.Error(), `"nothing" is unknown`) {
			t.Errorf("%s of an unknown layer: error is %v", name, err)
		}
	}
}

// TestChainCalibratesInOrder: each member sees what those before it make of
// the data, after they were calibrated.
func TestChainCalibratesInOrder(t *testing.T) {
	first := must(bijector.NewActNorm[float64](bijector.ActNormSpec{Dim: 2}))
	second := must(bijector.NewBatchNorm[float64](bijector.BatchNormSpec{Dim: 2}))
	c := must(bijector.NewChain[float64](first, halfLayer[float64]{2}, must(bijector.NewPart[float64](2, 0, 2, second))))
	x := randomBatch[float64](2, 300, 1)
	w := bijector.NewWorkers(2)
	defer w.Close()
	c.Calibrate(x, bijector.Mat[float64]{}, true, w)
	for j := range 2 {
		approxEqual(t, "mean", buffer[float64](t, second, "mean")[j], 0, 1e-12)
		approxEqual(t, "var", buffer[float64](t, second, "var")[j], 0.25, 1e-12)
	}
}

// TestContainersPassOn: what a loader writes and asks reaches the innermost
// layer.
func TestContainersPassOn(t *testing.T) {
	p := must(bijector.NewPermute[float64](bijector.PermuteSpec{Dim: 3, Kind: "reverse"}))
	l := must(bijector.NewChain[float64](bijector.Invert(must(bijector.NewPart[float64](4, 1, 4, p)))))
	copy(buffer[int64](t, l, "0.0.0.indices"), []int64{1, 2, 0})
	l.Invalidate()
	z := must(l.Inverse(rows([]float64{10, 20, 30, 40}))).Float64s()
	if d := cmp.Diff([]float64{10, 30, 40, 20}, z); d != "" {
		t.Errorf("after the indices were written to (-want +got):\n%s", d)
	}
	s := must(shear.New[float64](shear.Spec{Dim: 2, Context: 5}))
	for _, l := range []bijector.Layer[float64]{
		bijector.Invert(s), must(bijector.NewPart[float64](3, 0, 2, s)), must(bijector.NewChain[float64](halfLayer[float64]{2}, s)),
	} {
		if c := l.ContextDim(); c != 5 {
			t.Errorf("%T around a layer with 5 context features has %d", l, c)
		}
	}
}

// Training calls Invalidate after every step.
func TestInvalidateAllocatesNothing(t *testing.T) {
	inner := must(bijector.NewChain[float64](scale(2), scale(2)))
	c := must(bijector.NewChain[float64](scale(4), bijector.Invert(scale(4)), must(bijector.NewPart[float64](4, 1, 3, inner)), scale(4), scale(4)))
	if n := testing.AllocsPerRun(20, c.Invalidate); n > 0 {
		t.Errorf("Invalidate allocates %v times a call", n)
	}
}
