// The steps that a shard takes on its own in a round of Fit.

package bijoubeam

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/kernel"
	"github.com/bijou-flow/bijou/table"
	"github.com/bijou-flow/bijou/train"
)

// calibrationRows bounds the rows of a shard that statistics of batches are taken of.
const calibrationRows = 4096

// localFn trains on a shard.
type localFn struct {
	Model          Model
	State          string // "": moments are 0
	Taken          int    // steps before
	Steps, Batch   int
	Rate, ClipNorm float64
	Final          float64 // of Total steps; 0 keeps the rate
	Total          int
	WeightDecay    float64
	Seed           uint64
	HeldOut        float64
	Table          table.ReaderOptions
}

func (l *localFn) ProcessElement(ctx context.Context, shard numbered) (shardResult, error) {
	f, err := readTrained(ctx, l.Model)
	if err != nil {
		return shardResult{}, err
	}
	var rows []float32
	draw := drawing{l.Seed, shard.Part}
	_, err = f.eachCodes(ctx, shard.File, l.Table, func(row int, codes []float64) {
		if draw.of(row) < l.HeldOut {
			return
		}
		for _, v := range codes {
			rows = append(rows, float32(v))
		}
	})
	if err == nil && len(rows) == 0 {
		err = fmt.Errorf("bijoubeam: %s has no rows to train on: %w", shard.File, table.ErrInput)
	}
	if err != nil {
		return shardResult{}, err
	}
	t := &localRun{localFn: l, flow: f.Flow, shard: shard.Part, rows: rows, n: len(rows) / f.Dim()}
	if err := t.start(ctx); err != nil {
		return shardResult{}, err
	}
	for k := range l.Steps {
		t.step(l.Taken + k)
	}
	if t.good == 0 {
		return shardResult{}, fmt.Errorf("bijoubeam: %s: no step of round %d has a finite loss and gradient; take a lower rate, or look at the rows: %w", shard.File, l.Taken/l.Steps+1, bijector.ErrNonFinite)
	}
	return t.result(), nil
}

// localRun is a shard at work.
type localRun struct {
	*localFn
	flow    *flow.Flow[float32]
	shard   int
	rows    []float32
	n       int
	pass    bijector.StepPass[float32]
	params  []bijector.Param[float32]
	moments []float32 // the first ones of all parameters, then the second ones
	x       bijector.Mat[float32]
	loss    []float64
	order   []int // of the rows in an epoch
	epoch   int
	sum     float64
	good    int
}

func (t *localRun) start(ctx context.Context) error {
	t.params = t.flow.Params()
	n := 0
	for _, p := range t.params {
		n += len(p.Data)
	}
	t.moments = make([]float32, 2*n)
	if t.State != "" {
		s, err := readSealed[fitState](ctx, t.State)
		if err != nil {
			return err
		}
		if len(s.Moments) != 2*n || s.Model.SHA256 != t.Model.SHA256 {
			return fmt.Errorf("bijoubeam: %s is not the state of %s: %w", t.State, t.Model.Path, ErrFit)
		}
		copy(t.moments, s.Moments)
	}
	t.pass = t.flow.NewStepPass(bijector.PassOptions{MaxBatch: t.Batch, Workers: bijector.NewWorkers(0)})
	t.x, t.loss, t.epoch = bijector.NewMat[float32](t.flow.Dim(), t.Batch), make([]float64, t.Batch), -1
	return nil
}

// step takes step k of all rounds. Its rows follow from k, shard and seed: those of an
// epoch in a shuffled order, one epoch behind the other.
func (t *localRun) step(k int) {
	d := t.flow.Dim()
	for i := range t.Batch {
		at := k*t.Batch + i
		if epoch := at / t.n; epoch != t.epoch {
			t.epoch = epoch
			t.order = rand.New(rand.NewPCG(t.Seed^0x66697473, uint64(t.shard)<<40^uint64(epoch))).Perm(t.n)
		}
		row := t.rows[d*t.order[at%t.n]:]
		for j := range d {
			t.x.Feature(j)[i] = row[j]
		}
	}
	grads := t.pass.Grads()
	for _, g := range grads {
		clear(g)
	}
	t.pass.Step(t.x, bijector.Mat[float32]{}, t.loss)
	mean, norm := 0.0, 0.0
	for _, v := range t.loss {
		mean += v / float64(t.Batch)
	}
	for _, g := range grads {
		norm += kernel.SumSquares(g, 0)
	}
	if norm = math.Sqrt(norm); math.IsNaN(mean+norm) || math.IsInf(mean+norm, 0) {
		return // as package train has it, a bad step changes nothing
	}
	t.sum += mean
	t.good++
	half, at, factor := len(t.moments)/2, 0, 1.0
	if t.Total > 0 {
		factor = train.Cosine{Final: t.Final}.Factor(k, 0, t.Total)
	}
	for i, p := range t.params {
		if t.ClipNorm > 0 && norm > t.ClipNorm {
			kernel.Scale(grads[i], float32(t.ClipNorm/norm))
		}
		rate, decay := t.Rate*factor, t.WeightDecay
		if p.NoDecay {
			decay = 0
		}
		if p.Rate != 0 {
			rate *= p.Rate
		}
		end := at + len(p.Data)
		kernel.Adam(p.Data, grads[i], t.moments[at:end], t.moments[half+at:half+end], kernel.NewAdamStep(k+1, rate, 0.9, 0.999, 1e-8, 0, decay))
		at = end
	}
}

// result is what the shard comes to.
func (t *localRun) result() shardResult {
	t.flow.Invalidate()
	d, n := t.flow.Dim(), min(t.n, calibrationRows)
	x := bijector.NewMat[float32](d, n)
	for i := range n {
		for j := range d {
			x.Feature(j)[i] = t.rows[d*i+j]
		}
	}
	t.flow.Calibrate(x, bijector.Mat[float32]{}, false, nil)
	r := shardResult{Rows: int64(t.n), Loss: t.sum / float64(t.good)}
	for _, p := range t.params {
		r.Values = append(r.Values, p.Data...)
	}
	half := len(t.moments) / 2
	r.Values = append(r.Values, t.moments[:half]...)
	for _, v := range t.moments[half:] { // whose roots are not too small for meanSum
		r.Values = append(r.Values, float32(math.Sqrt(float64(v))))
	}
	for _, b := range floatBuffers(t.flow) {
		r.Floats = append(r.Floats, b...)
	}
	return r
}
