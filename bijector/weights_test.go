// Weighted rows in layers: batch norm's gradient, what containers pass on, and
// layers that know nothing of weights.

package bijector_test

import (
	"math"
	"slices"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// matOf is rows as a batch of features.
func matOf(n, d int, seed uint64) bijector.Mat[float64] {
	return must(bijector.MatOf[float64](testkit.Gauss[float64](n, d, seed), d))
}

// The gradient of a weighted batch norm agrees with differences of a loss that
// sees its outputs and its log-det, biased and not, with one pixel and two, by
// itself and where containers hand the weights on.
func TestWeightedBatchNormGradient(t *testing.T) {
	const n = 5
	w := []float64{0.5, 2, 1e-3, 3, 1}
	for name, l := range map[string]bijector.Trainable[float64]{
		"biased":   must(bijector.NewBatchNorm[float64](bijector.BatchNormSpec{Dim: 4})),
		"unbiased": must(bijector.NewBatchNorm[float64](bijector.BatchNormSpec{Dim: 4, Unbiased: true, Eps: 0.1})),
		"pixels":   must(bijector.NewBatchNorm[float64](bijector.BatchNormSpec{Dim: 4, Pixels: 2, Unbiased: true})),
		"contained": must(bijector.NewChain(
			bijector.Layer[float64](must(bijector.NewLU[float64](bijector.LUSpec{Dim: 4, Seed: 1}))),
			must(bijector.NewPart(4, 1, 4, bijector.Layer[float64](must(bijector.NewBatchNorm[float64](bijector.BatchNormSpec{Dim: 3}))))),
		)),
	} {
		for _, p := range l.Params() {
			for i := range p.Data {
				p.Data[i] += 0.3 * math.Sin(float64(3*i+1))
			}
		}
		var batch bijector.BatchWeights
		batch.Set(w)
		o := bijector.PassOptions{MaxBatch: n}.WithWeights(&batch)
		pass := l.NewGradPass(o)
		reversing := l.NewGradPass(o.WithMemory(bijector.Memory{Mode: bijector.MemoryKeepInputs}))
		x, z, dz, dLogDet := matOf(n, 4, 1), bijector.NewMat[float64](4, n), matOf(n, 4, 2), make([]float64, n)
		for i := range dLogDet {
			dLogDet[i] = math.Cos(float64(i))
		}
		loss := func() (sum float64) {
			logDet := make([]float64, n)
			pass.Forward(z, x, bijector.Mat[float64]{}, logDet)
			for i, v := range logDet {
				sum += dLogDet[i] * v
				for j := range z.D {
					sum += dz.Feature(j)[i] * z.Feature(j)[i]
				}
			}
			return sum
		}
		loss()
		dx := bijector.NewMat[float64](4, n)
		pass.Backward(dx, bijector.Mat[float64]{}, dz, x, z, bijector.Mat[float64]{}, dLogDet)
		again := bijector.NewMat[float64](4, n)
		reversing.Forward(z, x, bijector.Mat[float64]{}, make([]float64, n))
		reversing.Backward(again, bijector.Mat[float64]{}, dz, x, z, bijector.Mat[float64]{}, dLogDet)
		testkit.Equal(t, name+" from kept inputs", again.Data, dx.Data)
		check := func(what string, at *float64, got float64) {
			const h = 1e-5
			old := *at
			*at = old + h
			invalidate(l)
			up := loss()
			*at = old - h
			invalidate(l)
			want := (up - loss()) / (2 * h)
			*at = old
			invalidate(l)
			testkit.Near(t, name+": "+what, got, want, 1e-6*max(1, math.Abs(want)))
		}
		for j := range x.D {
			for i := range n {
				check("dx", &x.Feature(j)[i], dx.Feature(j)[i])
			}
		}
		for k, p := range l.Params() {
			for i := range p.Data {
				check(p.Name, &p.Data[i], pass.Grads()[k][i])
			}
		}
	}
}

// invalidate tells a layer that its parameters were written to.
func invalidate(l any) {
	if v, ok := l.(bijector.Invalidator); ok {
		v.Invalidate()
	}
}

// The unbiased variance is that of any unit of the weights, and with equal ones
// that of the rows.
func TestUnbiasedVarianceOfWeights(t *testing.T) {
	x := matOf(6, 1, 1)
	variance := func(w []float64) float64 {
		l := must(bijector.NewBatchNorm[float64](bijector.BatchNormSpec{Dim: 1, Unbiased: true}))
		l.CalibrateWeighted(x, bijector.Mat[float64]{}, w, true, nil)
		return l.Buffers()[1].Data.([]float64)[0]
	}
	testkit.Near(t, "equal weights", variance([]float64{3, 3, 3, 3, 3, 3}), variance(nil), 1e-14)
	testkit.Near(t, "another unit", variance([]float64{10, 20, 30, 10, 20, 30}), variance([]float64{1, 2, 3, 1, 2, 3}), 1e-14)
	if got := variance([]float64{0, 0, 0, 0, 0, 1}); got != 0 {
		t.Errorf("a single row has variance %v", got)
	}
}

// sampleRecorder is a Calibrator that knows nothing of weights.
type sampleRecorder struct{ x, cond []float64 }

func (r *sampleRecorder) Calibrate(x, cond bijector.Mat[float64], _ bool, _ *bijector.Workers) {
	r.x = slices.Clone(x.Feature(0))
	r.cond = nil
	if !cond.Empty() {
		r.cond = slices.Clone(cond.Feature(0))
	}
}

// Such a layer sees each row as often as its weight says, and equal weights show
// it the rows as they are.
func TestCalibratorWithoutWeights(t *testing.T) {
	x, cond := bijector.NewMat[float64](1, 8), bijector.NewMat[float64](1, 8)
	for i := range 8 {
		x.Feature(0)[i], cond.Feature(0)[i] = float64(i), -float64(i)
	}
	for _, c := range []struct{ weights, want []float64 }{
		{nil, []float64{0, 1, 2, 3, 4, 5, 6, 7}},
		{[]float64{.1, .1, .1, .1, .1, .1, .1, .1}, []float64{0, 1, 2, 3, 4, 5, 6, 7}},
		{[]float64{1, 1, 2, 4, 1e-9, 1e-9, 1e-9, 1e-9}, []float64{0, 1, 2, 2, 3, 3, 3, 3}},
		{[]float64{5e-300, 0, 0, 0, 0, 0, 0, 5e-300}, []float64{0, 0, 0, 0, 7, 7, 7, 7}},
		{[]float64{1, 2, 0.5, 0.5, 1, 1, 1, 1}, []float64{0, 1, 1, 2, 4, 5, 6, 7}},
	} {
		var r sampleRecorder
		bijector.CalibrateWeighted[float64](&r, x, cond, c.weights, true, nil)
		testkit.Equal(t, "rows", r.x, c.want)
		if len(r.cond) != len(r.x) {
			t.Fatalf("%d rows and %d contexts", len(r.x), len(r.cond))
		}
		for i, v := range r.cond {
			if v != -r.x[i] {
				t.Errorf("row %v has the context %v", r.x[i], v)
			}
		}
	}
	r := sampleRecorder{cond: []float64{1}}
	bijector.CalibrateWeighted[float64](&r, x, bijector.Mat[float64]{}, []float64{1, 2, 1, 2, 1, 2, 1, 2}, true, nil)
	if r.cond != nil {
		t.Errorf("context %v where there is none", r.cond)
	}
}

// A weighted scale starts at the root of the weighted mean square, about 0.
func TestWeightedScale(t *testing.T) {
	s := must(bijector.NewScale[float64](bijector.ScaleSpec{Dim: 2, FromData: true}))
	x, w := matOf(40, 2, 1), make([]float64, 40)
	sum, total := 0.0, 0.0
	for i := range w {
		w[i] = 1 + float64(i%3)
		x.Feature(1)[i] += 5
		sum, total = sum+w[i]*x.Feature(1)[i]*x.Feature(1)[i], total+w[i]
	}
	bijector.CalibrateWeighted[float64](s, x, bijector.Mat[float64]{}, w, true, nil)
	testkit.Near(t, "log-scale", s.Params()[0].Data[1], -math.Log(sum/total)/2, 1e-12)
}
