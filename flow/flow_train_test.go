// The gradient through a whole flow, and what Check and Validate say.

package flow

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// checkStep compares Step with Loss, and the gradient of Step with central
// differences of the mean of Loss; and so with weights, which do not sum to the
// number of rows.
func checkStep(t *testing.T, m bijector.Objective[float64], x, cond bijector.Mat[float64]) {
	t.Helper()
	weights := make([]float64, x.N)
	for i := range weights {
		weights[i] = 0.25 + float64(i*i%5)
	}
	checkStepBy(t, m, x, cond, weights)
	checkStepBy(t, m, x, cond, nil)
}

func checkStepBy(t *testing.T, m bijector.Objective[float64], x, cond bijector.Mat[float64], weights []float64) {
	t.Helper()
	const h = 1e-5
	n := x.N
	was := append([]float64(nil), x.Data...)
	o := bijector.PassOptions{MaxBatch: 16}
	loss, step := m.NewLossPass(o), m.NewStepPass(o)
	mean := func() (mean float64) {
		m.(bijector.Invalidator).Invalidate()
		out := make([]float64, n)
		loss.Loss(x, cond, out)
		for i, v := range out {
			if weights != nil {
				v *= weights[i]
			}
			mean += v / float64(n)
		}
		return mean
	}
	rows, want := slices.Repeat([]float64{7}, n), slices.Repeat([]float64{7}, n)
	for range 2 { // Grads accumulate
		if weights != nil {
			step.(bijector.WeightedStepPass[float64]).StepWeighted(x, cond, weights, rows)
		} else {
			step.Step(x, cond, rows)
		}
	}
	loss.Loss(x, cond, want)
	for i := range rows {
		if !testkit.IsNear(rows[i], want[i], 1e-12) {
			t.Errorf("row %d of %d: loss %v in Step, %v in Loss", i, n, rows[i], want[i])
		}
	}
	params, grads := m.Params(), step.Grads()
	if len(params) != len(grads) {
		t.Fatalf("%d parameters, %d gradients", len(params), len(grads))
	}
	for k, p := range params {
		for j := range p.Data {
			v := p.Data[j]
			p.Data[j] = v + h
			hi := mean()
			p.Data[j] = v - h
			lo := mean()
			p.Data[j] = v
			m.(bijector.Invalidator).Invalidate()
			if want := (hi - lo) / (2 * h); !testkit.IsNear(grads[k][j]/2, want, 1e-6) {
				t.Errorf("n = %d, %s[%d]: gradient %v, differences %v", n, p.Name, j, grads[k][j]/2, want)
			}
		}
	}
	if !slices.Equal(x.Data, was) {
		t.Fatal("a pass wrote to its input")
	}
}

// smallRows are near zero: where a sinh of a sinh is large, differences of the
// loss have no digits.
func smallRows(n, d int) *bijector.Rows[float64] {
	data := rowsOf[float64](n, d)
	for i := range data.Values() {
		data.Values()[i] *= 0.25
	}
	return data
}

// The gradient through layers and base, with context; the loss is -log p.
func TestStepGradient(t *testing.T) {
	const dim = 3
	for _, base := range []distribution.Base[float64]{
		testkit.Must(distribution.NewNormal[float64](distribution.NormalSpec{Dim: dim, Loc: []float64{0.1, -1, 2}, Scale: []float64{1.5, 0.8, 2}, Learned: true})),
		testkit.Must(distribution.NewLogistic[float64](distribution.LogisticSpec{Dim: dim, Learned: true})),
		distribution.StandardNormal[float64](dim),
	} {
		layer := testkit.Must(bijector.NewChain[float64](newBend[float64](dim, 1, 1), newBend[float64](dim, 1, 2)))
		f := newFlow[float64](layer, base)
		if err := f.Check(); err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{1, 2, 9} {
			data, given := smallRows(n, dim), rowsOf[float64](n, 1)
			x, cond := testkit.Must(bijector.MatOf[float64](data, dim)), testkit.Must(bijector.MatOf[float64](given, 1))
			checkStep(t, f, x, cond)
			checkLoss(t, f, f.Given(given), data, x, cond)
		}
	}
}

// checkLoss compares Loss with the log-density of the same rows.
func checkLoss(t *testing.T, m bijector.Objective[float64], given interface {
	LogProb(tensor.Tensor) ([]float64, error)
}, data tensor.Tensor, x, cond bijector.Mat[float64],
) {
	t.Helper()
	loss := make([]float64, x.N)
	m.NewLossPass(bijector.PassOptions{MaxBatch: x.N}).Loss(x, cond, loss)
	for i, logp := range testkit.Must(given.LogProb(data)) {
		if !testkit.IsNear(loss[i], -logp, 1e-12) {
			t.Errorf("row %d of %d: loss %v, log-density %v", i, x.N, loss[i], logp)
		}
	}
}

// untrainableLayer is a layer without a gradient.
type untrainableLayer struct{ bijector.Layer[float64] }

func TestCheck(t *testing.T) {
	layer := newBend[float64](3, 2, 1)
	for name, c := range map[string]struct {
		f    *Flow[float64]
		want error
		says string
	}{
		"no gradient": {newFlow[float64](untrainableLayer{layer}, distribution.StandardNormal[float64](3)), bijector.ErrNotTrainable, "untrainableLayer"},
		"in a chain":  {newFlow[float64](testkit.Must(bijector.NewChain[float64](newBend[float64](3, 2, 1), untrainableLayer{layer})), distribution.StandardNormal[float64](3)), bijector.ErrNotTrainable, "layer 1"},
		"temperature": {newFlow[float64](layer, distribution.StandardNormal[float64](3)).WithTemperature(-1), bijector.ErrSpec, "-1"},
	} {
		err := c.f.Check()
		if !errors.Is(err, c.want) || !strings.Contains(fmt.Sprint(err), c.says) {
			t.Errorf("%s: Check says %v, want %v with %q", name, err, c.want, c.says)
		}
		if v := c.f.Validate(); v != nil {
			t.Errorf("%s: Validate says %v", name, v)
		}
		c.f.Params()
		c.f.Buffers()
		c.f.Spec()
		c.f.Invalidate()
	}
}

// conditional is a normal whose location is moved by seven context features.
type conditional struct{ *distribution.Normal[float64] }

func (conditional) ContextDim() int { return 7 }

func (c conditional) NewBasePass(o bijector.PassOptions) distribution.BasePass[float64] {
	return conditionalPass{c.Normal.NewBasePass(o)}
}

type conditionalPass struct{ distribution.BasePass[float64] }

func (p conditionalPass) LogProb(z, cond bijector.Mat[float64], logp []float64) {
	moved := bijector.NewMat[float64](z.D, z.N)
	for j := range z.D {
		for i, v := range z.Feature(j) {
			moved.Feature(j)[i] = v - cond.Feature(6)[i]
		}
	}
	p.BasePass.LogProb(moved, cond, logp)
}

// A conditional base under an unconditional layer makes a conditional flow.
func TestConditionalBase(t *testing.T) {
	f := newFlow[float64](newBend[float64](3, 0, 1), conditional{distribution.StandardNormal[float64](3)})
	x := rowsOf[float64](1, 3)
	if _, err := f.LogProb(x); f.ContextDim() != 7 || !errors.Is(err, bijector.ErrContext) {
		t.Errorf("%d context features, LogProb without says %v", f.ContextDim(), err)
	}
	z := testkit.Must(f.Given(rowsOf[float64](1, 7)).Forward(x)).Values()
	at := testkit.Rows([]float64{0, 0, 0, 0, 0, 0, 1.5}, 1, 7)
	at0 := testkit.Rows(make([]float64, 7), 1, 7)
	want := 0.0
	for _, v := range z {
		want += v*v/2 - (v-1.5)*(v-1.5)/2
	}
	got := testkit.Must(f.Given(at).LogProb(x))[0] - testkit.Must(f.Given(at0).LogProb(x))[0]
	if !testkit.IsNear(got, want, 1e-10) {
		t.Errorf("the context moves the log-density by %v, want %v", got, want)
	}
}

// callCounter counts what reaches a part.
type callCounter struct {
	*bend[float64]
	invalidated, calibrated int
	validateErr             error
}

func (c *callCounter) Invalidate()     { c.invalidated++ }
func (c *callCounter) Validate() error { return c.validateErr }
func (c *callCounter) Calibrate(x, _ bijector.Mat[float64], start bool, _ *bijector.Workers) {
	if start && x.N == 5 {
		c.calibrated++
	}
}

func TestFlowTellsItsParts(t *testing.T) {
	layer := &callCounter{bend: newBend[float64](2, 0, 1)}
	f := newFlow[float64](layer, distribution.StandardNormal[float64](2))
	f.Invalidate()
	f.Calibrate(bijector.NewMat[float64](2, 5), bijector.Mat[float64]{}, true, nil)
	if layer.invalidated != 1 || layer.calibrated != 1 {
		t.Errorf("told of %d changes and %d calibrations, want 1 and 1", layer.invalidated, layer.calibrated)
	}
	layer.validateErr = bijector.ErrNonFinite
	if err := f.Validate(); !errors.Is(err, bijector.ErrNonFinite) {
		t.Errorf("Validate says %v", err)
	}
	base := testkit.Must(distribution.NewNormal[float64](distribution.NormalSpec{Dim: 2, Learned: true}))
	g := newFlow[float64](newBend[float64](2, 0, 1), base)
	base.Params()[0].Data[1] = math.NaN()
	if err := g.Validate(); !errors.Is(err, bijector.ErrNonFinite) {
		t.Errorf("Validate of a NaN location says %v", err)
	}
}
