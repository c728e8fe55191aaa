// The command classify: the classes of test images by Bayes' rule.

package main

import (
	"cmp"
	"context"
	"fmt"
	"image"
	"math"
	"slices"

	"github.com/bijou-flow/bijou/flow"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/mnist"
	"github.com/bijou-flow/bijou/mnist/internal/dataset"
)

const classifyAbout = `Tells the classes of test images by Bayes' rule: an image belongs to the class
under which the flow gives its embedding the highest density.

It prints the accuracy, the mean log-loss and a table of the classes taken for
each other, and writes a picture of the forty mistakes that the model is surest
of, each with its label and the class it was taken for.

Example: go run ./mnist/latentflow classify -model out/model.safetensors -out mistakes.png
`

func classifyCommand(ctx context.Context, args []string, s command.Streams) error {
	var model, data string
	f := newFlags("classify", classifyAbout)
	f.String(&model, "model", "out/model.safetensors", "`file` of a trained, conditional model")
	dataset.Flag(f, &data)
	out := f.File("out", "mistakes.png", "`picture` of the mistakes that the model is surest of", ".png")
	if err := f.Parse(args, s); err != nil {
		return err
	}
	m, err := loadModel(model)
	if err != nil {
		return err
	}
	if m.Flow().ContextDim() == 0 {
		return command.Usagef("-model %s: the model is unconditional and knows no classes; train one without -unconditional", model)
	}
	_, test, err := dataset.Load(data, 0, s.Log)
	if err != nil {
		return err
	}
	logs, err := classify(m, test)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	v := newPredictions(logs, test)
	v.print(s)
	if len(v.mistakes) == 0 {
		fmt.Fprintln(s.Log, "no mistakes, so no picture of them")
		return nil
	}
	picture, err := v.draw(test)
	if err != nil {
		return err
	}
	return out.WritePNG(s, picture)
}

// classify are the logarithms of the classes' probabilities for each image,
// all classes equally likely beforehand.
func classify(m *autoencoder.Latent[float32], set *mnist.Set) ([][]float32, error) {
	f := m.Flow()
	if classes := f.ContextDim(); set.Classes() > classes {
		return nil, fmt.Errorf("the images have %d classes, the model knows %d; give it -data like that it was trained on", set.Classes(), classes)
	}
	z, err := embed(m.Encoder(), set, f.Dim())
	if err != nil {
		return nil, err
	}
	logs, err := f.Posterior(z, flow.Classes{Log: true})
	if err != nil {
		return nil, err
	}
	return rowsOf(logs), nil
}

// predictions are what the model says of a set.
type predictions struct {
	classes    []int     // class of each image
	confusion  [][]int   // images of class i that were taken for class j
	loss       float64   // mean of -log P(label), nats
	confidence []float32 // log-probability of what was said
	mistakes   []int     // images, the surest first
}

func newPredictions(logs [][]float32, set *mnist.Set) predictions {
	v := predictions{confusion: make([][]int, set.Classes())}
	for i := range v.confusion {
		v.confusion[i] = make([]int, len(logs[0]))
	}
	for i, row := range logs {
		best, label := 0, set.Label(i)
		for k, p := range row {
			if p > row[best] {
				best = k
			}
		}
		v.classes, v.confidence = append(v.classes, best), append(v.confidence, row[best])
		v.confusion[label][best]++
		v.loss -= float64(row[label]) / float64(len(logs))
		if best != label {
			v.mistakes = append(v.mistakes, i)
		}
	}
	slices.SortStableFunc(v.mistakes, func(a, b int) int { return cmp.Compare(v.confidence[b], v.confidence[a]) })
	return v
}

// print prints accuracy, loss and the table.
func (v predictions) print(s command.Streams) {
	n := len(v.classes)
	fmt.Fprintf(s.Out, "%d of %d test images classified as labelled: %.2f %%\n", n-len(v.mistakes), n, 100-100*float64(len(v.mistakes))/float64(n))
	fmt.Fprintf(s.Out, "log-loss %.4f nats; an image whose class is a guess has %.4f\n", v.loss, math.Log(float64(len(v.confusion[0]))))
	fmt.Fprint(s.Out, "label, and what images of it were taken for:\n     ")
	for k := range v.confusion[0] {
		fmt.Fprintf(s.Out, "%6d", k)
	}
	fmt.Fprintln(s.Out)
	for k, row := range v.confusion {
		fmt.Fprintf(s.Out, "%5d", k)
		for _, count := range row {
			fmt.Fprintf(s.Out, "%6d", count)
		}
		fmt.Fprintln(s.Out)
	}
}

// draw draws the first mistakes in rows of ten, each with its label and what
// was said of it.
func (v predictions) draw(set *mnist.Set) (image.Image, error) {
	const rows = 4
	shown := v.mistakes[:min(rows*columns, len(v.mistakes))]
	captions := make([]string, len(shown))
	for i, r := range shown {
		captions[i] = mistake(set.Label(r), v.classes[r])
	}
	return drawCaptioned(mnist.Grid{Cols: min(columns, len(shown))}, set, shown, captions)
}

// mistake names one in a picture.
func mistake(label, said int) string { return fmt.Sprintf("%d taken for %d", label, said) }
