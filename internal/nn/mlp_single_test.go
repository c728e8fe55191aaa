package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

var (
	_ bijector.Invalidator = (*MLP[float32])(nil)
	_ bijector.Invalidator = (*Sequential[float32])(nil)
)

func newMLP[T bijector.Float](t testing.TB, s MLPSpec) *MLP[T] {
	t.Helper()
	m, err := NewMLP[T](s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// evalSingly evaluates the samples of x one by one.
func evalSingly[T bijector.Float](m bijector.Network[T], x bijector.Mat[T]) bijector.Mat[T] {
	p := m.NewNetworkPass(bijector.PassOptions{MaxBatch: 1})
	y := bijector.NewMat[T](m.Out(), x.N)
	in, out := bijector.NewMat[T](m.In(), 1), bijector.NewMat[T](m.Out(), 1)
	for i := range x.N {
		in.CopyFrom(x.Samples(i, i+1))
		p.Forward(out, in, 0, 1)
		y.Samples(i, i+1).CopyFrom(out)
	}
	return y
}

func evalBatch[T bijector.Float](m bijector.Network[T], x bijector.Mat[T]) bijector.Mat[T] {
	y := bijector.NewMat[T](m.Out(), x.N)
	m.NewNetworkPass(bijector.PassOptions{MaxBatch: x.N}).Forward(y, x, 0, x.N)
	return y
}

// maxRoundingUnits is the largest difference, in units of what rounding explains.
func maxRoundingUnits[T bijector.Float](a, b bijector.Mat[T]) float64 {
	unit := 1e-13
	if _, single := any(T(0)).(float32); single {
		unit = 1e-5
	}
	most := 0.0
	for j := range a.D {
		for i, v := range a.Feature(j) {
			most = max(most, math.Abs(float64(v-b.Feature(j)[i]))/(unit*max(1, math.Abs(float64(v)))))
		}
	}
	return most
}

// TestSingle: one sample at a time gives what a batch gives.
func TestSingle(t *testing.T) {
	t.Run("float32", testSingle[float32])
	t.Run("float64", testSingle[float64])
}

func testSingle[T bijector.Float](t *testing.T) {
	for _, activation := range activationNames {
		for _, hidden := range [][]int{nil, {1}, {9}, {16, 33}, {100, 100}, {7, 130, 64, 20}} {
			for _, ends := range [][2]int{{1, 1}, {20, 20}, {5, 40}, {113, 3}} {
				m := newMLP[T](t, MLPSpec{In: ends[0], Out: ends[1], Hidden: hidden, Activation: activation, Seed: 4})
				x := randomMat[T](rand.New(rand.NewPCG(1, 2)), m.In(), 5)
				if a := maxRoundingUnits(evalSingly(m, x), evalBatch(m, x)); !(a <= 1) {
					t.Errorf("%s %v %v: one by one and together differ by %v times the tolerance", activation, hidden, ends, a)
				}
			}
		}
	}
}

// scaleParams scales the parameters behind the map's back.
func scaleParams[T bijector.Float](m bijector.Network[T]) {
	for _, p := range m.Params() {
		for i := range p.Data {
			p.Data[i] *= 1.5
		}
	}
}

// TestSingleAfterChanged: single samples see what was written to the
// parameters, weights and biases, as soon as Changed was called, in passes
// that were there before.
func TestSingleAfterChanged(t *testing.T) {
	for _, layer := range []string{"0.weight", "0.bias", "1.weight", "1.bias"} {
		inner := newMLP[float64](t, MLPSpec{In: 6, Out: 5, Hidden: []int{20}})
		outer, err := NewSequential[float64](inner)
		if err != nil {
			t.Fatal(err)
		}
		for name, m := range map[string]interface {
			bijector.Network[float64]
			bijector.Invalidator
		}{"MLP": inner, "Sequential": outer} {
			x := randomMat[float64](rand.New(rand.NewPCG(1, 2)), 6, 1)
			p := m.NewNetworkPass(bijector.PassOptions{MaxBatch: 1})
			y := bijector.NewMat[float64](5, 1)
			for range 3 {
				p.Forward(y, x, 0, 1)
				for _, q := range inner.Params() {
					if q.Name == layer {
						for i := range q.Data {
							q.Data[i] *= 1.5
						}
					}
				}
				before := bijector.NewMat[float64](5, 1)
				before.CopyFrom(y)
				m.Invalidate()
				p.Forward(y, x, 0, 1)
				if maxRoundingUnits(before, y) < 100 {
					t.Fatalf("%s, %s: nothing changed", name, layer)
				}
				two := bijector.NewMat[float64](6, 2)
				for j := range 6 {
					two.Feature(j)[0], two.Feature(j)[1] = x.Feature(j)[0], x.Feature(j)[0]
				}
				if a := maxRoundingUnits(y, evalBatch(m, two).Samples(0, 1)); !(a <= 1) {
					t.Fatalf("%s, %s: %v times the tolerance from the batch", name, layer, a)
				}
			}
		}
	}
}

// TestSingleInTraining: a training pass reads the weights as they are, also
// for a batch of one, and evaluation after it does not find older ones, even
// if the call of Changed got lost on the way.
func TestSingleInTraining(t *testing.T) {
	m := newMLP[float64](t, MLPSpec{In: 6, Out: 5, Hidden: []int{20}})
	x := randomMat[float64](rand.New(rand.NewPCG(1, 2)), 6, 1)
	evalSingly(m, x)
	p := m.NewNetworkGradPass(bijector.PassOptions{MaxBatch: 1})
	y, first := bijector.NewMat[float64](5, 1), bijector.NewMat[float64](5, 1)
	p.Forward(first, x, 0, 1)
	scaleParams[float64](m)
	after := evalSingly(m, x)
	if maxRoundingUnits(after, first) < 100 {
		t.Error("evaluation found weights from before training")
	}
	p.Forward(y, x, 0, 1)
	if a := maxRoundingUnits(after, y); !(a <= 1) {
		t.Errorf("a batch of one in training is %v times the tolerance from evaluation", a)
	}
	scaleParams[float64](m)
	p.Forward(y, x, 0, 1)
	if maxRoundingUnits(after, y) < 100 {
		t.Error("a training pass read a copy of the weights")
	}
}

// TestSingleOvertaken: copies that were made of weights before Changed, and
// kept after it, are not used.
func TestSingleOvertaken(t *testing.T) {
	m := newMLP[float32](t, MLPSpec{In: 6, Out: 5, Hidden: []int{20}})
	x := randomMat[float32](rand.New(rand.NewPCG(1, 2)), 6, 1)
	old := m.pack()
	scaleParams[float32](m)
	m.Invalidate()
	m.packed.Store(old)
	y := evalSingly(m, x)
	if maxRoundingUnits(y, evalSingly(newMLP[float32](t, m.spec), x)) < 100 {
		t.Error("copies of an older version were used")
	}
}

// TestSingleConcurrently: passes that share a net make and read the copies at
// the same time.
func TestSingleConcurrently(t *testing.T) {
	m := newMLP[float32](t, MLPSpec{In: 6, Out: 5, Hidden: []int{20}})
	x := randomMat[float32](rand.New(rand.NewPCG(1, 2)), 6, 10)
	for range 5 {
		got := make([]bijector.Mat[float32], 8)
		var wg sync.WaitGroup
		for i := range got {
			wg.Add(1)
			go func() {
				defer wg.Done()
				got[i] = evalSingly(m, x)
			}()
		}
		wg.Wait()
		for i := range got {
			sameMat(t, fmt.Sprintf("goroutine %d", i), got[0], got[i])
		}
		scaleParams[float32](m)
		m.Invalidate()
	}
}
