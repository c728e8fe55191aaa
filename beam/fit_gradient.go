// Rounds that are a step of one machine: the mean of the shards' gradients, and one Adam.

package bijoubeam

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
	"github.com/bijou-flow/bijou/train"
)

// adam is AdamW as rounds and shards take it.
type adam struct {
	Rate, ClipNorm, WeightDecay float64
	Final                       float64 // share of the rate behind Total steps; 0 keeps it
	Total                       int
}

// step takes step k, counted from 0: moments are the first ones of all parameters, then the
// second ones, and norm is that of the gradients, which are scaled where it is above ClipNorm.
func (a *adam) step(k int, params []bijector.Param[float32], grads [][]float32, norm float64, moments []float32) {
	half, at, factor, scale := len(moments)/2, 0, 1.0, 1.0
	if a.Total > 0 {
		factor = train.Cosine{Final: a.Final}.Factor(k, 0, a.Total)
	}
	if a.ClipNorm > 0 && norm > a.ClipNorm {
		scale = a.ClipNorm / norm
	}
	for i, p := range params {
		rate, decay := a.Rate*factor, a.WeightDecay
		if p.NoDecay {
			decay = 0
		}
		if p.Rate != 0 {
			rate *= p.Rate
		}
		end, step := at+len(p.Data), kernel.NewAdamStep(k+1, rate, 0.9, 0.999, 1e-8, 0, decay)
		step.Scale = scale
		kernel.Adam(p.Data, grads[i], moments[at:end], moments[half+at:half+end], grads[i], step)
		at = end
	}
}

// gradient is what a shard comes to in a round of gradients. Where loss or gradient is not finite
// it has no rows, and so no weight.
func (t *localRun) gradient() shardResult {
	loss, norm := t.lossAndNorm(t.Taken)
	r := shardResult{Rows: int64(t.rows.n), Loss: loss}
	for _, g := range t.pass.Grads() {
		r.Values = append(r.Values, g...)
	}
	if math.IsNaN(loss+norm) || math.IsInf(loss+norm, 0) {
		r.Rows, r.Loss = 0, 0
		clear(r.Values)
	}
	r.Floats = t.statistics()
	return r
}

// gradientStep takes Adam's step of a round and returns its moments. Of buffers, shards without
// weight have none.
func (o FitOptions) gradientStep(s *fitState, f *trained, mean *meanSum) ([]float32, error) {
	if mean.Rows == 0 {
		return nil, fmt.Errorf("bijoubeam: round %d: no shard has a finite loss and gradient; take a lower rate, or look at the rows: %w", s.Round+1, bijector.ErrNonFinite)
	}
	params := f.Params()
	n, buffers := countParams(params), floatBuffers(f.Flow)
	values := mean.means()
	if len(values) != 1+n+count(buffers) {
		return nil, fmt.Errorf("bijoubeam: %d values came back of a model of %d: %w", len(values), n, ErrFit)
	}
	moments := make([]float32, 2*n)
	copy(moments, s.Moments)
	at, norm := 1, 0.0 // behind the loss
	grads := make([][]float32, len(params))
	for i, p := range params {
		grads[i] = make([]float32, len(p.Data))
		for j := range grads[i] {
			norm += values[at] * values[at]
			grads[i][j] = float32(values[at])
			at++
		}
	}
	a := o.adam()
	a.step(s.Round, params, grads, math.Sqrt(norm), moments)
	for _, b := range buffers {
		at += copy(b, values[at:])
	}
	f.Invalidate()
	return moments, nil
}

// adam is the optimizer of the options.
func (o FitOptions) adam() adam {
	a := adam{Rate: o.Rate, ClipNorm: o.ClipNorm, WeightDecay: o.WeightDecay}
	if o.Final > 0 {
		a.Final, a.Total = o.Final, o.Rounds*o.Steps
	}
	return a
}
