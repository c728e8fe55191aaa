// The order of the columns in a model, and which of two is better.

package table

import (
	"context"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"

	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/train"
)

// A table of at most mostTrialRows rows to train on has the order of its columns from a
// trial, where at least fewestTrialRows are held out to judge it.
const (
	mostTrialRows   = 20_000
	fewestTrialRows = 8
)

// orders are those of the columns that member k may have. Columns without numbers are
// in front, those of few values first, and numbers with atoms are before those
// without: which atom a value is depends on the columns before it in steps, which a
// network learns from a number less well than a number from an atom. But an atom in
// front is one more input of every column behind it, which few rows overfit: the second
// order, where there is one, has those numbers last. Further members have random ones.
func (f *fitting[T]) orders(k int) [][]int {
	var rest []int
	for j := range f.columns {
		if !slices.Contains(f.first, j) {
			rest = append(rest, j)
		}
	}
	if k > 0 {
		rand.New(rand.NewPCG(f.o.Seed, uint64(k))).Shuffle(len(rest), func(a, b int) { rest[a], rest[b] = rest[b], rest[a] })
		return [][]int{append(slices.Clone(f.first), rest...)}
	}
	sorted := func(sign int) []int {
		order := slices.Clone(rest)
		key := func(j int) int {
			if c := &f.columns[j]; c.Continuous {
				return 1<<30 + sign*len(c.Atoms)
			}
			return len(f.columns[j].Atoms)
		}
		slices.SortStableFunc(order, func(a, b int) int { return key(a) - key(b) })
		return append(slices.Clone(f.first), order...)
	}
	all := [][]int{sorted(-1)}
	if last := sorted(1); f.report.Train <= mostTrialRows && f.validated >= fewestTrialRows && !slices.Equal(last, all[0]) {
		all = append(all, last)
	}
	return all
}

// trained is member k after training: where there are two orders, the better one by the
// validation rows. An error of training comes with the flow and the report of what
// was trained.
func (f *fitting[T]) trained(ctx context.Context, k int) (*flow.Flow[T], *train.Report, error) {
	var best *flow.Flow[T]
	var report *train.Report
	orders := f.orders(k)
	valid, rows := f.fold(k)
	for i, order := range orders {
		one, err := f.member(k, order)
		if err != nil {
			return nil, nil, err
		}
		o := f.trainOptions(k, valid)
		if i > 0 && o.Checkpoint.Dir != "" {
			o.Checkpoint.Dir = filepath.Join(f.o.Checkpoint.Dir, "other order")
		}
		f.o.tell(Run{Member: k + 1, Order: i + 1, Orders: len(orders)})
		r, err := train.Fit(ctx, one, f.source(rows), o)
		if r != nil && (report == nil || lowest(r) < lowest(report)) {
			best, report = one, r
		}
		if err != nil {
			return best, report, err
		}
	}
	return best, report, nil
}

// lowest is the lowest loss of the validation rows in a run.
func lowest(r *train.Report) float64 {
	if r.BestEpoch < 1 {
		return math.Inf(1)
	}
	return r.Epochs[r.BestEpoch-1].Validation
}
