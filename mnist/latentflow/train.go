package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/internal/kernel"
	"github.com/bijou-flow/bijou/mnist"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/train"
)

func trainCommand(ctx context.Context, args []string, s streams) error {
	var c config
	f := flag.NewFlagSet("train", flag.ContinueOnError)
	c.flags(f)
	out := f.String("out", "out", "`directory` for the model, the pictures and the metrics")
	if err := parse(f, args, s); err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	if err := makeDir(*out); err != nil {
		return err
	}
	start := time.Now()
	tr, te, err := loadData(c.Data, c.Limit, s.log)
	if err != nil {
		return err
	}
	j := job{config: &c, train: tr, test: te, streams: s}
	err = j.run(ctx)
	if err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	j.metrics.Interrupted = err != nil
	if werr := j.write(*out, start); werr != nil {
		return werr
	}
	return err
}

// job is one run of train: what it is given and what it makes.
type job struct {
	config      *config
	train, test *mnist.Set
	streams
	metrics metrics
	coder   coder
	latent  *autoencoder.Latent[float32]
}

// run trains both stages. When ctx ends, what was trained is kept.
func (j *job) run(ctx context.Context) error {
	c := j.config
	j.metrics = metrics{
		Config: *c, Kernels: kernel.Path(), Go: runtime.Version(),
		Images: j.train.Len(), TestImages: j.test.Len(),
	}
	// A flow that cannot be made should fail before the autoencoder's minutes.
	flow, err := newFlow(c, j.train.Classes())
	if err != nil {
		return err
	}
	var trainErr error
	j.coder, j.metrics.Autoencoder, trainErr = trainEncoder(ctx, c, j.train, j.test, j.streams)
	if trainErr != nil && !errors.Is(trainErr, context.Canceled) {
		return trainErr
	}
	start := time.Now()
	a, b, err := embedBoth(j.coder, c, j.train, j.test)
	if err != nil {
		return err
	}
	j.metrics.EmbedTime = number(time.Since(start).Seconds())
	if j.latent, err = autoencoder.NewLatent[float32](j.coder, j.coder, flow); err != nil {
		return err
	}
	// A cancelled Fit still calibrates the flow, so that the model is whole.
	j.metrics.Flow, err = trainFlow(ctx, flow, c, a, b, "flow", j.streams)
	if err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	if trainErr == nil {
		trainErr = err
	}
	return errors.Join(trainErr, j.measure(b))
}

// measure fills in the figures on the test set.
func (j *job) measure(b embedded) error {
	m := &j.metrics
	m.Parameters.Flow = countParams[float32](j.latent.Flow())
	nll, err := train.Evaluate(context.Background(), j.latent.Flow(), b.source())
	if err != nil {
		return err
	}
	m.TestNLL = some(nll)
	if ae, ok := j.coder.(*autoencoder.Autoencoder[float32]); ok {
		m.Parameters.Autoencoder = countParams[float32](ae)
		bce, err := train.Evaluate(context.Background(), ae, j.test)
		if err != nil {
			return err
		}
		m.TestBCE = some(bce)
	}
	mse, err := squaredError(j.coder, j.test)
	m.TestMSE = some(mse)
	return err
}

// squaredError is the mean squared difference of a pixel between test images
// and their reconstructions.
func squaredError(c coder, s *mnist.Set) (float64, error) {
	sum := 0.0
	for lo := 0; lo < s.Len(); lo += block {
		x, err := images(s, lo, min(lo+block, s.Len()))
		if err != nil {
			return math.NaN(), err
		}
		z, err := c.Encode(x)
		if err != nil {
			return math.NaN(), err
		}
		y, err := c.Decode(z)
		if err != nil {
			return math.NaN(), err
		}
		for i, v := range x.Float32s() {
			d := float64(v - y.Float32s()[i])
			sum += d * d
		}
	}
	return sum / float64(s.Len()*s.Dim()), nil
}

// write puts model, pictures and metrics into a directory.
func (j *job) write(dir string, start time.Time) error {
	if err := registry.Save(filepath.Join(dir, "model.safetensors"), j.latent); err != nil {
		return err
	}
	g := gallery{coder: j.coder, flow: j.latent.Flow(), test: j.test, classes: j.latent.Flow().ContextDim(), seed: j.config.Seed}
	if err := g.draw(dir); err != nil {
		return err
	}
	if err := drawCurves(filepath.Join(dir, "curves.png"), j.metrics.Autoencoder, j.metrics.Flow); err != nil {
		return err
	}
	j.metrics.TotalTime = number(time.Since(start).Seconds())
	if err := j.metrics.write(dir); err != nil {
		return err
	}
	m := j.metrics
	if m.Interrupted {
		fmt.Fprintln(j.out, "interrupted: what was trained so far is saved")
	}
	if m.TestBCE != nil {
		fmt.Fprintf(j.out, "test reconstruction          %.4f nats a pixel (binary cross-entropy)\n", float64(*m.TestBCE))
	}
	fmt.Fprintf(j.out, "test squared error           %.5f a pixel\n", float64(*m.TestMSE))
	fmt.Fprintf(j.out, "test negative log-likelihood %.3f nats an embedding\n", float64(*m.TestNLL))
	fmt.Fprintf(j.out, "time                         %.1f s (autoencoder %.1f, flow %.1f)\n", float64(m.TotalTime), m.Autoencoder.Seconds, m.Flow.Seconds)
	for _, name := range []string{"model.safetensors", "samples.png", "reconstructions.png", "interpolation.png", "curves.png", "metrics.json"} {
		fmt.Fprintln(j.out, filepath.Join(dir, name))
	}
	return nil
}

// makeDir makes a directory and makes sure that files can be written there,
// before minutes of work depend on it.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot write to -out %s: %w", dir, err)
	}
	f, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return fmt.Errorf("cannot write to -out %s: %w", dir, err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
