package main

import (
	"fmt"
	"io"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/mnist"
)

// loadData reads MNIST or the set in dir, and cuts the training images to the
// first limit.
func loadData(dir string, limit int, log io.Writer) (train, test *mnist.Set, err error) {
	if dir == "" {
		train, test, err = mnist.Load()
	} else {
		train, test, err = mnist.LoadDir(dir)
	}
	if err != nil {
		return nil, nil, err
	}
	if limit > 0 && limit < train.Len() {
		train = train.Head(limit)
	}
	if train.Len() < 2 {
		return nil, nil, fmt.Errorf("%d training images are too few", train.Len())
	}
	fmt.Fprintf(log, "data: %d training and %d test images of %d pixels, %d classes\n", train.Len(), test.Len(), train.Dim(), train.Classes())
	return train, test, nil
}

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

// labels is the one-hot context of a set, or nil for an unconditional flow.
func labels(s *mnist.Set, classes int) (*tensor.Dense, error) {
	if classes == 0 {
		return nil, nil
	}
	return mnist.OneHot[float32](s.Labels(), classes)
}
