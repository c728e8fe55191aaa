// A round of Fit: its pipeline, and the state that it leaves.

package bijoubeam

import (
	"context"
	"fmt"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
)

// round runs a round and leaves its files.
func (o FitOptions) round(ctx context.Context, dir string, s *fitState, shards []string) (*fitState, error) {
	f, err := readTrained(ctx, s.Model)
	if err != nil {
		return nil, err
	}
	p := beam.NewPipeline()
	root := p.Root().Scope("bijoubeam.Fit")
	local := &localFn{
		Fit: s.Identity, Model: s.Model, Taken: s.Round * o.Steps, Steps: o.Steps, Batch: o.Batch,
		Gradients: o.Gradients, Adam: o.adam(), Seed: o.Seed, HeldOut: o.HeldOut, Table: o.Table,
	}
	if s.Round > 0 {
		local.State = statePath(dir, s.Round)
	}
	results := beam.ParDo(root, local, numberedFiles(root, shards))
	beam.ParDo0(root, &keepMeanFn{Path: meanPath(dir, s.Round+1)}, beam.CombinePerKey(root, &meanFn{}, results))
	if err := o.Run(ctx, p); err != nil {
		return nil, fmt.Errorf("bijoubeam: round %d: %w", s.Round+1, err)
	}
	report := Round{Round: s.Round + 1, Seen: int64(s.Round+1) * int64(o.Steps) * int64(o.Batch) * int64(len(shards))}
	means, back := make([]*meanSum, len(f.flows)), 0
	for k := range means {
		if means[k], err = readMean(ctx, memberPath(meanPath(dir, s.Round+1), k)); err != nil {
			return nil, err
		}
		back += means[k].Shards
		report.add(means[k])
	}
	if back != len(shards) {
		return nil, fmt.Errorf("bijoubeam: round %d: %d shards came back, want %d: %w", s.Round+1, back, len(shards), ErrFit)
	}
	next, err := o.step(s, f, means)
	if err != nil {
		return nil, err
	}
	if err := next.save(ctx, dir, f); err != nil {
		return nil, err
	}
	if report.Model = next.Model; o.Report != nil {
		o.Report(report)
	}
	return next, nil
}

// add counts in the shards of a flow.
func (r *Round) add(m *meanSum) {
	if m.Rows > 0 {
		r.Loss = (r.Loss*float64(r.Rows) + m.loss()*float64(m.Rows)) / float64(r.Rows+m.Rows)
	}
	r.Rows, r.Bytes = r.Rows+m.Rows, r.Bytes+m.Bytes
}

// step makes the state of the next round of the means of this one, a mean for each flow.
func (o FitOptions) step(s *fitState, f *trained, means []*meanSum) (*fitState, error) {
	next, from, rows := &fitState{Identity: s.Identity, Round: s.Round + 1}, 0, make([]float64, len(means))
	for k, one := range f.flows {
		n := countParams(one.Params())
		part := &stepOf{flow: one, mean: means[k], values: means[k].means(), moments: make([]float32, 2*n)}
		copy(part.moments, partOf(s.Moments, 2*from, 2*n))
		if o.OuterMomentum > 0 {
			part.velocity = make([]float64, n)
			copy(part.velocity, partOf(s.Velocity, from, n))
		}
		if err := part.take(o, s.Round); err != nil {
			return nil, err
		}
		one.Invalidate()
		next.Moments, next.Velocity = append(next.Moments, part.moments...), append(next.Velocity, part.velocity...)
		from, rows[k] = from+n, float64(means[k].Rows)
	}
	return next, f.weigh(rows)
}

// partOf is a part of values, of which none are there before the first round.
func partOf[V any](values []V, from, n int) []V {
	if len(values) < from+n {
		return nil
	}
	return values[from : from+n]
}

// stepOf is the step of a flow from one round to the next.
type stepOf struct {
	flow     *flow.Flow[float32]
	mean     *meanSum
	values   []float64 // of the mean: loss, what Gradients says, statistics of batches
	moments  []float32 // of Adam: first ones, then second ones
	velocity []float64 // of the outer momentum; nil: none
}

// take takes it behind so many rounds.
func (p *stepOf) take(o FitOptions, rounds int) error {
	params, buffers := p.flow.Params(), floatBuffers(p.flow)
	n := countParams(params)
	want := 1 + n + count(buffers)
	if !o.Gradients {
		want += 2 * n
	}
	if len(p.values) != want {
		return fmt.Errorf("bijoubeam: %d values came back of a model of %d: %w", len(p.values), n, ErrFit)
	}
	statistics := p.values[want-count(buffers):]
	if p.values = p.values[1 : want-count(buffers)]; o.Gradients {
		if err := p.gradient(o.adam(), rounds); err != nil {
			return err
		}
	} else {
		p.average(o)
	}
	for _, b := range buffers {
		statistics = statistics[copy(b, statistics):]
	}
	return nil
}

// average takes the mean of the shards' parameters, or a step towards it.
func (p *stepOf) average(o FitOptions) {
	at := 0
	for _, param := range p.flow.Params() {
		for i, old := range param.Data {
			step := float64(old) - p.values[at]
			if o.OuterMomentum > 0 {
				u := o.OuterMomentum*p.velocity[at] + step
				p.velocity[at] = u
				step += o.OuterMomentum * u
			}
			param.Data[i] = float32(float64(old) - o.OuterRate*step)
			if o.OuterMomentum == 0 && o.OuterRate == 1 {
				param.Data[i] = float32(p.values[at])
			}
			at++
		}
	}
	half := len(p.moments) / 2
	for i := range p.moments {
		if v := p.values[at+i]; i < half {
			p.moments[i] = float32(v)
		} else {
			p.moments[i] = float32(v * v)
		}
	}
}

// floatBuffers are the statistics of a flow that can be averaged.
func floatBuffers(f *flow.Flow[float32]) (all [][]float64) {
	for _, b := range f.Buffers() {
		if v, ok := b.Data.([]float64); ok {
			all = append(all, v)
		}
	}
	return all
}

// countParams counts the values of parameters.
func countParams(params []bijector.Param[float32]) (n int) {
	for _, p := range params {
		n += len(p.Data)
	}
	return n
}

func count(all [][]float64) (n int) {
	for _, v := range all {
		n += len(v)
	}
	return n
}
