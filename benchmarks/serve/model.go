// The models that are served, and rows of theirs.

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"

	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/onnx"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/table"
)

// realNVP is a Real NVP that moves its rows, without training.
func realNVP(columns int) (*flow.Flow[float32], error) {
	layer, err := coupling.RealNVP[float32](coupling.Recipe{Dim: columns, Raw: true, OutScale: 0.5, Seed: 1})
	if err != nil {
		return nil, err
	}
	return flow.New(layer, distribution.StandardNormal[float32](columns))
}

// export writes the log-density of that Real NVP.
func export(file string, columns int) error {
	f, err := realNVP(columns)
	if err != nil {
		return err
	}
	w, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	if err := onnx.Export(w, f, onnx.Forward); err != nil {
		w.Close()
		return err
	}
	return w.Close()
}

// cells are those of a random row, of which every fifth is a category's.
func cells(rng *rand.Rand, columns int) []string {
	all := make([]string, columns)
	shared := rng.NormFloat64()
	for j := range all {
		if v := shared + rng.NormFloat64(); j%5 == 4 {
			all[j] = string(rune('a' + int(min(max(v+3, 0), 5))))
		} else {
			all[j] = strconv.FormatFloat(v, 'f', 6, 64)
		}
	}
	return all
}

// names of the columns.
func names(columns int) []string {
	all := make([]string, columns)
	for j := range all {
		all[j] = fmt.Sprintf("column%02d", j+1)
	}
	return all
}

// fit fits a model with the default widths.
func fit(ctx context.Context, columns int, file string) error {
	const n = 4000
	rng := rand.New(rand.NewPCG(1, 2))
	infer, err := table.NewInference(names(columns), table.InferOptions{})
	if err != nil {
		return err
	}
	rows := make([][]string, n)
	for i := range rows {
		rows[i] = cells(rng, columns)
		if err := infer.Add(rows[i]); err != nil {
			return err
		}
	}
	schema, err := infer.Schema()
	if err != nil {
		return err
	}
	codes := make([]float64, n*columns)
	for i, row := range rows {
		if err := schema.Encode(row, codes[i*columns:(i+1)*columns]); err != nil {
			return err
		}
	}
	m, _, err := table.Fit[float32](ctx, schema, table.MemoryRows(columns, codes), table.FitOptions{Epochs: 5, Seed: 1})
	if err != nil {
		return err
	}
	return registry.Save(file, m)
}
