// What Diagnose finds in flows that are known.

package flow_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/train"
)

func diagnose[T bijector.Float](t *testing.T, f *flow.Flow[T], data train.Source) *flow.Diagnosis {
	t.Helper()
	d, err := flow.Diagnose(context.Background(), f, data)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A linear map has one gain: the largest singular value of its inverse.
func TestDiagnoseALinearFlow(t *testing.T) {
	for _, d := range []int{1, 2, 5, 64} {
		lu := testkit.Must(bijector.NewLU[float64](bijector.LUSpec{Dim: d}))
		for _, p := range lu.Params() {
			for i := range p.Data {
				p.Data[i] += 0.3 * math.Sin(float64(3*i+len(p.Data)))
			}
		}

		eye := testkit.RowsBy[float64](d, d, func(i, j int) float64 { return math.Max(0, 1-math.Abs(float64(i-j))) })
		zero := testkit.Must(lu.Inverse(testkit.RowsBy[float64](1, d, func(int, int) float64 { return 0 }))).Values()
		images := testkit.Must(lu.Inverse(eye)).Values()
		jacobian := mat.NewDense(d, d, nil)
		for k := range d {
			for j := range d {
				jacobian.Set(j, k, images[k*d+j]-zero[j])
			}
		}
		var svd mat.SVD
		if !svd.Factorize(jacobian, mat.SVDNone) {
			t.Fatal("no singular values")
		}
		got := diagnose(t, testkit.Must(flow.New[float64](lu, distribution.StandardNormal[float64](d))), train.Tensor(testkit.Gauss[float64](700, d, 1)))
		testkit.Near(t, "gain", got.Gain, svd.Values(nil)[0], 1e-5)
		if got.Rows != 700 || got.GainRows != 256 || !got.Healthy() || got.RoundTrip > 1e-9 || got.Saturated != 0 {
			t.Errorf("%d features: %+v", d, got)
		}
	}
}

// Beyond 64 features the gain is a bound from below, and no silly one.
func TestDiagnoseAWideFlow(t *testing.T) {
	const d = 100
	scale := testkit.Must(bijector.NewScale[float64](bijector.ScaleSpec{Dim: d}))
	for i := range scale.Params()[0].Data {
		scale.Params()[0].Data[i] = -math.Log(50) // x = 50 z
	}
	got := diagnose(t, testkit.Must(flow.New[float64](scale, distribution.StandardNormal[float64](d))), train.Tensor(testkit.Gauss[float64](20, d, 1)))
	testkit.Near(t, "gain", got.Gain, 50, 1e-6)
}

// explodingFlow is a flow of affine couplings whose scales grow with the distance
// from the origin.
func explodingFlow[T bijector.Float](scale string, weight float64) *flow.Flow[T] {
	chain := testkit.Must(coupling.RealNVP[T](coupling.Recipe{Dim: 2, Layers: 6, Hidden: []int{8}, Scale: scale, Norm: "none", Seed: 1}))
	for _, p := range chain.Params() {
		for i := range p.Data {
			p.Data[i] *= T(weight)
		}
	}
	chain.Invalidate()
	return testkit.Must(flow.New[T](chain, distribution.StandardNormal[T](2)))
}

func TestDiagnoseAnExplodingFlow(t *testing.T) {
	x := train.Tensor(testkit.Gauss[float32](600, 2, 1))
	calm := diagnose(t, explodingFlow[float32]("exp", 0.3), x)
	if !calm.Healthy() || calm.RoundTrip > 1e-5 || calm.Gain > 10 || calm.NonFinite > 0 {
		t.Errorf("a calm flow: %v", calm)
	}
	wild := diagnose(t, explodingFlow[float32]("exp", 2.2), x)
	if wild.Healthy() || wild.RoundTrip < 1e-3 && wild.NonFinite == 0 || wild.Gain < 1e4 {
		t.Errorf("a wild flow: %v", wild)
	}
	// The figures are those of the rows they name.
	f := explodingFlow[float64]("exp", 1.1)
	x64 := testkit.Gauss[float64](600, 2, 1)
	d := diagnose(t, f, train.Tensor(x64))
	back := testkit.Must(f.Inverse(testkit.Must(f.Forward(x64)))).Values()
	worst, at := 0.0, 0
	for i, v := range x64.Values() {
		if e := math.Abs(back[i]-v) / math.Max(1, math.Abs(v)); e > worst {
			worst, at = e, i/2
		}
	}
	testkit.Near(t, "round trip in units of the worst", d.RoundTrip/worst, 1, 1e-9)
	if d.RoundTripRow != at {
		t.Errorf("the worst row is %d, want %d", d.RoundTripRow, at)
	}
	one := testkit.Rows(slices.Clone(x64.Row(d.GainRow)), 1, 2)
	alone := diagnose(t, f, train.Tensor(one))
	testkit.Near(t, "gain at its row", alone.Gain/d.Gain, 1, 1e-9)
	// All rows are steep enough in smaller sets: the largest gain is the same.
	most := 0.0
	for lo := 0; lo < 600; lo += 200 {
		part := testkit.Rows(slices.Clone(x64.Values()[2*lo:2*lo+400]), 200, 2)
		got := diagnose(t, f, train.Tensor(part))
		if most = max(most, got.Gain); got.GainRows != 200 {
			t.Errorf("the gain is estimated at %d of 200 rows", got.GainRows)
		}
	}
	testkit.Near(t, "largest gain of all rows, in units of the one found", most/d.Gain, 1, 1e-9)
	if s := d.String(); !strings.Contains(s, "worst round trip") || !strings.Contains(s, "saturated scales") {
		t.Error(s)
	}
}

func TestDiagnoseNamesRowsThatAreNotFinite(t *testing.T) {
	// Far out, tanh is 1 and has no inverse.
	f := testkit.Must(flow.New[float32](testkit.Must(bijector.NewTanh[float32](bijector.TanhSpec{Dim: 2})), distribution.StandardNormal[float32](2)))
	got := diagnose(t, f, train.Tensor(testkit.RowsBy[float32](300, 2, func(i, _ int) float64 { return 0.1 + float64(i/217)*50 })))
	if got.NonFinite != 83 || got.FirstNonFinite != 217 || got.Healthy() || !strings.Contains(got.String(), "first is row 217") {
		t.Errorf("%+v", got)
	}
}

// Scales at their bounds: none at first, most with large weights; through an
// inverted chain too.
func TestDiagnoseSaturation(t *testing.T) {
	x := train.Tensor(testkit.Gauss[float64](500, 2, 1))
	calm := diagnose(t, explodingFlow[float64]("tanh", 0.3), x)
	wild := explodingFlow[float64]("tanh", 1.2)
	at := diagnose(t, wild, x)
	free := diagnose(t, explodingFlow[float64]("exp", 1), x)
	if calm.Saturated != 0 || !(at.Saturated > 0.2 && at.Saturated < 0.8) || free.Saturated != 0 {
		t.Errorf("%g, %g and %g of the rows are saturated", calm.Saturated, at.Saturated, free.Saturated)
	}
	back := testkit.Must(flow.New[float64](bijector.Invert(wild.Layer()), distribution.StandardNormal[float64](2)))
	z := testkit.Must(wild.Forward(testkit.Gauss[float64](500, 2, 1)))
	again := diagnose(t, back, train.Tensor(z))
	testkit.Near(t, "share seen from the other side", again.Saturated, at.Saturated, 2e-3)
}

func TestDiagnoseWithContext(t *testing.T) {
	chain := testkit.Must(autoregressive.MAF[float64](autoregressive.Recipe{Dim: 3, ContextDim: 1, Layers: 2, Hidden: []int{16}}))
	f := testkit.Must(flow.New[float64](chain, distribution.StandardNormal[float64](3)))
	d := diagnose(t, f, train.Tensor(testkit.Gauss[float64](150, 3, 1)).Given(testkit.Gauss[float64](150, 1, 2)))
	if d.Rows != 150 || d.GainRows != 150 || !d.Healthy() || !(d.Gain > 0) {
		t.Errorf("%+v", d)
	}
	if _, err := flow.Diagnose(context.Background(), f, train.Tensor(testkit.Gauss[float64](150, 3, 1))); !errors.Is(err, bijector.ErrContext) {
		t.Error(err)
	}
	if _, err := flow.Diagnose[float64](context.Background(), nil, nil); !errors.Is(err, bijector.ErrSpec) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := flow.Diagnose(ctx, f, train.Tensor(testkit.Gauss[float64](150, 3, 1)).Given(testkit.Gauss[float64](150, 1, 2))); err != context.Canceled {
		t.Error(err)
	}
}

// inexact is a layer with an inverse that is off by a constant.
type inexact struct {
	bijector.Layer[float64]
	off float64
}

func (l inexact) NewPass(o bijector.PassOptions) bijector.Pass[float64] {
	return inexactPass{l.Layer.NewPass(o), l.off}
}

type inexactPass struct {
	bijector.Pass[float64]
	off float64
}

func (p inexactPass) Inverse(x, z, cond bijector.Mat[float64], logDet []float64) {
	p.Pass.Inverse(x, z, cond, logDet)
	for j := range x.D {
		for i := range x.Feature(j) {
			x.Feature(j)[i] += p.off
		}
	}
}

// An inverse that is off by a tenth of a deviation is not healthy in any unit.
func TestDiagnoseInUnitsOfTheData(t *testing.T) {
	for _, unit := range []float64{1e-30, 1, 1e30} {
		x := testkit.Gauss[float64](500, 2, 1)
		for i := range x.Values() {
			x.Values()[i] *= unit
		}
		for _, off := range []float64{0, 0.1} {
			l := inexact{testkit.Must(bijector.NewLU[float64](bijector.LUSpec{Dim: 2})), off * unit}
			f := testkit.Must(flow.New[float64](l, distribution.StandardNormal[float64](2)))
			d := testkit.Must(flow.Diagnose(context.Background(), f, train.Tensor(x)))
			if d.Healthy() != (off == 0) {
				t.Errorf("units of %g, off by %g deviations: %s", unit, off, d)
			}
		}
	}
}
