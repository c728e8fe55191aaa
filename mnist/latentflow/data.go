package main

import (
	"errors"
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/mnist"
)

// block is how many images are turned into floats at a time.
const block = 2000

// embed encodes a whole set, block by block.
func embed(e autoencoder.Encoder, s *mnist.Set, width int) (*tensor.Dense, error) {
	z := make([]float32, 0, s.Len()*width)
	for lo := 0; lo < s.Len(); lo += block {
		x, err := images(s, lo, min(lo+block, s.Len()))
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
		z = append(z, y.Float32s()...)
	}
	return bijector.TensorOf(z, s.Len(), width), nil
}

// images are images lo to hi of a set, values in [0, 1].
func images(s *mnist.Set, lo, hi int) (*tensor.Dense, error) {
	rows := make([]int, hi-lo)
	for i := range rows {
		rows[i] = lo + i
	}
	return pick(s, rows)
}

// pick are the images of the given rows, values in [0, 1].
func pick(s *mnist.Set, rows []int) (*tensor.Dense, error) {
	x := bijector.TensorOf(make([]float32, len(rows)*s.Dim()), len(rows), s.Dim())
	return x, s.Read(rows, x, nil)
}

// oneHots are n rows of a flow's context in which row i is class of(i).
func oneHots(classes, n int, of func(i int) int) *tensor.Dense {
	data := make([]float32, n*classes)
	for i := range n {
		data[i*classes+of(i)] = 1
	}
	return bijector.TensorOf(data, n, classes)
}

// rowsOf cuts a tensor of shape (n, d) into its rows.
func rowsOf(x *tensor.Dense) [][]float32 {
	n, d := x.Shape()[0], x.Shape()[1]
	rows := make([][]float32, n)
	for i := range rows {
		rows[i] = x.Float32s()[i*d : (i+1)*d]
	}
	return rows
}

// stack makes a tensor of rows, of which there is at least one.
func stack(rows [][]float32) *tensor.Dense {
	return bijector.TensorOf(slices.Concat(rows...), len(rows), len(rows[0]))
}
