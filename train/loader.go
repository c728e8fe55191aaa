// Batches of a source, shuffled, feature-major and checked.

package train

import (
	"context"
	"fmt"
	"math/rand/v2"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/rows"
)

// loader turns a Source into feature-major batches.
type loader[T bijector.Float] struct {
	name    string // what errors call the source
	src     Source
	order   []int
	batches int
	x, cond bijector.Mat[T]
	tensors map[int]batchTensors[T]

	relative     []float64 // weights of the rows of src, of mean 1; nil: all the same
	batchWeights []float64 // those of the latest batch; nil likewise
}

// batchTensors is what a Source fills for one size of batch, all sizes in the
// same memory.
type batchTensors[T bijector.Float] struct {
	x, context  *tensor.Dense // context is nil for an unconditional model
	rows, crows bijector.Input[T]
}

// newLoader cuts the source into batches of at most the given size, as equal
// as can be: a lone last row would make batch norm divide by nothing.
func newLoader[T bijector.Float](what string, src Source, batch int) (*loader[T], error) {
	n, d, c := src.Len(), src.Dim(), src.ContextDim()
	batch = min(batch, n) // sums with it do not overflow
	l := &loader[T]{name: what, src: src, order: make([]int, n), batches: (n + batch - 1) / batch, tensors: map[int]batchTensors[T]{}}
	most := (n + l.batches - 1) / l.batches
	if l.relative = relativeWeights(weightsOf(src)); l.relative != nil {
		l.batchWeights = make([]float64, 0, most)
	}
	l.x, l.cond = bijector.NewMat[T](d, most), bijector.NewMat[T](c, most)
	data, context := make([]T, most*d), make([]T, most*c)
	for _, size := range []int{most, n / l.batches} {
		if _, ok := l.tensors[size]; ok || size == 0 {
			continue
		}
		var (
			t   batchTensors[T]
			err error
		)
		if t.x, t.rows, err = view(data, size, d); err != nil {
			return nil, err
		}
		if c > 0 {
			if t.context, t.crows, err = view(context, size, c); err != nil {
				return nil, err
			}
		}
		l.tensors[size] = t
	}
	l.setSequential()
	return l, nil
}

// view is n rows of d values at the start of data, as a Source writes them and
// as they are read.
func view[T bijector.Float](data []T, n, d int) (*tensor.Dense, bijector.Input[T], error) {
	x, err := bijector.RowsOf(data[:n*d], n, d)
	if err != nil {
		return nil, bijector.Input[T]{}, err
	}
	in, err := bijector.InputOf[T](x, d)
	return x.Dense(), in, err
}

// setSequential visits the rows as they stand.
func (l *loader[T]) setSequential() {
	for i := range l.order {
		l.order[i] = i
	}
}

// shuffle draws the order of an epoch, from seed and epoch alone, so that a
// training run can be taken up anywhere.
func (l *loader[T]) shuffle(seed uint64, epoch int) {
	l.setSequential()
	rng := rand.New(rand.NewPCG(seed, 0x65706f6368<<20+uint64(epoch)))
	rng.Shuffle(len(l.order), func(i, j int) { l.order[i], l.order[j] = l.order[j], l.order[i] })
}

// bounds are the places in the order of batch b.
func (l *loader[T]) bounds(b int) (lo, hi int) {
	n := len(l.order)
	return b * n / l.batches, (b + 1) * n / l.batches
}

// load reads batch b.
func (l *loader[T]) load(b int) (x, cond bijector.Mat[T], err error) {
	lo, hi := l.bounds(b)
	order, t := l.order[lo:hi], l.tensors[hi-lo]
	if err := l.src.Read(order, t.x, t.context); err != nil {
		return x, cond, fmt.Errorf("train: reading %d rows of the %s: %w", len(order), l.name, err)
	}
	if l.relative != nil {
		l.batchWeights = l.batchWeights[:0]
		for _, row := range order {
			l.batchWeights = append(l.batchWeights, l.relative[row])
		}
	}
	x, cond = l.x.Resize(hi-lo), l.cond.Resize(hi-lo)
	if !t.rows.Load(x, 0) {
		return x, cond, l.rowError(l.name, order, x)
	}
	if t.context != nil {
		if !t.crows.Load(cond, 0) {
			return x, cond, l.rowError("context of the "+l.name, order, cond)
		}
	}
	return x, cond, nil
}

// rowError names the first row of the user's data that is not finite in a
// batch m of those rows.
func (l *loader[T]) rowError(what string, read []int, m bijector.Mat[T]) error {
	e := &bijector.RowError{What: what, Row: -1, N: userLen(l.src)}
	for i, row := range read {
		if rows.IsFiniteSample(rows.Features[T](m), i) {
			continue
		}
		e.Count++
		if at := userRow(l.src, row); e.Row < 0 || at < e.Row {
			e.Row = at
		}
	}
	return e
}

// evenlySpacedWeights are the weights of the k rows that readEvenlySpaced reads.
func evenlySpacedWeights(src Source, k int) []float64 {
	rows := make([]int, k)
	for i := range rows {
		rows[i] = i * src.Len() / k
	}
	return relativeWeights(pickRows(src, rows).weights)
}

// readEvenlySpaced reads rows evenly spread over the source, at most limit of them, as one
// batch.
func readEvenlySpaced[T bijector.Float](src Source, limit int) (x, cond bijector.Mat[T], err error) {
	n, d, c := src.Len(), src.Dim(), src.ContextDim()
	k := min(n, max(limit, 1))
	x, cond = bijector.NewMat[T](d, k), bijector.NewMat[T](c, k)
	const piece = 1024
	for lo := 0; lo < k; lo += piece {
		hi := min(lo+piece, k)
		rows := make([]int, hi-lo)
		for i := range rows {
			rows[i] = (lo + i) * n / k
		}
		l, err := newLoader[T]("training data", &subset{Source: src, rows: rows}, piece)
		if err != nil {
			return x, cond, err
		}
		px, pc, err := l.load(0)
		if err != nil {
			return x, cond, err
		}
		x.Samples(lo, hi).CopyFrom(px)
		if c > 0 {
			cond.Samples(lo, hi).CopyFrom(pc)
		}
	}
	return x, cond, nil
}

// EachBatch reads data in its order, size rows at a time or fewer, and hands
// all of them, whatever their weights, to f as batches of features, which stay valid until f returns. dim and
// contextDim are those of the model that the data is for. It returns the
// errors of Fit about data, ctx's when that ends, and f's.
func EachBatch[T bijector.Float](ctx context.Context, data Source, dim, contextDim, size int, f func(x, cond bijector.Mat[T]) error) error {
	if ctx == nil || f == nil {
		return fmt.Errorf("train: batches without a context.Context or a function to hand them to: %w", ErrOptions)
	}
	if err := checkSource[T]("data", data, dim, contextDim); err != nil {
		return err
	}
	if size < 1 {
		return fmt.Errorf("train: batches of %d rows, want 1 or more: %w", size, ErrOptions)
	}
	l, err := newLoader[T]("data", data, size)
	if err != nil {
		return err
	}
	for b := range l.batches {
		if err := ctx.Err(); err != nil {
			return err
		}
		x, cond, err := l.load(b)
		if err != nil {
			return err
		}
		if err := f(x, cond); err != nil {
			return err
		}
	}
	return nil
}
