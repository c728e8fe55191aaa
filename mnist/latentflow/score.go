package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strconv"

	"gonum.org/v1/gonum/stat"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/mnist"
	"github.com/bijou-flow/bijou/registry"
)

func scoreCommand(_ context.Context, args []string, s streams) error {
	f := flag.NewFlagSet("score", flag.ContinueOnError)
	model := f.String("model", "out/model.safetensors", "`file` of a trained model")
	data := f.String("data", "", "`directory` of other IDX files; empty: MNIST")
	out := f.String("out", "score.png", "`picture` of the ten likeliest and the ten least likely test images")
	if err := parse(f, args, s); err != nil {
		return err
	}
	m, err := registry.LoadLatent[float32](*model)
	if err != nil {
		return err
	}
	_, test, err := loadData(*data, 0, s.log)
	if err != nil {
		return err
	}
	logp, err := scoreSet(m, test)
	if err != nil {
		return err
	}
	sorted := slices.Clone(logp)
	slices.Sort(sorted)
	mean, dev := stat.MeanStdDev(logp, nil)
	fmt.Fprintf(s.out, "log-density of %d test images' embeddings, nats\n", len(logp))
	fmt.Fprintf(s.out, "mean %.3f, standard deviation %.3f\n", mean, dev)
	for _, q := range []float64{0, 0.01, 0.05, 0.5, 0.95, 0.99, 1} {
		fmt.Fprintf(s.out, "%5.1f %%  %9.3f\n", 100*q, stat.Quantile(q, stat.Empirical, sorted, nil))
	}
	byClass(s, test, logp)
	if err := drawExtremes(*out, test, logp); err != nil {
		return err
	}
	fmt.Fprintln(s.out, *out)
	return nil
}

// scoreSet is the log-density of each image's embedding, under its label where
// the flow is conditional.
func scoreSet(m *autoencoder.Latent[float32], set *mnist.Set) ([]float64, error) {
	classes := m.Flow().ContextDim()
	if classes > 0 && set.Classes() > classes {
		return nil, fmt.Errorf("the images have %d classes, the model knows %d", set.Classes(), classes)
	}
	var logp []float64
	for lo := 0; lo < set.Len(); lo += block {
		hi := min(lo+block, set.Len())
		x, err := images(set, lo, hi)
		if err != nil {
			return nil, err
		}
		given := m
		if classes > 0 {
			given = m.Given(oneHots(classes, hi-lo, func(i int) int { return set.Label(lo + i) }))
		}
		l, err := given.LogProb(x)
		if err != nil {
			return nil, err
		}
		for _, v := range l.Float32s() {
			logp = append(logp, float64(v))
		}
	}
	return logp, nil
}

// byClass prints the mean of each class.
func byClass(s streams, set *mnist.Set, logp []float64) {
	sums := map[int][]float64{}
	for i, v := range logp {
		sums[set.Label(i)] = append(sums[set.Label(i)], v)
	}
	for k := range set.Classes() {
		if len(sums[k]) > 0 {
			fmt.Fprintf(s.out, "class %d  %9.3f\n", k, stat.Mean(sums[k], nil))
		}
	}
}

// drawExtremes writes two rows of images: the likeliest and the least likely.
func drawExtremes(path string, set *mnist.Set, logp []float64) error {
	order := make([]int, len(logp))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if logp[a] > logp[b] {
			return -1
		}
		return 1
	})
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
