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

// gradient takes Adam's step of a round. Of buffers, shards without weight have none.
func (p *stepOf) gradient(a adam, rounds int) error {
	if p.mean.Rows == 0 {
		return fmt.Errorf("bijoubeam: round %d: no shard has a finite loss and gradient; take a lower rate, or look at the rows: %w", rounds+1, bijector.ErrNonFinite)
	}
	params := p.flow.Params()
	at, norm := 0, 0.0
	grads := make([][]float32, len(params))
	for i, param := range params {
		grads[i] = make([]float32, len(param.Data))
		for j := range grads[i] {
			norm += p.values[at] * p.values[at]
			grads[i][j] = float32(p.values[at])
			at++
		}
	}
	a.step(rounds, params, grads, math.Sqrt(norm), p.moments)
	return nil
}

// adam is the optimizer of the options.
func (o FitOptions) adam() adam {
	a := adam{Rate: o.Rate, ClipNorm: o.ClipNorm, WeightDecay: o.WeightDecay}
	if o.Final > 0 {
		a.Final, a.Total = o.Final, o.Rounds*o.Steps
	}
	return a
}
