// The base under test, away from its start, and rows to run it on.

package distributiontest

import (
	"fmt"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/internal/conform"
)

// maxBatch is what passes are made for: no multiple of a vector.
const maxBatch = 150

// fixture is a base in one precision.
type fixture[T bijector.Float] struct {
	o         Options
	newBase   func() (distribution.Base[T], error)
	base      distribution.Base[T]
	d, c      int // features, context features
	trainable bool
	source    *fixture[float64] // of rows, the same in both precisions
}

// newSuite makes both bases, moves the float64 one away from its start and
// copies its state to the other.
func newSuite[A distribution.Base[float32], B distribution.Base[float64]](new32 func() (A, error), new64 func() (B, error), opts ...Options) (*suite, error) {
	var o Options
	if len(opts) > 0 {
		o = opts[0]
	}
	s, err := conform.NewPair("base",
		func() (*fixture[float32], error) {
			return newFixture(o, func() (distribution.Base[float32], error) { return new32() })
		},
		func() (*fixture[float64], error) {
			return newFixture(o, func() (distribution.Base[float64], error) { return new64() })
		})
	if err != nil {
		return nil, err
	}
	s.F32.source, s.F64.source = s.F64, s.F64
	s.F64.perturb()
	if err := conform.Copy[float32, float64](s.F32.base, s.F64.base); err != nil {
		return nil, fmt.Errorf("from float64 to float32: %w", err)
	}
	return s, nil
}

func newFixture[T bijector.Float](o Options, fresh func() (distribution.Base[T], error)) (*fixture[T], error) {
	b, err := fresh()
	if err != nil {
		return nil, err
	}
	f := &fixture[T]{o: o, newBase: fresh, base: b, d: b.Dim(), c: b.ContextDim(), trainable: true}
	if v, ok := b.(bijector.Validator); ok {
		if err := v.Validate(); err != nil {
			return nil, fmt.Errorf("the base is refused by Validate: %w", err)
		}
	}
	if c, ok := b.(bijector.TrainableChecker); ok {
		f.trainable = c.CheckTrainable() == nil
	}
	return f, nil
}

// Dims are what both precisions have in common.
func (f *fixture[T]) Dims() conform.Dims {
	return conform.Dims{Features: f.d, Context: f.c, Trainable: f.trainable}
}

// perturb adds noise to each parameter, rounded to float32, so that the twin
// has the same ones.
func (f *fixture[T]) perturb() {
	size := f.o.Perturb
	if size == 0 {
		size = 0.3
	}
	rng := f.rng(2)
	for _, p := range f.base.Params() {
		for i := range p.Data {
			p.Data[i] = T(float32(float64(p.Data[i]) + size*rng.NormFloat64()))
		}
	}
	conform.Changed(f.base)
}

func (f *fixture[T]) rng(stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(f.o.Seed, stream))
}

// data are n rows and their contexts, the same in both precisions.
func (f *fixture[T]) data(n int, stream uint64) (z, cond bijector.Mat[T]) {
	z64, cond64 := f.source.rows(n, stream)
	return convertMat[T](z64), convertMat[T](cond64)
}

func (f *fixture[T]) rows(n int, stream uint64) (z, cond bijector.Mat[T]) {
	rng := f.rng(1000 + stream)
	z, cond = bijector.NewMat[T](f.d, n), f.contexts(rng, n)
	if f.o.Sample == nil {
		f.base.NewBasePass(bijector.PassOptions{MaxBatch: n}).Sample(rng, z, cond, 1)
	} else {
		conform.Fill(z, rng, f.o.Sample)
	}
	return z, cond
}

func (f *fixture[T]) contexts(rng *rand.Rand, n int) bijector.Mat[T] {
	cond, context := bijector.NewMat[T](f.c, n), f.o.Context
	if context == nil {
		context = conform.Normal
	}
	conform.Fill(cond, rng, context)
	return cond
}

// convertMat is a batch in T, of values that float32 has.
func convertMat[T bijector.Float](m bijector.Mat[float64]) bijector.Mat[T] {
	out := bijector.NewMat[T](m.D, m.N)
	for j := range m.D {
		for i, v := range m.Feature(j) {
			out.Feature(j)[i] = T(float32(v))
		}
	}
	return out
}

// clone is a second base with the same state.
func (f *fixture[T]) clone() (distribution.Base[T], error) {
	b, err := f.newBase()
	if err != nil {
		return nil, err
	}
	return b, conform.Copy[T, T](b, f.base)
}

// logProb runs a new pass of b.
func logProb[T bijector.Float](b distribution.Base[T], z, cond bijector.Mat[T], w *bijector.Workers) []float64 {
	logp := make([]float64, z.N)
	b.NewBasePass(bijector.PassOptions{MaxBatch: z.N, Workers: w}).LogProb(z, cond, logp)
	return logp
}

// draw makes n draws with a new pass of b.
func (f *fixture[T]) draw(n int, cond bijector.Mat[T], seed uint64, temperature float64) bijector.Mat[T] {
	z := conform.Outputs[T](f.d, n)
	f.base.NewBasePass(bijector.PassOptions{MaxBatch: n}).Sample(f.rng(seed), z, cond, temperature)
	return z
}

// bigBatch is enough samples for a base to share its work among cores.
func (f *fixture[T]) bigBatch() int { return min(20_000/f.d+1, 2_000) }
