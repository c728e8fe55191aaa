// Sets as sources of training data: a batch of rows is converted when it is
// asked for, so that a set never exists as floats.

package mnist

import (
	"errors"
	"fmt"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
)

// ContextDim returns 0: a set by itself has no context. See Conditional.
func (s *Set) ContextDim() int { return 0 }

// Read sets row i of x to the pixels of image rows[i], as v/255 in [0, 1]. x
// is a row-major tensor of shape (len(rows), Dim) of float32 or float64; all of
// it is overwritten. context must be nil.
//
// It allocates nothing, and any number of goroutines may call it. When it
// returns an error, which wraps bijector.ErrShape, ErrDType or ErrContext, x is
// unchanged.
func (s *Set) Read(rows []int, x, context *tensor.Dense) error {
	if context != nil {
		return fmt.Errorf("mnist: context of shape %v for a set that has none; use its Conditional: %w", context.Shape(), bijector.ErrContext)
	}
	if err := s.check(rows, x); err != nil {
		return err
	}
	s.fill(rows, x)
	return nil
}

// Conditional is a set whose labels are context: one-hot rows beside the
// pixels. It shares the set's memory.
type Conditional struct{ set *Set }

// Conditional returns the set as a source of pixels and labels.
func (s *Set) Conditional() *Conditional { return &Conditional{s} }

// Len returns the number of images.
func (c *Conditional) Len() int { return c.set.Len() }

// Dim returns the number of pixels of an image.
func (c *Conditional) Dim() int { return c.set.Dim() }

// ContextDim returns the number of classes.
func (c *Conditional) ContextDim() int { return c.set.Classes() }

// Set returns the set of images and labels.
func (c *Conditional) Set() *Set { return c.set }

// Read sets x as Set.Read does, and row i of context to the one-hot label of
// image rows[i]. context is a row-major tensor of shape (len(rows),
// ContextDim) of float32 or float64. On an error neither tensor is changed.
func (c *Conditional) Read(rows []int, x, context *tensor.Dense) error {
	if context == nil {
		return fmt.Errorf("mnist: context is nil, want a tensor of shape (%d, %d) for the labels: %w", len(rows), c.ContextDim(), bijector.ErrContext)
	}
	if err := c.set.check(rows, x); err != nil {
		return err
	}
	if err := checkDense("context", context, len(rows), c.ContextDim()); err != nil {
		if errors.Is(err, bijector.ErrShape) {
			err = fmt.Errorf("%w: %w", err, bijector.ErrContext)
		}
		return err
	}
	c.set.fill(rows, x)
	stride := context.Strides()[0]
	if context.Dtype() == tensor.Float32 {
		oneHotRows(context.Float32s(), stride, rows, c.set)
	} else {
		oneHotRows(context.Float64s(), stride, rows, c.set)
	}
	return nil
}

// check refuses what fill cannot do.
func (s *Set) check(rows []int, x *tensor.Dense) error {
	for i, row := range rows {
		if row < 0 || row >= s.Len() {
			return fmt.Errorf("mnist: rows[%d] is %d, want an image below %d: %w", i, row, s.Len(), bijector.ErrShape)
		}
	}
	return checkDense("x", x, len(rows), s.Dim())
}

// fill converts the images of rows into x.
func (s *Set) fill(rows []int, x *tensor.Dense) {
	stride := x.Strides()[0]
	if x.Dtype() == tensor.Float32 {
		pixelRows(x.Float32s(), stride, rows, s)
	} else {
		pixelRows(x.Float64s(), stride, rows, s)
	}
}

func pixelRows[T bijector.Float](x []T, stride int, rows []int, s *Set) {
	for i, row := range rows {
		copyUnit(x[i*stride:], s.Image(row))
	}
}

func oneHotRows[T bijector.Float](x []T, stride int, rows []int, s *Set) {
	for i, row := range rows {
		hot := x[i*stride:][:s.classes]
		clear(hot)
		hot[s.labels[row]] = 1
	}
}

// checkDense checks that x can be written as rows x cols floats, each row
// contiguous. Rows of a wider tensor, with gaps between them, are fine.
func checkDense(name string, x *tensor.Dense, rows, cols int) error {
	switch {
	case x == nil:
		return fmt.Errorf("mnist: %s is nil, want a tensor of shape (%d, %d): %w", name, rows, cols, bijector.ErrShape)
	case x.Dtype() != tensor.Float32 && x.Dtype() != tensor.Float64:
		return fmt.Errorf("mnist: %s holds %v, want float32 or float64: %w", name, x.Dtype(), bijector.ErrDType)
	}
	shape, strides := x.Shape(), x.Strides()
	if len(shape) != 2 || shape[0] != rows || shape[1] != cols || rows == 0 || cols == 0 {
		return fmt.Errorf("mnist: %s has shape %v, want (%d, %d), none of them 0: %w", name, shape, rows, cols, bijector.ErrShape)
	}
	switch {
	case len(strides) != 2 || strides[1] != 1 && cols > 1 || strides[0] < cols:
		return fmt.Errorf("mnist: %s of shape %v has strides %v, want row-major, (%d, 1): %w", name, shape, strides, cols, bijector.ErrShape)
	case x.IsMasked():
		return fmt.Errorf("mnist: %s has a mask, want a plain tensor: %w", name, bijector.ErrShape)
	case !x.IsNativelyAccessible() || x.DataSize() < (rows-1)*strides[0]+cols:
		return fmt.Errorf("mnist: %s of shape %v has no accessible memory of that size: %w", name, shape, bijector.ErrShape)
	}
	return nil
}
