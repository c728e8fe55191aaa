// The rows of a source in memory, and parts of them.

package auto

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/nilcheck"
	"github.com/bijou-flow/bijou/internal/rows"
	"github.com/bijou-flow/bijou/train"
)

// table is all rows: x of (n, dim), context of (n, contextDim), row-major.
type table[T bijector.Float] struct {
	n, dim, contextDim int
	x, context         []T
	weights            []float64 // nil: all the same
	ids                []int     // in the user's data
}

const readChunk = 4096

// readTable reads a source, through float64 where round is asked for.
func readTable[T bijector.Float](data train.Source, round bool) (*table[T], error) {
	if nilcheck.IsNil(data) {
		return nil, fmt.Errorf("auto: no data: %w", ErrOptions)
	}
	t := &table[T]{n: data.Len(), dim: data.Dim(), contextDim: data.ContextDim()}
	if t.n < 2 || t.dim < 1 || t.contextDim < 0 {
		return nil, fmt.Errorf("auto: %d rows of %d values, want at least two rows of at least one: %w", t.n, t.dim, bijector.ErrShape)
	}
	if w, ok := data.(train.WeightedSource); ok {
		t.weights = slices.Clone(w.Weights())
	}
	t.x, t.context = make([]T, t.n*t.dim), make([]T, t.n*t.contextDim)
	var err error
	if round {
		err = fill[float64](t, data)
	} else {
		err = fill[T](t, data)
	}
	if err != nil {
		return nil, err
	}
	if t.weights != nil && len(t.weights) != t.n {
		return nil, fmt.Errorf("auto: %d weights of %d rows: %w", len(t.weights), t.n, train.ErrWeights)
	}
	for i := range t.n {
		t.ids = append(t.ids, i)
		for j, v := range t.x[i*t.dim : (i+1)*t.dim] {
			if !rows.IsFinite(v) {
				return nil, fmt.Errorf("auto: row %d has %v in column %d (both counted from 0), want finite values: %w", i, v, j, bijector.ErrNonFinite)
			}
		}
		if t.weights != nil {
			if w := t.weights[i]; !(w >= 0) || !rows.IsFinite(w) {
				return nil, fmt.Errorf("auto: row %d (counted from 0) has the weight %v, want a finite one of 0 or more: %w", i, w, train.ErrWeights)
			}
		}
	}
	if t.weights != nil {
		t = t.where(func(i int) bool { return t.weights[i] > 0 })
		if t.n < 2 {
			return nil, fmt.Errorf("auto: %d rows with a weight above 0, want at least two: %w", t.n, train.ErrWeights)
		}
	}
	return t, nil
}

// fill reads the source in pieces, as values of S.
func fill[S, T bijector.Float](t *table[T], data train.Source) error {
	ids := make([]int, 0, readChunk)
	for at := 0; at < t.n; at += readChunk {
		ids = ids[:0]
		for i := at; i < min(at+readChunk, t.n); i++ {
			ids = append(ids, i)
		}
		x := make([]S, len(ids)*t.dim)
		xt := tensor.New(tensor.WithShape(len(ids), t.dim), tensor.WithBacking(x))
		var context []S
		var ct *tensor.Dense
		if t.contextDim > 0 {
			context = make([]S, len(ids)*t.contextDim)
			ct = tensor.New(tensor.WithShape(len(ids), t.contextDim), tensor.WithBacking(context))
		}
		if err := data.Read(ids, xt, ct); err != nil {
			return fmt.Errorf("auto: reading rows %d to %d: %w", at, at+len(ids)-1, err)
		}
		if err := checkResolution[S, T](x, t.dim); err != nil {
			return err
		}
		for i, v := range x {
			t.x[at*t.dim+i] = T(v)
		}
		for i, v := range context {
			t.context[at*t.contextDim+i] = T(v)
		}
	}
	return nil
}

// checkResolution refuses rows of which T keeps less than nine tenths of a
// column's different values.
func checkResolution[S, T bijector.Float](x []S, dim int) error {
	if _, same := any(T(0)).(S); same {
		return nil
	}
	n := len(x) / dim
	for j := range dim {
		before, after := map[S]bool{}, map[T]bool{}
		for i := range n {
			before[x[i*dim+j]], after[T(x[i*dim+j])] = true, true
		}
		if 10*len(after) < 9*len(before) {
			return fmt.Errorf("auto: column %d (counted from 0) has %d different values in %d rows, and float32 tells %d of them apart; fit in float64, or take an offset off the column first: %w", j, len(before), n, len(after), ErrResolution)
		}
	}
	return nil
}

// where is the rows of which keep is true.
func (t *table[T]) where(keep func(i int) bool) *table[T] {
	s := &table[T]{dim: t.dim, contextDim: t.contextDim}
	for i := range t.n {
		if !keep(i) {
			continue
		}
		s.n++
		s.x = append(s.x, t.x[i*t.dim:(i+1)*t.dim]...)
		s.context = append(s.context, t.context[i*t.contextDim:(i+1)*t.contextDim]...)
		s.ids = append(s.ids, t.ids[i])
		if t.weights != nil {
			s.weights = append(s.weights, t.weights[i])
		}
	}
	return s
}

// tensors are the rows and their contexts; nil where there are none.
func (t *table[T]) tensors() (x, context tensor.Tensor, err error) {
	if x, err = bijector.RowsOf(t.x, t.n, t.dim); err != nil || t.contextDim == 0 {
		return x, nil, err
	}
	context, err = bijector.RowsOf(t.context, t.n, t.contextDim)
	return x, context, err
}

// source is the rows to train on.
func (t *table[T]) source() (train.Source, error) {
	x, context, err := t.tensors()
	if err != nil {
		return nil, err
	}
	s := train.Tensor(x)
	if context != nil {
		s = s.Given(context)
	}
	return s.Weighted(t.weights), nil
}

// matrix is x with a feature a row.
func (t *table[T]) matrix() bijector.Mat[T] {
	m := bijector.NewMat[T](t.dim, t.n)
	for i := range t.n {
		for j := range t.dim {
			m.Data[j*m.Stride+i] = t.x[i*t.dim+j]
		}
	}
	return m
}

// foldsOf deals the rows out: the fold of each, and how many there are. Of many
// rows only fold 0 is held out, and the others are in none, -1.
func foldsOf(n int, seed uint64) (fold []int, count int) {
	fold = make([]int, n)
	order := rand.New(rand.NewPCG(seed, 0x666f6c6473)).Perm(n)
	if n <= crossRows {
		for at, i := range order {
			fold[i] = at % folds
		}
		return fold, folds
	}
	for at, i := range order {
		if at >= min(n/folds, maxHeldOut) {
			fold[i] = -1
		}
	}
	return fold, 1
}
