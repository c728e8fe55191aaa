// The search: runs of candidates over folds, on several cores.

package auto

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/train"
)

// trial is a candidate with what its runs gave.
type trial[T bijector.Float] struct {
	candidate[T]
	runs   []run[T]  // a fold each; the folds that were run
	logp   []float64 // of the table's rows, held out; NaN: not yet
	size   int       // components of a mixture of Gaussians
	weight float64
}

// run is what one run of a candidate gave.
type run[T bijector.Float] struct {
	model     density[T]
	loss      float64 // of the rows held out
	trainLoss float64
	time      time.Duration
	err       error
	done      bool
}

// density is what can score: a flow or a mixture of them.
type density[T bijector.Float] struct {
	flows   []*flow.Flow[T]
	weights []float64
}

// logProb is log p of the rows.
func (d density[T]) logProb(t *table[T]) ([]float64, error) {
	e, err := flow.NewEnsemble(flow.Mixing{Weights: d.weights}, d.flows...)
	if err != nil {
		return nil, err
	}
	x, context, err := t.tensors()
	if err != nil {
		return nil, err
	}
	if context != nil && e.ContextDim() > 0 {
		e = e.Given(context)
	}
	return e.LogProb(x)
}

// search is one fit.
type search[T bijector.Float] struct {
	o        Options
	rows     *table[T]
	fold     []int
	folds    int
	trials   []*trial[T]
	mu       sync.Mutex // of Progress and the counts
	finished int
	known    int
}

// parts are the rows to train on and those held out.
func (s *search[T]) parts(fold int) (in, out *table[T]) {
	return s.rows.where(func(i int) bool { return s.fold[i] != fold }), s.rows.where(func(i int) bool { return s.fold[i] == fold })
}

// runAll runs trials on folds lo to hi.
func (s *search[T]) runAll(ctx context.Context, trials []*trial[T], lo, hi int) {
	type job struct {
		t    *trial[T]
		fold int
	}
	var jobs []job
	for _, t := range trials {
		for f := lo; f < hi; f++ {
			jobs = append(jobs, job{t, f})
		}
	}
	// The Gaussians first, which Options.Time must not cut; then the long ones, so that
	// no core is left with one of them at the end.
	rank := func(j job) float64 {
		if j.t.cost == 0 {
			return math.Inf(1)
		}
		return j.t.cost
	}
	slices.SortStableFunc(jobs, func(a, b job) int { return cmp.Compare(rank(b), rank(a)) })
	s.known += len(jobs)
	next := make(chan job, len(jobs))
	for _, j := range jobs {
		next <- j
	}
	close(next)
	var wg sync.WaitGroup
	for range min(s.o.Workers, len(jobs)) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for j := range next {
				s.runOne(ctx, j.t, j.fold)
			}
		}()
	}
	wg.Wait()
}

// runOne trains and scores a candidate.
func (s *search[T]) runOne(ctx context.Context, t *trial[T], fold int) {
	start := time.Now()
	r := &t.runs[fold]
	in, out := s.parts(fold)
	var logp []float64
	if r.err = ctx.Err(); r.err == nil {
		r.model, r.trainLoss, r.err = s.fit(ctx, t, fold, in, out)
	}
	if r.err == nil {
		logp, r.err = r.model.logProb(out)
	}
	r.time, r.loss = time.Since(start), math.NaN()
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.err == nil {
		r.done, r.loss = true, meanLoss(logp, out.weights)
		at := 0
		for i, f := range s.fold {
			if f == fold {
				t.logp[i] = logp[at]
				at++
			}
		}
	}
	s.finished++
	if s.o.Progress != nil {
		s.o.Progress(Event{Candidate: t.name, Fold: fold + 1, Run: s.finished, Runs: s.known, Ended: true, Loss: r.loss, Err: r.err})
	}
}

// fit fits one candidate to the rows in, and stops by those that are out.
func (s *search[T]) fit(ctx context.Context, t *trial[T], fold int, in, out *table[T]) (density[T], float64, error) {
	seed := s.o.Seed + uint64(fold)
	if t.layers == nil {
		return s.fitMixture(t, fold, in, out)
	}
	f, err := t.build(in.dim, seed)
	if err != nil {
		return density[T]{}, 0, err
	}
	d := density[T]{flows: []*flow.Flow[T]{f}}
	if !t.trained {
		f.CalibrateWeighted(in.matrix(), bijector.Mat[T]{}, in.weights, true, nil)
		logp, err := d.logProb(in)
		return d, meanLoss(logp, in.weights), err
	}
	src, err := in.source()
	if err != nil {
		return d, 0, err
	}
	held, err := out.source()
	if err != nil {
		return d, 0, err
	}
	batch := batchFor(in.n)
	report, err := train.Fit(ctx, f, src, train.Options{
		Epochs: max(s.o.stepsFor(in.n)/((in.n+batch-1)/batch), 5), Batch: batch, Rate: learningRate, Schedule: train.Cosine{},
		Optimizer: train.Adam{WeightDecay: t.decay, Decoupled: true}, ClipNorm: clipNorm(in.dim),
		Validation: held, KeepBest: true, Seed: seed, Workers: 1, Observer: s.observer(t.name, fold),
	})
	if report == nil || err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return d, 0, err
	}
	logp, err := d.logProb(in)
	return d, meanLoss(logp, in.weights), err
}

// fitMixture fits mixtures of Gaussians: on the first fold of as many components as
// describe its rows best, on the others of as many.
func (s *search[T]) fitMixture(t *trial[T], fold int, in, out *table[T]) (density[T], float64, error) {
	sizes := mixtureSizes(in.n, in.dim)
	if fold > 0 || out == nil {
		sizes = []int{t.size}
	}
	z, weights, front, err := whitened(in)
	if err != nil {
		return density[T]{}, 0, err
	}
	var best density[T]
	bestLoss := math.Inf(1)
	for _, k := range sizes {
		m := fitMixture(z, weights, k, s.o.Seed+uint64(fold))
		if m == nil {
			continue
		}
		d := density[T]{}
		if d.flows, err = components(m, front); err != nil {
			return d, 0, err
		}
		for _, l := range m.logw {
			d.weights = append(d.weights, math.Exp(l))
		}
		if out == nil {
			return d, math.NaN(), nil
		}
		logp, err := d.logProb(out)
		if err != nil {
			return d, 0, err
		}
		loss := meanLoss(logp, out.weights)
		if loss < bestLoss {
			best, bestLoss = d, loss
			if fold == 0 {
				t.size = k
			}
		} else if k > 2*t.size {
			break // more will not help
		}
	}
	if best.flows == nil {
		return best, 0, errNoMixture
	}
	logp, err := best.logProb(in)
	return best, meanLoss(logp, in.weights), err
}

var errNoMixture = errors.New("auto: no mixture of Gaussians could be fitted")

// observer hands epochs on to Progress.
func (s *search[T]) observer(name string, fold int) train.Observer {
	if s.o.Progress == nil {
		return nil
	}
	return &epochs[T]{s: s, name: name, fold: fold}
}

type epochs[T bijector.Float] struct {
	s    *search[T]
	name string
	fold int
}

func (*epochs[T]) Step(train.StepEvent) {}

func (e *epochs[T]) Epoch(ev train.EpochEvent) {
	e.s.mu.Lock()
	defer e.s.mu.Unlock()
	e.s.o.Progress(Event{Candidate: e.name, Fold: e.fold + 1, Run: e.s.finished, Runs: e.s.known, Epoch: ev})
}
