// The command sweep: flows of several depths and widths compared.

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/mnist/internal/dataset"
)

const sweepAbout = `Trains flows of several depths and widths on one autoencoder, and compares them.

It prints a table of their losses and writes it to DIR/sweep.md, with a plot in
DIR/sweep.png, where DIR is that of -out. Ctrl-C ends it early; the flows that
were finished are compared.

Example: go run ./mnist/latentflow sweep -model out/model.safetensors -flow-epochs 10 -out out
`

// Files of a sweep.
const (
	tableFile = "sweep.md"
	plotFile  = "sweep.png"
)

func sweepCommand(ctx context.Context, args []string, s command.Streams) error {
	var c config
	var depths, widths command.Sizes
	f := newFlags("sweep", sweepAbout)
	c.flags(f)
	f.Sizes(&depths, "depths", command.Sizes{3, 6, 9, 12}, "`numbers` of couplings to try")
	f.Sizes(&widths, "widths", command.Sizes{50, 100, 200}, "`widths` of both hidden layers to try")
	out := f.Outputs("`directory` for sweep.md and sweep.png; made if need be", tableFile, plotFile)
	if err := f.Parse(args, s); err != nil {
		return err
	}
	c.Layers = depths[0]
	if err := c.check(); err != nil {
		return err
	}
	tr, te, err := dataset.Load(c.Data, c.Limit, s.Log)
	if err != nil {
		return err
	}
	enc, fresh, err := coderOf(&c, tr)
	if err != nil {
		return err
	}
	if err := out.Prepare(); err != nil {
		return err
	}
	if fresh {
		_, err := trainCoder(ctx, enc, &c, tr, te, s)
		if errors.Is(err, context.Canceled) {
			return command.Interruption("no flow was trained yet, and nothing is written")
		}
		if err != nil {
			return err
		}
	}
	a, b, err := embedBoth(enc, &c, tr, te)
	if err != nil {
		return err
	}
	results, err := sweepFlows(ctx, &c, depths, widths, a, b, s)
	switch {
	case len(results) == 0 && errors.Is(err, context.Canceled):
		return command.Interruption("no flow was trained yet, and nothing is written")
	case len(results) == 0:
		return err
	}
	dir, stageErr := out.Stage()
	if stageErr != nil {
		return errors.Join(err, stageErr)
	}
	defer out.Close()
	table := sweepTable(results)
	if e := writeSweep(dir, table, results); e != nil {
		return errors.Join(err, e)
	}
	if err == nil {
		if err := out.Finish(); err != nil {
			return err
		}
	}
	fmt.Fprint(s.Out, table)
	out.List(s.Out)
	return command.Early(err, fmt.Sprintf("%d of %d flows are in %s", len(results), len(depths)*len(widths), dir))
}

// sweepFlows trains a flow of each size. Those that were finished before an
// error are returned with it.
func sweepFlows(ctx context.Context, c *config, depths, widths command.Sizes, a, b embeddedSet, s command.Streams) ([]result, error) {
	classes := 0
	if !c.Unconditional {
		classes = a.labels.Shape()[1]
	}
	var results []result
	for _, width := range widths {
		for _, depth := range depths {
			c.Layers, c.Hidden = depth, command.Sizes{width, width}
			flow, err := newFlow(c, classes)
			if err != nil {
				return results, err
			}
			st, err := trainFlow(ctx, flow, c, a, b, fmt.Sprintf("flow %dx%d", depth, width), s)
			if err != nil {
				return results, err
			}
			last := st.Epochs[len(st.Epochs)-1]
			results = append(results, result{depth, width, float64(last.Loss), float64(last.Test), st.Seconds, command.CountParams(flow)})
		}
	}
	return results, nil
}

// result is one flow of a sweep.
type result struct {
	depth, width   int
	training, test float64 // nats an embedding, after the last epoch
	seconds        float64
	params         int
}

// writeSweep writes the table and the plot into a directory.
func writeSweep(dir, table string, results []result) error {
	if err := command.WriteFile(filepath.Join(dir, tableFile), []byte(table)); err != nil {
		return err
	}
	return drawSweep(filepath.Join(dir, plotFile), results)
}

// sweepTable is the results as a Markdown table.
func sweepTable(results []result) string {
	var b strings.Builder
	b.WriteString("| couplings | hidden | parameters | training nats | test nats | seconds |\n|--:|--:|--:|--:|--:|--:|\n")
	for _, r := range results {
		fmt.Fprintf(&b, "| %d | %d, %d | %d | %.3f | %.3f | %.1f |\n", r.depth, r.width, r.width, r.params, r.training, r.test, r.seconds)
	}
	return b.String()
}

// drawSweep plots test loss over depth, a line a width.
func drawSweep(path string, results []result) error {
	var lines []command.Line
	for i, r := range results {
		if i == 0 || r.width != results[i-1].width {
			lines = append(lines, command.Line{Name: fmt.Sprintf("hidden %d, %d", r.width, r.width)})
		}
		if l := &lines[len(lines)-1]; command.Number(r.test).Finite() {
			l.XYs = append(l.XYs, plotter.XY{X: float64(r.depth), Y: r.test})
		}
	}
	p, err := command.NewPanel("depth against width", "couplings", "test negative log-likelihood, nats an embedding", lines...)
	if err != nil {
		return err
	}
	return command.SavePanels(path, []*plot.Plot{p})
}
