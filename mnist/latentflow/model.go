// The models of a run, an encoder and a flow, and their training.

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/mnist"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/train"
)

// coder is an encoder with its decoder.
type coder interface {
	autoencoder.Encoder[float32]
	autoencoder.Decoder[float32]
}

// newCoder makes the untrained encoder of c for a set's images.
func newCoder(c *config, s *mnist.Set) (coder, error) {
	switch c.Encoder {
	case "pca":
		return autoencoder.NewPCA[float32](autoencoder.PCASpec{In: s.Dim(), Embedding: c.Embedding})
	case "dense":
		return autoencoder.NewDense[float32](autoencoder.DenseSpec{In: s.Dim(), Hidden: []int{512, 128}, Embedding: c.Embedding, Seed: c.Seed})
	}
	return autoencoder.NewConv[float32](autoencoder.ConvSpec{Height: s.Height(), Width: s.Width(), Embedding: c.Embedding, Seed: c.Seed})
}

// coderOf is the autoencoder of the model that -model names, or else a new one that
// is to be trained.
func coderOf(c *config, s *mnist.Set) (m coder, fresh bool, err error) {
	if c.Model == "" {
		m, err = newCoder(c, s)
		return m, true, err
	}
	l, err := loadModel(c.Model)
	if err != nil {
		return nil, false, err
	}
	m, ok := l.Encoder().(coder)
	if !ok {
		return nil, false, fmt.Errorf("-model %s: its encoder (%T) does not draw; want a model that \"latentflow train\" wrote", c.Model, l.Encoder())
	}
	first, err := images(s, 0, 1)
	if err != nil {
		return nil, false, err
	}
	if _, err := m.Encode(first); err != nil {
		return nil, false, fmt.Errorf("-model %s: its autoencoder is not one of images of %d x %d: %w", c.Model, s.Height(), s.Width(), err)
	}
	c.Embedding, c.Encoder = l.Flow().Dim(), "pca"
	if ae, ok := m.(*autoencoder.Autoencoder[float32]); ok {
		c.Encoder = "dense"
		if _, ok := ae.Spec().(autoencoder.ConvSpec); ok {
			c.Encoder = "conv"
		}
	}
	return m, false, nil
}

// pcaImages bounds the images that PCA is fitted on: its moments are settled
// long before.
const pcaImages = 20000

// trainCoder trains an encoder that newCoder made, in place. An interrupted one is usable.
func trainCoder(ctx context.Context, m autoencoder.Encoder[float32], c *config, tr, te *mnist.Set, s command.Streams) (command.Stage, error) {
	start := time.Now()
	switch m := m.(type) {
	case *autoencoder.PCA[float32]:
		if err := ctx.Err(); err != nil {
			return command.NewStage(nil, start), err
		}
		x, err := images(tr, 0, min(tr.Len(), pcaImages))
		if err == nil {
			err = m.Fit(x)
		}
		return command.NewStage(nil, start), err
	case *autoencoder.Autoencoder[float32]:
		o := c.options("autoencoder", c.AEEpochs, c.AERate, train.Adam{WeightDecay: c.AEDecay})
		o.Validation = te
		report, err := command.Fit(ctx, m, tr, o, "autoencoder", command.Losses("nats a pixel"), s)
		return command.NewStage(report, start), err
	}
	return command.Stage{}, fmt.Errorf("a %T has no training: %w", m, bijector.ErrNotTrainable)
}

// newFlow makes the untrained flow of c over an embedding.
func newFlow(c *config, classes int) (*flow.Flow[float32], error) {
	if c.Unconditional {
		classes = 0
	}
	r := coupling.Recipe{
		Dim: c.Embedding, ContextDim: classes, Layers: c.Layers, Hidden: c.Hidden,
		Scale: c.Scale, Norm: c.Norm, Seed: c.Seed,
	}
	recipe := coupling.RealNVP[float32]
	switch c.Coupling {
	case "glow":
		recipe = coupling.Glow[float32]
	case "additive":
		recipe = coupling.NICE[float32]
	case "spline":
		recipe = coupling.NSF[float32]
	}
	chain, err := recipe(r)
	if err != nil {
		return nil, err
	}
	return flow.New(chain, distribution.StandardNormal[float32](c.Embedding))
}

// embeddedSet is a set's embeddings with their context.
type embeddedSet struct{ z, labels *bijector.Rows[float32] }

// source is the embeddings as training data.
func (e embeddedSet) source() train.Source {
	src := train.Tensor(e.z)
	if e.labels != nil {
		src = src.Given(e.labels)
	}
	return src
}

// embedBoth encodes both sets; the labels are left out for an unconditional
// flow.
func embedBoth(enc autoencoder.Encoder[float32], c *config, tr, te *mnist.Set) (a, b embeddedSet, err error) {
	for _, v := range []struct {
		set *mnist.Set
		to  *embeddedSet
	}{{tr, &a}, {te, &b}} {
		if v.to.z, err = embed(enc, v.set, c.Embedding); err != nil {
			return a, b, err
		}
		if !c.Unconditional {
			v.to.labels = oneHots(v.set.Classes(), v.set.Len(), v.set.Label)
		}
	}
	return a, b, nil
}

// trainFlow trains a flow on embeddings, with progress under a name. An
// interrupted one is calibrated and usable.
func trainFlow(ctx context.Context, f *flow.Flow[float32], c *config, tr, te embeddedSet, name string, s command.Streams) (command.Stage, error) {
	start := time.Now()
	o := c.options("flow", c.FlowEpochs, c.FlowRate, train.Adam{WeightDecay: c.FlowDecay, Decoupled: true})
	o.Validation = te.source()
	report, err := command.Fit(ctx, f, tr.source(), o, name, command.Losses("nats"), s)
	return command.NewStage(report, start), err
}

// loadModel reads the model file that -model names.
func loadModel(path string) (*autoencoder.Latent[float32], error) {
	m, err := registry.Load[*autoencoder.Latent[float32]](path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("-model %s: there is no such file; train a model first, in some three minutes: go run ./mnist/latentflow train -out %s", path, filepath.Dir(path))
	case err != nil:
		return nil, fmt.Errorf("-model: %w; want a file that \"latentflow train\" wrote, train it again", err)
	case m.Flow() == nil:
		return nil, fmt.Errorf("-model %s: a latent model of %d flows; want a file that \"latentflow train\" wrote, which has one", path, len(m.Ensemble().Flows()))
	}
	return m, nil
}
