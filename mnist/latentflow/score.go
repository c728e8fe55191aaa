// The command score: log-densities of test images.

package main

import (
	"context"
	"fmt"
	"image"
	"io"
	"slices"
	"strconv"

	"github.com/sbinet/npyio"
	"gonum.org/v1/gonum/stat"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/mnist"
	"github.com/bijou-flow/bijou/mnist/internal/dataset"
)

const scoreAbout = `Scores test images: the log-density of their embeddings under a trained model.

It prints mean, quantiles and the mean of each class, and writes a picture of
the ten likeliest and the ten least likely images with their labels; with
-values, all log-densities.

Example: go run ./mnist/latentflow score -model out/model.safetensors -out score.png
`

func scoreCommand(ctx context.Context, args []string, s command.Streams) error {
	var model, data string
	f := newFlags("score", scoreAbout)
	f.String(&model, "model", "out/model.safetensors", "`file` of a trained model")
	dataset.Flag(f, &data)
	out := f.File("out", "score.png", "`picture` of the ten likeliest and the ten least likely test images", ".png")
	values := f.File("values", "", "`file` for all log-densities, in the order of the images: .npy, float32 (n); empty: none", ".npy")
	if err := f.Parse(args, s); err != nil {
		return err
	}
	m, err := loadModel(model)
	if err != nil {
		return err
	}
	_, test, err := dataset.Load(data, 0, s.Log)
	if err != nil {
		return err
	}
	logp, err := scoreSet(m, test)
	if err != nil {
		return err
	}
	picture, err := drawExtremes(test, logp)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	printScores(s, test, logp)
	if values.Path != "" {
		if err := values.Write(s, func(to io.Writer) error { return npyio.Write(to, narrow(logp)) }); err != nil {
			return err
		}
	}
	return out.WritePNG(s, picture)
}

// scoreSet is the log-density of each image's embedding in nats, under its
// label where the flow is conditional.
func scoreSet(m *autoencoder.Latent[float32], set *mnist.Set) ([]float64, error) {
	flow := m.Flow()
	if classes := flow.ContextDim(); classes > 0 {
		if set.Classes() > classes {
			return nil, fmt.Errorf("the images have %d classes, the model knows %d; give it -data like that it was trained on", set.Classes(), classes)
		}
		flow = flow.Given(oneHots(classes, set.Len(), set.Label))
	}
	z, err := embed(m.Encoder(), set, flow.Dim())
	if err != nil {
		return nil, err
	}
	return flow.LogProb(z)
}

// narrow is v in float32.
func narrow(v []float64) []float32 {
	n := make([]float32, len(v))
	for i, u := range v {
		n[i] = float32(u)
	}
	return n
}

// printScores prints mean, quantiles and the mean of each class.
func printScores(s command.Streams, set *mnist.Set, logp []float64) {
	all := slices.Clone(logp)
	classes := make([][]float64, set.Classes())
	for i, v := range logp {
		classes[set.Label(i)] = append(classes[set.Label(i)], v)
	}
	mean, dev := stat.MeanStdDev(all, nil)
	fmt.Fprintf(s.Out, "log-density of %d test images' embeddings, nats\n", len(all))
	fmt.Fprintf(s.Out, "mean %.3f, standard deviation %.3f\n", mean, dev)
	slices.Sort(all)
	for _, q := range []float64{0, 0.01, 0.05, 0.5, 0.95, 0.99, 1} {
		fmt.Fprintf(s.Out, "%3.0f %% below %9.3f\n", 100*q, stat.Quantile(q, stat.Empirical, all, nil))
	}
	for k, of := range classes {
		if len(of) > 0 {
			fmt.Fprintf(s.Out, "class %-3d   %9.3f\n", k, stat.Mean(of, nil))
		}
	}
}

// drawExtremes draws two rows of images, the likeliest and the least likely,
// with their labels.
func drawExtremes(set *mnist.Set, logp []float64) (image.Image, error) {
	order := byDensity(logp, 1)
	n := min(columns, len(order))
	worst := slices.Clone(order[len(order)-n:])
	slices.Reverse(worst)
	rows := append(slices.Clone(order[:n]), worst...)
	captions := make([]string, len(rows))
	for i, r := range rows {
		captions[i] = fmt.Sprintf("label %d", set.Label(r))
	}
	g := mnist.Grid{Rows: 2, Cols: n, RowCaptions: []string{"most likely", "least likely"}, ColCaptions: ranks(n)}
	return drawCaptioned(g, set, rows, captions)
}

// ranks are "1" to "n".
func ranks(n int) []string {
	s := make([]string, n)
	for i := range s {
		s[i] = strconv.Itoa(i + 1)
	}
	return s
}
