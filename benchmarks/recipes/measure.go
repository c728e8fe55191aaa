// What is measured of a flow.

package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"gonum.org/v1/gonum/mat"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/train"
)

// result is a row's figures: means over seeds, but for the extremes.
type result struct {
	mean, lowest, highest       float64 // test loss
	trained                     float64 // training loss over the last epoch
	seconds                     float64 // of training
	densitySeconds, drawSeconds float64 // seconds a row, of timed
	params                      int
	roundTrip, gain             float64 // worst of all seeds
}

// meanOverSeeds trains a variant with each seed. more adds to the figures of each
// flow; nil: nothing, and times are taken instead.
func meanOverSeeds(ctx context.Context, v variant, d data, a arguments, more func(*flow.Flow[float32], data, *result) error, log io.Writer) (result, error) {
	r := result{lowest: math.Inf(1), highest: math.Inf(-1)}
	for _, seed := range a.seeds {
		chain, err := v.chain(seed)
		if err != nil {
			return r, err
		}
		f, err := flow.New(chain, distribution.StandardNormal[float32](d.dim))
		if err != nil {
			return r, err
		}
		var steps stepTimes
		o := trainOptions(a.epochs, v.decay, seed)
		o.Observer = &steps
		report, err := train.Fit(ctx, f, d.train, o)
		if err != nil {
			return r, fmt.Errorf("%s: %w", v.name, err)
		}
		loss, err := train.Evaluate(ctx, f, d.test)
		if err != nil {
			return r, err
		}
		fmt.Fprintf(log, "%s %s, seed %d: %.3f nats, %.0f s\n", v.name, v.size, seed, loss, report.Time.Seconds())
		n := float64(len(a.seeds))
		r.mean += loss / n
		r.lowest, r.highest = min(r.lowest, loss), max(r.highest, loss)
		r.trained += report.Loss() / n
		r.seconds += steps.total() / n
		if more == nil {
			more = measureTimes
		}
		if err := more(f, d, &r); err != nil {
			return r, err
		}
	}
	return r, nil
}

// stepTimes is an Observer that times steps.
type stepTimes struct {
	last  time.Time
	times []time.Duration
}

func (s *stepTimes) Epoch(train.EpochEvent) { s.last = time.Time{} }

func (s *stepTimes) Step(train.StepEvent) {
	now := time.Now()
	if !s.last.IsZero() {
		s.times = append(s.times, now.Sub(s.last))
	}
	s.last = now
}

// total is the seconds of all steps, had each taken as long as the fastest
// tenth takes at most: what else the machine does is left out.
func (s *stepTimes) total() float64 {
	if len(s.times) == 0 {
		return 0
	}
	slices.Sort(s.times)
	return s.times[len(s.times)/10].Seconds() * float64(len(s.times))
}

// fastest repeats f for a second, ten times at least, and returns the seconds of
// the fastest run.
func fastest(f func() error) (float64, error) {
	best, start := math.Inf(1), time.Now()
	for i := 0; i < 10 || time.Since(start) < time.Second; i++ {
		from := time.Now()
		if err := f(); err != nil {
			return 0, err
		}
		best = min(best, time.Since(from).Seconds())
	}
	return best, nil
}

// timedRows is how many rows are scored and drawn at a time: few, so that a busy machine lets a run
// pass now and then.
const timedRows = 100

// measureTimes measures scoring and drawing.
func measureTimes(f *flow.Flow[float32], d data, r *result) error {
	r.params = 0
	for _, p := range f.Params() {
		r.params += len(p.Data)
	}
	x, given := firstRows(d.x, timedRows), f.Given(firstRows(d.digits, timedRows))
	logp, draws, rng := make([]float64, timedRows), make([]float32, timedRows*d.dim), rand.New(rand.NewPCG(1, 2))
	var err error
	if r.densitySeconds, err = fastest(func() error { return given.LogProbInto(logp, x) }); err != nil {
		return err
	}
	r.drawSeconds, err = fastest(func() error { return given.SampleInto(draws, rng) })
	r.densitySeconds, r.drawSeconds = r.densitySeconds/timedRows, r.drawSeconds/timedRows
	return err
}

// stability measures how well the flow inverts: the worst |x - f^-1(f(x))| over
// the test set, and how far the inverse carries a small step in latent space
// at most, the largest singular value of its Jacobian over test rows.
func stability(f *flow.Flow[float32], d data, r *result) error {
	given := f.Given(d.digits)
	z, err := given.Forward(d.x)
	if err != nil {
		return err
	}
	back, err := given.Inverse(z)
	if err != nil {
		return err
	}
	for i, v := range d.x.Float32s() {
		r.roundTrip = max(r.roundTrip, math.Abs(float64(v-back.Float32s()[i])))
	}
	const step = 1e-2
	for i := range min(d.x.Shape()[0], 1000) {
		rows := bijector.NewRows[float32](2*d.dim, d.dim)
		for j := range d.dim {
			for k, h := range []float32{step, -step} {
				row := rows.Row(2*j + k)
				copy(row, z.Row(i))
				row[j] += h
			}
		}
		x, err := f.Given(rowOf(d.digits, i)).Inverse(rows)
		if err != nil {
			return err
		}
		jacobian := mat.NewDense(d.dim, d.dim, nil)
		for j := range d.dim {
			for k := range d.dim {
				at := x.Float32s()[2*j*d.dim:]
				jacobian.Set(k, j, float64(at[k]-at[d.dim+k])/(2*step))
			}
		}
		var svd mat.SVD
		if !svd.Factorize(jacobian, mat.SVDNone) {
			return fmt.Errorf("the Jacobian at test row %d has no singular values", i)
		}
		r.gain = max(r.gain, svd.Values(nil)[0])
	}
	return nil
}

// firstRows is the first n rows.
func firstRows(x *bijector.Rows[float32], n int) *bijector.Rows[float32] {
	h := bijector.NewRows[float32](n, x.Dim())
	copy(h.Values(), x.Values())
	return h
}

func rowOf(x *bijector.Rows[float32], i int) *bijector.Rows[float32] {
	r := bijector.NewRows[float32](1, x.Dim())
	copy(r.Values(), x.Row(i))
	return r
}
