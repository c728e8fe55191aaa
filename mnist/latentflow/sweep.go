package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/mnist"
	"github.com/bijou-flow/bijou/registry"
)

func sweepCommand(ctx context.Context, args []string, s streams) error {
	var c config
	f := flag.NewFlagSet("sweep", flag.ContinueOnError)
	c.flags(f)
	depths, widths := sizes{3, 6, 9, 12}, sizes{50, 100, 200}
	f.Var(&depths, "depths", "`numbers` of couplings to try (instead of -layers)")
	f.Var(&widths, "widths", "`widths` of both hidden layers to try (instead of -hidden)")
	model := f.String("model", "", "`file` of a model whose autoencoder to use; empty: train one")
	out := f.String("out", "out", "`directory` for sweep.md and sweep.png")
	if err := parse(f, args, s); err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	if err := makeDir(*out); err != nil {
		return err
	}
	tr, te, err := loadData(c.Data, c.Limit, s.log)
	if err != nil {
		return err
	}
	enc, err := sweepEncoder(ctx, &c, *model, tr, te, s)
	if err != nil {
		return err
	}
	a, b, err := embedBoth(enc, &c, tr, te)
	if err != nil {
		return err
	}
	var results []result
	for _, width := range widths {
		for _, depth := range depths {
			c.Layers, c.Hidden = depth, sizes{width, width}
			flow, err := newFlow(&c, tr.Classes())
			if err != nil {
				return err
			}
			st, err := trainFlow(ctx, flow, &c, a, b, fmt.Sprintf("flow %dx%d", depth, width), s)
			if err != nil {
				return err
			}
			last := st.Epochs[len(st.Epochs)-1]
			results = append(results, result{depth, width, float64(last.Loss), float64(last.Test), st.Seconds, countParams[float32](flow)})
		}
	}
	table := sweepTable(results)
	fmt.Fprint(s.out, table)
	if err := os.WriteFile(filepath.Join(*out, "sweep.md"), []byte(table), 0o644); err != nil {
		return err
	}
	return drawSweep(filepath.Join(*out, "sweep.png"), results)
}

// result is one flow of a sweep.
type result struct {
	depth, width   int
	training, test float64 // nats an embedding, after the last epoch
	seconds        float64
	params         int
}

// sweepEncoder is the encoder of a saved model, or a new one.
func sweepEncoder(ctx context.Context, c *config, model string, tr, te *mnist.Set, s streams) (autoencoder.Encoder, error) {
	if model == "" {
		enc, _, err := trainEncoder(ctx, c, tr, te, s)
		return enc, err
	}
	m, err := registry.LoadLatent[float32](model)
	if err != nil {
		return nil, err
	}
	c.Embedding = m.Flow().Dim()
	return m.Encoder(), nil
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
	p := newPanel("depth against width", "couplings", "test negative log-likelihood, nats an embedding")
	var lines []any
	for i, r := range results {
		if i == 0 || r.width != results[i-1].width {
			lines = append(lines, fmt.Sprintf("hidden %d, %d", r.width, r.width), plotter.XYs{})
		}
		xys := lines[len(lines)-1].(plotter.XYs)
		lines[len(lines)-1] = append(xys, plotter.XY{X: float64(r.depth), Y: r.test})
	}
	if err := plotutil.AddLinePoints(p, lines...); err != nil {
		return err
	}
	return savePanels(path, []*plot.Plot{p})
}
