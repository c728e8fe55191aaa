// The layer under test: away from its initial weights, calibrated, and with
// data to run it on.

package bijectortest

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/conform"
)

// maxBatch is what passes are made for: more than one piece of the tensor
// methods, and no multiple of a vector.
const maxBatch = 150

// fixture is a layer in one precision.
type fixture[T bijector.Float] struct {
	o         Options
	newLayer  func() (bijector.Layer[T], error)
	layer     bijector.Layer[T]
	d, c      int // features, context features
	trainable bool
}

// newSuite makes both layers, moves the float64 one away from its start and
// copies its state to the other.
func newSuite[A bijector.Layer[float32], B bijector.Layer[float64]](new32 func() (A, error), new64 func() (B, error), opts ...Options) (*suite, error) {
	var o Options
	if len(opts) > 0 {
		o = opts[0]
	}
	s, err := conform.NewPair("layer",
		func() (*fixture[float32], error) {
			return newFixture(o, func() (bijector.Layer[float32], error) { return new32() })
		},
		func() (*fixture[float64], error) {
			return newFixture(o, func() (bijector.Layer[float64], error) { return new64() })
		})
	if err != nil {
		return nil, err
	}
	s.F64.perturb()
	if err := copyState(s.F32.layer, s.F64.layer); err != nil {
		return nil, fmt.Errorf("from float64 to float32: %w", err)
	}
	return s, nil
}

func newFixture[T bijector.Float](o Options, fresh func() (bijector.Layer[T], error)) (*fixture[T], error) {
	l, err := fresh()
	if err != nil {
		return nil, err
	}
	return &fixture[T]{o: o, newLayer: fresh, layer: l, d: l.Dim(), c: l.ContextDim(), trainable: bijector.CheckTrainable(l) == nil}, nil
}

// Dims are what both precisions have in common.
func (f *fixture[T]) Dims() conform.Dims {
	return conform.Dims{Features: f.d, Context: f.c, Trainable: f.trainable}
}

// perturb calibrates the layer as the start of training would, adds noise to
// each parameter, and calibrates it again as before an evaluation. Parameters
// are rounded to float32, so that the twin has the same ones.
func (f *fixture[T]) perturb() {
	x, cond := f.data(400, 1)
	f.calibrate(f.layer, x, cond, true)
	rng := f.rng(2)
	size := f.o.Perturb
	if size == 0 {
		size = 1
	}
	for _, p := range params(f.layer) {
		sd := 0.3 * size
		if len(p.Shape) > 1 && len(p.Data) > 0 {
			sd = 0.5 * size / math.Sqrt(float64(len(p.Data)/max(p.Shape[0], 1)))
		}
		for i := range p.Data {
			p.Data[i] = T(float32(float64(p.Data[i]) + sd*rng.NormFloat64()))
		}
	}
	conform.Changed(f.layer)
	f.calibrate(f.layer, x, cond, false)
}

func (f *fixture[T]) calibrate(l bijector.Layer[T], x, cond bijector.Mat[T], start bool) {
	if c, ok := l.(bijector.Calibrator[T]); ok {
		c.Calibrate(x, cond, start, nil)
	}
}

// clone is a second layer with the same state.
func (f *fixture[T]) clone() (bijector.Layer[T], error) {
	l, err := f.newLayer()
	if err != nil {
		return nil, err
	}
	return l, copyState(l, f.layer)
}

func (f *fixture[T]) rng(stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(f.o.Seed, stream))
}

// data draws n rows and their contexts, the same in both precisions.
func (f *fixture[T]) data(n int, stream uint64) (x, cond bijector.Mat[T]) {
	rng := f.rng(1000 + stream)
	x, cond = bijector.NewMat[T](f.d, n), bijector.NewMat[T](f.c, n)
	sample, context := f.o.Sample, f.o.Context
	if sample == nil {
		sample = func(rng *rand.Rand, x []float64) {
			for j := range x {
				x[j] = math.Sin(float64(3*j+1)) + (1+0.5*math.Cos(float64(j)))*rng.NormFloat64()
			}
		}
	}
	if context == nil {
		context = conform.Normal
	}
	conform.Fill(x, rng, sample)
	conform.Fill(cond, rng, context)
	return x, cond
}

// normals is a batch of standard normals.
func normals[T bijector.Float](rng *rand.Rand, d, n int) bijector.Mat[T] {
	m := bijector.NewMat[T](d, n)
	conform.Fill(m, rng, conform.Normal)
	return m
}

// forward runs a new pass of l, out of place.
func forward[T bijector.Float](l bijector.Layer[T], x, cond bijector.Mat[T]) (z bijector.Mat[T], logDet []float64) {
	z, logDet = conform.Outputs[T](x.D, x.N), make([]float64, x.N)
	l.NewPass(bijector.PassOptions{MaxBatch: x.N}).Forward(z, x, cond, logDet)
	return z, logDet
}

// inverse is forward's counterpart.
func inverse[T bijector.Float](l bijector.Layer[T], z, cond bijector.Mat[T]) (x bijector.Mat[T], logDet []float64) {
	x, logDet = conform.Outputs[T](z.D, z.N), make([]float64, z.N)
	l.NewPass(bijector.PassOptions{MaxBatch: z.N}).Inverse(x, z, cond, logDet)
	return x, logDet
}

func params[T bijector.Float](l bijector.Layer[T]) []bijector.Param[T] {
	if s, ok := l.(bijector.Stateful[T]); ok {
		return s.Params()
	}
	return nil
}

// copyState copies src's parameters and buffers to dst, where they have some.
func copyState[D, S bijector.Float](dst bijector.Layer[D], src bijector.Layer[S]) error {
	to, ok := dst.(bijector.Stateful[D])
	from, has := src.(bijector.Stateful[S])
	if !ok || !has {
		return nil
	}
	return conform.Copy(to, from)
}
