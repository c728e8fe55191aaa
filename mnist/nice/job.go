// A run from data to figures: the flow's training, and what is written of it.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"runtime"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"

	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/kernel"
	"github.com/bijou-flow/bijou/mnist"
	"github.com/bijou-flow/bijou/mnist/internal/dataset"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/train"
)

// levels of a pixel.
const levels = 256

// metrics is the content of metrics.json.
type metrics struct {
	Config      config         `json:"config"`
	Interrupted bool           `json:"interrupted"`
	Images      int            `json:"training_images"`
	Followed    string         `json:"followed"` // what the log-likelihoods of test are of
	Parameters  int            `json:"parameters"`
	Initial     command.Number `json:"initial_test_nats"`
	Test        command.Number `json:"test_nats"` // log-likelihood of an image, mean over the set, after the last epoch
	Bits        command.Number `json:"test_bits_per_dimension"`
	Epochs      []epoch        `json:"epochs"`
	Steps       int            `json:"steps"`
	BadSteps    int            `json:"bad_steps"`
	Seconds     float64        `json:"seconds"`
	Kernels     string         `json:"kernels"` // the processor path that ran
	Go          string         `json:"go"`      // version
}

// epoch is one epoch's mean log-likelihoods.
type epoch struct {
	Epoch    int            `json:"epoch"`
	Training command.Number `json:"training_nats"` // as training went
	Test     command.Number `json:"test_nats"`
	Bits     command.Number `json:"test_bits_per_dimension"`
	Seconds  float64        `json:"seconds"`
}

// job is one run.
type job struct {
	config *config
	dir    string // for its files
	command.Streams
	images, test  train.Source
	height, width int
	model         *model
	metrics       metrics
}

// newJob reads the data and makes the untrained model, so that what cannot be
// made fails before anything is written.
func newJob(c *config, s command.Streams) (*job, error) {
	tr, te, err := dataset.Load(c.Data, c.Limit, s.Log)
	if err != nil {
		return nil, err
	}
	j := &job{config: c, Streams: s, height: tr.Height(), width: tr.Width()}
	followed := "test set"
	if c.Holdout > 0 {
		if c.Holdout > tr.Len()-2 {
			return nil, command.Usagef("-holdout %d: want to leave at least 2 of %d training images", c.Holdout, tr.Len())
		}
		followed = fmt.Sprintf("last %d training images", c.Holdout)
		tr, te = tr.Head(tr.Len()-c.Holdout), tr.Tail(c.Holdout)
	}
	j.images, j.test = train.Dequantize(tr, levels, c.Seed), train.Dequantize(te, levels, c.Seed)
	m, err := fitMarginals(j.images)
	if err != nil {
		return nil, err
	}
	if j.model, err = newModel(c, m); err != nil {
		return nil, err
	}
	nll, err := train.Evaluate(context.Background(), j.model.scaledFlow, j.test)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(s.Log, "a logistic distribution a pixel: %s, where the flow starts; %d parameters\n", j.nats(-nll), command.CountParams(j.model.scaledFlow))
	j.metrics = metrics{
		Config: *c, Images: tr.Len(), Followed: followed, Parameters: command.CountParams(j.model.scaledFlow),
		Initial: command.Number(-nll), Kernels: kernel.Path(), Go: runtime.Version(),
	}
	return j, nil
}

func (j *job) bits(logp float64) float64 {
	return flow.BitsPerDim(logp, j.images.Dim(), levels)
}

// nats describes a test log-likelihood.
func (j *job) nats(logp float64) string {
	return fmt.Sprintf("test %.2f nats (%.4f bits per dimension)", logp, j.bits(logp))
}

// train trains the model and fills in the metrics.
func (j *job) train(ctx context.Context, resume bool) error {
	o := j.config.options()
	o.Validation = j.test
	o.Checkpoint = train.Checkpoint{Dir: filepath.Join(j.dir, checkpoints), Epochs: j.config.Save, Keep: 1, Resume: resume}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	o.Observer = &saver{job: j, fail: fail}
	say := func(training, test float64) string { return fmt.Sprintf("training %.2f, %s", -training, j.nats(-test)) }
	report, err := command.Fit(ctx, j.model.scaledFlow, j.images, o, "nice", say, j.Streams)
	m := &j.metrics
	m.Epochs, m.Test = []epoch{}, command.Number(math.NaN())
	if report != nil {
		m.Steps, m.BadSteps, m.Seconds = report.Steps, report.BadSteps, report.Time.Seconds()
		for _, e := range report.Epochs {
			m.Test = command.Number(-e.Validation)
			m.Epochs = append(m.Epochs, epoch{e.Epoch, command.Number(-e.Loss), m.Test, command.Number(j.bits(-e.Validation)), e.Time.Seconds()})
		}
	}
	m.Bits = command.Number(j.bits(float64(m.Test)))
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause // the disk is full
	}
	return err
}

// saver saves the model while it is in training.
type saver struct {
	job  *job
	fail context.CancelCauseFunc
}

func (s *saver) Step(train.StepEvent) {}

func (s *saver) Epoch(e train.EpochEvent) {
	if e.Epoch%s.job.config.Save != 0 || e.Epoch == e.Epochs {
		return
	}
	if err := s.job.saveModel(); err != nil {
		s.fail(err)
	}
}

// saveModel writes the model as an ordinary NICE flow.
func (j *job) saveModel() error {
	j.model.foldScales()
	return registry.Save(filepath.Join(j.dir, modelFile), j.model.nice)
}

// write puts model, pictures and metrics into the run's directory.
func (j *job) write() error {
	if err := j.saveModel(); err != nil {
		return err
	}
	var drawn error // a model that draws nothing finite has figures all the same
	for _, t := range temperatures {
		drawn = errors.Join(drawn, j.draw(samplesFile(t), t))
	}
	if err := j.plotCurve(); err != nil {
		return err
	}
	data, err := json.MarshalIndent(j.metrics, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(command.WriteFile(filepath.Join(j.dir, metricsFile), append(data, '\n')), drawn)
}

// sumUp prints the figures.
func (j *job) sumUp() {
	fmt.Fprintf(j.Out, "%s\n%d epochs, %.1f s\n", j.nats(float64(j.metrics.Test)), len(j.metrics.Epochs), j.metrics.Seconds)
}

// draw draws a hundred digits at a temperature.
func (j *job) draw(name string, temperature float64) error {
	x, err := j.model.nice.WithTemperature(temperature).Sample(rand.New(rand.NewPCG(j.config.Seed, 0x64726177)), 100)
	if err == nil {
		err = mnist.Grid{Rows: 10, Cols: 10, Height: j.height, Width: j.width}.WritePNG(filepath.Join(j.dir, name), x)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// paperLogLikelihood is the test log-likelihood that the paper reports (section 5.1).
const paperLogLikelihood = 1980.50

// plotCurve plots log-likelihoods over the epochs, with the paper's for MNIST.
func (j *job) plotCurve() error {
	var training, test, reported plotter.XYs
	for _, e := range j.metrics.Epochs {
		x := float64(e.Epoch)
		training = append(training, plotter.XY{X: x, Y: float64(e.Training)})
		if e.Test.Finite() {
			test = append(test, plotter.XY{X: x, Y: float64(e.Test)})
		}
		if j.config.Data == "" {
			reported = append(reported, plotter.XY{X: x, Y: paperLogLikelihood})
		}
	}
	p, err := command.NewPanel("NICE on MNIST's pixels", "epoch", "log-likelihood, nats an image",
		command.Line{Name: "training", XYs: training}, command.Line{Name: "test", XYs: test}, command.Line{Name: "the paper's after 1,500 epochs", XYs: reported})
	if err != nil {
		return err
	}
	p.Legend.Top = false
	return command.SavePanels(filepath.Join(j.dir, curveFile), []*plot.Plot{p})
}
