// Command nice trains NICE on MNIST's pixels, the experiment of Dinh, Krueger
// and Bengio 2015 (arXiv 1410.8516, section 5.1), and draws digits from it.
//
//	go run ./mnist/nice -out DIR
package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/train"
)

const about = `Trains NICE on the pixels of MNIST and draws digits from it.

The model is that of the paper (Dinh et al. 2015, arXiv 1410.8516, section
5.1): 4 additive couplings whose conditioners have 5 hidden layers of 1,000,
a diagonal scale, a logistic base, on (v+u)/256 for a pixel v of 0 to 255 and
u uniform on [0, 1), drawn anew in every epoch.

It writes to DIR, of -out
  model.safetensors  the model, also while it trains: see -save
  curve.png          log-likelihood over the epochs
  samples.png        100 draws, not picked; samples-0.8.png at a temperature of 0.8
  metrics.json       log-likelihoods, times, seed and configuration

While it trains, DIR/unfinished/checkpoints has what -resume needs to go on after
Ctrl-C, or from the last checkpoint of a run that was killed; it ends with the
same model as a run that was never interrupted.

Example: go run ./mnist/nice -out small -limit 10000 -epochs 4 -hidden 200,200
`

// Files of a run, and the directory of its checkpoints.
const (
	modelFile   = "model.safetensors"
	curveFile   = "curve.png"
	metricsFile = "metrics.json"
	checkpoints = "checkpoints"
)

// temperatures to draw at.
var temperatures = []float64{1, 0.8}

// samplesFile is the name of the draws at a temperature.
func samplesFile(temperature float64) string {
	if temperature == 1 {
		return "samples.png"
	}
	return fmt.Sprintf("samples-%g.png", temperature)
}

func main() {
	command.SmallHeap()
	command.Main(run)
}

// run is main with its surroundings as arguments; it returns the exit code.
func run(ctx context.Context, args []string, s command.Streams) int {
	return command.Exit("nice", nice(ctx, args, s), s)
}

func nice(ctx context.Context, args []string, s command.Streams) error {
	var c config
	f := command.NewFlags("./mnist/nice", about)
	c.flags(f)
	out := f.Outputs("`directory` for the model, the pictures and the metrics; made if need be",
		modelFile, samplesFile(temperatures[0]), samplesFile(temperatures[1]), curveFile, metricsFile)
	resume := f.Resumable(out, checkpoints, "go on from the checkpoint of the newest unfinished run in -out, with the flags that it started with")
	if err := f.Parse(args, s); err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	j, err := newJob(&c, s)
	if err != nil {
		return err
	}
	if err := out.Prepare(); err != nil {
		return err
	}
	if j.dir, err = out.Stage(); err != nil {
		return err
	}
	defer out.Close()
	err = j.train(ctx, *resume)
	switch {
	case errors.Is(err, train.ErrResume):
		return fmt.Errorf("-resume, -out: %w", err)
	case err != nil && j.metrics.Steps == 0 && errors.Is(err, context.Canceled):
		return command.Interruption("nothing was trained yet, and nothing is written")
	case err != nil && !errors.Is(err, train.ErrDiverged) && !errors.Is(err, context.Canceled):
		return err
	}
	return j.save(out, err)
}

// save writes what was trained and sums up. ended is why training ended early:
// it was interrupted, or it diverged and what was trained before is of use.
func (j *job) save(out *command.Outputs, ended error) error {
	j.metrics.Interrupted = errors.Is(ended, context.Canceled)
	if err := j.write(); err != nil {
		return errors.Join(ended, err)
	}
	if ended == nil {
		if err := out.Finish(); err != nil {
			return err
		}
	}
	j.sumUp()
	out.List(j.Out)
	return command.Early(ended, "what was trained until then is in "+j.dir)
}
