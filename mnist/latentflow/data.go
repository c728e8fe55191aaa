// Images, embeddings and labels as tensors.

package main

import (
	"errors"
	"fmt"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/mnist"
)

// encodeBlock is how many images are turned into floats at a time.
const encodeBlock = 2000

// embed encodes a whole set, block by block.
func embed(e autoencoder.Encoder[float32], s *mnist.Set, width int) (*bijector.Rows[float32], error) {
	z := make([]float32, 0, s.Len()*width)
	for lo := 0; lo < s.Len(); lo += encodeBlock {
		x, err := images(s, lo, min(lo+encodeBlock, s.Len()))
		if err != nil {
			return nil, err
		}
		y, err := e.Encode(x)
		if errors.Is(err, bijector.ErrShape) {
			return nil, fmt.Errorf("the model was not trained on images of %d x %d; give it -data of its own size (%w)", s.Height(), s.Width(), err)
		}
		if err != nil {
			return nil, err
		}
		z = append(z, y.Values()...)
	}
	return bijector.RowsOf(z, s.Len(), width)
}

// images are images lo to hi of a set, values in [0, 1].
func images(s *mnist.Set, lo, hi int) (*bijector.Rows[float32], error) {
	rows := make([]int, hi-lo)
	for i := range rows {
		rows[i] = lo + i
	}
	return selectImages(s, rows)
}

// selectImages are the images of the given rows, values in [0, 1].
func selectImages(s *mnist.Set, rows []int) (*bijector.Rows[float32], error) {
	x := bijector.NewRows[float32](len(rows), s.Dim())
	return x, s.Read(rows, x.Dense(), nil)
}

// oneHots are n rows of a flow's context in which row i is class of(i).
func oneHots(classes, n int, of func(i int) int) *bijector.Rows[float32] {
	rows := bijector.NewRows[float32](n, classes)
	for i := range n {
		rows.Row(i)[of(i)] = 1
	}
	return rows
}

// rowsOf are the rows of x, in place.
func rowsOf(x *bijector.Rows[float32]) [][]float32 {
	rows := make([][]float32, x.Len())
	for i := range rows {
		rows[i] = x.Row(i)
	}
	return rows
}

// stack joins rows, of which there is at least one.
func stack(rows [][]float32) *bijector.Rows[float32] {
	x := bijector.NewRows[float32](len(rows), len(rows[0]))
	for i, row := range rows {
		copy(x.Row(i), row)
	}
	return x
}
