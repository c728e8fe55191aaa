package train

import (
	"fmt"
	"math/rand/v2"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
)

// loader turns a Source into feature-major batches.
type loader[T bijector.Float] struct {
	what    string // what errors call the source
	src     Source
	order   []int
	batches int
	x, cond bijector.Mat[T]
	tensors map[int]batchTensors[T]
}

// batchTensors is what a Source fills for one size of batch, all sizes in the
// same memory.
type batchTensors[T bijector.Float] struct {
	x, context  *tensor.Dense // context is nil where there is none
	rows, crows bijector.Rows[T]
}

// newLoader cuts the source into batches of at most the given size, as equal
// as can be: a lone last row would make batch norm divide by nothing.
func newLoader[T bijector.Float](what string, src Source, batch int) (*loader[T], error) {
	n, d, c := src.Len(), src.Dim(), src.ContextDim()
	l := &loader[T]{what: what, src: src, order: make([]int, n), batches: (n + batch - 1) / batch, tensors: map[int]batchTensors[T]{}}
	most := (n + l.batches - 1) / l.batches
	l.x, l.cond = bijector.NewMat[T](d, most), bijector.NewMat[T](c, most)
	data, context := make([]T, most*d), make([]T, most*c)
	for _, size := range []int{most, n / l.batches} {
		if _, ok := l.tensors[size]; ok || size == 0 {
			continue
		}
		t := batchTensors[T]{x: bijector.TensorOf(data[:size*d], size, d)}
		var err error
		if t.rows, err = bijector.RowsOf[T](t.x); err != nil {
			return nil, err
		}
		if c > 0 {
			t.context = bijector.TensorOf(context[:size*c], size, c)
			if t.crows, err = bijector.RowsOf[T](t.context); err != nil {
				return nil, err
			}
		}
		l.tensors[size] = t
	}
	l.inOrder()
	return l, nil
}

// inOrder visits the rows as they stand.
func (l *loader[T]) inOrder() {
	for i := range l.order {
		l.order[i] = i
	}
}

// shuffle draws the order of an epoch, from seed and epoch alone, so that a
// training run can be taken up anywhere.
func (l *loader[T]) shuffle(seed uint64, epoch int) {
	l.inOrder()
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
	rows, t := l.order[lo:hi], l.tensors[hi-lo]
	if err := l.src.Read(rows, t.x, t.context); err != nil {
		return x, cond, fmt.Errorf("train: reading %d rows of the %s: %w", len(rows), l.what, err)
	}
	x, cond = l.x.Resize(hi-lo), l.cond.Resize(hi-lo)
	if _, bad := t.rows.Load(x, 0); bad > 0 {
		return x, cond, l.rowError(l.what, rows, x)
	}
	if t.context != nil {
		if _, bad := t.crows.Load(cond, 0); bad > 0 {
			return x, cond, l.rowError("context of the "+l.what, rows, cond)
		}
	}
	return x, cond, nil
}

// rowError names the first row of the user's data that is not finite in a
// batch m of those rows.
func (l *loader[T]) rowError(what string, rows []int, m bijector.Mat[T]) error {
	e := &bijector.RowError{What: what, Row: -1, N: size(l.src)}
	for i, row := range rows {
		if finite(m, i) {
			continue
		}
		e.Count++
		if at := origin(l.src, row); e.Row < 0 || at < e.Row {
			e.Row = at
		}
	}
	return e
}

// finite reports whether sample i of m is.
func finite[T bijector.Float](m bijector.Mat[T], i int) bool {
	for j := range m.D {
		if v := m.Feature(j)[i]; v-v != 0 {
			return false
		}
	}
	return true
}

// readSpread reads rows evenly spread over the source, at most limit of them, as one
// batch.
func readSpread[T bijector.Float](src Source, limit int) (x, cond bijector.Mat[T], err error) {
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
