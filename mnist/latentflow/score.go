package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sbinet/npyio"
	"gonum.org/v1/gonum/stat"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/internal/atomicfile"
	"github.com/bijou-flow/bijou/mnist"
	"github.com/bijou-flow/bijou/mnist/internal/command"
)

const scoreAbout = `latentflow score: log-density of the test images' embeddings.

usage: latentflow score -model FILE [-data DIR] [-out FILE.png] [-values FILE.npy]

It prints mean, quantiles and the mean of each class, and writes a picture of
the ten likeliest and the ten least likely images.

example: latentflow score -model out/model.safetensors -out score.png
`

func scoreCommand(ctx context.Context, args []string, s command.Streams) error {
	f := command.NewFlags("latentflow score")
	model := f.String("model", "out/model.safetensors", "`file` of a trained model")
	data := f.String("data", "", "`directory` of other IDX files; empty: MNIST")
	out := f.String("out", "score.png", "`picture` of the ten likeliest and the ten least likely test images")
	values := f.String("values", "", "`file` for all log-densities, in the order of the images: .npy, float32 (n); empty: none")
	if err := command.Parse(f, args, scoreAbout, s); err != nil {
		return err
	}
	if strings.ToLower(filepath.Ext(*out)) != ".png" {
		return command.Usagef("-out %s: want a name that ends in .png", *out)
	}
	if *values != "" && strings.ToLower(filepath.Ext(*values)) != ".npy" {
		return command.Usagef("-values %s: want a name that ends in .npy", *values)
	}
	m, err := loadModel(*model)
	if err != nil {
		return err
	}
	_, test, err := command.LoadData(*data, 0, s.Log)
	if err != nil {
		return err
	}
	logp, err := scoreSet(m, test)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return command.Interrupted("nothing is written")
	}
	if *values != "" {
		err := atomicfile.Write(*values, func(to io.Writer) error { return npyio.Write(to, logp) })
		if err != nil {
			return fmt.Errorf("-values: %w", err)
		}
	}
	if err := drawExtremes(*out, test, logp); err != nil {
		return fmt.Errorf("-out: %w", err)
	}
	printScores(s, test, logp)
	if *values != "" {
		fmt.Fprintln(s.Out, *values)
	}
	fmt.Fprintln(s.Out, *out)
	return nil
}

// scoreSet is the log-density of each image's embedding in nats, under its
// label where the flow is conditional.
func scoreSet(m *autoencoder.Latent[float32], set *mnist.Set) ([]float32, error) {
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
	logp, err := flow.LogProb(z)
	if err != nil {
		return nil, err
	}
	return logp.Float32s(), nil
}

// printScores prints mean, quantiles and the mean of each class.
func printScores(s command.Streams, set *mnist.Set, logp []float32) {
	all := make([]float64, len(logp))
	classes := make([][]float64, set.Classes())
	for i, v := range logp {
		all[i] = float64(v)
		classes[set.Label(i)] = append(classes[set.Label(i)], float64(v))
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

// drawExtremes writes two rows of images: the likeliest and the least likely.
func drawExtremes(path string, set *mnist.Set, logp []float32) error {
	order := byDensity(logp, 1)
	n := min(columns, len(order))
	worst := slices.Clone(order[len(order)-n:])
	slices.Reverse(worst)
	rows := append(slices.Clone(order[:n]), worst...)
	x, err := pick(set, rows)
	if err != nil {
		return err
	}
	return mnist.Grid{
		Rows: 2, Cols: n, Height: set.Height(), Width: set.Width(), Scale: 3,
		RowCaptions: []string{"most likely", "least likely"}, ColCaptions: ranks(n),
	}.WritePNG(path, x)
}

// ranks are "1" to "n".
func ranks(n int) []string {
	s := make([]string, n)
	for i := range s {
		s[i] = strconv.Itoa(i + 1)
	}
	return s
}
