package autoencoder

import (
	"math"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

// TestCrossEntropy compares with -x log p - (1-x) log(1-p) in the middle, and
// with the asymptotes far out.
func TestCrossEntropy(t *testing.T) {
	t.Run("float32", func(t *testing.T) { testCrossEntropy[float32](t, 1e-5) })
	t.Run("float64", func(t *testing.T) { testCrossEntropy[float64](t, 1e-13) })
}

func testCrossEntropy[T bijector.Float](t *testing.T, tol float64) {
	naive := func(o, x float64) float64 {
		switch {
		case o > 30:
			return (1-x)*o + math.Exp(-o)
		case o < -30:
			return -x*o + math.Exp(o)
		}
		p := 1 / (1 + math.Exp(-o))
		return -x*math.Log(p) - (1-x)*math.Log(1-p)
	}
	sigmoid := func(o float64) float64 { return 1 / (1 + math.Exp(-o)) }
	logits := []float64{-100, -31, -5, -1e-3, 0, 0.5, 3, 12, 31, 100}
	targets := []float64{0, 1, 0.25}
	const d, n = 10, 3
	o, x, do := bijector.NewMat[T](d, n), bijector.NewMat[T](d, n), bijector.NewMat[T](d, n)
	for j := range d {
		for i := range n {
			o.Feature(j)[i], x.Feature(j)[i] = T(logits[j]), T(targets[(i+j)%3])
		}
	}
	loss := make([]float64, n)
	crossEntropy(loss, o, x, make([]T, n), 0, 1)
	crossEntropy(loss, o, x, make([]T, n), 1, n)
	crossEntropyGradient(do, o, x, nil, 0, 2)
	crossEntropyGradient(do, o, x, nil, 2, n)
	for i := range n {
		want := 0.0
		for j := range d {
			a, b := float64(o.Feature(j)[i]), float64(x.Feature(j)[i])
			want += naive(a, b) / d
			g := (sigmoid(a) - b) / (d * n)
			if got := float64(do.Feature(j)[i]); math.Abs(got-g) > tol*(math.Abs(g)+1.0/(d*n)) {
				t.Errorf("logit %v, target %v: gradient %v, want %v", a, b, got, g)
			}
		}
		if math.Abs(loss[i]-want) > tol*want {
			t.Errorf("row %d: loss %v, want %v", i, loss[i], want)
		}
	}
	// A right answer at a logit of 100 costs nothing, a wrong one 100 nats.
	o, x = bijector.NewMat[T](1, 2), bijector.NewMat[T](1, 2)
	o.Data[0], x.Data[0], o.Data[1], x.Data[1] = 100, 1, -100, 1
	crossEntropy(loss[:2], o, x, make([]T, 2), 0, 2)
	if !(loss[0] >= 0 && loss[0] < 1e-37 && loss[1] == 100) {
		t.Errorf("losses %v at logits of 100 and -100 for a target of 1", loss[:2])
	}
}
