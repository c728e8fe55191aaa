// The contract of GradPass beside its figures: what adds up, what may alias,
// and what results may depend on.

package bijectortest

import (
	"fmt"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/conform"
)

// checkTrainingForward compares training with evaluation. A layer with
// statistics of the batch differs until it is calibrated on that batch.
func checkTrainingForward[T bijector.Float](f *fixture[T]) error {
	if err := f.needGradient(); err != nil {
		return err
	}
	for _, n := range []int{17, maxBatch} {
		l, err := f.clone()
		if err != nil {
			return err
		}
		x, cond := f.data(n, 50)
		before, condBefore := conform.Clone(x), conform.Clone(cond)
		s := newStep(l, x, cond, bijector.PassOptions{MaxBatch: n})
		s.forward()
		if err := conform.FirstError(conform.Mats("its input", x, before, conform.Exact), conform.Mats("its context", cond, condBefore, conform.Exact)); err != nil {
			return conform.Prefix(err, "GradPass.Forward must leave what it reads unchanged")
		}
		against := func() error {
			z, logDet := forward(l, x, cond)
			return conform.FirstError(
				conform.Mats("z", s.z, z, conform.CloseIn[T]()),
				conform.Slices("logDet", s.logDet, logDet, conform.CloseIn[T]()))
		}
		err = against()
		if _, ok := l.(bijector.Calibrator[T]); ok && err != nil {
			f.calibrate(l, x, cond, false)
			if err = against(); err != nil {
				err = fmt.Errorf("after Calibrate on the same batch: %w", err)
			}
		}
		if err != nil {
			return conform.Prefix(err, "GradPass.Forward of %d samples against Pass.Forward", n)
		}
		added := make([]float64, n)
		for i := range added {
			added[i] = float64(i + 1)
			s.logDet[i] += float64(i + 1)
		}
		s.pass.Forward(s.z, x, cond, added)
		if err := conform.Slices("logDet", added, s.logDet, 1e-11); err != nil {
			return conform.Prefix(err, "GradPass.Forward must add to logDet, which held 1, 2, 3 and so on")
		}
	}
	return nil
}

// trained is a step that was run, with its gradients.
type trained[T bijector.Float] struct {
	*step[T]
	dz        bijector.Mat[T]
	dLogDet   []float64
	dx, dcond bijector.Mat[T]
	grads     [][]T
}

// train runs a new pass on n samples of stream.
func (f *fixture[T]) train(n int, stream uint64, o bijector.PassOptions) *trained[T] {
	x, cond := f.data(n, stream)
	rng := f.rng(stream + 1)
	t := &trained[T]{step: newStep(f.layer, x, cond, o), dz: normals[T](rng, f.d, n), dLogDet: drawDLogDet(rng, n)}
	t.run()
	return t
}

func (t *trained[T]) run() {
	t.forward()
	t.dx, t.dcond, t.grads = t.backward(t.dz, t.dLogDet)
}

// compare returns an error where t has other results than want.
func (t *trained[T]) compare(want *trained[T], tol float64) error {
	return conform.FirstError(
		conform.Mats("z", t.z, want.z, tol), conform.Slices("logDet", t.logDet, want.logDet, tol),
		conform.Mats("dx", t.dx, want.dx, tol), conform.Mats("dcond", t.dcond, want.dcond, tol), conform.Grads(t.grads, want.grads, tol))
}

// checkAccumulate starts from gradients that are not zero.
func checkAccumulate[T bijector.Float](f *fixture[T]) error {
	if err := f.needGradient(); err != nil {
		return err
	}
	const n = 17
	s, want := f.train(n, 51, bijector.PassOptions{MaxBatch: n}), f.train(n, 51, bijector.PassOptions{MaxBatch: n})
	rng := f.rng(52)
	gotX, gotCond := conform.Outputs[T](f.d, n), normals[T](rng, f.c, n)
	for j := range f.c {
		for i, v := range gotCond.Feature(j) {
			want.dcond.Feature(j)[i] += v
		}
	}
	for k, g := range s.pass.Grads() {
		for i := range g {
			g[i] = T(rng.NormFloat64())
			want.grads[k][i] += g[i]
		}
	}
	s.forward()
	s.pass.Backward(gotX, gotCond, s.dz, s.x, s.z, s.cond, s.dLogDet)
	if err := conform.FirstError(
		conform.Mats("x", s.x, want.x, conform.Exact), conform.Mats("cond", s.cond, want.cond, conform.Exact), conform.Mats("z", s.z, want.z, conform.Exact),
		conform.Mats("dz", s.dz, want.dz, conform.Exact), conform.Slices("dLogDet", s.dLogDet, want.dLogDet, conform.Exact)); err != nil {
		return conform.Prefix(err, "Backward must leave what it reads unchanged")
	}
	if err := conform.Mats("dx", gotX, want.dx, conform.Exact); err != nil {
		return conform.Prefix(err, "Backward must overwrite dx, and not depend on what Grads and dcond held")
	}
	// A sum of many terms that started at another value rounds differently.
	tol := 20 * conform.CloseIn[T]()
	return conform.FirstError(
		conform.Prefix(conform.Mats("dcond", gotCond, want.dcond, tol), "Backward must add to dcond, which was not zero"),
		conform.Prefix(conform.Grads(s.pass.Grads(), want.grads, tol), "Backward must add to Grads, which were not zero"))
}

// checkBackwardInPlace lets dx be dz, and leaves dcond out.
func checkBackwardInPlace[T bijector.Float](f *fixture[T]) error {
	if err := f.needGradient(); err != nil {
		return err
	}
	const n = 17
	s := f.train(n, 53, bijector.PassOptions{MaxBatch: n})
	for _, wanted := range []bool{true, false} {
		d, dc := conform.Clone(s.dz), bijector.NewMat[T](f.c, n)
		if !wanted {
			dc = bijector.Mat[T]{}
		}
		conform.ZeroGrads(s.pass.Grads())
		s.forward()
		s.pass.Backward(d, dc, d, s.x, s.z, s.cond, s.dLogDet)
		err := conform.Mats("dx", d, s.dx, conform.Exact)
		if wanted {
			err = conform.FirstError(err, conform.Mats("dcond", dc, s.dcond, conform.Exact))
		}
		err = conform.FirstError(err, conform.Grads(s.pass.Grads(), s.grads, conform.Exact))
		if err != nil {
			return conform.Prefix(err, "Backward with dx being dz (dcond wanted: %v) must give the bits of out of place", wanted)
		}
	}
	return nil
}

// checkTrainingViews runs a step on views with a stride of their own.
func checkTrainingViews[T bijector.Float](f *fixture[T]) error {
	if err := f.needGradient(); err != nil {
		return err
	}
	const n = 17
	s := f.train(n, 55, bijector.PassOptions{MaxBatch: n})
	v := &trained[T]{step: newStep(f.layer, s.x, s.cond, bijector.PassOptions{MaxBatch: n})}
	var wholeZ, wholeDx, wholeDcond bijector.Mat[T]
	v.x, _ = conform.Framed(s.x)
	v.cond, _ = conform.Framed(s.cond)
	v.z, wholeZ = conform.Framed(v.z)
	v.dz, _ = conform.Framed(s.dz)
	v.dx, wholeDx = conform.Framed(conform.Outputs[T](f.d, n))
	v.dcond, wholeDcond = conform.Framed(bijector.NewMat[T](f.c, n))
	v.forward()
	v.pass.Backward(v.dx, v.dcond, v.dz, v.x, v.z, v.cond, s.dLogDet)
	v.grads = v.pass.Grads()
	return conform.Prefix(conform.FirstError(
		conform.Intact("z", wholeZ, n), conform.Intact("dx", wholeDx, n), conform.Intact("dcond", wholeDcond, n),
		v.compare(s, 20*conform.CloseIn[T]())),
		"GradPass on views of larger batches")
}

// checkTrainingSizes uses one pass for batches of different size.
func checkTrainingSizes[T bijector.Float](f *fixture[T]) error {
	if err := f.needGradient(); err != nil {
		return err
	}
	used := f.train(1, 57, bijector.PassOptions{MaxBatch: maxBatch})
	for _, n := range []int{17, 1, maxBatch, 2} {
		fresh := f.train(n, 58, bijector.PassOptions{MaxBatch: n})
		again := *fresh
		again.step = &step[T]{pass: used.pass, z: conform.Outputs[T](f.d, n), x: fresh.x, cond: fresh.cond, logDet: make([]float64, n)}
		again.run()
		if err := again.compare(fresh, conform.Exact); err != nil {
			return conform.Prefix(err, "a batch of %d samples by a pass for %d that was used before, against a new pass", n, maxBatch)
		}
	}
	return nil
}

// checkTrainingWorkers asks for the same bits on any number of cores.
func checkTrainingWorkers[T bijector.Float](f *fixture[T]) error {
	if err := f.needGradient(); err != nil {
		return err
	}
	for _, n := range []int{17, f.bigBatch()} {
		alone := f.train(n, 60, bijector.PassOptions{MaxBatch: n})
		err := conform.EachWorkers(func(w *bijector.Workers, k int) error {
			return conform.Prefix(f.train(n, 60, bijector.PassOptions{MaxBatch: n, Workers: w}).compare(alone, conform.Exact),
				"GradPass on %d samples with %d workers must give the bits of none", n, k)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func checkTrainingAllocations[T bijector.Float](f *fixture[T]) error {
	if err := f.needGradient(); err != nil {
		return err
	}
	return conform.Allocations(64, func(o bijector.PassOptions) map[string]func() {
		s := f.train(64, 62, o)
		return map[string]func(){
			"GradPass.Forward": s.forward,
			"GradPass.Backward": func() {
				s.forward()
				s.pass.Backward(s.dx, s.dcond, s.dz, s.x, s.z, s.cond, s.dLogDet)
			},
		}
	})
}
