// The steps that a shard takes on its own in a round of Fit.

package bijoubeam

import (
	"context"
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/kernel"
	"github.com/bijou-flow/bijou/table"
)

// calibrationRows bounds the rows of a shard that statistics of batches are taken of.
const calibrationRows = 4096

// localFn trains on a shard.
type localFn struct {
	Fit          string // its identity
	Model        Model
	State        string // "": moments are 0
	Taken        int    // steps before
	Steps, Batch int
	Gradients    bool // for a step of all shards
	Adam         adam
	Seed         uint64
	HeldOut      float64
	Table        table.ReaderOptions

	// Gradients leave the model as it is, which then is for all shards of this worker.
	read *trained
	runs map[int]*localRun // by flow
}

// ProcessElement trains on a shard, and says which flow of a mixture it trained.
func (l *localFn) ProcessElement(ctx context.Context, shard numbered) (int, shardResult, error) {
	f, err := l.model(ctx)
	if err != nil {
		return 0, shardResult{}, err
	}
	rows, err := l.rowsOf(ctx, f, shard)
	if err != nil {
		return 0, shardResult{}, err
	}
	member := f.member(shard.Part)
	t := l.runs[member]
	if t == nil {
		t = &localRun{localFn: l}
		if err := t.start(ctx, f, member); err != nil {
			return 0, shardResult{}, err
		}
		if l.Gradients {
			l.runs[member] = t
		}
	}
	t.shard, t.rows, t.epoch = shard.Part, rows, -1
	if l.Gradients {
		return member, t.gradient(), nil
	}
	for k := range l.Steps {
		t.step(l.Taken + k)
	}
	if t.good == 0 {
		return 0, shardResult{}, fmt.Errorf("bijoubeam: %s: no step of round %d has a finite loss and gradient; take a lower rate, or look at the rows: %w", shard.File, l.Taken/l.Steps+1, bijector.ErrNonFinite)
	}
	return member, t.result(), nil
}

// model is that of the round: read anew for each shard that trains it.
func (l *localFn) model(ctx context.Context) (*trained, error) {
	if l.read != nil {
		return l.read, nil
	}
	f, err := readTrained(ctx, l.Model)
	if err == nil && l.Gradients {
		l.read, l.runs = f, make(map[int]*localRun)
	}
	return f, err
}

// localRun is a shard at work.
type localRun struct {
	*localFn
	flow    *flow.Flow[float32]
	shard   int
	rows    *shardRows
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

func (t *localRun) start(ctx context.Context, f *trained, member int) error {
	t.flow = f.flows[member]
	t.params = t.flow.Params()
	n := countParams(t.params)
	if !t.Gradients {
		t.moments = make([]float32, 2*n)
	}
	if !t.Gradients && t.State != "" {
		s, err := readSealed[fitState](ctx, t.State)
		if err != nil {
			return err
		}
		before, total := 0, 0
		for k, one := range f.flows {
			if k == member {
				before = total
			}
			total += countParams(one.Params())
		}
		if len(s.Moments) != 2*total || s.Model.SHA256 != t.Model.SHA256 {
			return fmt.Errorf("bijoubeam: %s is not the state of %s: %w", t.State, t.Model.Path, ErrFit)
		}
		copy(t.moments, s.Moments[2*before:])
	}
	t.pass = t.flow.NewStepPass(bijector.PassOptions{MaxBatch: t.Batch, Workers: bijector.NewWorkers(0)})
	t.x, t.loss = bijector.NewMat[float32](t.flow.Dim(), t.Batch), make([]float64, t.Batch)
	return nil
}

// lossAndNorm has the pass take the gradient of step k of all rounds, and returns the mean of its
// rows' losses and the norm of the gradient. Its rows follow from k, shard and seed: those of an
// epoch in a shuffled order, one epoch behind the other.
func (t *localRun) lossAndNorm(k int) (mean, norm float64) {
	d := t.flow.Dim()
	for i := range t.Batch {
		at := k*t.Batch + i
		if epoch := at / t.rows.n; epoch != t.epoch {
			t.epoch, t.order = epoch, t.rows.inEpoch(t.Seed, t.shard, epoch)
		}
		row := t.rows.values[d*t.order[at%t.rows.n]:]
		for j := range d {
			t.x.Feature(j)[i] = row[j]
		}
	}
	grads := t.pass.Grads()
	for _, g := range grads {
		clear(g)
	}
	t.pass.Step(t.x, bijector.Mat[float32]{}, t.loss)
	for _, v := range t.loss {
		mean += v / float64(t.Batch)
	}
	for _, g := range grads {
		norm += kernel.SumSquares(g, 0)
	}
	return mean, math.Sqrt(norm)
}

// step takes step k of all rounds on the shard alone.
func (t *localRun) step(k int) {
	mean, norm := t.lossAndNorm(k)
	if math.IsNaN(mean+norm) || math.IsInf(mean+norm, 0) {
		return // as package train has it, a bad step changes nothing
	}
	t.sum += mean
	t.good++
	t.Adam.step(k, t.params, t.pass.Grads(), norm, t.moments)
}

// result is what the shard comes to.
func (t *localRun) result() shardResult {
	r := shardResult{Rows: int64(t.rows.n), Loss: t.sum / float64(t.good)}
	for _, p := range t.params {
		r.Values = append(r.Values, p.Data...)
	}
	half := len(t.moments) / 2
	r.Values = append(r.Values, t.moments[:half]...)
	for _, v := range t.moments[half:] { // whose roots are not too small for meanSum
		r.Values = append(r.Values, float32(math.Sqrt(float64(v))))
	}
	r.Floats = t.statistics()
	return r
}

// statistics are those that layers take of batches, of the first rows of the shard.
func (t *localRun) statistics() (all []float64) {
	buffers := floatBuffers(t.flow)
	if len(buffers) == 0 {
		return nil
	}
	t.flow.Invalidate()
	d, n := t.flow.Dim(), min(t.rows.n, calibrationRows)
	x := bijector.NewMat[float32](d, n)
	for i := range n {
		for j := range d {
			x.Feature(j)[i] = t.rows.values[d*i+j]
		}
	}
	t.flow.Calibrate(x, bijector.Mat[float32]{}, false, nil)
	for _, b := range floatBuffers(t.flow) {
		all = append(all, b...)
	}
	return all
}
