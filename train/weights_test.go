// Weights of rows: a row of weight 2 is the row twice, weights of 0 are rows
// left out, and equal weights are no weights.

package train_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/train"
)

// correlated is n rows of 4 values far from mean 0 and variance 1, with a
// context of 2.
func correlated(n int, seed uint64) (x, context *bijector.Rows[float64]) {
	u, context := testkit.Gauss[float64](n, 4, seed), testkit.Gauss[float64](n, 2, seed+100)
	return testkit.RowsBy[float64](n, 4, func(i, j int) float64 {
		v := u.Row(i)
		return 3*float64(j) - 2 + float64(j+1)*v[j] + v[0]*v[0]/2 + context.Row(i)[0]
	}), context
}

// repeated is each row as often as its weight says.
func repeated(x *bijector.Rows[float64], w []float64) *bijector.Rows[float64] {
	var all [][]float64
	for i, v := range w {
		for range int(v) {
			all = append(all, x.Row(i))
		}
	}
	return must(bijector.RowsOfSlices(all))
}

// counts are weights 0 to 3.
func counts(n int) []float64 {
	w := make([]float64, n)
	for i := range w {
		w[i] = float64((i*i + 1) % 4 * (i % 3) / 2)
	}
	w[1], w[2] = 3, 0
	return w
}

// weightedModels are a model for each kind of layer that takes statistics, and
// for each objective that sees rows in a way of its own.
func weightedModels() map[string]func() bijector.Objective[float64] {
	coupled := func(l bijector.Layer[float64], err error) *flow.Flow[float64] {
		c := must(coupling.NewAffine[float64](coupling.AffineSpec{Dim: 4, Hidden: []int{6}, Seed: 3, ContextDim: 2}))
		norm := must(bijector.NewBatchNorm[float64](bijector.BatchNormSpec{Dim: 4}))
		copy(norm.Params()[1].Data, []float64{0.5, -0.2, 0.1, 0.3}) // Adam would make steps of a gradient that is 0 but for rounding
		return must(flow.New(must(bijector.NewChain(must(l, err), norm, bijector.Layer[float64](c))), distribution.StandardNormal[float64](4)))
	}
	all := map[string]func() bijector.Objective[float64]{}
	for name, l := range map[string]func() (bijector.Layer[float64], error){
		"actnorm": func() (bijector.Layer[float64], error) {
			return bijector.NewActNorm[float64](bijector.ActNormSpec{Dim: 4})
		},
		"batchnorm": func() (bijector.Layer[float64], error) {
			return bijector.NewBatchNorm[float64](bijector.BatchNormSpec{Dim: 4})
		},
		"pixels of actnorm": func() (bijector.Layer[float64], error) {
			return bijector.NewActNorm[float64](bijector.ActNormSpec{Dim: 4, Pixels: 2})
		},
		"pixels of batchnorm": func() (bijector.Layer[float64], error) {
			return bijector.NewBatchNorm[float64](bijector.BatchNormSpec{Dim: 4, Pixels: 2})
		},
		"standardize": func() (bijector.Layer[float64], error) {
			return bijector.NewStandardize[float64](bijector.StandardizeSpec{Dim: 4})
		},
		"whiten": func() (bijector.Layer[float64], error) {
			return bijector.NewWhiten[float64](bijector.WhitenSpec{Dim: 4})
		},
		"scale": func() (bijector.Layer[float64], error) {
			return bijector.NewScale[float64](bijector.ScaleSpec{Dim: 4, FromData: true})
		},
		"shift": func() (bijector.Layer[float64], error) {
			return bijector.NewShift[float64](bijector.ShiftSpec{Dim: 4, FromData: true})
		},
		"part": func() (bijector.Layer[float64], error) {
			return bijector.NewPart[float64](4, 1, 3, must(bijector.NewBatchNorm[float64](bijector.BatchNormSpec{Dim: 2})))
		},
	} {
		all[name] = func() bijector.Objective[float64] { return coupled(l()) }
	}
	all["ensemble"] = func() bijector.Objective[float64] {
		one := coupled(bijector.NewStandardize[float64](bijector.StandardizeSpec{Dim: 4}))
		two := coupled(bijector.NewScale[float64](bijector.ScaleSpec{Dim: 4, FromData: true})) // one that is not the same flow at first
		return must(flow.NewEnsemble(flow.Mixing{Weights: []float64{1, 2}, Learned: true}, one, two))
	}
	return all
}

// A full batch of weighted rows trains as the rows repeated do, and so does
// everything that is validated, kept and calibrated.
func TestWeightTwoIsTheRowTwice(t *testing.T) {
	x, c := correlated(40, 1)
	held, heldC := correlated(16, 2)
	w, heldW := counts(40), counts(16)
	weighted := train.Tensor(x).Weighted(w).Given(c)
	twice := train.Tensor(repeated(x, w)).Given(repeated(c, w))
	for name, build := range weightedModels() {
		for _, o := range []train.Optimizer{train.Adam{}, train.SGD{Momentum: 0.9}} {
			t.Run(fmt.Sprintf("%s/%T", name, o), func(t *testing.T) {
				options := train.Options{Epochs: 8, Batch: 1000, Rate: 0.01, Optimizer: o, KeepBest: true, ClipNorm: 20}
				options.Validation = train.Tensor(held).Given(heldC).Weighted(heldW)
				a, b := build(), build()
				got := must(train.Fit(context.Background(), a, weighted, options))
				options.Validation = train.Tensor(repeated(held, heldW)).Given(repeated(heldC, heldW))
				want := must(train.Fit(context.Background(), b, twice, options))
				if got.BestEpoch != want.BestEpoch {
					t.Errorf("the best epoch is %d, with rows repeated %d", got.BestEpoch, want.BestEpoch)
				}
				for i, e := range got.Epochs {
					testkit.Near(t, "loss", e.Loss, want.Epochs[i].Loss, 1e-9)
					testkit.Near(t, "validation loss", e.Validation, want.Epochs[i].Validation, 1e-9)
				}
				nearState(t, a, b, 1e-9)
				loss := must(train.Evaluate(context.Background(), a, weighted))
				testkit.Near(t, "Evaluate", loss, must(train.Evaluate(context.Background(), b, twice)), 1e-9)
			})
		}
	}
}

// nearState compares parameters and buffers.
func nearState(t *testing.T, a, b bijector.Objective[float64], tolerance float64) {
	t.Helper()
	for i, p := range a.Params() {
		for k, v := range p.Data {
			testkit.Near(t, p.Name, v, b.Params()[i].Data[k], tolerance)
		}
	}
	for i, p := range a.Buffers() {
		if v, ok := p.Data.([]float64); ok {
			for k := range v {
				testkit.Near(t, p.Name, v[k], b.Buffers()[i].Data.([]float64)[k], tolerance)
			}
		}
	}
}

// fitBatches trains a flow with batch norm in batches, a part held out.
func fitBatches(t *testing.T, data train.Source, change func(*train.Options)) (*flow.Flow[float32], *train.Report) {
	t.Helper()
	f := realNVP[float32](coupling.Recipe{Dim: 3, Layers: 2, Hidden: []int{8}, Norm: "batch", Seed: 1})
	o := train.Options{Epochs: 4, Batch: 16, Rate: 0.01, ValidationFraction: 0.2, KeepBest: true, Noise: 1e-3}
	if change != nil {
		change(&o)
	}
	r, err := train.Fit(context.Background(), f, data, o)
	if err != nil {
		t.Fatal(err)
	}
	return f, r
}

// sameRun compares two runs by bits.
func sameRun(t *testing.T, what string, f, g *flow.Flow[float32], r, s *train.Report) {
	t.Helper()
	testkit.Equal(t, what, testkit.Bits[float32](f), testkit.Bits[float32](g))
	for i, e := range r.Epochs {
		if o := s.Epochs[i]; e.Loss != o.Loss || e.Validation != o.Validation || e.Rows != o.Rows {
			t.Errorf("%s: epoch %+v, want %+v", what, e, o)
		}
	}
}

// Rows of weight 0 are rows left out, to the bit, and equal weights are none.
func TestWeightsOfZeroAndEqualOnes(t *testing.T) {
	const n = 120
	x := testkit.Gauss[float32](n, 3, 1)
	var kept [][]float32
	w, rest, half, one := make([]float64, n), []float64{}, make([]float64, n), make([]float64, n)
	for i := range w {
		half[i], one[i] = 0.1, 1
		if i%3 == 1 {
			x.Row(i)[0] = float32(math.NaN()) // is never looked at
			continue
		}
		w[i] = 1 + float64(i%5)/3
		kept, rest = append(kept, x.Row(i)), append(rest, w[i])
	}
	left := must(bijector.RowsOfSlices(kept))
	f, r := fitBatches(t, train.Tensor(x).Weighted(w), nil)
	g, s := fitBatches(t, train.Tensor(left).Weighted(rest), nil)
	sameRun(t, "rows of weight 0", f, g, r, s)

	full := testkit.Gauss[float32](n, 3, 1)
	f, r = fitBatches(t, train.Tensor(full), nil)
	for _, equal := range [][]float64{one, half} {
		g, s = fitBatches(t, train.Tensor(full).Weighted(equal), nil)
		sameRun(t, "equal weights", g, f, s, r)
	}
	if g, _ = fitBatches(t, train.Tensor(left).Weighted(rest), func(o *train.Options) { o.Seed = 1 }); slices.Equal(testkit.Bits[float32](f), testkit.Bits[float32](g)) {
		t.Error("another run has the same bits")
	}
}

// In batches the gradient of a row is in proportion to its weight, whatever
// else is in its batch: over an epoch of small steps that is the full batch's.
func TestWeightsInBatches(t *testing.T) {
	x := testkit.Rows([]float64{1, 10, 2, -7, 4, 0.5}, 6, 1)
	w := []float64{1, 1e-2, 3, 2, 1e3, 0.5}
	total, want := 0.0, 0.0
	for i, v := range x.Values() {
		want, total = want+w[i]*v, total+w[i]
	}
	step := func(batch int) (moved float64, r *train.Report) {
		m := weightedToy{newToy[float64](1, 0)}
		r = must(train.Fit(context.Background(), m, train.Tensor(x).Weighted(w), train.Options{ValidationFraction: train.NoValidation, Epochs: 1, Batch: batch, Rate: 1e-9, Optimizer: train.SGD{}}))
		return m.center[0] / 1e-9, r
	}
	full, r := step(6)
	testkit.Near(t, "a step", full, want/total, 1e-5)
	split, s := step(2)
	testkit.Near(t, "three steps in batches", split, 3*full, 1e-5)
	testkit.Near(t, "loss in batches", s.Loss(), r.Loss(), 1e-5)
	losses := 0.0
	for i, v := range x.Values() {
		losses += w[i] * v * v / 2
	}
	testkit.Near(t, "loss", r.Loss(), losses/total, 1e-9)

	// A step that is left out takes its weights with it.
	m := weightedToy{newToy[float64](1, 0)}
	m.corrupt = func(step int, loss []float64, _ [][]float64) {
		if step == 2 {
			loss[0] = math.NaN()
		}
	}
	r = must(train.Fit(context.Background(), m, train.Tensor(x).Weighted(w), train.Options{ValidationFraction: train.NoValidation, Epochs: 1, Batch: 2, Rate: 1e-12, InOrder: true}))
	testkit.Near(t, "loss without the second step", r.Loss(), (1*1+1e-2*100+1e3*16+0.5*0.25)/2/(1+1e-2+1e3+0.5), 1e-9)
}

// The parts of a split have their rows' weights.
func TestWeightsOfASplit(t *testing.T) {
	const n = 60
	x, w := testkit.Gauss[float32](n, 3, 1), make([]float64, n)
	for i := range w {
		w[i] = 1 + float64(i*i%7)
	}
	ids := testkit.RowsBy[float32](n, 1, func(i, _ int) float64 { return float64(i) })
	part := func(s train.Source) train.Source {
		places, order := bijector.NewRows[float32](s.Len(), 1), make([]int, s.Len())
		for i := range order {
			order[i] = i
		}
		if err := s.Read(order, places.Dense(), nil); err != nil {
			t.Fatal(err)
		}
		var rows [][]float32
		var weights []float64
		for _, id := range places.Values() {
			rows, weights = append(rows, x.Row(int(id))), append(weights, w[int(id)])
		}
		return train.Tensor(must(bijector.RowsOfSlices(rows))).Weighted(weights)
	}
	trained, held := train.Split(train.Tensor(ids), 0.2, 0)
	f, r := fitBatches(t, train.Tensor(x).Weighted(w), nil)
	g, s := fitBatches(t, part(trained), func(o *train.Options) { o.ValidationFraction, o.Validation = 0, part(held) })
	sameRun(t, "a split", f, g, r, s)
	if h, _ := fitBatches(t, train.Tensor(x), nil); slices.Equal(testkit.Bits[float32](f), testkit.Bits[float32](h)) {
		t.Error("the weights do nothing")
	}
}

// weightedToy is a toy whose steps take weights.
type weightedToy struct{ *toy[float64] }

func (m weightedToy) NewStepPass(o bijector.PassOptions) bijector.StepPass[float64] {
	return weightedToyPass{m.toy.NewStepPass(o).(*toyPass[float64])}
}

type weightedToyPass struct{ *toyPass[float64] }

func (p weightedToyPass) StepWeighted(x, cond bijector.Mat[float64], weights, loss []float64) {
	p.Loss(x, cond, loss)
	for i := range loss {
		for j := range p.d {
			p.grads[0][j] += weights[i] * p.residual(x, cond, i, j) / float64(x.N)
		}
	}
	if p.steps++; p.corrupt != nil {
		p.corrupt(p.steps, loss, p.grads)
	}
}
