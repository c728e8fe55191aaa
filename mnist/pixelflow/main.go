// Command pixelflow trains a multi-scale flow on the pixels of MNIST, with the
// steps of Glow (Kingma and Dhariwal 2018, arXiv 1807.03039) or the couplings of
// Real NVP (Dinh et al. 2017, arXiv 1605.08803), and draws from it.
//
//	go run ./mnist/pixelflow -out DIR
package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/train"
)

const about = `Trains a multi-scale flow on dequantised MNIST images and draws from it.

It writes to DIR, of -out
  model.safetensors  the model
  samples.png        draws, not picked, a class a row; samples-0.9.png and so
                     on at temperatures of 0.9, 0.8 and 0.7
  mixed.png          draws of classes drawn as often as they are in training
  curve.png          bits a dimension over the epochs
  metrics.json       bits, times, seed and configuration
and prints the bits a dimension of the test images: those of the discrete
pixels by one draw of the uniform noise between them, a bound from above.

While it trains, DIR/unfinished/checkpoints has what -resume needs to go on after
Ctrl-C, or from the last checkpoint of a run that was killed; it ends with the
same model as a run that was never interrupted.

Example: go run ./mnist/pixelflow -out small -limit 5000 -epochs 5 -steps 2,2 -hidden 16
`

// Files of a run, and the directory of its checkpoints.
const (
	modelFile   = "model.safetensors"
	mixedFile   = "mixed.png"
	curveFile   = "curve.png"
	metricsFile = "metrics.json"
	checkpoints = "checkpoints"
)

// temperatures to draw at.
var temperatures = []float64{1, 0.9, 0.8, 0.7}

// samplesFile is the name of the draws at a temperature.
func samplesFile(temperature float64) string {
	if temperature == 1 {
		return "samples.png"
	}
	return fmt.Sprintf("samples-%g.png", temperature)
}

// fileNames are those of all files.
func fileNames() []string {
	names := []string{modelFile}
	for _, t := range temperatures {
		names = append(names, samplesFile(t))
	}
	return append(names, mixedFile, curveFile, metricsFile)
}

func main() { command.Main(run) }

// run is main with its surroundings as arguments; it returns the exit code.
func run(ctx context.Context, args []string, s command.Streams) int {
	return command.Exit("pixelflow", pixelflow(ctx, args, s), s)
}

// pixelflow trains, measures on the test images, and draws.
func pixelflow(ctx context.Context, args []string, s command.Streams) error {
	var c config
	f := command.NewFlags("./mnist/pixelflow", about)
	c.flags(f)
	out := f.Outputs("`directory` for the model, the pictures and the metrics; made if need be", fileNames()...)
	resume := f.Resumable(out, checkpoints, "go on from the checkpoint of the newest unfinished run in -out, with the flags that it started with")
	if err := f.Parse(args, s); err != nil {
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
	case errors.Is(err, context.Canceled) && j.metrics.Steps == 0:
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
	if err := j.measure(); err != nil {
		return errors.Join(ended, err)
	}
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
