// What the tests share: an objective whose optimum is known, sources and
// observers that take notes, and a density with a known entropy.

package train_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/train"
)

// toy is an Objective: a row x with context c costs |x - center - W c|^2/2.
// Without a context the optimum is the mean of the data.
type toy[T bijector.Float] struct {
	d, c   int
	center []T
	weight []T // (d, c)
	err    error
	steps  int // gradients computed
	// poison may spoil the result of a step, counted from 1.
	corrupt func(step int, loss []float64, grads [][]T)
}

func newToy[T bijector.Float](d, c int) *toy[T] {
	return &toy[T]{d: d, c: c, center: make([]T, d), weight: make([]T, d*c)}
}

func (m *toy[T]) Dim() int                   { return m.d }
func (m *toy[T]) ContextDim() int            { return m.c }
func (m *toy[T]) Check() error               { return m.err }
func (m *toy[T]) Buffers() []bijector.Buffer { return nil }

func (m *toy[T]) Params() []bijector.Param[T] {
	return []bijector.Param[T]{
		{Name: "center", Shape: []int{m.d}, Data: m.center},
		{Name: "weight", Shape: []int{m.d, m.c}, Data: m.weight},
	}
}

func (m *toy[T]) NewLossPass(bijector.PassOptions) bijector.LossPass[T] {
	return &toyPass[T]{toy: m}
}

// NewStepPass leaves something in the gradients: to zero them is the caller's.
func (m *toy[T]) NewStepPass(bijector.PassOptions) bijector.StepPass[T] {
	p := &toyPass[T]{toy: m, grads: [][]T{make([]T, m.d), make([]T, m.d*m.c)}}
	for _, g := range p.grads {
		for i := range g {
			g[i] = 1e6
		}
	}
	return p
}

type toyPass[T bijector.Float] struct {
	*toy[T]
	grads [][]T
}

func (p *toyPass[T]) Grads() [][]T { return p.grads }

// residual is (center + W c - x)_j of row i.
func (m *toy[T]) residual(x, cond bijector.Mat[T], i, j int) float64 {
	r := float64(m.center[j]) - float64(x.Feature(j)[i])
	for k := range m.c {
		r += float64(m.weight[j*m.c+k]) * float64(cond.Feature(k)[i])
	}
	return r
}

func (p *toyPass[T]) Loss(x, cond bijector.Mat[T], loss []float64) {
	for i := range loss {
		loss[i] = 0
		for j := range p.d {
			r := p.residual(x, cond, i, j)
			loss[i] += r * r / 2
		}
	}
}

func (p *toyPass[T]) Step(x, cond bijector.Mat[T], loss []float64) {
	p.Loss(x, cond, loss)
	n := float64(x.N)
	for i := range loss {
		for j := range p.d {
			r := p.residual(x, cond, i, j)
			p.grads[0][j] += T(r / n)
			for k := range p.c {
				p.grads[1][j*p.c+k] += T(r * float64(cond.Feature(k)[i]) / n)
			}
		}
	}
	p.steps++
	if p.corrupt != nil {
		p.corrupt(p.steps, loss, p.grads)
	}
}

// calibratedToy is a toy with buffers that only Calibrate sets, and a diary.
type calibratedToy struct {
	*toy[float64]
	mean  []float64 // of x - center over the calibration set
	count []int64
	mu    sync.Mutex
	calls []string
}

func newCalibratedToy(d int) *calibratedToy {
	return &calibratedToy{toy: newToy[float64](d, 0), mean: make([]float64, d), count: make([]int64, 1)}
}

func (m *calibratedToy) Buffers() []bijector.Buffer {
	return []bijector.Buffer{
		{Name: "mean", Shape: []int{m.d}, Data: m.mean},
		{Name: "count", Shape: []int{1}, Data: m.count},
	}
}

// logCall adds a word to the diary, once in a row.
func (m *calibratedToy) logCall(word string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(m.calls); n == 0 || m.calls[n-1] != word {
		m.calls = append(m.calls, word)
	}
}

func (m *calibratedToy) Calibrate(x, _ bijector.Mat[float64], start bool, _ *bijector.Workers) {
	for j := range m.d {
		m.mean[j] = 0
		for _, v := range x.Feature(j) {
			m.mean[j] += (v - m.center[j]) / float64(x.N)
		}
	}
	m.count[0] = int64(x.N)
	if start {
		m.logCall("start")
	} else {
		m.logCall("calibrate")
	}
}

func (m *calibratedToy) NewLossPass(o bijector.PassOptions) bijector.LossPass[float64] {
	return loggedLoss{m.toy.NewLossPass(o), m}
}

func (m *calibratedToy) NewStepPass(o bijector.PassOptions) bijector.StepPass[float64] {
	m.toy.corrupt = func(int, []float64, [][]float64) { m.logCall("step") }
	return m.toy.NewStepPass(o)
}

type loggedLoss struct {
	bijector.LossPass[float64]
	m *calibratedToy
}

func (p loggedLoss) Loss(x, cond bijector.Mat[float64], loss []float64) {
	p.m.logCall("loss")
	p.LossPass.Loss(x, cond, loss)
}

// observer is made of functions.
type observer struct {
	step  func(train.StepEvent)
	epoch func(train.EpochEvent)
}

func (o observer) Step(e train.StepEvent) {
	if o.step != nil {
		o.step(e)
	}
}

func (o observer) Epoch(e train.EpochEvent) {
	if o.epoch != nil {
		o.epoch(e)
	}
}

// recordingSource notes the rows that are read, and can refuse to.
type recordingSource struct {
	train.Source
	reads [][]int
	fail  func(rows []int) error
}

func (s *recordingSource) Read(rows []int, x, context *tensor.Dense) error {
	s.reads = append(s.reads, slices.Clone(rows))
	if s.fail != nil {
		if err := s.fail(rows); err != nil {
			return err
		}
	}
	return s.Source.Read(rows, x, context)
}

// flatten are the rows of several reads.
func flatten(reads [][]int) []int { return slices.Concat(reads...) }

// isPermutation reports whether rows are 0 to n-1 in some order.
func isPermutation(rows []int, n int) bool {
	s := slices.Sorted(slices.Values(rows))
	for i, r := range s {
		if r != i {
			return false
		}
	}
	return len(s) == n
}

// dense is a tensor of shape (n, d) with f's values.
func dense[T bijector.Float](n, d int, f func(i, j int) float64) *tensor.Dense {
	data := make([]T, n*d)
	for i := range n {
		for j := range d {
			data[i*d+j] = T(f(i, j))
		}
	}
	return tensor.New(tensor.WithShape(n, d), tensor.WithBacking(data))
}

// normalRows is a tensor of normal values.
func normalRows[T bijector.Float](n, d int, seed uint64) *tensor.Dense {
	rng := rand.New(rand.NewPCG(seed, 7))
	return dense[T](n, d, func(int, int) float64 { return rng.NormFloat64() })
}

// bananaEntropy is that of two independent normals, in nats: the shear below
// keeps it.
var bananaEntropy = math.Log(2 * math.Pi * math.E)

// banana draws n rows of (u, v + u^2 - 1), u and v standard normal.
func banana[T bijector.Float](n int, seed uint64) *tensor.Dense {
	rng := rand.New(rand.NewPCG(seed, 11))
	u := 0.0
	return dense[T](n, 2, func(_, j int) float64 {
		if j == 0 {
			u = rng.NormFloat64()
			return u
		}
		return rng.NormFloat64() + u*u - 1
	})
}

// bits are a model's parameters and buffers, to the last bit.
func bits[T bijector.Float](m bijector.Objective[T]) []uint64 {
	var b []uint64
	for _, p := range m.Params() {
		for _, v := range p.Data {
			b = append(b, math.Float64bits(float64(v)))
		}
	}
	for _, buf := range m.Buffers() {
		switch d := buf.Data.(type) {
		case []float64:
			for _, v := range d {
				b = append(b, math.Float64bits(v))
			}
		case []int64:
			for _, v := range d {
				b = append(b, uint64(v))
			}
		}
	}
	return b
}

func approxEqual(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*math.Max(1, math.Abs(want))) {
		t.Errorf("%s is %.17g, want %.17g within %g", what, got, want, tol)
	}
}

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}
