// The suite itself: a correct base passes, and each typical mistake in it is
// found by the check that is meant for it.

package distributiontest

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/internal/conform"
)

// broken is a class mixture with a mistake.
type broken[T bijector.Float] struct {
	*distribution.ClassMixture[T]
	fault string
	calls atomic.Int64 // of all passes
}

func newBroken[T bijector.Float](fault string) (*broken[T], error) {
	m, err := distribution.NewClassMixture[T](distribution.ClassMixtureSpec{Dim: 1, Classes: 2, Spread: 3})
	return &broken[T]{ClassMixture: m, fault: fault}, err
}

func (b *broken[T]) Params() []bijector.Param[T] {
	ps := b.ClassMixture.Params()
	switch b.fault {
	case "parameters are copies":
		for i := range ps {
			ps[i].Data = slices.Clone(ps[i].Data)
		}
	case "equal names":
		ps[1].Name = ps[0].Name
	}
	return ps
}

func (b *broken[T]) Spec() any {
	if b.fault == "spec is a pointer" {
		return &distribution.ClassMixtureSpec{}
	}
	return b.ClassMixture.Spec()
}

func (b *broken[T]) CheckTrainable() error {
	if b.fault == "no gradient" {
		return bijector.ErrNotTrainable
	}
	return nil
}

func (b *broken[T]) NewBasePass(o bijector.PassOptions) distribution.BasePass[T] {
	return &brokenPass[T]{base: b, inner: b.ClassMixture.NewBasePass(o), o: o}
}

func (b *broken[T]) NewBaseGradPass(o bijector.PassOptions) distribution.BaseGradPass[T] {
	if b.fault == "no gradient" {
		panic("no gradient")
	}
	return &brokenGrad[T]{base: b, inner: b.ClassMixture.NewBaseGradPass(o), o: o}
}

type brokenPass[T bijector.Float] struct {
	base  *broken[T]
	inner distribution.BasePass[T]
	o     bijector.PassOptions
	sink  []byte
	calls int
}

func (p *brokenPass[T]) LogProb(z, cond bijector.Mat[T], logp []float64) {
	switch p.base.fault {
	case "panics":
		panic("index out of range")
	case "density overwritten":
		clear(logp)
	case "context is ignored":
		cond = bijector.NewMat[T](cond.D, cond.N)
		for i := range cond.Data {
			cond.Data[i] = 1
		}
	case "writes to its input":
		defer func(v T) { z.Feature(0)[0] = v + 1 }(z.Feature(0)[0])
	}
	p.inner.LogProb(z, cond, logp)
	p.calls++
	for i := range logp {
		switch p.base.fault {
		case "normalised wrongly":
			logp[i] += 1e-4
		case "float32 loses digits":
			if conform.Is32[T]() {
				logp[i] += 1e-2
			}
		case "rows mix":
			logp[i] += 1e-9 * float64(z.Feature(0)[0])
		case "size of the batch shows":
			logp[i] += 1e-3 * float64(len(logp))
		case "workers show":
			logp[i] += 1e-9 * float64(p.o.Workers.Count())
		case "passes share memory":
			logp[i] += 1e-3 * float64(p.base.calls.Add(1))
		case "stride is ignored":
			logp[i] += 1e-3 * float64(z.Stride)
		}
	}
	if p.base.fault == "allocates" {
		p.sink = make([]byte, 64)
	}
}

func (p *brokenPass[T]) Sample(rng *rand.Rand, z, cond bijector.Mat[T], temperature float64) {
	switch p.base.fault {
	case "temperature is ignored":
		temperature = 1
	case "always the same draws":
		rng = rand.New(rand.NewPCG(1, 2))
	case "draws depend on their number":
		for range z.N {
			rng.Uint64()
		}
	}
	p.inner.Sample(rng, z, cond, temperature)
	f := z.Feature(0)
	switch p.base.fault {
	case "draws are too wide":
		for i := range f {
			f[i] *= 1.1
		}
	case "draws are shifted":
		for i := range f {
			f[i] += 0.2
		}
	case "a draw is infinite":
		f[0] /= 0 * f[0]
	case "draws outside the view":
		z.Data[:z.N+1][z.N] = 1
	}
}

type brokenGrad[T bijector.Float] struct {
	base  *broken[T]
	inner distribution.BaseGradPass[T]
	o     bijector.PassOptions
	first []T
}

func (p *brokenGrad[T]) LogProb(z, cond bijector.Mat[T], logp []float64) {
	p.inner.LogProb(z, cond, logp)
	if p.base.fault == "training differs" {
		logp[0] += 1e-3
	}
	if p.first == nil {
		p.first = slices.Clone(z.Feature(0))
	}
}

func (p *brokenGrad[T]) Backward(dz, dcond, z, cond bijector.Mat[T], dlogp []float64) {
	var before bijector.Mat[T]
	switch p.base.fault {
	case "gradients overwritten":
		for _, g := range p.Grads() {
			clear(g)
		}
	case "dcond overwritten":
		dcond.Zero()
	case "dcond always wanted":
		dcond.Feature(0)[0] += 0
	case "dz is added to":
		before = conform.Clone(dz)
	case "writes to dlogp":
		defer func() { dlogp[0]++ }()
	case "keeps its first input":
		z = conform.Clone(z)
		copy(z.Feature(0), p.first)
	}
	p.inner.Backward(dz, dcond, z, cond, dlogp)
	switch p.base.fault {
	case "factor is missing in dz":
		dz.Feature(0)[0] *= 1 + 1e-5
	case "factor is missing in dcond":
		if dcond.D > 0 {
			dcond.Feature(1)[0] *= 1 + 1e-5
		}
	case "factor is missing in a gradient":
		p.Grads()[1][1] *= 1 + 1e-5
	case "sign of a gradient":
		p.Grads()[0][0] *= -1
	case "dz is added to":
		for i, v := range before.Feature(0) {
			dz.Feature(0)[i] += v
		}
	case "dz outside its view":
		dz.Data[:dz.N+1][dz.N] = 1
	case "training workers show":
		p.Grads()[0][0] += T(p.o.Workers.Count()) * 1e-3
	}
}

func (p *brokenGrad[T]) Grads() [][]T {
	if p.base.fault == "too few gradients" {
		return p.inner.Grads()[:1]
	}
	return p.inner.Grads()
}

// failingChecks runs all checks and returns the names of those that fail.
func failingChecks(fault string) (names []string, errs map[string]error) {
	s, err := newSuite(
		func() (*broken[float32], error) { return newBroken[float32](fault) },
		func() (*broken[float64], error) { return newBroken[float64](fault) },
		Options{Draws: 50_000, Context: func(rng *rand.Rand, c []float64) {
			for j := range c {
				c[j] = 0.1 + rng.Float64()
			}
		}})
	if err != nil {
		return []string{"setup"}, map[string]error{"setup": err}
	}
	return conform.Failing(s, checks())
}

func TestSuitePassesACorrectBase(t *testing.T) {
	for _, fault := range []string{"", "no gradient"} {
		if names, errs := failingChecks(fault); len(names) > 0 {
			t.Errorf("a correct base (%q) fails %v: %v", fault, names, errs)
		}
	}
}

func TestSuiteFindsMistakes(t *testing.T) {
	for fault, want := range map[string]string{
		"panics":                          "precision",
		"parameters are copies":           "state/names/float32",
		"equal names":                     "state/names/float64",
		"spec is a pointer":               "state/specs",
		"density overwritten":             "density/added/float32",
		"context is ignored":              "density/context/float64",
		"writes to its input":             "density/added/float64",
		"normalised wrongly":              "law",
		"draws are too wide":              "law",
		"draws are shifted":               "law",
		"float32 loses digits":            "precision",
		"rows mix":                        "density/rows/float64",
		"size of the batch shows":         "density/sizes/float32",
		"workers show":                    "density/workers/float64",
		"passes share memory":             "density/concurrent/float64",
		"stride is ignored":               "density/views/float64",
		"allocates":                       "allocations/float32",
		"temperature is ignored":          "draws/temperature/float64",
		"always the same draws":           "draws/repeat/float64",
		"draws depend on their number":    "draws/repeat/float32",
		"a draw is infinite":              "draws/temperature/float32",
		"draws outside the view":          "draws/views/float64",
		"training differs":                "training/forward/float64",
		"gradients overwritten":           "training/accumulate/float32",
		"dcond overwritten":               "training/accumulate/float64",
		"dcond always wanted":             "training/accumulate/float64",
		"writes to dlogp":                 "training/accumulate/float64",
		"dz is added to":                  "gradient",
		"dz outside its view":             "training/views/float64",
		"keeps its first input":           "training/sizes/float64",
		"training workers show":           "training/workers/float64",
		"too few gradients":               "gradient",
		"sign of a gradient":              "gradient",
		"factor is missing in dz":         "gradient",
		"factor is missing in dcond":      "gradient",
		"factor is missing in a gradient": "gradient",
	} {
		if conform.Raced && strings.Contains(want, "allocations") {
			continue // they are not counted
		}
		names, errs := failingChecks(fault)
		if !slices.Contains(names, want) {
			t.Errorf("%s: %q does not fail, but %q: %v", fault, want, names, errs)
		}
	}
}
