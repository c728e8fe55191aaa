package autoencoder

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/testkit"
)

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

// images are n rows of d values in [0, 1], smooth, so that there is something
// to learn.
func images[T bijector.Float](n, d int) *bijector.Rows[T] {
	rng := rand.New(rand.NewPCG(11, uint64(d)))
	x := make([]T, n*d)
	for i := range n {
		a, b := rng.Float64()*6, rng.Float64()*0.5
		for j := range d {
			x[i*d+j] = T(0.5 + 0.5*math.Sin(a+b*float64(j)))
		}
	}
	return testkit.Rows(x, n, d)
}

// models are small autoencoders of every kind.
func models[T bijector.Float]() map[string]*Autoencoder[T] {
	return map[string]*Autoencoder[T]{
		"conv":          must(NewConv[T](ConvSpec{Height: 6, Width: 5, Channels: []int{3, 4}, Embedding: 2, Seed: 1})),
		"conv bias":     must(NewConv[T](ConvSpec{Height: 5, InChannels: 2, Channels: []int{9}, Embedding: 3, Bias: true, Seed: 2})),
		"conv encoder":  must(NewConv[T](ConvSpec{Height: 5, Channels: []int{3, 4}, Embedding: 2, EncoderBias: true, Seed: 4})),
		"conv decoder":  must(NewConv[T](ConvSpec{Height: 5, Channels: []int{3, 4}, Embedding: 2, DecoderBias: true, Seed: 5})),
		"conv deep":     must(NewConv[T](ConvSpec{Height: 9, Width: 12, Channels: []int{2, 3, 2}, Embedding: 2, Seed: 3})),
		"dense":         must(NewDense[T](DenseSpec{In: 9, Hidden: []int{7, 5}, Embedding: 2, Seed: 1})),
		"dense, affine": must(NewDense[T](DenseSpec{In: 9, Embedding: 2, Seed: 1})),
	}
}

// checkGradients compares gradients of a mean with central differences of the
// step h, for every parameter.
func checkGradients(t *testing.T, name string, grads [][]float64, params []bijector.Param[float64], h float64, mean func() float64) {
	t.Helper()
	if len(grads) != len(params) {
		t.Fatalf("%s: %d gradients, %d parameters", name, len(grads), len(params))
	}
	for k, p := range params {
		some := false
		for i, old := range p.Data {
			p.Data[i] = old + h
			up := mean()
			p.Data[i] = old - h
			want := (up - mean()) / (2 * h)
			p.Data[i] = old
			got := grads[k][i]
			some = some || got != 0
			if math.Abs(got-want) > 1e-6*max(1e-2, math.Abs(want)) {
				t.Fatalf("%s: %s[%d] has gradient %v, differences give %v", name, p.Name, i, got, want)
			}
		}
		if !some {
			t.Errorf("%s: the gradient of %s is zero", name, p.Name)
		}
	}
}

// TestGradient compares the gradient of the mean loss with central
// differences, for every parameter.
func TestGradient(t *testing.T) {
	for name, a := range models[float64]() {
		const n, h = 3, 1e-6
		x := must(bijector.MatOf[float64](images[float64](n, a.Dim()), a.Dim()))
		loss := make([]float64, n)
		step := a.NewStepPass(bijector.PassOptions{MaxBatch: n + 2})
		step.Step(x, bijector.Mat[float64]{}, loss)
		eval := a.NewLossPass(bijector.PassOptions{MaxBatch: n})
		mean := func() (m float64) {
			l := make([]float64, n)
			eval.Loss(x, bijector.Mat[float64]{}, l)
			for _, v := range l {
				m += v / n
			}
			return m
		}
		checkGradients(t, name, step.Grads(), a.Params(), h, mean)
		eval.Loss(x, bijector.Mat[float64]{}, loss)
		again := make([]float64, n)
		step.Step(x, bijector.Mat[float64]{}, again)
		for i := range loss {
			if loss[i] != again[i] {
				t.Errorf("%s: row %d has loss %v in evaluation and %v in training", name, i, loss[i], again[i])
			}
		}
	}
}

// TestWorkers: the number of workers does not show in a step.
func TestWorkers(t *testing.T) {
	for name, a := range models[float32]() {
		const n = 53
		x := must(bijector.MatOf[float32](images[float32](n, a.Dim()), a.Dim()))
		var ref [][]float32
		var refLoss []float64
		for _, count := range []int{0, 1, 2, 3} {
			var w *bijector.Workers
			if count > 0 {
				w = bijector.NewWorkers(count)
			}
			p := a.NewStepPass(bijector.PassOptions{MaxBatch: n, Workers: w})
			loss := make([]float64, n)
			p.Step(x, bijector.Mat[float32]{}, loss)
			w.Close()
			if ref == nil {
				ref, refLoss = p.Grads(), loss
			}
			for i := range loss {
				if loss[i] != refLoss[i] {
					t.Fatalf("%s, %d workers: loss of row %d is %v and %v", name, count, i, refLoss[i], loss[i])
				}
			}
			for k, g := range p.Grads() {
				for i := range g {
					if g[i] != ref[k][i] {
						t.Fatalf("%s, %d workers: gradient %d[%d] is %v and %v", name, count, k, i, ref[k][i], g[i])
					}
				}
			}
		}
	}
}

// TestLearns: plain gradient descent lowers the loss, below what the best
// constant image reaches.
func TestLearns(t *testing.T) {
	a := must(NewConv[float32](ConvSpec{Height: 6, Channels: []int{4, 6}, Embedding: 3, Seed: 5}))
	x := must(bijector.MatOf[float32](images[float32](64, 36), 36))
	p := a.NewStepPass(bijector.PassOptions{MaxBatch: 64})
	loss := make([]float64, 64)
	first, last := 0.0, 0.0
	for range 1500 {
		for _, g := range p.Grads() {
			clear(g)
		}
		p.Step(x, bijector.Mat[float32]{}, loss)
		last = 0
		for _, v := range loss {
			last += v / 64
		}
		if first == 0 {
			first = last
		}
		for k, q := range a.Params() {
			for i, g := range p.Grads()[k] {
				q.Data[i] -= 2 * g
			}
		}
	}
	constant := 0.0
	for j := range x.D {
		m := 0.0
		for _, v := range x.Feature(j) {
			m += float64(v) / 64
		}
		constant -= (m*math.Log(m) + (1-m)*math.Log(1-m)) / 36
	}
	if !(last < 0.9*constant && constant < first+0.05) {
		t.Errorf("loss went from %.4f to %.4f, the best constant image has %.4f", first, last, constant)
	}
}

// TestPieces: a row's result does not depend on the rows around it, nor on the
// number of goroutines.
func TestPieces(t *testing.T) {
	for name, a := range models[float32]() {
		const n = 300
		x := images[float32](n, a.Dim())
		z, y := must(a.Encode(x)), must(a.Reconstruct(x))
		a.SetParallelism(1)
		z1, y1 := must(a.Encode(x)), must(a.Reconstruct(x))
		for _, c := range []struct {
			a, b *bijector.Rows[float32]
			d    int
		}{{z, z1, a.Embedding()}, {y, y1, a.Dim()}} {
			if s := c.a.Shape(); len(s) != 2 || s[0] != n || s[1] != c.d {
				t.Fatalf("%s: shape %v, want (%d, %d)", name, s, n, c.d)
			}
			for i, v := range c.a.Float32s() {
				if v != c.b.Float32s()[i] {
					t.Fatalf("%s: value %d is %v and %v", name, i, v, c.b.Float32s()[i])
				}
			}
		}
		for _, v := range y.Float32s() {
			if !(v >= 0 && v <= 1) {
				t.Fatalf("%s: reconstructed value %v", name, v)
			}
		}
		few := testkit.Rows(x.Float32s()[130*a.Dim():137*a.Dim()], 7, a.Dim())
		for i, v := range must(a.Encode(few)).Float32s() {
			if v != z.Float32s()[130*a.Embedding()+i] {
				t.Fatalf("%s: embedding value %d is %v among 7 rows, %v among %d", name, i, v, z.Float32s()[130*a.Embedding()+i], n)
			}
		}
	}
}

// TestLossMatchesReconstruction: the loss is the cross-entropy of the targets
// with what Reconstruct returns.
func TestLossMatchesReconstruction(t *testing.T) {
	for name, a := range models[float64]() {
		const n = 140
		x := images[float64](n, a.Dim())
		y, loss := must(a.Reconstruct(x)).Float64s(), must(a.Loss(x))
		for i := range n {
			want := 0.0
			for j := range a.Dim() {
				p, v := y[i*a.Dim()+j], x.Float64s()[i*a.Dim()+j]
				want -= (v*math.Log(p) + (1-v)*math.Log1p(-p)) / float64(a.Dim())
			}
			if math.Abs(loss[i]-want) > 1e-12 {
				t.Fatalf("%s: row %d has loss %v, its reconstruction %v", name, i, loss[i], want)
			}
		}
	}
}
