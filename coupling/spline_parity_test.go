// Spline couplings in PyTorch: outputs and gradients, number by number.

package coupling_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
)

// splineParity is what testdata/spline.py writes, one for each case.
type splineParity struct {
	Spec    coupling.SplineSpec  `json:"spec"`
	Weight  []float64            `json:"weight"` // of a linear conditioner
	Bias    []float64            `json:"bias"`
	X       []float64            `json:"x"`        // (rows, 2)
	Context []float64            `json:"context"`  // (rows, 2)
	Dz      []float64            `json:"dz"`       // the loss's gradient
	DLogDet []float64            `json:"dlog_det"` // likewise
	Z       []float64            `json:"z"`
	LogDet  []float64            `json:"log_det"`
	Grads   map[string][]float64 `json:"grads"`
}

func TestSplineParity(t *testing.T) {
	data, err := os.ReadFile("testdata/spline.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []splineParity
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatal("the file has no cases")
	}
	for _, p := range cases {
		p.Spec.Dim, p.Spec.ContextDim = 2, 2
		c := must(coupling.NewSplineWith(p.Spec, func(in, out int) (bijector.Network[float64], error) {
			return coupling.NewMLP[float64](coupling.MLPSpec{In: in, Out: out})
		}))
		copy(c.Params()[0].Data, p.Weight)
		copy(c.Params()[1].Data, p.Bias)
		n := len(p.LogDet)
		x, cond, dz := batchOf[float64](p.X, n), batchOf[float64](p.Context, n), batchOf[float64](p.Dz, n)
		z, dx, dcond, logDet := bijector.NewMat[float64](2, n), bijector.NewMat[float64](2, n), bijector.NewMat[float64](2, n), make([]float64, n)
		g := c.NewGradPass(bijector.PassOptions{MaxBatch: n})
		g.Forward(z, x, cond, logDet)
		g.Backward(dx, dcond, dz, x, z, cond, p.DLogDet)
		compareSlices(t, "z", rowsOf(z), p.Z, 1e-10)
		compareSlices(t, "log-det", logDet, p.LogDet, 1e-10)
		got := map[string][]float64{"x": rowsOf(dx), "context": rowsOf(dcond)}
		for i, q := range c.Params() {
			got[q.Name] = g.Grads()[i]
		}
		if len(p.Grads) != len(got) {
			t.Errorf("%d gradients in the file, want %d", len(p.Grads), len(got))
		}
		for name, want := range p.Grads {
			compareSlices(t, "gradient of "+name, got[name], want, 1e-10)
		}
	}
}
