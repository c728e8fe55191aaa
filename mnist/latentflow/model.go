package main

import (
	"context"
	"fmt"
	"time"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/mnist"
	"github.com/bijou-flow/bijou/train"
)

// coder is an encoder with its decoder.
type coder interface {
	autoencoder.Encoder
	autoencoder.Decoder
}

// pcaImages bounds the images that PCA is fitted on: its moments are settled
// long before.
const pcaImages = 20000

// trainEncoder makes and trains the encoder of c. An interrupted one is
// returned with the error.
func trainEncoder(ctx context.Context, c *config, tr, te *mnist.Set, s streams) (coder, stage, error) {
	start := time.Now()
	if c.Encoder == "pca" {
		x, err := images(tr, 0, min(tr.Len(), pcaImages))
		if err != nil {
			return nil, stage{}, err
		}
		p, err := autoencoder.NewPCA[float32](autoencoder.PCASpec{In: tr.Dim(), Embedding: c.Embedding})
		if err == nil {
			err = p.Fit(x)
		}
		return p, stage{Seconds: time.Since(start).Seconds()}, err
	}
	var ae *autoencoder.Autoencoder[float32]
	var err error
	if c.Encoder == "conv" {
		ae, err = autoencoder.NewConv[float32](autoencoder.ConvSpec{Height: tr.Height(), Width: tr.Width(), Embedding: c.Embedding, Seed: c.Seed})
	} else {
		ae, err = autoencoder.NewDense[float32](autoencoder.DenseSpec{In: tr.Dim(), Hidden: []int{512, 128}, Embedding: c.Embedding, Seed: c.Seed})
	}
	if err != nil {
		return nil, stage{}, err
	}
	o := c.options(c.AEEpochs, c.AERate)
	o.Validation = te
	p := newProgress(s.log, "autoencoder", "nats a pixel", tr.Len(), o.Epochs)
	o.Observer = p
	report, err := train.Fit(ctx, ae, tr, o)
	return ae, newStage(report, start), err
}

// newFlow makes the untrained flow of c over an embedding.
func newFlow(c *config, classes int) (*distribution.Flow[float32], error) {
	if c.Unconditional {
		classes = 0
	}
	r := coupling.Recipe{
		Dim: c.Embedding, ContextDim: classes, Layers: c.Layers, Hidden: c.Hidden,
		Scale: c.Scale, Norm: c.Norm, Seed: c.Seed,
	}
	recipe := coupling.RealNVP[float32]
	if c.Coupling == "additive" {
		recipe = coupling.NICE[float32]
	}
	chain, err := recipe(r)
	if err != nil {
		return nil, err
	}
	return distribution.NewFlow(chain, distribution.NewNormal[float32](c.Embedding)), nil
}

// embedded is a set's embeddings with their context.
type embedded struct{ z, labels *tensor.Dense }

// source is the embeddings as training data.
func (e embedded) source() train.Source {
	src := train.Tensor(e.z)
	if e.labels != nil {
		src = src.Given(e.labels)
	}
	return src
}

// embedBoth encodes both sets; the labels are left out for an unconditional
// flow.
func embedBoth(enc autoencoder.Encoder, c *config, tr, te *mnist.Set) (a, b embedded, err error) {
	classes := tr.Classes()
	if c.Unconditional {
		classes = 0
	}
	for _, v := range []struct {
		set *mnist.Set
		to  *embedded
	}{{tr, &a}, {te, &b}} {
		if v.to.z, err = embed(enc, v.set, c.Embedding); err != nil {
			return a, b, err
		}
		if v.to.labels, err = labels(v.set, classes); err != nil {
			return a, b, err
		}
	}
	return a, b, nil
}

// trainFlow trains a flow on embeddings, with progress under a name.
func trainFlow(ctx context.Context, f *distribution.Flow[float32], c *config, tr, te embedded, name string, s streams) (stage, error) {
	start := time.Now()
	o := c.options(c.FlowEpochs, c.FlowRate)
	o.Validation = te.source()
	o.Observer = newProgress(s.log, name, "nats", tr.z.Shape()[0], o.Epochs)
	report, err := train.Fit(ctx, f, tr.source(), o)
	return newStage(report, start), err
}

// countParams is the number of trained values.
func countParams[T bijector.Float](m interface{ Params() []bijector.Param[T] }) int {
	n := 0
	for _, p := range m.Params() {
		n += len(p.Data)
	}
	return n
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

// stack makes a tensor of rows.
func stack(rows [][]float32) (*tensor.Dense, error) {
	if len(rows) == 0 {
		return nil, fmt.Errorf("no rows: %w", bijector.ErrShape)
	}
	var data []float32
	for _, r := range rows {
		data = append(data, r...)
	}
	return bijector.TensorOf(data, len(rows), len(rows[0])), nil
}
