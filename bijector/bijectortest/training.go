package bijectortest

// The contract of GradPass beside its figures: what adds up, what may alias,
// and what results may depend on.

import (
	"fmt"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/conform"
)

// checkTrainingForward compares training with evaluation. A layer with
// statistics of the batch differs until it is calibrated on that batch.
func checkTrainingForward[T bijector.Float](f *fixture[T]) error {
	if !f.trainable {
		return nil
	}
	for _, n := range []int{17, maxBatch} {
		l, err := f.twin()
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

// checkAccumulate starts from gradients that are not zero.
func checkAccumulate[T bijector.Float](f *fixture[T]) error {
	if !f.trainable {
		return nil
	}
	const n = 17
	x, cond := f.data(n, 51)
	rng := f.rng(52)
	s := newStep(f.layer, x, cond, bijector.PassOptions{MaxBatch: n})
	s.forward()
	dz, dLogDet := normals[T](rng, f.d, n), dLogDets(rng, n)
	dx, dcond, grads := s.backward(dz, dLogDet)

	x0, cond0, z0, dz0 := conform.Clone(x), conform.Clone(cond), conform.Clone(s.z), conform.Clone(dz)
	dLogDet0 := append([]float64(nil), dLogDet...)
	gotX, gotCond := conform.Outputs[T](f.d, n), normals[T](rng, f.c, n)
	startCond := conform.Clone(gotCond)
	for _, g := range s.pass.Grads() {
		for i := range g {
			g[i] = T(rng.NormFloat64())
		}
	}
	starts := copyGrads(s.pass.Grads())
	s.forward()
	s.pass.Backward(gotX, gotCond, dz, x, s.z, cond, dLogDet)
	if err := conform.FirstError(
		conform.Mats("x", x, x0, conform.Exact), conform.Mats("cond", cond, cond0, conform.Exact), conform.Mats("z", s.z, z0, conform.Exact),
		conform.Mats("dz", dz, dz0, conform.Exact), conform.Slices("dLogDet", dLogDet, dLogDet0, conform.Exact)); err != nil {
		return conform.Prefix(err, "Backward must leave what it reads unchanged")
	}
	if err := conform.Mats("dx", gotX, dx, conform.Exact); err != nil {
		return conform.Prefix(err, "Backward must overwrite dx, and not depend on what Grads and dcond held")
	}
	// A sum of many terms that started at another value rounds differently.
	tol := 20 * conform.CloseIn[T]()
	for j := range f.c {
		for i := range n {
			dcond.Feature(j)[i] += startCond.Feature(j)[i]
		}
	}
	if err := conform.Mats("dcond", gotCond, dcond, tol); err != nil {
		return conform.Prefix(err, "Backward must add to dcond, which was not zero")
	}
	for k, g := range s.pass.Grads() {
		for i := range grads[k] {
			grads[k][i] += starts[k][i]
		}
		if err := conform.Slices(fmt.Sprintf("Grads[%d]", k), g, grads[k], tol); err != nil {
			return conform.Prefix(err, "Backward must add to Grads, which were not zero")
		}
	}
	return nil
}

// checkBackwardInPlace lets dx be dz, and leaves dcond out.
func checkBackwardInPlace[T bijector.Float](f *fixture[T]) error {
	if !f.trainable {
		return nil
	}
	const n = 17
	x, cond := f.data(n, 53)
	rng := f.rng(54)
	s := newStep(f.layer, x, cond, bijector.PassOptions{MaxBatch: n})
	s.forward()
	dz, dLogDet := normals[T](rng, f.d, n), dLogDets(rng, n)
	dx, dcond, grads := s.backward(dz, dLogDet)
	for _, wanted := range []bool{true, false} {
		d, dc := conform.Clone(dz), bijector.NewMat[T](f.c, n)
		if !wanted {
			dc = bijector.Mat[T]{}
		}
		for _, g := range s.pass.Grads() {
			clear(g)
		}
		s.forward()
		s.pass.Backward(d, dc, d, x, s.z, cond, dLogDet)
		err := conform.Mats("dx", d, dx, conform.Exact)
		if wanted {
			err = conform.FirstError(err, conform.Mats("dcond", dc, dcond, conform.Exact))
		}
		for k, g := range s.pass.Grads() {
			err = conform.FirstError(err, conform.Slices(fmt.Sprintf("Grads[%d]", k), g, grads[k], conform.Exact))
		}
		if err != nil {
			return conform.Prefix(err, "Backward with dx being dz (dcond wanted: %v) must give the bits of out of place", wanted)
		}
	}
	return nil
}

// checkTrainingViews runs a step on views with a stride of their own.
func checkTrainingViews[T bijector.Float](f *fixture[T]) error {
	if !f.trainable {
		return nil
	}
	const n = 17
	x, cond := f.data(n, 55)
	rng := f.rng(56)
	s := newStep(f.layer, x, cond, bijector.PassOptions{MaxBatch: n})
	s.forward()
	dz, dLogDet := normals[T](rng, f.d, n), dLogDets(rng, n)
	dx, dcond, grads := s.backward(dz, dLogDet)

	v := newStep(f.layer, x, cond, bijector.PassOptions{MaxBatch: n})
	var wholeZ, wholeDx, wholeDcond bijector.Mat[T]
	v.x, _ = conform.Framed(x)
	v.cond, _ = conform.Framed(cond)
	v.z, wholeZ = conform.Framed(v.z)
	v.forward()
	gotX, wholeDx := conform.Framed(conform.Outputs[T](f.d, n))
	gotCond, wholeDcond := conform.Framed(bijector.NewMat[T](f.c, n))
	gotDz, _ := conform.Framed(dz)
	v.pass.Backward(gotX, gotCond, gotDz, v.x, v.z, v.cond, dLogDet)
	tol := 20 * conform.CloseIn[T]()
	err := conform.FirstError(
		conform.Intact("z", wholeZ, n), conform.Intact("dx", wholeDx, n), conform.Intact("dcond", wholeDcond, n),
		conform.Mats("z", v.z, s.z, tol), conform.Slices("logDet", v.logDet, s.logDet, tol),
		conform.Mats("dx", gotX, dx, tol), conform.Mats("dcond", gotCond, dcond, tol))
	for k, g := range v.pass.Grads() {
		err = conform.FirstError(err, conform.Slices(fmt.Sprintf("Grads[%d]", k), g, grads[k], tol))
	}
	return conform.Prefix(err, "GradPass on views of larger batches")
}

// checkTrainingSizes uses one pass for batches of different size.
func checkTrainingSizes[T bijector.Float](f *fixture[T]) error {
	if !f.trainable {
		return nil
	}
	used, _ := f.data(1, 57)
	_, usedCond := f.data(1, 57)
	s := newStep(f.layer, used, usedCond, bijector.PassOptions{MaxBatch: maxBatch})
	for _, n := range []int{17, 1, maxBatch, 2} {
		x, cond := f.data(n, 58)
		rng := f.rng(59)
		dz, dLogDet := normals[T](rng, f.d, n), dLogDets(rng, n)
		s.x, s.cond, s.z, s.logDet = x, cond, conform.Outputs[T](f.d, n), make([]float64, n)
		s.forward()
		dx, dcond, grads := s.backward(dz, dLogDet)
		fresh := newStep(f.layer, x, cond, bijector.PassOptions{MaxBatch: n})
		fresh.forward()
		wantX, wantCond, wantGrads := fresh.backward(dz, dLogDet)
		err := conform.FirstError(
			conform.Mats("z", s.z, fresh.z, conform.Exact), conform.Slices("logDet", s.logDet, fresh.logDet, conform.Exact),
			conform.Mats("dx", dx, wantX, conform.Exact), conform.Mats("dcond", dcond, wantCond, conform.Exact))
		for k := range grads {
			err = conform.FirstError(err, conform.Slices(fmt.Sprintf("Grads[%d]", k), grads[k], wantGrads[k], conform.Exact))
		}
		if err != nil {
			return conform.Prefix(err, "a batch of %d samples by a pass for %d that was used before, against a new pass", n, maxBatch)
		}
	}
	return nil
}

// checkTrainingWorkers asks for the same bits on any number of cores.
func checkTrainingWorkers[T bijector.Float](f *fixture[T]) error {
	if !f.trainable {
		return nil
	}
	for _, n := range []int{17, f.bigBatch()} {
		x, cond := f.data(n, 60)
		rng := f.rng(61)
		dz, dLogDet := normals[T](rng, f.d, n), dLogDets(rng, n)
		s := newStep(f.layer, x, cond, bijector.PassOptions{MaxBatch: n})
		s.forward()
		dx, dcond, grads := s.backward(dz, dLogDet)
		for k := 1; k <= 3; k++ {
			w := bijector.NewWorkers(k)
			p := newStep(f.layer, x, cond, bijector.PassOptions{MaxBatch: n, Workers: w})
			p.forward()
			gotX, gotCond, got := p.backward(dz, dLogDet)
			w.Close()
			err := conform.FirstError(
				conform.Mats("z", p.z, s.z, conform.Exact), conform.Slices("logDet", p.logDet, s.logDet, conform.Exact),
				conform.Mats("dx", gotX, dx, conform.Exact), conform.Mats("dcond", gotCond, dcond, conform.Exact))
			for i := range got {
				err = conform.FirstError(err, conform.Slices(fmt.Sprintf("Grads[%d]", i), got[i], grads[i], conform.Exact))
			}
			if err != nil {
				return conform.Prefix(err, "GradPass on %d samples with %d workers must give the bits of none", n, k)
			}
		}
	}
	return nil
}

func checkTrainingAllocations[T bijector.Float](f *fixture[T]) error {
	if conform.Raced {
		return nil
	}
	if !f.trainable {
		return nil
	}
	const n = 64
	x, cond := f.data(n, 62)
	rng := f.rng(63)
	dz, dLogDet := normals[T](rng, f.d, n), dLogDets(rng, n)
	dx, dcond := conform.Outputs[T](f.d, n), bijector.NewMat[T](f.c, n)
	w := bijector.NewWorkers(2)
	defer w.Close()
	for _, o := range []bijector.PassOptions{{MaxBatch: n}, {MaxBatch: n, Workers: w}} {
		s := newStep(f.layer, x, cond, o)
		if a := testing.AllocsPerRun(5, s.forward); a > 0 {
			return fmt.Errorf("GradPass.Forward allocates %v times a call (workers: %d); make buffers and closures in NewGradPass", a, o.Workers.Count())
		}
		a := testing.AllocsPerRun(5, func() {
			s.forward()
			s.pass.Backward(dx, dcond, dz, s.x, s.z, s.cond, dLogDet)
		})
		if a > 0 {
			return fmt.Errorf("GradPass.Backward allocates %v times a call (workers: %d); make buffers and closures in NewGradPass", a, o.Workers.Count())
		}
	}
	return nil
}
