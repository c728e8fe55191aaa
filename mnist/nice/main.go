// Command nice trains NICE on MNIST's pixels, the experiment of Dinh, Krueger
// and Bengio 2015 (arXiv 1410.8516, section 5.1), and draws digits from it.
//
//	nice -out DIR
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/bijou-flow/bijou/mnist/internal/command"
	"github.com/bijou-flow/bijou/train"
)

const about = `nice: train NICE on the pixels of MNIST and draw digits from it.

usage: nice [-out DIR] [flags]

The model is that of the paper (Dinh et al. 2015, arXiv 1410.8516, section
5.1): 4 additive couplings whose conditioners have 5 hidden layers of 1,000,
a diagonal scale, a logistic base, on (v+u)/256 for a pixel v of 0 to 255 and
u uniform on [0, 1), drawn anew in every epoch.

It writes to DIR
  model.safetensors  the model, also while it trains: see -save
  curve.png          log-likelihood over the epochs
  samples.png        100 draws, not picked; samples-0.8.png at a temperature of 0.8
  metrics.json       log-likelihoods, times, seed and configuration
  checkpoints/       what -resume needs, until training is over
Ctrl-C ends training early and writes what was trained until then; -resume goes
on from there, or from the last checkpoint of a run that was killed, and ends
with the same model as a run that was never interrupted.

example: nice -out small -limit 10000 -epochs 4 -hidden 200,200
`

func main() { command.Main(run) }

// run is main with its surroundings as arguments; it returns the exit code.
func run(ctx context.Context, args []string, s command.Streams) int {
	return command.Exit("nice", nice(ctx, args, s), s)
}

func nice(ctx context.Context, args []string, s command.Streams) error {
	var c config
	f := command.NewFlags("nice")
	c.flags(f)
	out := f.String("out", "out", "`directory` for the model, the pictures and the metrics; made if need be")
	if err := command.Parse(f, args, about, s); err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	j, err := newJob(&c, *out, s)
	if err != nil {
		return err
	}
	if err := command.MakeDir(*out); err != nil {
		return err
	}
	err = j.train(ctx)
	switch {
	case err == nil:
		return errors.Join(j.write(), os.RemoveAll(j.checkpoints()))
	case errors.Is(err, train.ErrDiverged):
		// What was trained before it diverged is of use.
		return errors.Join(err, j.write())
	case errors.Is(err, train.ErrResume):
		return fmt.Errorf("-resume, -out: %w", err)
	case errors.Is(err, context.Canceled) && j.metrics.Steps > 0:
		j.metrics.Interrupted = true
		if err := j.write(); err != nil {
			return err
		}
		return command.Interrupted("what was trained until then is in " + *out)
	case errors.Is(err, context.Canceled):
		if !c.Resume {
			os.RemoveAll(j.checkpoints()) // of no step
		}
		return command.Interrupted("nothing was trained yet, and nothing is written")
	}
	return err
}
