// The command train: an autoencoder, a flow on its embeddings, and pictures of both.

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/kernel"
	"github.com/bijou-flow/bijou/mnist"
	"github.com/bijou-flow/bijou/mnist/internal/dataset"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/train"
)

const trainAbout = `Trains an autoencoder on digits and a flow on its embeddings, and draws digits.

It writes to DIR, of -out
  model.safetensors    the model, for the other commands
  samples.png          draws, a class a row, each row from likely to unlikely
  reconstructions.png  test images and what the autoencoder makes of them
  interpolation.png    walks in latent space between digits of different classes
  curves.png           losses over the epochs
  metrics.json         losses, times, seed and configuration

With -checkpoint, training is saved after every epoch, and when it is
interrupted; the same command with -resume goes on from there, and ends with
the model that training in one go makes. With -model, an autoencoder that was
trained before is used as it is, also that of a run whose flow was interrupted.

Example: go run ./mnist/latentflow train -out small -limit 10000 -ae-epochs 5
`

// Files of a run.
const (
	modelFile           = "model.safetensors"
	samplesFile         = "samples.png"
	reconstructionsFile = "reconstructions.png"
	interpolationFile   = "interpolation.png"
	curvesFile          = "curves.png"
	metricsFile         = "metrics.json"
)

func trainCommand(ctx context.Context, args []string, s command.Streams) error {
	var c config
	f := newFlags("train", trainAbout)
	c.flags(f)
	c.sizeFlags(f)
	f.String(&c.checkpoint, "checkpoint", "", "`directory` for checkpoints of training; empty: none")
	f.Bool(&c.resume, "resume", "go on from the checkpoints in -checkpoint")
	out := f.Outputs("`directory` for the model, the pictures and the metrics; made if need be",
		modelFile, samplesFile, reconstructionsFile, interpolationFile, curvesFile, metricsFile)
	if err := f.Parse(args, s); err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	start := time.Now()
	tr, te, err := dataset.Load(c.Data, c.Limit, s.Log)
	if err != nil {
		return err
	}
	j, err := newJob(&c, tr, te, s)
	if err != nil {
		return err
	}
	if err := out.Prepare(); err != nil {
		return err
	}
	switch err := j.run(ctx); {
	case errors.Is(err, train.ErrResume) && !c.resume:
		return fmt.Errorf("-checkpoint %s: %w; -resume goes on from it, if all other flags are the same", c.checkpoint, err)
	case errors.Is(err, train.ErrResume):
		return fmt.Errorf("-resume: %w; want the flags that the run in -checkpoint %s was started with", err, c.checkpoint)
	case err != nil:
		return err
	}
	return j.save(out, start)
}

// job is one run of train: what it is given and what it makes.
type job struct {
	config      *config
	train, test *mnist.Set
	command.Streams
	metrics metrics
	coder   coder
	fresh   bool // coder is to be trained
	latent  *autoencoder.Latent[float32]
	ended   error // why training ended early, with parameters of use
}

// newJob makes the untrained model, so that one that cannot be made fails
// before anything is written.
func newJob(c *config, tr, te *mnist.Set, s command.Streams) (*job, error) {
	coder, fresh, err := coderOf(c, tr)
	if err != nil {
		return nil, err
	}
	flow, err := newFlow(c, tr.Classes())
	if err != nil {
		return nil, err
	}
	latent, err := autoencoder.NewLatent[float32](coder, coder, flow)
	if err != nil {
		return nil, err
	}
	m := metrics{
		Config: *c, Kernels: kernel.Path(), Go: runtime.Version(),
		Images: tr.Len(), TestImages: te.Len(),
	}
	return &job{config: c, train: tr, test: te, Streams: s, metrics: m, coder: coder, fresh: fresh, latent: latent}, nil
}

// run trains both stages and measures them. When ctx ends, it notes so in the
// metrics and goes on with what was trained; an error is of another kind, or
// says that nothing was.
func (j *job) run(ctx context.Context) error {
	var err error
	if j.fresh {
		j.metrics.Autoencoder, err = trainCoder(ctx, j.coder, j.config, j.train, j.test, j.Streams)
	}
	if errors.Is(err, context.Canceled) {
		if j.metrics.Autoencoder.Steps == 0 {
			return command.Interruption("nothing was trained yet, and nothing is written")
		}
		j.interrupt(err)
	} else if err != nil {
		return err
	}
	start := time.Now()
	debug.FreeOSMemory() // what the autoencoder's training held, before the flow's holds more
	a, b, err := embedBoth(j.coder, j.config, j.train, j.test)
	if err != nil {
		return err
	}
	j.metrics.EmbedTime = time.Since(start).Seconds()
	// Where ctx has ended, this takes no step and calibrates the flow all the
	// same, so that the model is whole.
	j.metrics.Flow, err = trainFlow(ctx, j.latent.Flow(), j.config, a, b, "flow", j.Streams)
	switch {
	case errors.Is(err, context.Canceled):
		j.interrupt(err)
	case errors.Is(err, train.ErrDiverged):
		// The autoencoder's minutes must not be lost with the flow's.
		j.ended = err
	case err != nil:
		return err
	}
	return j.measure(b)
}

// interrupt notes that training was interrupted.
func (j *job) interrupt(err error) {
	j.ended, j.metrics.Interrupted = err, true
}

// measure fills in the figures on the test set.
func (j *job) measure(b embeddedSet) error {
	m := &j.metrics
	m.Parameters.Flow = command.CountParams(j.latent.Flow())
	nll, err := train.Evaluate(context.Background(), j.latent.Flow(), b.source())
	if err != nil {
		return err
	}
	m.TestNLL, m.TestBCE = command.Number(nll), command.Number(math.NaN())
	if ae, ok := j.coder.(*autoencoder.Autoencoder[float32]); ok {
		m.Parameters.Autoencoder = command.CountParams(ae)
		bce, err := train.Evaluate(context.Background(), ae, j.test)
		if err != nil {
			return err
		}
		m.TestBCE = command.Number(bce)
	}
	mse, err := squaredError(j.coder, j.test)
	m.TestMSE = command.Number(mse)
	return err
}

// squaredError is the mean squared difference of a pixel between test images
// and their reconstructions.
func squaredError(c coder, s *mnist.Set) (float64, error) {
	sum := 0.0
	for lo := 0; lo < s.Len(); lo += encodeBlock {
		x, err := images(s, lo, min(lo+encodeBlock, s.Len()))
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

// save writes what was trained and sums up. A run that was interrupted, or whose
// flow diverged, is not finished.
func (j *job) save(out *command.Outputs, start time.Time) error {
	dir, err := out.Stage()
	if err != nil {
		return err
	}
	defer out.Close()
	if err := j.write(dir, start); err != nil {
		return errors.Join(j.ended, err)
	}
	if j.ended == nil {
		if err := out.Finish(); err != nil {
			return err
		}
	}
	j.sumUp()
	out.List(j.Out)
	return command.Early(j.ended, "what was trained until then is in "+dir)
}

// write puts model, pictures and metrics into a directory.
func (j *job) write(dir string, start time.Time) error {
	m := &j.metrics
	if err := registry.Save(filepath.Join(dir, modelFile), j.latent); err != nil {
		return err
	}
	g := gallery{coder: j.coder, flow: j.latent.Flow(), test: j.test, classes: j.latent.Flow().ContextDim(), seed: j.config.Seed}
	drawn := g.draw(dir) // a model that draws nothing finite has figures all the same
	curves := []command.Curve{{Title: "flow", Unit: "negative log-likelihood, nats an embedding", Epochs: m.Flow.Epochs}}
	if j.fresh && j.config.Encoder != "pca" { // which has no epochs
		curves = append([]command.Curve{{Title: "autoencoder", Unit: "binary cross-entropy, nats a pixel", Epochs: m.Autoencoder.Epochs}}, curves...)
	}
	if err := command.DrawCurves(filepath.Join(dir, curvesFile), curves); err != nil {
		return err
	}
	m.TotalTime = time.Since(start).Seconds()
	return errors.Join(m.write(filepath.Join(dir, metricsFile)), drawn)
}

// sumUp prints the figures.
func (j *job) sumUp() {
	m := &j.metrics
	if m.TestBCE.Finite() {
		fmt.Fprintf(j.Out, "test reconstruction          %.4f nats a pixel (binary cross-entropy)\n", m.TestBCE)
	}
	fmt.Fprintf(j.Out, "test squared error           %.5f a pixel\n", m.TestMSE)
	fmt.Fprintf(j.Out, "test negative log-likelihood %.3f nats an embedding\n", m.TestNLL)
	fmt.Fprintf(j.Out, "time                         %.1f s (autoencoder %.1f, flow %.1f)\n", m.TotalTime, m.Autoencoder.Seconds, m.Flow.Seconds)
}
