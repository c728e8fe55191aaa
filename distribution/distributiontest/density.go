// The contract of LogProb: what it writes, what it leaves alone, and what its
// results may depend on.

package distributiontest

import (
	"fmt"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/conform"
	"github.com/bijou-flow/bijou/internal/rows"
)

// checkPrecision compares both precisions on the same parameters and rows.
func checkPrecision(s *suite) error {
	z32, cond32 := s.F32.data(maxBatch, 20)
	z64, cond64 := s.F64.data(maxBatch, 20)
	return conform.Prefix(
		conform.Slices("logp", logProb(s.F32.base, z32, cond32, nil), logProb(s.F64.base, z64, cond64, nil), 1e-4),
		"float32 against float64 on the same parameters")
}

func checkLogProbAdded[T bijector.Float](f *fixture[T]) error {
	z, cond := f.data(17, 21)
	z0, cond0 := conform.Clone(z), conform.Clone(cond)
	want, got := logProb(f.base, z, cond, nil), make([]float64, 17)
	for i := range got {
		got[i] = float64(i + 1)
		want[i] += float64(i + 1)
	}
	f.base.NewBasePass(bijector.PassOptions{MaxBatch: 17}).LogProb(z, cond, got)
	return conform.FirstError(
		conform.Prefix(conform.Slices("logp", got, want, 1e-11), "LogProb must add to logp, which held 1, 2, 3 and so on"),
		conform.Prefix(conform.FirstError(conform.Mats("z", z, z0, conform.Exact), conform.Mats("cond", cond, cond0, conform.Exact)),
			"LogProb must leave what it reads unchanged"))
}

func checkViews[T bijector.Float](f *fixture[T]) error {
	z, cond := f.data(17, 22)
	view, _ := conform.Framed(z)
	given, _ := conform.Framed(cond)
	return conform.Prefix(conform.Slices("logp", logProb(f.base, view, given, nil), logProb(f.base, z, cond, nil), conform.CloseIn[T]()),
		"LogProb of views of larger batches")
}

// checkRows replaces all rows but one, once by NaN: that row must not notice.
func checkRows[T bijector.Float](f *fixture[T]) error {
	const n = 9
	z, cond := f.data(n, 23)
	want := logProb(f.base, z, cond, nil)
	others, otherConds := f.data(n, 24)
	bad, badConds := conform.Outputs[T](f.d, n), conform.Outputs[T](f.c, n)
	for i := range n {
		for _, o := range [][2]bijector.Mat[T]{{others, otherConds}, {bad, badConds}} {
			o[0], o[1] = conform.Clone(o[0]), conform.Clone(o[1])
			o[0].Samples(i, i+1).CopyFrom(z.Samples(i, i+1))
			o[1].Samples(i, i+1).CopyFrom(cond.Samples(i, i+1))
			if err := conform.Slices("logp", logProb(f.base, o[0], o[1], nil)[i:i+1], want[i:i+1], conform.Exact); err != nil {
				return conform.Prefix(err, "LogProb of row %d depends on the rows beside it, which are %v and so on", i, o[0].Data[(i+1)%n])
			}
		}
	}
	return nil
}

// checkSizes uses one pass for batches of different size.
func checkSizes[T bijector.Float](f *fixture[T]) error {
	z, cond := f.data(maxBatch, 26)
	want := logProb(f.base, z, cond, nil)
	p := f.base.NewBasePass(bijector.PassOptions{MaxBatch: maxBatch})
	for _, n := range []int{17, 1, maxBatch, 2} {
		got := make([]float64, n)
		p.LogProb(z.Samples(0, n), cond.Samples(0, n), got)
		if err := conform.Slices("logp", got, want[:n], conform.CloseIn[T]()); err != nil {
			return conform.Prefix(err, "LogProb of %d samples by a pass for %d, against one batch of all", n, maxBatch)
		}
	}
	return nil
}

// checkContext asks that a conditional base reads its context.
func checkContext[T bijector.Float](f *fixture[T]) error {
	if f.c == 0 {
		return nil
	}
	z, cond := f.data(17, 27)
	_, other := f.data(17, 28)
	if conform.Slices("", logProb(f.base, z, cond, nil), logProb(f.base, z, other, nil), conform.Exact) == nil {
		return fmt.Errorf("the ContextDim is %d, but another context gives the same log-density", f.c)
	}
	return nil
}

func checkWorkers[T bijector.Float](f *fixture[T]) error {
	for _, n := range []int{17, f.bigBatch()} {
		z, cond := f.data(n, 29)
		want := logProb(f.base, z, cond, nil)
		err := conform.EachWorkers(func(w *bijector.Workers, k int) error {
			return conform.Prefix(conform.Slices("logp", logProb(f.base, z, cond, w), want, conform.Exact),
				"LogProb of %d samples with %d workers must give the bits of none", n, k)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// checkConcurrent runs a pass a goroutine.
func checkConcurrent[T bijector.Float](f *fixture[T]) error {
	z, cond := f.data(33, 30)
	want, draws := logProb(f.base, z, cond, nil), f.draw(33, cond, 31, 1)
	return conform.Concurrent(func() func() error {
		z, cond := conform.Clone(z), conform.Clone(cond)
		return func() (err error) {
			for range 3 {
				err = conform.FirstError(err,
					conform.Slices("logp", logProb(f.base, z, cond, nil), want, conform.Exact),
					conform.Mats("draws", f.draw(33, cond, 31, 1), draws, conform.Exact))
			}
			return err
		}
	})
}

// checkFinite says which draw is not, or has no density.
func checkFinite[T bijector.Float](f *fixture[T], z, cond bijector.Mat[T]) error {
	logp := logProb(f.base, z, cond, nil)
	for i, v := range logp {
		for j := range z.D {
			if x := z.Feature(j)[i]; !rows.IsFinite(x) {
				return fmt.Errorf("feature %d of draw %d is %v", j, i, x)
			}
		}
		if !rows.IsFinite(v) {
			return fmt.Errorf("the log-density of draw %d is %v", i, v)
		}
	}
	return nil
}
