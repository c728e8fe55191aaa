package bijectortest

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/bijector/bijectortest/shear"
	"github.com/bijou-flow/bijou/internal/conform"
)

// plain is a layer with the methods of evaluation alone.
type plain[T bijector.Float] struct{ l *shear.Layer[T] }

func (p plain[T]) Dim() int                                        { return p.l.Dim() }
func (p plain[T]) ContextDim() int                                 { return p.l.ContextDim() }
func (p plain[T]) NewPass(o bijector.PassOptions) bijector.Pass[T] { return p.l.NewPass(o) }

// The other methods, to be added to it.
type (
	paramsOf[T bijector.Float] struct{ p *shear.Layer[T] }
	gradOf[T bijector.Float]   struct{ g *shear.Layer[T] }
	specOf                     struct{ spec shear.Spec }
	buffersOf                  struct{}
)

func (p paramsOf[T]) Params() []bijector.Param[T] { return p.p.Params() }
func (buffersOf) Buffers() []bijector.Buffer      { return nil }
func (s specOf) Spec() any                        { return s.spec }
func (g gradOf[T]) NewGradPass(o bijector.PassOptions) bijector.GradPass[T] {
	return g.g.NewGradPass(o)
}

// Layers that lack one of them, and one that has another in its place.
type (
	noGrad[T bijector.Float] struct {
		plain[T]
		paramsOf[T]
		buffersOf
		specOf
	}
	noParams[T bijector.Float] struct {
		plain[T]
		gradOf[T]
		buffersOf
		specOf
	}
	noBuffers[T bijector.Float] struct {
		plain[T]
		gradOf[T]
		paramsOf[T]
		specOf
	}
	noSpec[T bijector.Float] struct {
		plain[T]
		gradOf[T]
		paramsOf[T]
		buffersOf
	}
	otherSpec[T bijector.Float] struct{ noSpec[T] }
	otherOnly[T bijector.Float] struct{ plain[T] }
)

func (otherSpec[T]) Spec() shear.Spec { return shear.Spec{} }
func (otherOnly[T]) Params() [][]T    { return nil }

// lacking makes a layer without the method, and one that has none of them
// for "all".
func lacking[T bijector.Float](what string) (bijector.Layer[T], error) {
	spec := shear.Spec{Dim: 4}
	l, err := shear.New[T](spec)
	p, g, ps, s := plain[T]{l}, gradOf[T]{l}, paramsOf[T]{l}, specOf{spec}
	switch what {
	case "NewGradPass":
		return noGrad[T]{plain: p, paramsOf: ps, specOf: s}, err
	case "Params":
		return noParams[T]{plain: p, gradOf: g, specOf: s}, err
	case "Buffers":
		return noBuffers[T]{p, g, ps, s}, err
	case "Spec":
		return noSpec[T]{plain: p, gradOf: g, paramsOf: ps}, err
	case "Spec() any":
		return otherSpec[T]{noSpec[T]{plain: p, gradOf: g, paramsOf: ps}}, err
	case "Params() []bijector.Param[T]":
		return otherOnly[T]{p}, err
	case "all":
		return p, err
	}
	return l, err
}

// results runs all checks of the layer without the method.
func results(t *testing.T, what string, o Options) (failing, skipped []string, errs map[string]error) {
	t.Helper()
	s, err := newSuite(
		func() (bijector.Layer[float32], error) { return lacking[float32](what) },
		func() (bijector.Layer[float64], error) { return lacking[float64](what) }, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range checks() {
		if conform.Skipped(c.Try(s)) {
			skipped = append(skipped, c.Name)
		}
	}
	failing, errs = conform.Failing(s, checks())
	return failing, skipped, errs
}

// A layer with some of the four methods fails, by the name of what is missing.
func TestMethodsThatAreMissing(t *testing.T) {
	for _, what := range []string{"NewGradPass", "Params", "Buffers", "Spec", "Spec() any", "Params() []bijector.Param[T]"} {
		failing, _, errs := results(t, what, Options{})
		if !slices.Equal(failing, []string{"methods"}) {
			t.Errorf("%s: red are %v", what, failing)
			continue
		}
		_, says, _ := strings.Cut(errs["methods"].Error(), " lacks ")
		if says, _, _ = strings.Cut(says, "; a layer has"); !strings.Contains(says, what) {
			t.Errorf("%s: %v", what, errs["methods"])
		}
	}
}

// What is not there on purpose is skipped, and nothing else is.
func TestSkipped(t *testing.T) {
	training := func(name string) bool {
		return strings.HasPrefix(name, "training/") || strings.HasPrefix(name, "gradient")
	}
	none := func(string) bool { return false }
	for what, c := range map[string]struct {
		o    Options
		skip func(string) bool
	}{
		"nothing":     {Options{}, none},
		"all":         {Options{}, func(n string) bool { return n == "methods" || training(n) || strings.HasPrefix(n, "state/") }},
		"NewGradPass": {Options{EvaluationOnly: true}, training},
	} {
		failing, skipped, errs := results(t, what, c.o)
		if len(failing) > 0 {
			t.Errorf("without %s: %v", what, errs)
		}
		for _, check := range checks() {
			other := strings.HasPrefix(check.Name, "context/") || strings.HasPrefix(check.Name, "calibrate/")
			if got := slices.Contains(skipped, check.Name); got != (other || c.skip(check.Name)) {
				t.Errorf("without %s, %s: skipped %v", what, check.Name, got)
			}
		}
	}
}

// unallocated is a layer whose training passes have no memory for gradients.
type unallocated[T bijector.Float] struct{ *shear.Layer[T] }

func (u unallocated[T]) NewGradPass(o bijector.PassOptions) bijector.GradPass[T] {
	return emptyGrads[T]{u.Layer.NewGradPass(o)}
}

type emptyGrads[T bijector.Float] struct{ bijector.GradPass[T] }

func (emptyGrads[T]) Grads() [][]T { return [][]T{nil, nil} }

func (emptyGrads[T]) Backward(_, _, _, _, _, _ bijector.Mat[T], _ []float64) {
	panic("index out of range")
}

// Gradients that nobody allocated are reported as such, without a panic.
func TestGradsThatAreNotAllocated(t *testing.T) {
	s, err := newSuite(
		func() (unallocated[float32], error) {
			l, err := shear.New[float32](shear.Spec{Dim: 4})
			return unallocated[float32]{l}, err
		},
		func() (unallocated[float64], error) {
			l, err := shear.New[float64](shear.Spec{Dim: 4})
			return unallocated[float64]{l}, err
		})
	if err != nil {
		t.Fatal(err)
	}
	names, errs := conform.Failing(s, checks())
	if !slices.Contains(names, "gradient") {
		t.Errorf("red are %v", names)
	}
	for name, err := range errs {
		if !strings.Contains(err.Error(), "NewGradPass allocates") || strings.Contains(err.Error(), "panicked") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The rows far out stay within Options.Extent and leave Options.Sample alone.
func TestFarRows(t *testing.T) {
	f, err := newFixture(Options{Extent: 20}, func() (bijector.Layer[float64], error) { return lacking[float64]("all") })
	if err != nil {
		t.Fatal(err)
	}
	x, _, err := f.far(1)
	if err != nil {
		t.Fatal(err)
	}
	least, most := 0.0, 0.0
	for _, v := range x.Data {
		least, most = min(least, v), max(most, v)
	}
	if least > -10 || least < -20 || most < 10 || most > 20 {
		t.Errorf("values from %v to %v, want them on both sides, at 10 to 20 in magnitude", least, most)
	}
	f.o = Options{Extent: 5}
	if _, _, err := f.far(1); !conform.Skipped(err) {
		t.Errorf("within 5: %v", err)
	}
	f.o = Options{Sample: conform.Normal}
	if _, _, err := f.far(1); !conform.Skipped(err) {
		t.Errorf("with a Sample: %v", err)
	}
}

// A failure stands at the line that called the suite. The failing test runs in a
// process of its own.
func TestFailuresNameTheCaller(t *testing.T) {
	const inside = "BIJOU_FAILING_SUITE"
	if os.Getenv(inside) != "" {
		Run(t,
			func() (bijector.Layer[float32], error) { return lacking[float32]("Spec") },
			func() (bijector.Layer[float64], error) { return lacking[float64]("Spec") })
		return
	}
	c := exec.Command(os.Args[0], "-test.run", "^TestFailuresNameTheCaller$/^methods$", "-test.v")
	c.Env = append(os.Environ(), inside+"=1")
	out, err := c.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "methods_test.go:") || strings.Contains(string(out), "check.go") {
		t.Errorf("error %v; want a failure at a line of methods_test.go:\n%s", err, out)
	}
}
