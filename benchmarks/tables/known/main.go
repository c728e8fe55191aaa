// Command known fits models of tables to rows of networks whose densities are
// known, and writes how far they are from the truth: the Kullback-Leibler
// divergence, in nats a column, on rows that were not trained on.
//
//	go run ./benchmarks/tables/known -n 10000
package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/bijou-flow/bijou/table"
	"github.com/bijou-flow/bijou/train"
)

func main() {
	n := flag.Int("n", 10_000, "rows to fit to")
	test := flag.Int("test", 20_000, "rows to measure on")
	var o table.FitOptions
	flag.IntVar(&o.Hidden, "hidden", 0, "width of the networks; 0: the default")
	flag.IntVar(&o.Blocks, "blocks", 0, "residual blocks; 0: the default")
	flag.IntVar(&o.Bins, "bins", 0, "bins of splines; 0: the default")
	flag.IntVar(&o.Epochs, "epochs", 0, "epochs at most; 0: the default")
	flag.IntVar(&o.Batch, "batch", 0, "rows a step; 0: the default")
	flag.IntVar(&o.Members, "members", 0, "models that are averaged; 0: the default")
	flag.Float64Var(&o.Rate, "rate", 0, "learning rate; 0: the default")
	flag.Float64Var(&o.WeightDecay, "decay", 0, "weight decay; 0: the default")
	columns := flag.Int("d", 0, "columns; 0: 5, 10 and 20")
	flag.BoolFunc("v", "losses by epoch", func(string) error { o.Observer = epochs{}; return nil })
	flag.Parse()
	all := []int{5, 10, 20}
	if *columns > 0 {
		all = []int{*columns}
	}
	for _, d := range all {
		if err := run(d, *n, *test, o); err != nil {
			fmt.Fprintln(os.Stderr, "known:", err)
			os.Exit(1)
		}
	}
}

type epochs struct{}

func (epochs) Step(train.StepEvent) {}

func (epochs) Epoch(e train.EpochEvent) {
	fmt.Fprintf(os.Stderr, "epoch %d of %d: %.4f, validation %.4f\n", e.Epoch, e.Epochs, e.Loss, e.Validation)
}

// run fits one model and measures it.
func run(d, n, test int, o table.FitOptions) error {
	truth := newNetwork(d, uint64(d))
	rows, _ := truth.rows(n, 1)
	names := make([]string, d)
	for j := range names {
		names[j] = fmt.Sprintf("%s%d", truth.columns[j].kind, j)
	}
	infer, err := table.NewInference(names, table.InferOptions{})
	if err != nil {
		return err
	}
	for _, r := range rows {
		if err := infer.Add(r); err != nil {
			return err
		}
	}
	schema, err := infer.Schema()
	if err != nil {
		return err
	}
	codes, err := encode(schema, rows)
	if err != nil {
		return err
	}
	start := time.Now()
	m, report, err := table.Fit[float32](context.Background(), schema, table.MemoryRows(d, codes), o)
	if err != nil {
		return err
	}
	took := time.Since(start)
	held, terms := truth.rows(test, 99)
	if codes, err = encode(schema, held); err != nil {
		return err
	}
	start = time.Now()
	logp, err := m.LogProb(codes)
	if err != nil {
		return err
	}
	scored := time.Since(start)
	parts, err := m.Contributions(codes)
	if err != nil {
		return err
	}
	kl, squares, entropy, impossible := 0.0, 0.0, 0.0, 0
	rowsLeft := 0.0
	for i, v := range logp {
		want := 0.0
		for _, t := range terms[i] {
			want += t
		}
		if math.IsInf(v, -1) {
			impossible++
			continue
		}
		rowsLeft++
		kl += want - v
		squares += (want - v) * (want - v)
		entropy -= want
	}
	kl, entropy = kl/rowsLeft, entropy/rowsLeft
	epochs := len(report.Members[0].Epochs)
	fmt.Printf("%d columns, %d rows: %.4f nats a column from the truth (+- %.4f), entropy %.3f a column; %d rows without density; %d epochs, %.1f s; %.2f us to score a row\n",
		d, n, kl/float64(d), math.Sqrt((squares/rowsLeft-kl*kl)/rowsLeft)/float64(d), entropy/float64(d), impossible, epochs, took.Seconds(), 1e6*scored.Seconds()/float64(test))
	if o.Observer != nil && len(m.Orders()) == 1 {
		fmt.Fprintln(os.Stderr, "order", m.Orders()[0])
		for j := range d {
			mean, want := 0.0, 0.0
			for i := range logp {
				if !math.IsInf(logp[i], -1) {
					mean += parts[i*d+j] / rowsLeft
					want += terms[i][j] / rowsLeft
				}
			}
			fmt.Fprintf(os.Stderr, "%-12s %8.4f, truth in its own order %8.4f\n", names[j], mean, want)
		}
	}
	return nil
}

func encode(s *table.Schema, rows [][]string) ([]float64, error) {
	d := len(s.Columns)
	codes := make([]float64, 0, len(rows)*d)
	row := make([]float64, d)
	for i, r := range rows {
		if err := s.Encode(r, row); err != nil {
			return nil, fmt.Errorf("row %d: %w", i, err)
		}
		codes = append(codes, row...)
	}
	return codes, nil
}
