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
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"

	"github.com/bijou-flow/bijou/distribution"
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
	Measured    string         `json:"measured"` // what the figures of test are of
	Parameters  int            `json:"parameters"`
	Nats        command.Number `json:"test_nats"`               // log-density of a dequantised image, given its class where the flow is told
	Bits        command.Number `json:"test_bits_per_dimension"` // of an image, given its class where the flow is told
	Marginal    command.Number `json:"test_bits_bound"`         // of an image without its class, at most
	Epochs      []epoch        `json:"epochs"`
	Steps       int            `json:"steps"`
	BadSteps    int            `json:"bad_steps"`
	Seconds     float64        `json:"seconds"`     // of training
	CPUSeconds  float64        `json:"cpu_seconds"` // of all sittings, validation included
	Sittings    int            `json:"sittings"`
	Kernels     string         `json:"kernels"` // the processor path that ran
	Go          string         `json:"go"`      // version
}

// epoch is one epoch's mean bits a dimension.
type epoch struct {
	Epoch    int            `json:"epoch"`
	Training command.Number `json:"training_bits"` // as training went
	Test     command.Number `json:"test_bits"`     // of the images that training is followed by
	Seconds  float64        `json:"seconds"`
}

// job is one run.
type job struct {
	config *config
	dir    string // for its files
	command.Streams
	images, test *mnist.Set
	flow         *flow.Flow[float32]
	metrics      metrics
}

// newJob reads the data and makes the untrained model, so that what cannot be
// made fails before anything is written.
func newJob(c *config, s command.Streams) (*job, error) {
	tr, te, err := dataset.Load(c.Data, c.Limit, s.Log)
	if err != nil {
		return nil, err
	}
	measured := "test set"
	if c.Holdout > 0 {
		if c.Holdout > tr.Len()-2 {
			return nil, command.Usagef("-holdout %d: want to leave at least 2 of %d training images", c.Holdout, tr.Len())
		}
		measured = fmt.Sprintf("last %d training images", c.Holdout)
		tr, te = tr.Head(tr.Len()-c.Holdout), tr.Tail(c.Holdout)
	}
	chain, err := c.chain(tr)
	if err != nil {
		return nil, err
	}
	f, err := flow.New(chain, distribution.StandardNormal[float32](chain.Dim()))
	if err != nil {
		return nil, err
	}
	m := metrics{Config: *c, Images: tr.Len(), Measured: measured, Parameters: command.CountParams(f), Kernels: kernel.Path(), Go: runtime.Version()}
	return &job{config: c, Streams: s, images: tr, test: te, flow: f, metrics: m}, nil
}

// bits are those a dimension of a loss.
func (j *job) bits(nll float64) float64 { return flow.BitsPerDim(-nll, j.flow.Dim(), levels) }

// source is a set's dequantised images, with their labels where the flow takes
// them.
func (j *job) source(set *mnist.Set) train.Source {
	if j.flow.ContextDim() > 0 {
		return train.Dequantize(set.Conditional(), levels, j.config.Seed)
	}
	return train.Dequantize(set, levels, j.config.Seed)
}

// train trains the flow and fills in the metrics.
func (j *job) train(ctx context.Context, resume bool) error {
	o := j.config.options()
	if n := j.config.Validate; n > 0 {
		o.Validation, o.ValidationFraction = j.source(j.test.Head(min(n, j.test.Len()))), 0
	}
	state := filepath.Join(j.dir, checkpoints)
	o.Checkpoint = train.Checkpoint{Dir: state, Epochs: 1, Keep: 1, Resume: resume}
	clock, err := newClock(state, resume)
	if err != nil {
		return err
	}
	o.Observer = clock
	say := func(training, test float64) string {
		return fmt.Sprintf("training %.4f, test %.4f bits a dimension", j.bits(training), j.bits(test))
	}
	report, err := command.Fit(ctx, j.flow, j.source(j.images), o, "flow", say, j.Streams)
	m := &j.metrics
	m.Epochs = []epoch{}
	if report != nil {
		m.Steps, m.BadSteps, m.Seconds = report.Steps, report.BadSteps, report.Time.Seconds()
		for _, e := range report.Epochs {
			m.Epochs = append(m.Epochs, epoch{e.Epoch, command.Number(j.bits(e.Loss)), command.Number(j.bits(e.Validation)), e.Time.Seconds()})
		}
	}
	if m.Steps > 0 {
		err = errors.Join(err, clock.save())
	}
	m.CPUSeconds, m.Sittings = clock.Seconds, clock.Sittings
	return err
}

// measure fills in the figures on the test set.
func (j *job) measure() error {
	nll, err := train.Evaluate(context.Background(), j.flow, j.source(j.test))
	if err != nil {
		return err
	}
	m := &j.metrics
	m.Nats, m.Bits = command.Number(-nll), command.Number(j.bits(nll))
	m.Marginal = m.Bits
	if j.flow.ContextDim() > 0 {
		m.Marginal += command.Number(classBits(j.images, j.test) / float64(j.flow.Dim()))
	}
	return nil
}

// classBits are the mean bits of the test images' labels by their shares in
// training. The density without a class is no less than the share of one times
// the density given that class, so that the bits of class and image together
// are at least the image's.
func classBits(tr, te *mnist.Set) float64 {
	counts := make([]float64, tr.Classes())
	for _, l := range tr.Labels() {
		counts[l]++
	}
	sum := 0.0
	for _, l := range te.Labels() {
		sum -= math.Log2(counts[l] / float64(tr.Len()))
	}
	return sum / float64(te.Len())
}

// write puts model, pictures and metrics into the run's directory.
func (j *job) write() error {
	if err := registry.Save(filepath.Join(j.dir, modelFile), j.flow); err != nil {
		return err
	}
	var drawn error // a model that draws nothing finite has figures all the same
	for _, t := range temperatures {
		drawn = errors.Join(drawn, j.draw(samplesFile(t), t, j.rowLabels()))
	}
	drawn = errors.Join(drawn, j.draw(mixedFile, 1, j.mixedLabels()))
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
	m := &j.metrics
	fmt.Fprintf(j.Out, "parameters           %d\n", m.Parameters)
	fmt.Fprintf(j.Out, "test log-likelihood  %.2f nats an image\n", m.Nats)
	fmt.Fprintf(j.Out, "test bits per dim    %.4f\n", m.Bits)
	if j.flow.ContextDim() > 0 {
		fmt.Fprintf(j.Out, "without its class    %.4f at most\n", m.Marginal)
	}
	fmt.Fprintf(j.Out, "training             %d epochs, %.0f s; %.0f s of CPU in %d sittings\n", len(m.Epochs), m.Seconds, m.CPUSeconds, m.Sittings)
}

// A picture has rows of draws.
const (
	draws   = 100
	columns = 10
)

// rowLabels are a class a row.
func (j *job) rowLabels() []uint8 {
	labels := make([]uint8, draws)
	for i := range labels {
		labels[i] = uint8(i / columns % j.images.Classes())
	}
	return labels
}

// mixedLabels are those of training images drawn at random.
func (j *job) mixedLabels() []uint8 {
	rng, labels := rand.New(rand.NewPCG(j.config.Seed, 2)), make([]uint8, draws)
	for i := range labels {
		labels[i] = uint8(j.images.Label(rng.IntN(j.images.Len())))
	}
	return labels
}

// draw draws a picture of images of the classes, where the flow is told them.
func (j *job) draw(name string, temperature float64, labels []uint8) error {
	f, grid := j.flow, mnist.Grid{Cols: columns, Height: j.images.Height(), Width: j.images.Width()}
	if f.ContextDim() > 0 {
		classes, err := mnist.OneHot[float32](labels, j.images.Classes())
		if err != nil {
			return err
		}
		f = f.Given(classes)
		for i := 0; i < draws && name != mixedFile; i += columns {
			grid.RowCaptions = append(grid.RowCaptions, strconv.Itoa(int(labels[i])))
		}
	}
	x, err := f.WithTemperature(temperature).Sample(rand.New(rand.NewPCG(j.config.Seed, 1)), draws)
	if err == nil {
		err = grid.WritePNG(filepath.Join(j.dir, name), x)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// plotCurve plots bits over the epochs.
func (j *job) plotCurve() error {
	var training, test plotter.XYs
	for _, e := range j.metrics.Epochs {
		x := float64(e.Epoch)
		training = append(training, plotter.XY{X: x, Y: float64(e.Training)})
		if e.Test.Finite() {
			test = append(test, plotter.XY{X: x, Y: float64(e.Test)})
		}
	}
	p, err := command.NewPanel("a flow on MNIST's pixels", "epoch", "bits a dimension",
		command.Line{Name: "training", XYs: training}, command.Line{Name: "test", XYs: test})
	if err != nil {
		return err
	}
	p.Y.Tick.Marker = plot.TickerFunc(func(lo, hi float64) []plot.Tick {
		ticks := plot.DefaultTicks{}.Ticks(lo, hi)
		for i, t := range ticks {
			if t.Label != "" { // which has too few digits for 1.04 and 1.12
				ticks[i].Label = strconv.FormatFloat(t.Value, 'g', 4, 64)
			}
		}
		return ticks
	})
	return command.SavePanels(filepath.Join(j.dir, curveFile), []*plot.Plot{p})
}
