// Fit: from rows to a density, in one call.

package auto

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/floats"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/nilcheck"
	"github.com/bijou-flow/bijou/train"
)

// Fit fits a density to the rows of a source, given their contexts where it has
// them, by the choice that the package's documentation describes. All rows are
// read into memory.
//
// It returns an error for a source that cannot be read, for a value that is not
// finite, with its row and column, and for columns that are constant or follow
// from others (flow.ErrDegenerate), which it names. Where ctx ends, the error is
// its own, beside a model of the runs that had ended by then, if there were any.
//
// The result depends on rows, options and the kind of machine alone.
func Fit[T bijector.Float](ctx context.Context, data train.Source, o Options) (*flow.Ensemble[T], *Report, error) {
	if nilcheck.IsNil(ctx) {
		return nil, nil, fmt.Errorf("auto: no context; context.Background() will do: %w", ErrOptions)
	}
	o, err := o.withDefaults()
	if err != nil {
		return nil, nil, err
	}
	start := time.Now()
	rows, err := readTable[T](data, o.Round)
	if err != nil {
		return nil, nil, err
	}
	runs := ctx
	if o.Time > 0 {
		var cancel context.CancelFunc
		runs, cancel = context.WithTimeoutCause(ctx, o.Time, errTime)
		defer cancel()
	}
	var trimmed []int
	if o.Trim > 0 {
		first, report, err := fitRows(runs, rows, o)
		if err != nil {
			return nil, nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		if rows, trimmed, err = trim(rows, first, report, o); err != nil {
			return nil, nil, err
		}
	}
	model, report, err := fitRows(runs, rows, o)
	if report != nil {
		report.Trimmed, report.Time = trimmed, time.Since(start)
	}
	if err == nil {
		err = ctx.Err()
	}
	return model, report, err
}

// errTime ends the runs at Options.Time.
var errTime = errors.New("out of time")

// trim leaves out the share of the rows that are least likely by a first fit: by
// their held-out densities, and where they have none by the model's.
func trim[T bijector.Float](rows *table[T], first *flow.Ensemble[T], report *Report, o Options) (*table[T], []int, error) {
	logp := report.heldOut
	if report.HeldOut < rows.n {
		all, err := density[T]{flows: first.Flows(), weights: first.Weights()}.logProb(rows)
		if err != nil {
			return nil, nil, err
		}
		for i, l := range logp {
			if l != l {
				logp[i] = all[i]
			}
		}
	}
	order := make([]int, rows.n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(logp[a], logp[b]) })
	k := int(o.Trim * float64(rows.n))
	out := make([]bool, rows.n)
	var ids []int
	for _, i := range order[:k] {
		out[i] = true
		ids = append(ids, rows.ids[i])
	}
	slices.Sort(ids)
	return rows.where(func(i int) bool { return !out[i] }), ids, nil
}

// fitRows is a fit to all rows of a table.
func fitRows[T bijector.Float](ctx context.Context, rows *table[T], o Options) (*flow.Ensemble[T], *Report, error) {
	s := &search[T]{o: o, rows: rows}
	s.fold, s.folds = foldsOf(rows.n, o.Seed)
	closed, trained, err := s.candidates()
	if err != nil {
		return nil, nil, err
	}
	s.trials = append(closed, trained...)
	s.runAll(ctx, s.trials, 0, 1)
	if s.folds > 1 {
		s.runAll(ctx, append(s.survivors(closed), s.survivors(trained)...), 1, s.folds)
	}
	finalists, used := s.finalists()
	if len(finalists) == 0 {
		return nil, nil, s.failure(ctx)
	}
	logp, v := heldOut(finalists, used, rows)
	s.choose(finalists, logp, v)
	model, err := s.model(finalists)
	if err != nil {
		return nil, nil, err
	}
	return model, s.report(model, finalists, used, logp, v), nil
}

// candidates are the trials without and with parameters. It asks first whether
// the rows have a density.
func (s *search[T]) candidates() (closed, trained []*trial[T], err error) {
	plain, err := gaussian[T](s.rows.dim, false).build(s.rows.dim, 0)
	if err != nil {
		return nil, nil, err
	}
	if err := plain.CheckData(s.rows.matrix()); err != nil {
		return nil, nil, err
	}
	margins, err := changesMargins(s.rows)
	if err != nil {
		return nil, nil, err
	}
	add := func(list *[]*trial[T], c candidate[T]) {
		t := &trial[T]{candidate: c, runs: make([]run[T], s.folds), logp: make([]float64, s.rows.n)}
		for i := range t.logp {
			t.logp[i] = math.NaN()
		}
		*list = append(*list, t)
	}
	add(&closed, gaussian[T](s.rows.dim, false))
	if margins {
		add(&closed, gaussian[T](s.rows.dim, true))
	}
	add(&closed, independent[T](s.rows.dim))
	if s.rows.dim <= maxMixtureColumns && len(mixtureSizes(s.rows.n, s.rows.dim)) > 0 {
		add(&closed, candidate[T]{name: "mixture of Gaussians", kind: "mixture", cost: 1})
	}
	for _, c := range flows(s.rows, margins) {
		add(&trained, c)
	}
	return closed, trained, nil
}

const maxMixtureColumns = 256

// survivors are the trials that go on after the first fold: of each kind the one
// with the least loss there.
func (s *search[T]) survivors(trials []*trial[T]) []*trial[T] {
	var best []*trial[T]
	for _, t := range trials {
		if !t.runs[0].done {
			continue
		}
		at := slices.IndexFunc(best, func(b *trial[T]) bool { return b.kind == t.kind })
		if at < 0 {
			best = append(best, t)
		} else if t.runs[0].loss < best[at].runs[0].loss {
			best[at] = t
		}
	}
	return best
}

// finalists are the trials that have held-out densities on all folds, or else on
// the first, and the rows that these are of.
func (s *search[T]) finalists() (done []*trial[T], used func(i int) bool) {
	for _, all := range []bool{true, false} {
		for _, t := range s.trials {
			ok := t.runs[0].done
			for _, r := range t.runs {
				ok = ok && (r.done || !all)
			}
			if ok {
				done = append(done, t)
			}
		}
		if len(done) > 0 {
			return done, func(i int) bool { return s.fold[i] == 0 || all && s.fold[i] >= 0 }
		}
	}
	return nil, nil
}

// heldOut are the held-out log-densities of the rows that are used, a candidate
// a row, and the rows' weights.
func heldOut[T bijector.Float](trials []*trial[T], used func(i int) bool, rows *table[T]) (logp [][]float64, v []float64) {
	logp = make([][]float64, len(trials))
	for i := range rows.n {
		if !used(i) {
			continue
		}
		for c, t := range trials {
			logp[c] = append(logp[c], t.logp[i])
		}
		if rows.weights != nil {
			v = append(v, rows.weights[i])
		}
	}
	return logp, v
}

// choose sets the finalists' weights.
func (s *search[T]) choose(finalists []*trial[T], logp [][]float64, v []float64) {
	for _, t := range s.trials {
		t.weight = 0
	}
	if s.o.Single {
		best := -1
		for c, t := range finalists {
			if s.rows.contextDim > 0 && !t.trained {
				continue
			}
			if best < 0 || meanLoss(logp[c], v) < meanLoss(logp[best], v) {
				best = c
			}
		}
		finalists[max(best, 0)].weight = 1
		return
	}
	weights := stack(logp, v)
	largest := slices.Max(weights)
	for c, w := range weights {
		if w < min(minWeight, largest) {
			weights[c] = 0
		}
	}
	s.keepConditional(finalists, logp, v, weights)
	for c, t := range finalists {
		if t.heavy {
			weights[c] = max(weights[c], 0.5/float64(s.rows.n+1))
		}
	}
	total := floats.Sum(weights)
	for c, t := range finalists {
		t.weight = weights[c] / total
	}
}

// keepConditional gives the best trained finalist a weight where the rows have
// contexts and no member of the mixture looks at them: a model of conditional
// rows takes contexts, be they of use or not.
func (s *search[T]) keepConditional(finalists []*trial[T], logp [][]float64, v, weights []float64) {
	best := -1
	for c, t := range finalists {
		if !t.trained {
			continue
		}
		if weights[c] > 0 || s.rows.contextDim == 0 {
			return
		}
		if best < 0 || meanLoss(logp[c], v) < meanLoss(logp[best], v) {
			best = c
		}
	}
	if best >= 0 {
		weights[best] = minWeight
	}
}

// model mixes the finalists. Those without parameters are estimated once more,
// on all rows.
func (s *search[T]) model(finalists []*trial[T]) (*flow.Ensemble[T], error) {
	var all density[T]
	add := func(d density[T], share float64) {
		for k, f := range d.flows {
			w := share
			if d.weights != nil {
				w *= d.weights[k]
			}
			all.flows, all.weights = append(all.flows, f), append(all.weights, max(w, 1e-12))
		}
	}
	for _, t := range finalists {
		switch {
		case t.weight == 0:
		case t.trained && s.o.Single:
			add(t.runs[0].model, t.weight)
		case t.trained:
			done := 0.0
			for _, r := range t.runs {
				if r.done {
					done++
				}
			}
			for _, r := range t.runs {
				if r.done {
					add(r.model, t.weight/done)
				}
			}
		default:
			d, _, err := s.fit(context.Background(), t, 0, s.rows, nil)
			if err != nil {
				d = t.runs[0].model
			}
			add(d, t.weight)
		}
	}
	return flow.NewEnsemble(flow.Mixing{Weights: all.weights}, all.flows...)
}

// failure is why nothing could be fitted.
func (s *search[T]) failure(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("auto: no run of a candidate ended: %w", err)
	}
	var all []error
	for _, t := range s.trials {
		if err := t.runs[0].err; err != nil {
			all = append(all, fmt.Errorf("%s: %w", t.name, err))
		}
	}
	return fmt.Errorf("auto: no candidate could be fitted: %w", errors.Join(all...))
}
