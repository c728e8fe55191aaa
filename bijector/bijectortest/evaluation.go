// The contract of Pass: what it writes, what it leaves alone, and what its
// results may depend on.

package bijectortest

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/conform"
	"github.com/bijou-flow/bijou/internal/rows"
)

// direction is one method of a pass with data to run it on.
type direction[T bijector.Float] struct {
	name     string
	in, cond bijector.Mat[T]
	run      func(p bijector.Pass[T], out, in, cond bijector.Mat[T], logDet []float64)
}

// directions draws n samples for both methods.
func (f *fixture[T]) directions(n int, stream uint64) []direction[T] {
	x, cond := f.data(n, stream)
	z, _ := forward(f.layer, x, cond)
	return []direction[T]{
		{"Pass.Forward", x, cond, func(p bijector.Pass[T], out, in, cond bijector.Mat[T], logDet []float64) {
			p.Forward(out, in, cond, logDet)
		}},
		{"Pass.Inverse", z, cond, func(p bijector.Pass[T], out, in, cond bijector.Mat[T], logDet []float64) {
			p.Inverse(out, in, cond, logDet)
		}},
	}
}

// result runs the direction with a new pass.
func (d direction[T]) result(l bijector.Layer[T], o bijector.PassOptions) (out bijector.Mat[T], logDet []float64) {
	return d.resultOf(l.NewPass(o))
}

func (d direction[T]) resultOf(p bijector.Pass[T]) (out bijector.Mat[T], logDet []float64) {
	out, logDet = conform.Outputs[T](d.in.D, d.in.N), make([]float64, d.in.N)
	d.run(p, out, d.in, d.cond, logDet)
	return out, logDet
}

func (d direction[T]) samples(lo, hi int) direction[T] {
	d.in, d.cond = d.in.Samples(lo, hi), d.cond.Samples(lo, hi)
	return d
}

func checkLogDetAdded[T bijector.Float](f *fixture[T]) error {
	for _, d := range f.directions(17, 20) {
		out, want := d.result(f.layer, bijector.PassOptions{MaxBatch: 17})
		got := make([]float64, len(want))
		for i := range got {
			got[i] = float64(i + 1)
			want[i] += float64(i + 1)
		}
		d.run(f.layer.NewPass(bijector.PassOptions{MaxBatch: 17}), out, d.in, d.cond, got)
		if err := conform.Slices("logDet", got, want, 1e-11); err != nil {
			return conform.Prefix(err, "%s must add to logDet, which held 1, 2, 3 and so on", d.name)
		}
	}
	return nil
}

func checkInPlace[T bijector.Float](f *fixture[T]) error {
	for _, d := range f.directions(17, 21) {
		x, cond := conform.Clone(d.in), conform.Clone(d.cond)
		out, logDet := d.result(f.layer, bijector.PassOptions{MaxBatch: 17})
		if err := conform.FirstError(conform.Mats("its input", d.in, x, conform.Exact), conform.Mats("its context", d.cond, cond, conform.Exact)); err != nil {
			return conform.Prefix(err, "%s out of place must leave what it reads unchanged", d.name)
		}
		ld := make([]float64, d.in.N)
		d.run(f.layer.NewPass(bijector.PassOptions{MaxBatch: 17}), x, x, cond, ld)
		if err := conform.FirstError(conform.Mats("output", x, out, conform.Exact), conform.Slices("logDet", ld, logDet, conform.Exact)); err != nil {
			return conform.Prefix(err, "%s in place must give the bits of out of place", d.name)
		}
	}
	return nil
}

func checkViews[T bijector.Float](f *fixture[T]) error {
	for _, d := range f.directions(17, 22) {
		out, logDet := d.result(f.layer, bijector.PassOptions{MaxBatch: 17})
		in, wholeIn := conform.Framed(d.in)
		cond, wholeCond := conform.Framed(d.cond)
		got, wholeOut := conform.Framed(conform.Outputs[T](f.d, d.in.N))
		ld := make([]float64, d.in.N)
		d.run(f.layer.NewPass(bijector.PassOptions{MaxBatch: 17}), got, in, cond, ld)
		err := conform.FirstError(
			conform.Intact("input", wholeIn, d.in.N), conform.Intact("context", wholeCond, d.in.N), conform.Intact("output", wholeOut, d.in.N),
			conform.Mats("output", got, out, conform.CloseIn[T]()),
			conform.Slices("logDet", ld, logDet, conform.CloseIn[T]()))
		if err != nil {
			return conform.Prefix(err, "%s on views of larger batches", d.name)
		}
	}
	return nil
}

// checkRows replaces all rows but one: that row must not notice.
func checkRows[T bijector.Float](f *fixture[T]) error {
	const n = 9
	others := f.directions(n, 24)
	for k, d := range f.directions(n, 23) {
		out, logDet := d.result(f.layer, bijector.PassOptions{MaxBatch: n})
		for i := range n {
			o := others[k]
			o.in, o.cond = conform.Clone(o.in), conform.Clone(o.cond)
			o.in.Samples(i, i+1).CopyFrom(d.in.Samples(i, i+1))
			o.cond.Samples(i, i+1).CopyFrom(d.cond.Samples(i, i+1))
			got, ld := o.result(f.layer, bijector.PassOptions{MaxBatch: n})
			err := conform.FirstError(
				conform.Mats("output", got.Samples(i, i+1), out.Samples(i, i+1), conform.Exact),
				conform.Slices("logDet", ld[i:i+1], logDet[i:i+1], conform.Exact))
			if err != nil {
				return conform.Prefix(err, "%s of row %d depends on the rows beside it", d.name, i)
			}
		}
	}
	return nil
}

func checkNaN[T bijector.Float](f *fixture[T]) error {
	const n, bad = 33, 17
	for _, d := range f.directions(n, 25) {
		out, logDet := d.result(f.layer, bijector.PassOptions{MaxBatch: n})
		d.in, d.cond = conform.Clone(d.in), conform.Clone(d.cond)
		for j := range f.d {
			d.in.Feature(j)[bad] = T(math.NaN())
		}
		got, ld := d.result(f.layer, bijector.PassOptions{MaxBatch: n})
		for _, r := range [][2]int{{0, bad}, {bad + 1, n}} {
			err := conform.FirstError(
				conform.Mats("output", got.Samples(r[0], r[1]), out.Samples(r[0], r[1]), conform.Exact),
				conform.Slices("logDet", ld[r[0]:r[1]], logDet[r[0]:r[1]], conform.Exact))
			if err != nil {
				return conform.Prefix(err, "%s with NaN in row %d, rows %d to %d", d.name, bad, r[0], r[1]-1)
			}
		}
	}
	return nil
}

// checkSizes uses one pass for batches of different size.
func checkSizes[T bijector.Float](f *fixture[T]) error {
	for _, d := range f.directions(maxBatch, 26) {
		out, logDet := d.result(f.layer, bijector.PassOptions{MaxBatch: maxBatch + 30})
		p := f.layer.NewPass(bijector.PassOptions{MaxBatch: maxBatch})
		for _, n := range []int{17, 1, maxBatch, 2} {
			got, ld := d.samples(0, n).resultOf(p)
			err := conform.FirstError(
				conform.Mats("output", got, out.Samples(0, n), conform.CloseIn[T]()),
				conform.Slices("logDet", ld, logDet[:n], conform.CloseIn[T]()))
			if err != nil {
				return conform.Prefix(err, "%s of %d samples by a pass for %d, against one batch of all", d.name, n, maxBatch)
			}
		}
	}
	return nil
}

// checkContext asks that a conditional layer reads its context.
func checkContext[T bijector.Float](f *fixture[T]) error {
	if f.c == 0 {
		return conform.Skip("the layer is unconditional: its ContextDim is 0")
	}
	x, cond := f.data(17, 27)
	_, other := f.data(17, 28)
	z, ld := forward(f.layer, x, cond)
	z2, ld2 := forward(f.layer, x, other)
	if conform.Mats("", z, z2, conform.Exact) == nil && conform.Slices("", ld, ld2, conform.Exact) == nil {
		return fmt.Errorf("the ContextDim is %d, but another context gives the same output and log-det", f.c)
	}
	return nil
}

// bigBatch is enough samples for a layer to share its work among cores.
func (f *fixture[T]) bigBatch() int { return min(20_000/f.d+1, 2_000) }

func checkWorkers[T bijector.Float](f *fixture[T]) error {
	for _, n := range []int{17, f.bigBatch()} {
		for _, d := range f.directions(n, 29) {
			out, logDet := d.result(f.layer, bijector.PassOptions{MaxBatch: n})
			err := conform.EachWorkers(func(w *bijector.Workers, k int) error {
				got, ld := d.result(f.layer, bijector.PassOptions{MaxBatch: n, Workers: w})
				return conform.Prefix(conform.FirstError(conform.Mats("output", got, out, conform.Exact), conform.Slices("logDet", ld, logDet, conform.Exact)),
					"%s of %d samples with %d workers must give the bits of none", d.name, n, k)
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// checkConcurrent runs a pass a goroutine.
func checkConcurrent[T bijector.Float](f *fixture[T]) error {
	return conform.Concurrent(func() func() error {
		dirs := f.directions(33, 30)
		return func() (err error) {
			for _, d := range dirs {
				err = conform.FirstError(err, d.checkRepeatable(f.layer.NewPass(bijector.PassOptions{MaxBatch: 33})))
			}
			return err
		}
	})
}

// checkRepeatable asks a pass for the same result again and again.
func (d direction[T]) checkRepeatable(p bijector.Pass[T]) error {
	out, logDet := d.resultOf(p)
	for range 3 {
		got, ld := d.resultOf(p)
		err := conform.FirstError(conform.Mats("output", got, out, conform.Exact), conform.Slices("logDet", ld, logDet, conform.Exact))
		if err != nil {
			return conform.Prefix(err, "%s", d.name)
		}
	}
	return nil
}

func checkAllocations[T bijector.Float](f *fixture[T]) error {
	return conform.Allocations(64, func(o bijector.PassOptions) map[string]func() {
		calls := map[string]func(){}
		for _, d := range f.directions(64, 31) {
			p, out, logDet := f.layer.NewPass(o), conform.Outputs[T](f.d, 64), make([]float64, 64)
			calls[d.name] = func() { d.run(p, out, d.in, d.cond, logDet) }
		}
		return calls
	})
}

// checkCalibrate asks that Calibrate leaves its input alone, and does the same
// on any number of cores.
func checkCalibrate[T bijector.Float](f *fixture[T]) error {
	if _, ok := f.layer.(bijector.Calibrator[T]); !ok {
		return conform.Skip("a %T is no bijector.Calibrator", f.layer)
	}
	n := f.bigBatch()
	x, cond := f.data(n, 32)
	before, condBefore := conform.Clone(x), conform.Clone(cond)
	probe, probeCond := f.data(17, 33)
	var want bijector.Mat[T]
	for k := range 4 {
		l, err := f.newLayer()
		if err != nil {
			return err
		}
		var w *bijector.Workers
		if k > 0 {
			w = bijector.NewWorkers(k)
		}
		for _, start := range []bool{true, false} {
			l.(bijector.Calibrator[T]).Calibrate(x, cond, start, w)
		}
		w.Close()
		if err := conform.FirstError(conform.Mats("its input", x, before, conform.Exact), conform.Mats("its context", cond, condBefore, conform.Exact)); err != nil {
			return conform.Prefix(err, "Calibrate must leave what it reads unchanged")
		}
		z, logDet := forward(l, probe, probeCond)
		for i, v := range logDet {
			if !rows.IsFinite(v) {
				return fmt.Errorf("after Calibrate the log-det of row %d is %v", i, v)
			}
		}
		if k == 0 {
			want = z
		} else if err := conform.Mats("z", z, want, conform.Exact); err != nil {
			return conform.Prefix(err, "after Calibrate with %d workers, against none", k)
		}
	}
	return nil
}
