// The same small Real NVP in PyTorch: outputs and gradients, number by number.

package coupling_test

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
)

// parity is what testdata/parity.py writes.
type parity struct {
	Dim          int                  `json:"dim"`
	ContextDim   int                  `json:"context_dim"`
	Layers       int                  `json:"layers"`
	Hidden       []int                `json:"hidden"`
	X            []float64            `json:"x"`       // (rows, dim)
	Context      []float64            `json:"context"` // (rows, context_dim)
	Permutations [][]int64            `json:"permutations"`
	State        map[string][]float64 `json:"state"`
	Float64      parityResult         `json:"float64"`
	Float32      parityResult         `json:"float32"`
}

// parityResult are the outputs in evaluation, and outputs, mean negative
// log-likelihood and its gradients in training.
type parityResult struct {
	Z           []float64            `json:"z"`
	LogDet      []float64            `json:"log_det"`
	TrainZ      []float64            `json:"train_z"`
	TrainLogDet []float64            `json:"train_log_det"`
	Loss        float64              `json:"loss"`
	Grads       map[string][]float64 `json:"grads"`
}

// TestParity compares with testdata/parity.json, and with one more file of
// that form where BIJOU_PARITY names one.
func TestParity(t *testing.T) {
	files := []string{"testdata/parity.json"}
	if f := os.Getenv("BIJOU_PARITY"); f != "" {
		files = append(files, f)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var p parity
		if err := json.Unmarshal(data, &p); err != nil {
			t.Fatal(err)
		}
		t.Run("float64", func(t *testing.T) { compareParity[float64](t, p, p.Float64, 1e-10) })
		t.Run("float32", func(t *testing.T) { compareParity[float32](t, p, p.Float32, 1e-5) })
	}
}

func compareParity[T bijector.Float](t *testing.T, p parity, want parityResult, tolerance float64) {
	chain, err := coupling.RealNVP[T](coupling.Recipe{
		Dim: p.Dim, ContextDim: p.ContextDim, Layers: p.Layers, Hidden: p.Hidden,
		Scale: "tanh", Order: "random", Norm: "batch", Unbiased: true, Eps: 1e-5, Raw: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	loadParity(t, chain, p)
	n := len(p.X) / p.Dim
	x, cond := batchOf[T](p.X, n), batchOf[T](p.Context, n)
	z, logDet := bijector.NewMat[T](p.Dim, n), make([]float64, n)
	o := bijector.PassOptions{MaxBatch: n}

	chain.NewPass(o).Forward(z, x, cond, logDet)
	compareSlices(t, "z", rowsOf(z), want.Z, tolerance)
	compareSlices(t, "log-det", logDet, want.LogDet, tolerance)

	clear(logDet)
	pass := chain.NewGradPass(o)
	pass.Forward(z, x, cond, logDet)
	dz, dx, dcond := bijector.NewMat[T](p.Dim, n), bijector.NewMat[T](p.Dim, n), bijector.NewMat[T](p.ContextDim, n)
	dLogDet := make([]float64, n)
	loss := float64(p.Dim) / 2 * math.Log(2*math.Pi)
	for i := range n {
		dLogDet[i] = -1 / float64(n)
		loss -= logDet[i] / float64(n)
		for j := range p.Dim {
			v := float64(z.Feature(j)[i])
			loss += v * v / 2 / float64(n)
			dz.Feature(j)[i] = T(v / float64(n))
		}
	}
	pass.Backward(dx, dcond, dz, x, z, cond, dLogDet)
	compareSlices(t, "loss", []float64{loss}, []float64{want.Loss}, tolerance)
	got := map[string][]float64{"x": rowsOf(dx), "context": rowsOf(dcond)}
	for i, p := range chain.Params() {
		got[p.Name] = float64s(pass.Grads()[i])
	}
	for name, g := range want.Grads {
		compareSlices(t, "gradient of "+name, got[name], g, tolerance)
	}
	if want.TrainZ != nil {
		compareSlices(t, "z in training", rowsOf(z), want.TrainZ, tolerance)
		compareSlices(t, "log-det in training", logDet, want.TrainLogDet, tolerance)
	}
}

// loadParity overwrites the chain's state, as loading a file does.
func loadParity[T bijector.Float](t *testing.T, chain *bijector.Chain[T], p parity) {
	t.Helper()
	left := len(p.State)
	for _, q := range chain.Params() {
		if len(p.State[q.Name]) != len(q.Data) {
			t.Fatalf("%s has %d values, the file %d", q.Name, len(q.Data), len(p.State[q.Name]))
		}
		for i, v := range p.State[q.Name] {
			q.Data[i] = T(v)
		}
		left--
	}
	permutations := p.Permutations
	for _, b := range chain.Buffers() {
		switch data := b.Data.(type) {
		case []float64:
			copy(data, p.State[b.Name])
			left--
		case []int64:
			if strings.HasSuffix(b.Name, ".indices") {
				copy(data, permutations[0])
				permutations = permutations[1:]
			}
		}
	}
	if left != 0 || len(permutations) != 0 {
		t.Fatalf("%d arrays and %d permutations of the file have no place in the chain", left, len(permutations))
	}
	chain.Invalidate()
	if err := chain.Validate(); err != nil {
		t.Fatal(err)
	}
}

// compareSlices fails unless got is want within the tolerance, relative to want's
// largest value or 0.1.
func compareSlices(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s has %d values, want %d", what, len(got), len(want))
		return
	}
	scale, worst := 0.1, 0.0
	for _, v := range want {
		scale = max(scale, math.Abs(v))
	}
	for i, v := range got {
		d := math.Abs(v-want[i]) / scale
		if !(d <= worst) { // NaN too
			worst = d
		}
	}
	if !(worst <= tolerance) {
		t.Errorf("%s is off by %.3g, want %.3g at most", what, worst, tolerance)
	}
	t.Logf("%s: %.3g", what, worst)
}
