// Backward against numeric derivatives of LogProb.

package distributiontest

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/internal/conform"
	"github.com/bijou-flow/bijou/internal/rows"
)

// step is a training pass on one batch.
type step[T bijector.Float] struct {
	pass    distribution.BaseGradPass[T]
	z, cond bijector.Mat[T]
	dlogp   []float64
}

// newStep weighs the rows by draws of stream.
func newStep[T bijector.Float](f *fixture[T], z, cond bijector.Mat[T], o bijector.PassOptions, stream uint64) *step[T] {
	s := &step[T]{pass: f.base.NewBaseGradPass(o), z: z, cond: cond, dlogp: make([]float64, z.N)}
	conform.Normal(f.rng(stream), s.dlogp)
	return s
}

// run returns the log-densities and new gradients.
func (s *step[T]) run() (logp []float64, dz, dcond bijector.Mat[T], grads [][]T) {
	logp = make([]float64, s.z.N)
	dz, dcond = conform.Outputs[T](s.z.D, s.z.N), bijector.NewMat[T](s.cond.D, s.cond.N)
	conform.ZeroGrads(s.pass.Grads())
	s.pass.LogProb(s.z, s.cond, logp)
	s.pass.Backward(dz, dcond, s.z, s.cond, s.dlogp)
	return logp, dz, dcond, conform.CloneGrads(s.pass.Grads())
}

// checkGradient asks for 1e-6, relative to the gradient's size.
func checkGradient(f *fixture[float64]) error {
	if !f.trainable {
		return nil
	}
	for _, n := range []int{7, 1} {
		if err := checkGradientAt(f, n); err != nil {
			return conform.Prefix(err, "batch of %d", n)
		}
	}
	return nil
}

func checkGradientAt(f *fixture[float64], n int) error {
	z, cond := f.data(n, 40)
	s := newStep(f, z, cond, bijector.PassOptions{MaxBatch: n}, 41)
	_, dz, dcond, grads := s.run()
	// Rows do not see each other: a feature of all rows is moved at once.
	features := func(what string, m, d bijector.Mat[float64]) error {
		for j := range m.D {
			numeric := f.finiteDifferences(s, m.Feature(j))
			for i := range n {
				if err := compareGradient(fmt.Sprintf("%s of feature %d, sample %d", what, j, i), d.Feature(j)[i], func(k int) float64 { return numeric[k][i] * s.dlogp[i] }); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := conform.FirstError(features("dz", z, dz), features("dcond", cond, dcond)); err != nil {
		return err
	}
	ps := f.base.Params()
	if err := conform.GradSizes(grads, ps); err != nil {
		return err
	}
	for k, p := range ps {
		for e := range p.Data {
			numeric := f.finiteDifferences(s, p.Data[e:e+1])
			sum := func(k int) (sum float64) {
				for i, v := range numeric[k] {
					sum += v * s.dlogp[i]
				}
				return sum
			}
			if err := compareGradient(fmt.Sprintf("gradient of parameter %q, entry %d", p.Name, e), grads[k][e], sum); err != nil {
				return err
			}
		}
	}
	return nil
}

// finiteDifferences are the derivatives of all log-densities along at, one slice for
// each step.
func (f *fixture[T]) finiteDifferences(s *step[float64], at []float64) (all [][]float64) {
	start := append([]float64(nil), at...)
	base := f.source.base
	for _, h := range conform.Steps {
		d := make([]float64, s.z.N)
		for _, k := range conform.Stencil {
			for i, v := range start {
				at[i] = v + k.Offset*h*max(1, math.Abs(v))
			}
			conform.Changed(base)
			for i, v := range logProb(base, s.z, s.cond, nil) {
				v0 := start[0]
				if len(start) > 1 {
					v0 = start[i]
				}
				d[i] += k.Weight * v / (h * max(1, math.Abs(v0)))
			}
		}
		all = append(all, d)
	}
	copy(at, start)
	conform.Changed(base)
	return all
}

// compareGradient compares a gradient with its differences, one for each step.
func compareGradient(what string, got float64, numeric func(step int) float64) error {
	var all []float64
	for k := range conform.Steps {
		v := numeric(k)
		if rows.IsFinite(got) && conform.Same(got, v, 1e-6, max(math.Abs(got), math.Abs(v), 1e-2)) {
			return nil
		}
		all = append(all, v)
	}
	return fmt.Errorf("%s: Backward gives %v, differences of LogProb give %v (one for each step)", what, got, all)
}
