// Command density learns the density of rows in one call, and looks at what the
// report says of it.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/bijou-flow/bijou/auto"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/train"
)

func main() {
	log.SetFlags(0)
	dir, err := os.MkdirTemp("", "density")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := run(os.Stdout, filepath.Join(dir, "model.safetensors"), auto.Options{}); err != nil {
		log.Fatal(err)
	}
}

// run fits 300 rows, and saves, loads and asks the model. The zero options are
// a good choice; Steps or Time set an end.
func run(w io.Writer, path string, options auto.Options) error {
	ctx, rng := context.Background(), rand.New(rand.NewPCG(1, 2))
	data := make([][]float64, 300)
	for i := range data {
		u := rng.NormFloat64()
		data[i] = []float64{u, u*u + 0.5*rng.NormFloat64()}
	}

	rows, err := bijector.RowsOfSlices(data) // RowsOfMatrix takes a gonum matrix
	if err != nil {
		return err
	}
	model, report, err := auto.Fit[float64](ctx, train.Tensor(rows), options)
	if err != nil {
		return err
	}
	fmt.Fprint(w, report) // what was tried, what it gave, what is odd about the rows
	if err := registry.Save(path, model); err != nil {
		return err
	}

	// Another program loads it.
	loaded, err := registry.Load[*flow.Ensemble[float64]](path)
	if err != nil {
		return err
	}
	// Scores of rows that the model did not see make p-values.
	calibration, err := flow.NewCalibration(report.LogDensities)
	if err != nil {
		return err
	}
	for _, row := range [][]float64{{1, 1}, {1, -2}} {
		logp, err := loaded.LogProbRow(row)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%v: %.1f nats, p-value %.3f\n", row, logp, calibration.PValue(logp))
	}
	return nil
}
