// Source: the data to train on, and the source that is a tensor.

package train

import (
	"fmt"
	"math/rand/v2"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
)

// Source is data to train on. It may be larger than memory: Fit asks for the
// rows of one batch at a time, in the order of its shuffle, and never calls
// Read twice at once. A Source may be an EpochSetter, and a WeightedSource.
type Source interface {
	Len() int        // rows
	Dim() int        // values in a row
	ContextDim() int // values in a row's context; 0: none
	// Read fills x, of shape (len(rows), Dim), with those rows, and context,
	// of shape (len(rows), ContextDim), with theirs; context is nil where
	// ContextDim is 0. Both are row-major and hold the model's element type.
	Read(rows []int, x, context *tensor.Dense) error
}

// TensorSource is a Source in memory.
type TensorSource struct {
	x, context tensor.Tensor
	weights    []float64 // a row; nil: all the same
}

// Tensor makes a Source of the rows of x, shape (n, d), of the model's
// element type. Axes after the second, as in images (n, c, h, w), are read as
// one. x is not copied. A tensor that is no batch is reported by Fit.
func Tensor(x tensor.Tensor) *TensorSource { return &TensorSource{x: x} }

// Given adds a context, shape (n, c), a row for each row of x, of the same
// element type.
func (s *TensorSource) Given(context tensor.Tensor) *TensorSource {
	return &TensorSource{x: s.x, context: context, weights: s.weights}
}

// Len is the number of rows.
func (s *TensorSource) Len() int { return axisLen(s.x, 0) }

// Dim is the number of values in a row.
func (s *TensorSource) Dim() int { return axisLen(s.x, 1) }

// ContextDim is the number of values in a row's context.
func (s *TensorSource) ContextDim() int { return axisLen(s.context, 1) }

// axisLen is the length of an axis, all later ones included, and 0 where there is
// none.
func axisLen(x tensor.Tensor, i int) int {
	t, err := bijector.DenseOf(x)
	if err != nil || t.Dims() <= i {
		return 0
	}
	if i == 0 {
		return t.Shape()[0]
	}
	return t.Shape()[i:].TotalSize()
}

// Read copies rows out of the tensors.
func (s *TensorSource) Read(rows []int, x, context *tensor.Dense) error {
	if err := gather(x, s.x, rows); err != nil {
		return err
	}
	if context == nil {
		return nil
	}
	return gather(context, s.context, rows)
}

// gather copies rows of src into dst, of the same element type.
func gather(dst *tensor.Dense, src tensor.Tensor, rows []int) error {
	if dst == nil || dst.Dtype().Type == nil {
		return fmt.Errorf("train: no tensor to read rows into: %w", bijector.ErrShape)
	}
	switch dst.Dtype() {
	case tensor.Float32:
		return gatherRows(dst.Float32s(), src, rows)
	case tensor.Float64:
		return gatherRows(dst.Float64s(), src, rows)
	}
	return fmt.Errorf("train: rows to be read as %v, want float32 or float64: %w", dst.Dtype(), bijector.ErrDType)
}

func gatherRows[T bijector.Float](dst []T, src tensor.Tensor, rows []int) error {
	r, err := bijector.InputOf[T](src, 0)
	if err != nil {
		return err
	}
	if len(dst) != len(rows)*r.Dim() {
		return fmt.Errorf("train: %d rows of %d values to be read into %d: %w", len(rows), r.Dim(), len(dst), bijector.ErrShape)
	}
	for _, row := range rows {
		if row < 0 || row >= r.Len() {
			return fmt.Errorf("train: row %d of a tensor of %d: %w", row, r.Len(), bijector.ErrShape)
		}
	}
	r.Gather(dst, rows)
	return nil
}

// subset is some rows of a Source.
type subset struct {
	Source
	rows    []int
	weights []float64 // of those rows, positive; nil: all the same
	ids     []int     // scratch of Read
}

func (s *subset) Len() int { return len(s.rows) }

func (s *subset) Read(rows []int, x, context *tensor.Dense) error {
	s.ids = s.ids[:0]
	for _, r := range rows {
		s.ids = append(s.ids, s.rows[r])
	}
	return s.Source.Read(s.ids, x, context)
}

// userSource is the user's Source behind the part of one.
func userSource(s Source) Source {
	if u, ok := s.(*subset); ok {
		return userSource(u.Source)
	}
	return s
}

// userRow is the row of the user's data behind a row of a Source.
func userRow(s Source, row int) int {
	if u, ok := s.(*subset); ok {
		return userRow(u.Source, u.rows[row])
	}
	return row
}

// userLen is the number of rows of the user's data behind a Source.
func userLen(s Source) int { return userSource(s).Len() }

// splitSource holds out a fraction of the rows, drawn by seed.
func splitSource(s Source, fraction float64, seed uint64) (train, held Source) {
	n := s.Len()
	rows := rand.New(rand.NewPCG(seed, 0x73706c6974)).Perm(n)
	k := heldOut(n, fraction)
	return pickRows(s, rows[k:]), pickRows(s, rows[:k])
}

// heldOut is how many of n rows a fraction of them is: one at least, and not all.
func heldOut(n int, fraction float64) int {
	return min(max(int(fraction*float64(n)+0.5), 1), n-1)
}

// checkTensors says what keeps tensors from being read as rows of T.
func checkTensors[T bijector.Float](what string, s *TensorSource) error {
	if s == nil {
		return fmt.Errorf("train: no %s: %w", what, ErrOptions)
	}
	x, err := bijector.InputOf[T](s.x, 0)
	if err != nil || s.context == nil {
		return sourceErr(what, err)
	}
	c, err := bijector.InputOf[T](s.context, 0)
	if err != nil {
		return sourceErr("context of the "+what, err)
	}
	if c.Len() != x.Len() {
		return fmt.Errorf("train: the %s has %d rows and its context %d, want a row for each: %w: %w", what, x.Len(), c.Len(), bijector.ErrContext, bijector.ErrShape)
	}
	return nil
}

func sourceErr(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("train: the %s: %w", what, err)
}

// checkSource says what does not fit between data and model.
func checkSource[T bijector.Float](what string, s Source, dim, context int) error {
	if isNil(s) {
		return fmt.Errorf("train: no %s: %w", what, ErrOptions)
	}
	if t, ok := s.(*TensorSource); ok {
		if err := checkTensors[T](what, t); err != nil {
			return err
		}
	}
	if s.Len() < 1 {
		return fmt.Errorf("train: the %s has no rows: %w", what, bijector.ErrShape)
	}
	if s.Dim() != dim {
		return fmt.Errorf("train: rows of the %s have %d values, the model has %d features: %w", what, s.Dim(), dim, bijector.ErrShape)
	}
	switch c := s.ContextDim(); {
	case c == context:
		return nil
	case c == 0:
		return fmt.Errorf("train: the model is conditional on %d values and the %s has no context; add it with Given: %w", context, what, bijector.ErrContext)
	case context == 0:
		return fmt.Errorf("train: the %s has a context of %d values and the model is unconditional: %w", what, c, bijector.ErrContext)
	default:
		return fmt.Errorf("train: the context of the %s has %d values, the model takes %d: %w: %w", what, c, context, bijector.ErrContext, bijector.ErrShape)
	}
}
