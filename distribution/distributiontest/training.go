// The contract of BaseGradPass beside its figures: what adds up, and what
// results may depend on.

package distributiontest

import (
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/conform"
)

// checkTrainingForward compares training with evaluation.
func checkTrainingForward[T bijector.Float](f *fixture[T]) error {
	if !f.trainable {
		return nil
	}
	z, cond := f.data(maxBatch, 50)
	logp, _, _, _ := newStep(f, z, cond, bijector.PassOptions{MaxBatch: maxBatch}, 51).run()
	return conform.Prefix(conform.Slices("logp", logp, logProb(f.base, z, cond, nil), conform.CloseIn[T]()),
		"BaseGradPass.LogProb against BasePass.LogProb")
}

// checkAccumulate starts from gradients that are not zero.
func checkAccumulate[T bijector.Float](f *fixture[T]) error {
	if !f.trainable {
		return nil
	}
	const n = 17
	z, cond := f.data(n, 52)
	s := newStep(f, z, cond, bijector.PassOptions{MaxBatch: n}, 53)
	logp, dz, dcond, grads := s.run()
	z0, cond0, dlogp0 := conform.Clone(z), conform.Clone(cond), append([]float64(nil), s.dlogp...)

	rng := f.rng(54)
	gotZ, gotCond := conform.Outputs[T](f.d, n), bijector.NewMat[T](f.c, n)
	conform.Fill(gotCond, rng, conform.Normal)
	for j := range f.c {
		for i, v := range gotCond.Feature(j) {
			dcond.Feature(j)[i] += v
		}
	}
	for k, g := range s.pass.Grads() {
		for i := range g {
			g[i] = T(rng.NormFloat64())
			grads[k][i] += g[i]
		}
	}
	for i := range logp {
		logp[i]++
	}
	got := make([]float64, n)
	for i := range got {
		got[i] = 1
	}
	s.pass.LogProb(z, cond, got)
	s.pass.Backward(gotZ, gotCond, z, cond, s.dlogp)
	tol := 20 * conform.CloseIn[T]()
	if err := conform.FirstError(
		conform.Slices("logp", got, logp, tol), conform.Mats("dcond", gotCond, dcond, tol), conform.Grads(s.pass.Grads(), grads, tol)); err != nil {
		return conform.Prefix(err, "LogProb and Backward must add to logp, dcond and Grads, which were not zero")
	}
	if err := conform.Mats("dz", gotZ, dz, conform.Exact); err != nil {
		return conform.Prefix(err, "Backward must overwrite dz, and not depend on what Grads and dcond held")
	}
	s.pass.LogProb(z, cond, got)
	s.pass.Backward(gotZ, bijector.Mat[T]{}, z, cond, s.dlogp)
	return conform.FirstError(
		conform.Prefix(conform.Mats("dz", gotZ, dz, conform.Exact), "Backward without a dcond"),
		conform.Prefix(conform.FirstError(
			conform.Mats("z", z, z0, conform.Exact), conform.Mats("cond", cond, cond0, conform.Exact), conform.Slices("dlogp", s.dlogp, dlogp0, conform.Exact)),
			"Backward must leave what it reads unchanged"))
}

// checkTrainingViews runs a step on views with a stride of their own.
func checkTrainingViews[T bijector.Float](f *fixture[T]) error {
	if !f.trainable {
		return nil
	}
	const n = 17
	z, cond := f.data(n, 55)
	s := newStep(f, z, cond, bijector.PassOptions{MaxBatch: n}, 56)
	_, dz, dcond, grads := s.run()
	conform.ZeroGrads(s.pass.Grads())
	view, _ := conform.Framed(z)
	given, _ := conform.Framed(cond)
	gotZ, wholeZ := conform.Framed(conform.Outputs[T](f.d, n))
	gotCond, wholeCond := conform.Framed(bijector.NewMat[T](f.c, n))
	s.pass.LogProb(view, given, make([]float64, n))
	s.pass.Backward(gotZ, gotCond, view, given, s.dlogp)
	tol := 20 * conform.CloseIn[T]()
	return conform.Prefix(conform.FirstError(
		conform.Intact("dz", wholeZ, n), conform.Intact("dcond", wholeCond, n),
		conform.Mats("dz", gotZ, dz, tol), conform.Mats("dcond", gotCond, dcond, tol), conform.Grads(s.pass.Grads(), grads, tol)),
		"BaseGradPass on views of larger batches")
}

// checkTrainingSizes uses one pass for batches of different size.
func checkTrainingSizes[T bijector.Float](f *fixture[T]) error {
	if !f.trainable {
		return nil
	}
	var used *step[T]
	for _, n := range []int{17, 1, maxBatch, 2} {
		z, cond := f.data(n, 57)
		fresh := newStep(f, z, cond, bijector.PassOptions{MaxBatch: n}, 58)
		if used == nil {
			used = newStep(f, z, cond, bijector.PassOptions{MaxBatch: maxBatch}, 58)
		}
		used.z, used.cond, used.dlogp = z, cond, fresh.dlogp
		if err := sameStep(used, fresh); err != nil {
			return conform.Prefix(err, "a batch of %d samples by a pass for %d that was used before, against a new pass", n, maxBatch)
		}
	}
	return nil
}

func sameStep[T bijector.Float](got, want *step[T]) error {
	logp, dz, dcond, grads := got.run()
	logp0, dz0, dcond0, grads0 := want.run()
	return conform.FirstError(
		conform.Slices("logp", logp, logp0, conform.Exact), conform.Mats("dz", dz, dz0, conform.Exact),
		conform.Mats("dcond", dcond, dcond0, conform.Exact), conform.Grads(grads, grads0, conform.Exact))
}

// checkTrainingWorkers asks for the same bits on any number of cores.
func checkTrainingWorkers[T bijector.Float](f *fixture[T]) error {
	if !f.trainable {
		return nil
	}
	for _, n := range []int{17, f.bigBatch()} {
		z, cond := f.data(n, 60)
		alone := newStep(f, z, cond, bijector.PassOptions{MaxBatch: n}, 61)
		err := conform.EachWorkers(func(w *bijector.Workers, k int) error {
			return conform.Prefix(sameStep(newStep(f, z, cond, bijector.PassOptions{MaxBatch: n, Workers: w}, 61), alone),
				"BaseGradPass on %d samples with %d workers must give the bits of none", n, k)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// checkAllocations counts those of each method of both passes.
func checkAllocations[T bijector.Float](f *fixture[T]) error {
	n := f.bigBatch()
	z, cond := f.data(n, 62)
	draws, logp, rng := conform.Outputs[T](f.d, n), make([]float64, n), f.rng(63)
	return conform.Allocations(n, func(o bijector.PassOptions) map[string]func() {
		p := f.base.NewBasePass(o)
		calls := map[string]func(){
			"BasePass.LogProb": func() { p.LogProb(z, cond, logp) },
			"BasePass.Sample":  func() { p.Sample(rng, draws, cond, 1) },
		}
		if f.trainable {
			s, dcond := newStep(f, z, cond, o, 64), bijector.NewMat[T](f.c, n)
			calls["BaseGradPass"] = func() {
				s.pass.LogProb(z, cond, logp)
				s.pass.Backward(draws, dcond, z, cond, s.dlogp)
			}
		}
		return calls
	})
}
