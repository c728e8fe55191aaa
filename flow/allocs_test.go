//go:build !race

// The race detector makes pools forget what they hold, and so allocate.

package flow

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/internal/nn"
	"github.com/bijou-flow/bijou/internal/testkit"
)

func TestNoAllocations(t *testing.T) {
	t.Run("float32", noAllocations[float32])
	t.Run("float64", noAllocations[float64])
}

func noAllocations[T bijector.Float](t *testing.T) {
	w := bijector.NewWorkers(2)
	defer w.Close()
	for i, base := range []distribution.Base[T]{
		testkit.Must(distribution.NewNormal[T](distribution.NormalSpec{Dim: 3, Learned: true})),
		testkit.Must(distribution.NewLogistic[T](distribution.LogisticSpec{Dim: 3, Learned: true})),
	} {
		chain := testkit.Must(bijector.NewChain[T](newBend[T](3, 1, 1), newBend[T](3, 1, 2)))
		var embedding bijector.Network[T]
		if i == 1 {
			embedding = testkit.Must(nn.NewMLP[T](nn.MLPSpec{In: 1, Out: 1, Hidden: []int{7}}))
		}
		f := testkit.Must(NewWithEmbedding(chain, base, embedding))
		ensemble := testkit.Must(NewEnsemble(Mixing{}, f))
		for _, n := range []int{1, 100, 128, 1000} {
			x, logp, draws := rowsOf[T](n, 3), make([]float64, n), make([]T, 3*n)
			contexts := rowsOf[T](n, 1)
			one, all := f.Given(rowsOf[T](1, 1)), f.Given(contexts)
			one.SetParallelism(2) // AllocsPerRun allows one
			m, cond := testkit.Must(bijector.MatOf[T](x, 3)), testkit.Must(bijector.MatOf[T](rowsOf[T](n, 1), 1))
			rng := testkit.NewRand(1)
			step := one.NewStepPass(bijector.PassOptions{MaxBatch: n})
			shared := one.NewStepPass(bijector.PassOptions{MaxBatch: n, Workers: w})
			loss := one.NewLossPass(bijector.PassOptions{MaxBatch: n})
			for name, run := range map[string]func() error{
				"LogProbInto":          func() error { return one.LogProbInto(logp, x) },
				"LogProbInto, n given": func() error { return all.LogProbInto(logp, x) },
				"LogProbRow":           func() error { return second(one.LogProbRow(x.Row(0))) },
				"LogProbRowGiven":      func() error { return scoreOnStack(f) },
				"LogProbRows":          func() error { return one.LogProbRows(logp, x.Values()) },
				"LogProbRowsGiven":     func() error { return f.LogProbRowsGiven(logp, x.Values(), contexts.Values()) },
				"SampleIntoGiven":      func() error { return f.SampleIntoGiven(draws, contexts.Values(), rng) },
				"SampleInto":           func() error { return one.SampleInto(draws, rng) },
				"SampleInto, n given":  func() error { return all.SampleInto(draws, rng) },
				"Step":                 func() error { step.Step(m, cond, logp); return nil },
				"Step, workers":        func() error { shared.Step(m, cond, logp); return nil },
				"Loss":                 func() error { loss.Loss(m, cond, logp); return nil },
				"Invalidate":           func() error { ensemble.Invalidate(); return nil },
			} {
				t.Run(fmt.Sprintf("%T/%s/%d", base, name, n), func(t *testing.T) {
					if err := run(); err != nil {
						t.Fatal(err)
					}
					if got := testing.AllocsPerRun(50, func() { _ = run() }); got != 0 {
						t.Errorf("%v allocations a call, want 0", got)
					}
				})
			}
		}
	}
}

// scoreOnStack scores a row that stays on the stack.
func scoreOnStack[T bijector.Float](f *Flow[T]) error {
	row, context := [3]T{1, 2, 3}, [1]T{0.5}
	return second(f.LogProbRowGiven(row[:], context[:]))
}

// Nor does a draw that is made again, once one has been.
func TestRedrawsNoAllocations(t *testing.T) {
	f, draws, rng := overflowingFlow().Given(rowsOf[float64](1, 1)).WithRedraws(60), make([]float64, 2*128), testkit.NewRand(1)
	draw := func() {
		if err := f.SampleInto(draws, rng); err != nil {
			t.Fatal(err)
		}
	}
	draw()
	if got := testing.AllocsPerRun(30, draw); got != 0 {
		t.Errorf("%v allocations a call", got)
	}
}

// An ensemble allocates nothing either.
func TestEnsembleNoAllocations(t *testing.T) {
	e := threeFlows[float32](Mixing{Learned: true})
	w := bijector.NewWorkers(2)
	defer w.Close()
	for _, n := range []int{1, 128, 300} {
		x, logp, draws := rowsOf[float32](n, 2), make([]float64, n), make([]float32, 2*n)
		given, all := e.Given(rowsOf[float32](1, 3)).WithRedraws(3), e.Given(rowsOf[float32](n, 3))
		m, cond := testkit.Must(bijector.MatOf[float32](x, 2)), testkit.Must(bijector.MatOf[float32](rowsOf[float32](n, 3), 3))
		rng := testkit.NewRand(1)
		step, loss := e.NewStepPass(bijector.PassOptions{MaxBatch: n, Workers: w}), e.NewLossPass(bijector.PassOptions{MaxBatch: n})
		contexts := rowsOf[float32](n, 3).Values()
		for name, f := range map[string]func(){
			"LogProbRow":  func() { _, _ = given.LogProbRow(x.Values()[:2]) },
			"LogProbRows": func() { _ = e.LogProbRowsGiven(logp, x.Values(), contexts) },
			"LogProbInto": func() { _ = all.LogProbInto(logp, x) },
			"SampleInto":  func() { _ = given.SampleInto(draws, rng) },
			"Step":        func() { step.Step(m, cond, logp) },
			"Loss":        func() { loss.Loss(m, cond, logp) },
		} {
			f()
			if got := testing.AllocsPerRun(30, f); got != 0 {
				t.Errorf("%s, %d rows: %v allocations a call", name, n, got)
			}
		}
	}
}

func TestGonumDoesNotAllocate(t *testing.T) {
	t.Run("float32", gonumDoesNotAllocate[float32])
	t.Run("float64", gonumDoesNotAllocate[float64])
}

func gonumDoesNotAllocate[T bijector.Float](t *testing.T) {
	g := testkit.Must(flowOf[T](2, 0).Gonum(rand.NewPCG(1, 2)))
	dst := make([]float64, 2)
	if n := testing.AllocsPerRun(20, func() { g.LogProb(g.Rand(dst)) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
