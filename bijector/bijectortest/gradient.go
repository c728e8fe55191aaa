// Backward against numeric derivatives of the training pass's own Forward:
// batch norm's output in training depends on the whole batch, so rows cannot
// be treated one by one.

package bijectortest

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/conform"
)

// probesPerParam is how many entries of a parameter are checked one by one. A
// derivative along a random direction sees the others.
const probesPerParam = 12

// lossWeights of the loss sum_ij dz_ij z_ij + sum_i dLogDet_i logDet_i, and the
// gradient that Backward gives for them.
type lossWeights struct {
	name      string
	dz        bijector.Mat[float64]
	dLogDet   []float64
	dx, dcond bijector.Mat[float64]
	grads     [][]float64
}

// step is a training pass on one batch.
type step[T bijector.Float] struct {
	pass       bijector.GradPass[T]
	z, x, cond bijector.Mat[T]
	logDet     []float64
}

func newStep[T bijector.Float](l bijector.Layer[T], x, cond bijector.Mat[T], o bijector.PassOptions) *step[T] {
	return &step[T]{
		pass: l.(bijector.Trainable[T]).NewGradPass(o),
		z:    conform.Outputs[T](x.D, x.N), x: x, cond: cond, logDet: make([]float64, x.N),
	}
}

func (s *step[T]) forward() {
	clear(s.logDet)
	s.pass.Forward(s.z, s.x, s.cond, s.logDet)
}

// backward returns new gradients for dz and dLogDet.
func (s *step[T]) backward(dz bijector.Mat[T], dLogDet []float64) (dx, dcond bijector.Mat[T], grads [][]T) {
	dx, dcond = conform.Outputs[T](s.x.D, s.x.N), bijector.NewMat[T](s.cond.D, s.cond.N)
	conform.ZeroGrads(s.pass.Grads())
	s.pass.Backward(dx, dcond, dz, s.x, s.z, s.cond, dLogDet)
	return dx, dcond, conform.CloneGrads(s.pass.Grads())
}

// drawDLogDet draws the gradient of a loss with respect to the log-dets.
func drawDLogDet(rng *rand.Rand, n int) []float64 {
	v := make([]float64, n)
	conform.Normal(rng, v)
	return v
}

func checkGradients(s *suite) error {
	f := s.F64
	if err := f.needGradient(); err != nil {
		return err
	}
	for _, n := range []int{5, 2, 1} {
		x, cond := f.data(n, 40)
		if err := checkGradientsAt(f, x, cond); err != nil {
			return conform.Prefix(err, "batch of %d", n)
		}
	}
	return nil
}

func checkGradientsAt(f *fixture[float64], x, cond bijector.Mat[float64]) error {
	l, n := f.layer, x.N
	rng := f.rng(41)
	s := newStep(l, x, cond, bijector.PassOptions{MaxBatch: n})
	s.forward()
	dz, dLogDet := normals[float64](rng, f.d, n), drawDLogDet(rng, n)
	losses := []lossWeights{
		{name: "dz and dLogDet", dz: dz, dLogDet: dLogDet},
		{name: "dz alone", dz: dz, dLogDet: make([]float64, n)},
		{name: "dLogDet alone", dz: bijector.NewMat[float64](f.d, n), dLogDet: dLogDet},
	}
	for i := range losses {
		w := &losses[i]
		w.dx, w.dcond, w.grads = s.backward(w.dz, w.dLogDet)
	}
	ps := params(l)
	if err := conform.GradSizes(s.pass.Grads(), ps); err != nil {
		return err
	}
	for j := range f.d {
		for i := range n {
			got := func(w *lossWeights) float64 { return w.dx.Feature(j)[i] }
			scale := func(w *lossWeights) float64 { return rmsOf(w.dx) }
			what := fmt.Sprintf("dx of feature %d, sample %d", j, i)
			if err := s.checkDerivative(losses, what, got, scale, x.Feature(j)[i:i+1], []float64{1}, nil); err != nil {
				return err
			}
		}
	}
	for j := range f.c {
		for i := range n {
			got := func(w *lossWeights) float64 { return w.dcond.Feature(j)[i] }
			scale := func(w *lossWeights) float64 { return rmsOf(w.dcond) }
			what := fmt.Sprintf("dcond of feature %d, sample %d", j, i)
			if err := s.checkDerivative(losses, what, got, scale, cond.Feature(j)[i:i+1], []float64{1}, nil); err != nil {
				return err
			}
		}
	}
	for k, p := range ps {
		scale := func(w *lossWeights) float64 { return rms(w.grads[k]) }
		for _, e := range sampleIndices(rng, len(p.Data)) {
			got := func(w *lossWeights) float64 { return w.grads[k][e] }
			what := fmt.Sprintf("gradient of parameter %q, entry %d", p.Name, e)
			if err := s.checkDerivative(losses, what, got, scale, p.Data[e:e+1], []float64{1}, func() { conform.Changed(l) }); err != nil {
				return err
			}
		}
		direction := make([]float64, len(p.Data))
		for i := range direction {
			direction[i] = rng.NormFloat64() / math.Sqrt(float64(len(direction)))
		}
		got := func(w *lossWeights) float64 {
			sum := 0.0
			for i, v := range w.grads[k] {
				sum += v * direction[i]
			}
			return sum
		}
		what := fmt.Sprintf("gradient of parameter %q along a random direction", p.Name)
		if err := s.checkDerivative(losses, what, got, scale, p.Data, direction, func() { conform.Changed(l) }); err != nil {
			return err
		}
	}
	return nil
}

// sampleIndices are all of n, or a sample.
func sampleIndices(rng *rand.Rand, n int) []int {
	all := rng.Perm(n)
	return all[:min(n, probesPerParam)]
}

// checkDerivative moves at along direction and compares the change of each loss with the
// gradient that Backward gave. Outputs are subtracted before they are weighed,
// which keeps the digits of a small change.
func (s *step[T]) checkDerivative(losses []lossWeights, what string, got, scale func(*lossWeights) float64, at, direction []float64, changed func()) error {
	start := append([]float64(nil), at...)
	size := 1.0
	if len(at) == 1 {
		size = max(1, math.Abs(at[0]))
	}
	done := make([]bool, len(losses))
	numeric := make([][]float64, len(losses))
	for _, h := range conform.Steps {
		h *= size
		sums := make([]float64, len(losses))
		dz, dLogDet := bijector.NewMat[float64](s.x.D, s.x.N), make([]float64, s.x.N)
		for _, k := range conform.Stencil {
			for i, v := range start {
				at[i] = v + k.Offset*h*direction[i]
			}
			if changed != nil {
				changed()
			}
			s.forward()
			for j := range dz.D {
				for i, v := range s.z.Feature(j) {
					dz.Feature(j)[i] += k.Weight * float64(v)
				}
			}
			for i, v := range s.logDet {
				dLogDet[i] += k.Weight * v
			}
		}
		copy(at, start)
		if changed != nil {
			changed()
		}
		ok := true
		for l := range losses {
			w := &losses[l]
			for j := range dz.D {
				for i, v := range dz.Feature(j) {
					sums[l] += v / h * w.dz.Feature(j)[i]
				}
			}
			for i, v := range dLogDet {
				sums[l] += v / h * w.dLogDet[i]
			}
			numeric[l] = append(numeric[l], sums[l])
			g := got(w)
			done[l] = done[l] || conform.Same(g, sums[l], 1e-6, max(math.Abs(g), math.Abs(sums[l]), scale(w), 1e-2))
			ok = ok && done[l]
		}
		if ok {
			return nil
		}
	}
	for l := range losses {
		if !done[l] {
			return fmt.Errorf("%s, loss with %s: Backward gives %v, differences of the training Forward give %v (one for each step)", what, losses[l].name, got(&losses[l]), numeric[l])
		}
	}
	return nil
}

// rms is the root mean square.
func rms(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x * x
	}
	return math.Sqrt(sum / float64(max(len(v), 1)))
}

func rmsOf(m bijector.Mat[float64]) float64 {
	var all []float64
	for j := range m.D {
		all = append(all, m.Feature(j)...)
	}
	return rms(all)
}
