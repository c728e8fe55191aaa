package coupling_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
)

// constantConditioner is a conditioner whose output r is always (r+1)/100; it remembers its
// input.
type constantConditioner struct {
	*sineConditioner[float64]
	seen        []float64
	invalidated int
	validate    error
}

func (p *constantConditioner) Spec() any       { return sineConditionerSpec{p.in, p.out} }
func (p *constantConditioner) Invalidate()     { p.invalidated++ }
func (p *constantConditioner) Validate() error { return p.validate }
func (p *constantConditioner) NewNetworkPass(bijector.PassOptions) bijector.NetworkPass[float64] {
	return p
}

func (p *constantConditioner) Forward(y, x bijector.Mat[float64], lo, hi int) {
	p.seen = rowsOf(x)
	for r := range y.D {
		for i := lo; i < hi; i++ {
			y.Feature(r)[i] = float64(r+1) / 100
		}
	}
}

// TestLayout pins what enters a conditioner, context first, then kept features
// in ascending order, and what leaves it: all scales, then all shifts.
func TestLayout(t *testing.T) {
	var net *constantConditioner
	c := must(coupling.NewAffineWith(
		coupling.AffineSpec{Dim: 5, ContextDim: 2, Scale: "exp", Mask: coupling.MaskSpec{Keep: []int{0, 1, 0, 0, 1}}},
		func(in, out int) (bijector.Network[float64], error) {
			net = &constantConditioner{sineConditioner: &sineConditioner[float64]{in: in, out: out}}
			return net, nil
		}))
	x, cond := batchOf[float64]([]float64{1, 2, 3, 4, 5}, 1), batchOf[float64]([]float64{8, 9}, 1)
	z, logDet := bijector.NewMat[float64](5, 1), make([]float64, 1)
	c.NewPass(bijector.PassOptions{MaxBatch: 1}).Forward(z, x, cond, logDet)
	if want := []float64{8, 9, 2, 5}; !reflect.DeepEqual(net.seen, want) {
		t.Errorf("the conditioner saw %v, want context and kept features %v", net.seen, want)
	}
	compareSlices(t, "z", rowsOf(z), []float64{
		1*math.Exp(.01) + .04, 2, 3*math.Exp(.02) + .05, 4*math.Exp(.03) + .06, 5,
	}, 1e-15)
	compareSlices(t, "log-det", logDet, []float64{.06}, 1e-15)
}

// TestNames pins the names and shapes that a model file has.
func TestNames(t *testing.T) {
	c := must(coupling.NewAffine[float32](coupling.AffineSpec{Dim: 5, ContextDim: 2, Hidden: []int{7}, Scale: "learned-tanh"}))
	var got []string
	for _, p := range c.Params() {
		got = append(got, fmt.Sprint(p.Name, p.Shape))
	}
	for _, b := range c.Buffers() {
		got = append(got, fmt.Sprint(b.Name, b.Shape, b.Data))
	}
	want := "net.0.weight[7 4] net.0.bias[7] net.1.weight[6 7] net.1.bias[6] shared[3 1] mask[5] [0 1 0 1 0]"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("state is\n%s, want\n%s", s, want)
	}
}

// TestSpecs: a spec survives JSON, and describes an equal coupling, weights
// and all.
func TestSpecs(t *testing.T) {
	affine := coupling.AffineSpec{
		Dim: 4, ContextDim: 1, Mask: coupling.MaskSpec{Kind: "random", Seed: 9}, Hidden: []int{3, 2},
		Activation: "tanh", Scale: "softclamp", Clamp: 2.5, Seed: 4, OutScale: 0.1,
	}
	a := must(coupling.NewAffine[float64](affine))
	var again coupling.AffineSpec
	if err := json.Unmarshal(must(json.Marshal(a.Spec())), &again); err != nil {
		t.Fatal(err)
	}
	if b := must(coupling.BuildAffine[float64](again, nil)); !reflect.DeepEqual(a.Params(), b.Params()) || !reflect.DeepEqual(a.Buffers(), b.Buffers()) {
		t.Error("the spec of an Affine makes another one")
	}
	if !reflect.DeepEqual(a.Spec(), affine) {
		t.Errorf("Spec is %+v, want %+v", a.Spec(), affine)
	}
	additive := coupling.AdditiveSpec{Dim: 3, ContextDim: 2, Mask: coupling.MaskSpec{Keep: []int{1, 0, 0}}, Hidden: []int{2}, Activation: "tanh", Seed: 4, OutScale: 0.1}
	d := must(coupling.NewAdditive[float64](additive))
	if e := must(coupling.BuildAdditive[float64](d.Spec().(coupling.AdditiveSpec), nil)); !reflect.DeepEqual(d.Params(), e.Params()) || !reflect.DeepEqual(d.Buffers(), e.Buffers()) {
		t.Error("the spec of an Additive makes another one")
	}
}

// TestSpecIsItsOwn: what the caller does with its slices later is no concern
// of the layer.
func TestSpecIsItsOwn(t *testing.T) {
	s := coupling.AffineSpec{Dim: 2, Mask: coupling.MaskSpec{Keep: []int{1, 0}}, Hidden: []int{3}}
	a := must(coupling.NewAffine[float64](s))
	s.Mask.Keep[0], s.Hidden[0] = 7, 7
	if got := a.Spec().(coupling.AffineSpec); got.Mask.Keep[0] != 1 || got.Hidden[0] != 3 {
		t.Errorf("the layer's spec follows the caller's slices: %+v", got)
	}
}

// sineConditionerBuilder builds waves and nothing else.
type sineConditionerBuilder struct{ names *[]string }

func (sineConditionerBuilder) Layer(bijector.NamedSpec) (bijector.Layer[float64], error) {
	return nil, errors.New("no layers here")
}

func (b sineConditionerBuilder) Network(n bijector.NamedSpec) (bijector.Network[float64], error) {
	*b.names = append(*b.names, n.Name)
	s, ok := n.Spec.(sineConditionerSpec)
	if !ok {
		return nil, fmt.Errorf("no map for %T", n.Spec)
	}
	return newSineConditioner[float64](s.In, s.Out)
}

// TestBuild: a user's conditioner is part of the spec, and comes back through
// a builder.
func TestBuild(t *testing.T) {
	var names []string
	b := sineConditionerBuilder{&names}
	a := must(coupling.NewAffineWith(coupling.AffineSpec{Dim: 5}, newSineConditioner[float64]))
	s := a.Spec().(coupling.AffineSpec)
	s.Conditioner.Name = "waves"
	again := must(coupling.BuildAffine[float64](s, b))
	if !reflect.DeepEqual(again.Params(), a.Params()) || !reflect.DeepEqual(again.Spec(), a.Spec()) {
		t.Errorf("rebuilt as %+v", again.Spec())
	}
	d := must(coupling.NewAdditiveWith(coupling.AdditiveSpec{Dim: 5}, newSineConditioner[float64]))
	if _, err := coupling.BuildAdditive[float64](d.Spec().(coupling.AdditiveSpec), b); err != nil {
		t.Error(err)
	}
	if got := fmt.Sprint(names); got != "[waves ]" {
		t.Errorf("the builder was asked for %s", got)
	}
	s.Dim = 7
	if _, err := coupling.BuildAffine[float64](s, b); !errors.Is(err, bijector.ErrShape) {
		t.Errorf("a conditioner of the wrong width: %v, want ErrShape", err)
	}
	s.Conditioner = &bijector.NamedSpec{Spec: 3}
	if _, err := coupling.BuildAffine[float64](s, b); err == nil || !strings.Contains(err.Error(), "no map for int") {
		t.Errorf("a builder that fails: %v", err)
	}
	for _, err := range []error{
		errOf(coupling.NewAffine[float64](s)),
		errOf(coupling.NewAdditive[float64](coupling.AdditiveSpec{Dim: 5, Conditioner: s.Conditioner})),
	} {
		if !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("a conditioner without a builder: %v, want ErrSpec", err)
		}
	}
}

func errOf[V any](_ V, err error) error { return err }

func TestRefuses(t *testing.T) {
	waves := newSineConditioner[float64]
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		parts coupling.Config[float64]
		want  error
	}{
		"one feature":      {coupling.Config[float64]{Dim: 1, Transform: sinhArcsinh[float64]{}, Conditioner: waves}, bijector.ErrSpec},
		"negative context": {coupling.Config[float64]{Dim: 2, ContextDim: -1, Transform: sinhArcsinh[float64]{}, Conditioner: waves}, bijector.ErrSpec},
		"huge context":     {coupling.Config[float64]{Dim: 2, ContextDim: min(1<<40, math.MaxInt), Transform: sinhArcsinh[float64]{}, Conditioner: waves}, bijector.ErrSpec},
		"no transform":     {coupling.Config[float64]{Dim: 2, Conditioner: waves}, bijector.ErrSpec},
		"no conditioner":   {coupling.Config[float64]{Dim: 2, Transform: sinhArcsinh[float64]{}}, bijector.ErrSpec},
		"no parameters":    {coupling.Config[float64]{Dim: 2, Transform: noParamTransform{}, Conditioner: waves}, bijector.ErrSpec},
		"nil conditioner": {coupling.Config[float64]{Dim: 2, Transform: sinhArcsinh[float64]{}, Conditioner: func(int, int) (bijector.Network[float64], error) {
			return nil, nil
		}}, bijector.ErrSpec},
		"narrow conditioner": {coupling.Config[float64]{Dim: 2, Transform: sinhArcsinh[float64]{}, Conditioner: func(in, out int) (bijector.Network[float64], error) {
			return newSineConditioner[float64](in, out-1)
		}}, bijector.ErrShape},
		"broken conditioner": {coupling.Config[float64]{Dim: 2, Transform: sinhArcsinh[float64]{}, Conditioner: func(int, int) (bijector.Network[float64], error) {
			return nil, broken
		}}, broken},
	} {
		if _, err := coupling.New(c.parts); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// noParamTransform is a transform without parameters.
type noParamTransform struct{ sinhArcsinh[float64] }

func (noParamTransform) Params() int { return 0 }

// TestChangedReachesTheConditioner, which may derive something from its
// parameters too.
func TestChangedReachesTheConditioner(t *testing.T) {
	net := &constantConditioner{sineConditioner: &sineConditioner[float64]{in: 1, out: 1}}
	c := must(coupling.NewAdditiveWith(coupling.AdditiveSpec{Dim: 2}, func(int, int) (bijector.Network[float64], error) { return net, nil }))
	c.Invalidate()
	if net.invalidated != 1 {
		t.Errorf("Changed reached the conditioner %d times, want once", net.invalidated)
	}
	net.validate = errors.New("invalid")
	if err := c.Validate(); !errors.Is(err, net.validate) || err.Error() != "coupling: net: invalid" {
		t.Errorf("Validate returns %v, want the conditioner's %v behind its name", err, net.validate)
	}
}

// TestMisuse: a batch that is not the coupling's is a programmer's error.
func TestMisuse(t *testing.T) {
	c := must(coupling.NewAffine[float64](coupling.AffineSpec{Dim: 3, ContextDim: 2, Hidden: []int{2}}))
	p, g := c.NewPass(bijector.PassOptions{MaxBatch: 4}), c.NewGradPass(bijector.PassOptions{MaxBatch: 4})
	mat := bijector.NewMat[float64]
	for name, f := range map[string]func(){
		"narrow input":  func() { p.Forward(mat(3, 4), mat(2, 4), mat(2, 4), make([]float64, 4)) },
		"narrow output": func() { p.Inverse(mat(2, 4), mat(3, 4), mat(2, 4), make([]float64, 4)) },
		"short log-det": func() { p.Forward(mat(3, 4), mat(3, 4), mat(2, 4), make([]float64, 3)) },
		"no context":    func() { g.Forward(mat(3, 4), mat(3, 4), mat(0, 4), make([]float64, 4)) },
		"few contexts":  func() { g.Forward(mat(3, 4), mat(3, 4), mat(2, 1), make([]float64, 4)) },
		"large batch":   func() { p.Forward(mat(3, 40), mat(3, 40), mat(2, 40), make([]float64, 40)) },
		"short gradient": func() {
			g.Backward(mat(3, 4), mat(2, 4), mat(3, 3), mat(3, 4), mat(3, 4), mat(2, 4), make([]float64, 4))
		},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

// TestWorkers: nets large enough for their work to be shared give the same
// bits on any number of workers.
func TestWorkers(t *testing.T) {
	s := coupling.AffineSpec{Dim: 11, ContextDim: 3, Hidden: []int{100, 90}, Scale: "learned-tanh"}
	c := must(coupling.NewAffine[float32](s))
	type results struct{ Out, LogDet, Back, Dx, Dcond, Grads []float64 }
	run := func(n int, w *bijector.Workers) (r results) {
		rng := rand.New(rand.NewPCG(1, 2))
		x, cond, dz := normal[float32](11, n, rng), normal[float32](3, n, rng), normal[float32](11, n, rng)
		z, back, dcond := bijector.NewMat[float32](11, n), bijector.NewMat[float32](11, n), bijector.NewMat[float32](3, n)
		r.LogDet = make([]float64, n)
		o := bijector.PassOptions{MaxBatch: n, Workers: w}
		c.NewPass(o).Forward(z, x, cond, r.LogDet)
		r.Out = rowsOf(z)
		c.NewPass(o).Inverse(back, z, cond, r.LogDet)
		r.Back = rowsOf(back)
		g := c.NewGradPass(o)
		g.Forward(z, x, cond, r.LogDet)
		g.Backward(dz, dcond, dz, x, z, cond, r.LogDet)
		r.Dx, r.Dcond = rowsOf(dz), rowsOf(dcond)
		for _, s := range g.Grads() {
			r.Grads = append(r.Grads, float64s(s)...)
		}
		return r
	}
	for _, n := range []int{2, 33, 100, 150} {
		want := run(n, nil)
		for k := 2; k <= 4; k++ {
			w := bijector.NewWorkers(k)
			if !reflect.DeepEqual(run(n, w), want) {
				t.Errorf("%d workers change the bits of %d samples", k, n)
			}
			w.Close()
		}
	}
}

// TestSingleSamples one after the other, by one pass, are what a batch of them
// is: a single sample takes another way through the transform.
func TestSingleSamples(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	c := must(coupling.NewAffine[float64](coupling.AffineSpec{Dim: 5, ContextDim: 2, Hidden: []int{8}}))
	copy(c.Params()[len(c.Params())-1].Data, []float64{0.5, -2, 3}) // the factors
	x, cond := normal[float64](5, 6, rng), normal[float64](2, 6, rng)
	z, logDet := bijector.NewMat[float64](5, 6), make([]float64, 6)
	c.NewPass(bijector.PassOptions{MaxBatch: 6}).Forward(z, x, cond, logDet)
	p := c.NewPass(bijector.PassOptions{MaxBatch: 1})
	for i := range 6 {
		one, back, ld := bijector.NewMat[float64](5, 1), bijector.NewMat[float64](5, 1), make([]float64, 1)
		p.Forward(one, x.Samples(i, i+1), cond.Samples(i, i+1), ld)
		compareSlices(t, "z", rowsOf(one), rowsOf(z.Samples(i, i+1)), 1e-14)
		compareSlices(t, "log-det", ld, logDet[i:i+1], 1e-14)
		p.Inverse(back, one, cond.Samples(i, i+1), ld)
		compareSlices(t, "x", rowsOf(back), rowsOf(x.Samples(i, i+1)), 1e-13)
		compareSlices(t, "log-dets of both ways", ld, []float64{0}, 1e-14)
	}
}

// TestEmptyBatch and a gradient nobody wants are nothing to fail on.
func TestEmptyBatch(t *testing.T) {
	c := must(coupling.NewAffine[float32](coupling.AffineSpec{Dim: 3, ContextDim: 2, Hidden: []int{2}, Scale: "learned-tanh"}))
	none, noContext := bijector.NewMat[float32](3, 0), bijector.NewMat[float32](2, 0)
	c.NewPass(bijector.PassOptions{MaxBatch: 4}).Forward(none, none, noContext, nil)
	g := c.NewGradPass(bijector.PassOptions{MaxBatch: 4})
	g.Forward(none, none, noContext, nil)
	g.Backward(none, noContext, none, none, none, noContext, nil)
	for i, s := range g.Grads() {
		for _, v := range s {
			if v != 0 {
				t.Errorf("gradient %d of an empty batch is %v", i, s)
			}
		}
	}
}

// TestUnconditionalIgnoresContext: a chain hands its context to every member.
func TestUnconditionalIgnoresContext(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	c := must(coupling.NewAffine[float64](coupling.AffineSpec{Dim: 3, Hidden: []int{2}}))
	x, cond := normal[float64](3, 5, rng), normal[float64](2, 5, rng)
	z, dx, dcond := bijector.NewMat[float64](3, 5), bijector.NewMat[float64](3, 5), bijector.NewMat[float64](2, 5)
	g := c.NewGradPass(bijector.PassOptions{MaxBatch: 5})
	g.Forward(z, x, cond, make([]float64, 5))
	g.Backward(dx, dcond, z, x, z, cond, make([]float64, 5))
	for _, v := range rowsOf(dcond) {
		if v != 0 {
			t.Fatalf("an unconditional coupling has the context gradient %v", rowsOf(dcond))
		}
	}
}
