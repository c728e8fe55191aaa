// The embeddings: given as files, or made by an autoencoder trained here.

package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sbinet/npyio"
	"github.com/sbinet/npyio/npy"
	"github.com/sbinet/npyio/npz"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/input"
	"github.com/bijou-flow/bijou/mnist"
	"github.com/bijou-flow/bijou/train"
)

// data is both sets' embeddings, with their digits as context.
type data struct {
	dim         int
	train, test *train.TensorSource
	x, digits   *bijector.Rows[float32] // of the test set
}

func load(ctx context.Context, a arguments, log io.Writer) (d data, err error) {
	tr, te, err := mnist.Load()
	if err != nil {
		return d, err
	}
	if a.limit > 0 {
		tr = tr.Head(a.limit)
	}
	var x, y *bijector.Rows[float32]
	switch {
	case a.train != "":
		if x, err = readRows(a.train, tr.Len()); err == nil {
			y, err = readRows(a.test, te.Len())
		}
	default:
		x, y, err = embed(ctx, tr, te, a.aeEpochs, log)
	}
	if err != nil {
		return d, err
	}
	if x.Shape()[1] != y.Shape()[1] {
		return d, fmt.Errorf("%s has %d values a row, %s has %d", a.train, x.Shape()[1], a.test, y.Shape()[1])
	}
	given, err := mnist.OneHot[float32](tr.Labels(), classes)
	if err != nil {
		return d, err
	}
	digits, err := mnist.OneHot[float32](te.Labels(), classes)
	if err != nil {
		return d, err
	}
	return data{x.Shape()[1], train.Tensor(x).Given(given), train.Tensor(y).Given(digits), y, digits}, nil
}

// readRows reads the first n rows of an array: a .npy file, or an array of a
// .npz file by its name, as in embeddings.npz:train.
func readRows(path string, n int) (*bijector.Rows[float32], error) {
	var values []float32
	shape, err := readArray(path, n, &values)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return bijector.RowsOf(values[:n*shape[1]], n, shape[1])
}

func readArray(path string, n int, values *[]float32) (shape []int, err error) {
	if archive, name, ok := strings.Cut(path, ".npz:"); ok {
		z, err := npz.Open(archive + ".npz")
		if err != nil {
			return nil, err
		}
		defer z.Close()
		if !slices.Contains(z.Keys(), name) {
			name += ".npy" // as NumPy calls its arrays
		}
		if !slices.Contains(z.Keys(), name) {
			return nil, fmt.Errorf("there is no such array, but %v", z.Keys())
		}
		if shape, err = checkArray(z.Header(name), n); err != nil {
			return nil, err
		}
		return shape, z.Read(name, values)
	}
	f, err := input.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := npyio.NewReader(f)
	if err != nil {
		return nil, err
	}
	if shape, err = checkArray(&r.Header, n); err != nil {
		return nil, err
	}
	if rest := int64(f.Len()) / 4; int64(shape[0]) > rest/int64(max(shape[1], 1)) {
		return nil, fmt.Errorf("%d values for the shape %v", rest, shape)
	}
	return shape, r.Read(values)
}

// checkArray refuses all but a matrix of float32 with n rows.
func checkArray(h *npy.Header, n int) (shape []int, err error) {
	d := h.Descr
	if d.Type != "<f4" || d.Fortran || len(d.Shape) != 2 || d.Shape[0] < n {
		return nil, fmt.Errorf("values %s of shape %v, want <f4 of shape (%d, d), row-major", d.Type, d.Shape, n)
	}
	return d.Shape, nil
}

// embed trains the autoencoder of mnist/latentflow and encodes both sets.
func embed(ctx context.Context, tr, te *mnist.Set, epochs int, log io.Writer) (x, y *bijector.Rows[float32], err error) {
	ae, err := autoencoder.NewConv[float32](autoencoder.ConvSpec{Seed: 1})
	if err != nil {
		return nil, nil, err
	}
	report, err := train.Fit(ctx, ae, tr, train.Options{
		Epochs: epochs, Rate: 2e-3, Schedule: train.Cosine{}, Optimizer: train.Adam{WeightDecay: 1e-5}, Seed: 1, ValidationFraction: train.NoValidation,
	})
	if err != nil {
		return nil, nil, err
	}
	fmt.Fprintf(log, "an autoencoder: %d epochs, %.0f s, %.4f nats a pixel\n", epochs, report.Time.Seconds(), report.Loss())
	if x, err = ae.Encode(mnist.Pixels[float32](tr)); err != nil {
		return nil, nil, err
	}
	y, err = ae.Encode(mnist.Pixels[float32](te))
	return x, y, err
}
