package bijectortest

// The suite itself: a correct layer passes, and each typical mistake in it is
// found by the check that is meant for it.

import (
	"errors"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/bijector/bijectortest/shear"
	"github.com/bijou-flow/bijou/internal/conform"
)

// broken is a shear layer with a mistake.
type broken[T bijector.Float] struct {
	*shear.Layer[T]
	fault        string
	unsavedState T            // state that is not saved
	unusedParam  []T          // a parameter that nothing reads
	calls        atomic.Int64 // of all passes
}

func newBroken[T bijector.Float](fault string) (*broken[T], error) {
	l, err := shear.New[T](shear.Spec{Dim: 4, Context: 2})
	return &broken[T]{Layer: l, fault: fault, unusedParam: make([]T, 4)}, err
}

func (b *broken[T]) NewPass(o bijector.PassOptions) bijector.Pass[T] {
	return &brokenPass[T]{layer: b, fault: b.fault, inner: b.Layer.NewPass(o), workers: o.Workers, max: o.MaxBatch}
}

func (b *broken[T]) NewGradPass(o bijector.PassOptions) bijector.GradPass[T] {
	g := b.Layer.NewGradPass(o)
	if b.fault == "too few gradients" {
		return fewGrads[T]{g}
	}
	return &brokenGrad[T]{layer: b, fault: b.fault, inner: g, workers: o.Workers}
}

func (b *broken[T]) Params() []bijector.Param[T] {
	ps := b.Layer.Params()
	switch b.fault {
	case "parameters are copies":
		for i := range ps {
			ps[i].Data = slices.Clone(ps[i].Data)
		}
	case "equal names":
		ps[1].Name = ps[0].Name
	case "wrong shape":
		ps[0].Shape = []int{4}
	case "dead parameter":
		ps = append(ps, bijector.Param[T]{Name: "dead", Shape: []int{4}, Data: b.unusedParam})
	}
	return ps
}

func (b *broken[T]) Buffers() []bijector.Buffer {
	if b.fault == "buffer of int" {
		return []bijector.Buffer{{Name: "count", Shape: []int{1}, Data: []int{1}}}
	}
	return nil
}

func (b *broken[T]) Spec() any {
	switch b.fault {
	case "spec loses a field":
		return struct {
			Dim  int
			Seed int `json:"-"`
		}{4, 7}
	case "values are too many":
		return countedSpec{Count: 17}
	case "values are too few":
		return countedSpec{Count: 3}
	case "values are counted":
		return countedSpec{Count: 15}
	case "spec is a pointer":
		return &shear.Spec{Dim: 4}
	}
	return b.Layer.Spec()
}

func (b *broken[T]) Calibrate(x, _ bijector.Mat[T], _ bool, w *bijector.Workers) {
	switch b.fault {
	case "state that is not saved":
		b.unsavedState = 0.25
	case "calibration writes to its input":
		x.Feature(0)[0]++
	case "calibration depends on workers":
		b.unsavedState = T(w.Count())
	}
}

func (b *broken[T]) Forward(x tensor.Tensor) (*bijector.Rows[T], error) {
	t := bijector.Given[T](b.Layer, nil)
	if b.fault == "tensor error is lost" {
		z, err := t.Forward(x)
		if errors.Is(err, bijector.ErrContext) {
			err = nil
		}
		return z, err
	}
	return t.Forward(x)
}

type brokenPass[T bijector.Float] struct {
	layer   *broken[T]
	fault   string
	inner   bijector.Pass[T]
	workers *bijector.Workers
	max     int
	sink    []byte
}

func (p *brokenPass[T]) Forward(z, x, cond bijector.Mat[T], logDet []float64) {
	switch p.fault {
	case "writes output before reading input":
		z.Zero()
	case "context is ignored":
		cond = bijector.NewMat[T](cond.D, cond.N)
	case "writes outside its view":
		z.Data[:z.N+1][z.N] = 1
	case "writes to its input":
		defer func(v T) { x.Feature(1)[0] = v + 1 }(x.Feature(1)[0])
	case "panics":
		panic("index out of range")
	case "gives up on NaN":
		for _, v := range x.Feature(0) {
			if v != v {
				return
			}
		}
	}
	p.inner.Forward(z, x, cond, logDet)
	n := float64(len(logDet))
	switch p.fault {
	case "log-det overwritten":
		clear(logDet)
		p.inner.Forward(z, x, cond, logDet)
	case "log-det of the wrong sign":
		fresh := make([]float64, len(logDet))
		p.inner.Forward(z, x, cond, fresh)
		for i, v := range fresh {
			logDet[i] -= 2 * v
		}
	case "log-det misses a feature":
		for i := range logDet {
			logDet[i] -= 1e-5
		}
	case "log-det is off far out":
		for i, v := range x.Feature(2) {
			if v < -4 {
				logDet[i] += 0.1
			}
		}
	case "rows mix":
		for i := range z.Feature(1) {
			z.Feature(1)[i] += z.Feature(0)[0] * 1e-3
		}
	case "size of the batch shows":
		z.Feature(0)[0] += T(1e-3 * n)
	case "size of the pass shows":
		z.Feature(0)[0] += T(p.max)
	case "allocates":
		p.sink = make([]byte, 64)
	case "workers show":
		z.Feature(0)[0] += T(p.workers.Count()) * 1e-5
	case "float32 loses digits":
		if conform.Is32[T]() {
			z.Feature(0)[0] += 1e-2
		}
	case "state that is not saved", "calibration depends on workers":
		for i := range z.Feature(0) {
			z.Feature(0)[i] += p.layer.unsavedState
		}
	case "passes share memory":
		z.Feature(0)[0] += T(p.layer.calls.Add(1)) * 1e-3
	}
}

func (p *brokenPass[T]) Inverse(x, z, cond bijector.Mat[T], logDet []float64) {
	switch p.fault {
	case "inverse writes output before reading input":
		x.Zero()
	case "context is ignored":
		cond = bijector.NewMat[T](cond.D, cond.N)
	}
	p.inner.Inverse(x, z, cond, logDet)
	switch p.fault {
	case "inverse is approximate":
		for i := range x.Feature(0) {
			x.Feature(0)[i] *= T(1 + 1e-3)
		}
	case "inverse log-det of the wrong sign":
		for i := range logDet {
			logDet[i] = -logDet[i]
		}
	}
}

type brokenGrad[T bijector.Float] struct {
	layer   *broken[T]
	fault   string
	inner   bijector.GradPass[T]
	workers *bijector.Workers
	x       bijector.Mat[T]
	calls   int
	sink    []byte
}

func (p *brokenGrad[T]) Forward(z, x, cond bijector.Mat[T], logDet []float64) {
	if p.fault == "training log-det overwritten" {
		clear(logDet)
	}
	p.inner.Forward(z, x, cond, logDet)
	switch p.fault {
	case "training differs":
		z.Feature(0)[0] += 1e-3
	}
	if p.calls == 0 {
		p.x = x
	}
	p.calls++
}

func (p *brokenGrad[T]) Backward(dx, dcond, dz, x, z, cond bijector.Mat[T], dLogDet []float64) {
	zero := func() {
		for _, g := range p.Grads() {
			clear(g)
		}
	}
	switch p.fault {
	case "log-det path is missing":
		dLogDet = make([]float64, len(dLogDet))
	case "gradients overwritten":
		zero()
	case "dcond overwritten":
		dcond.Zero()
	case "dx written before dz is read":
		dx.Zero()
	case "keeps its first input":
		if p.x.N == x.N {
			x = p.x
		} else {
			x = bijector.NewMat[T](x.D, x.N)
		}
	case "writes to dz":
		defer func() { dz.Feature(0)[0]++ }()
	case "dcond always wanted":
		dcond.Feature(0)[0] += 0
	case "backward allocates":
		p.sink = make([]byte, 64)
	case "dx is added to":
		old := conform.Clone(dx)
		p.inner.Backward(dx, dcond, dz, x, z, cond, dLogDet)
		for i, v := range old.Data[:len(dx.Data)] {
			dx.Data[i] += v
		}
		return
	}
	p.inner.Backward(dx, dcond, dz, x, z, cond, dLogDet)
	switch p.fault {
	case "factor is missing in dx":
		for i := range dx.Feature(1) {
			dx.Feature(1)[i] *= T(1 + 1e-5)
		}
	case "factor is missing in a gradient":
		p.Grads()[1][1] *= T(1 + 1e-5)
	case "factor is missing in dcond":
		for i := range dcond.D {
			dcond.Feature(i)[0] *= T(1 + 1e-5)
		}
	case "gradient is NaN":
		p.Grads()[0][0] = T(math.NaN())
	case "training workers show":
		p.Grads()[0][0] += T(p.workers.Count()) * 1e-3
	case "gradient is 0 far out":
		for i, v := range x.Feature(2) {
			if v > 4 {
				dx.Feature(2)[i] = 0
			}
		}
	case "dx outside its view":
		dx.Data[:dx.N+1][dx.N] = 1
	}
}

func (p *brokenGrad[T]) Grads() [][]T {
	if p.fault == "dead parameter" {
		return append(p.inner.Grads(), make([]T, 4))
	}
	return p.inner.Grads()
}

// countedSpec counts the values of a layer that has 15.
type countedSpec struct{ Count int }

func (s countedSpec) Values() float64 { return float64(s.Count) }

type fewGrads[T bijector.Float] struct{ bijector.GradPass[T] }

func (p fewGrads[T]) Grads() [][]T { return p.GradPass.Grads()[:1] }

// failingChecks runs all checks and returns the names of those that fail.
func failingChecks(t *testing.T, fault string) (names []string, errs map[string]error) {
	t.Helper()
	s, err := newSuite(
		func() (*broken[float32], error) { return newBroken[float32](fault) },
		func() (*broken[float64], error) { return newBroken[float64](fault) })
	if err != nil {
		return []string{"setup"}, map[string]error{"setup": err}
	}
	return conform.Failing(s, checks())
}

func TestSuitePassesACorrectLayer(t *testing.T) {
	for _, fault := range []string{"", "values are counted"} {
		if names, errs := failingChecks(t, fault); len(names) > 0 {
			t.Errorf("a correct layer (%q) fails %v: %v", fault, names, errs)
		}
	}
}

func TestSuiteFindsMistakes(t *testing.T) {
	for fault, want := range map[string]string{
		"log-det of the wrong sign":                  "logdet/forward",
		"log-det misses a feature":                   "logdet/forward",
		"inverse log-det of the wrong sign":          "logdet/inverse",
		"log-det overwritten":                        "logdet/added/float32",
		"inverse is approximate":                     "round trip/float32",
		"writes output before reading input":         "in place/float32",
		"inverse writes output before reading input": "in place/float64",
		"writes to its input":                        "in place/float64",
		"writes outside its view":                    "views/float32",
		"rows mix":                                   "rows/float32",
		"gives up on NaN":                            "nan/float64",
		"size of the batch shows":                    "sizes/float64",
		"size of the pass shows":                     "sizes/float32",
		"context is ignored":                         "context/float64",
		"workers show":                               "workers/float64",
		"passes share memory":                        "concurrent/float64",
		"allocates":                                  "allocations/float32",
		"float32 loses digits":                       "precision",
		"panics":                                     "logdet/forward",
		"parameters are copies":                      "state/alias/float32",
		"equal names":                                "state/names/float32",
		"wrong shape":                                "state/names/float64",
		"dead parameter":                             "state/alias/float64",
		"buffer of int":                              "setup",
		"spec loses a field":                         "state/specs",
		"spec is a pointer":                          "state/specs",
		"values are too many":                        "state/specs",
		"values are too few":                         "state/specs",
		"log-det is off far out":                     "logdet/far",
		"gradient is 0 far out":                      "gradient/far",
		"state that is not saved":                    "state/copy/float64",
		"calibration writes to its input":            "calibrate/float32",
		"calibration depends on workers":             "calibrate/float64",
		"tensor error is lost":                       "tensors/errors/float32",
		"factor is missing in dx":                    "gradient",
		"factor is missing in a gradient":            "gradient",
		"factor is missing in dcond":                 "gradient",
		"gradient is NaN":                            "gradient",
		"log-det path is missing":                    "gradient",
		"dx is added to":                             "gradient",
		"too few gradients":                          "gradient",
		"training differs":                           "training/forward/float64",
		"training log-det overwritten":               "training/forward/float32",
		"gradients overwritten":                      "training/accumulate/float32",
		"dcond overwritten":                          "training/accumulate/float64",
		"writes to dz":                               "training/accumulate/float32",
		"dx written before dz is read":               "training/in place/float64",
		"dcond always wanted":                        "training/in place/float32",
		"dx outside its view":                        "training/views/float64",
		"keeps its first input":                      "training/sizes/float64",
		"training workers show":                      "training/workers/float32",
		"backward allocates":                         "training/allocations/float64",
	} {
		if conform.Raced && strings.Contains(want, "allocations") {
			continue // they are not counted
		}
		t.Run(fault, func(t *testing.T) {
			names, errs := failingChecks(t, fault)
			if !slices.Contains(names, want) {
				t.Fatalf("%q is not red; red are %v", want, names)
			}
			t.Logf("red: %s\n%s: %.300s", strings.Join(names, ", "), want, errs[want])
		})
	}
}
