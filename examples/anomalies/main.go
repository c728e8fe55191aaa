// Command anomalies learns the density of rows and flags those that are less
// likely than all but 1 % of the rows it was not trained on.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/train"
)

func main() {
	log.SetFlags(0)
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// run fits a flow to the readings of a machine, and looks at new ones.
func run(w io.Writer) error {
	rng := rand.New(rand.NewPCG(1, 2))
	f, err := fit(readings(rng, 4000))
	if err != nil {
		return err
	}

	// Rows that were neither trained on nor are under suspicion set the
	// threshold: it is wrong about that share of ordinary rows.
	const share = 0.01
	held, err := score(f, readings(rng, 2000))
	if err != nil {
		return err
	}
	slices.Sort(held)
	threshold := held[int(share*float64(len(held)))]

	// Each value of the last three rows is ordinary by itself.
	fresh := append(readings(rng, 1000), []float32{58, 16, 3.9}, []float32{42, 30, 2.8}, []float32{58, 30, 2.8})
	logp, err := score(f, fresh)
	if err != nil {
		return err
	}
	flagged := 0
	for _, v := range logp[:1000] {
		if v < threshold {
			flagged++
		}
	}
	fmt.Fprintf(w, "%d of 1000 ordinary readings flagged\n", flagged)
	for i, v := range logp[1000:] {
		fmt.Fprintf(w, "%v: anomaly %v\n", fresh[1000+i], v < threshold)
	}
	return nil
}

// fit trains a flow on rows of one length.
func fit(rows [][]float32) (*flow.Flow[float32], error) {
	x, err := bijector.RowsOfSlices(rows)
	if err != nil {
		return nil, err
	}
	// Columns of any scale will do: the recipe standardises them.
	chain, err := coupling.RealNVP[float32](coupling.Recipe{Dim: x.Dim(), Layers: 6, Hidden: []int{32}, Seed: 1})
	if err != nil {
		return nil, err
	}
	f, err := flow.New(chain, distribution.StandardNormal[float32](x.Dim()))
	if err != nil {
		return nil, err
	}
	_, err = train.Fit(context.Background(), f, train.Tensor(x), train.Options{
		Epochs: 20, Rate: 3e-3, Schedule: train.Cosine{}, Seed: 1,
	})
	return f, err
}

// score is the log-density of each row, in nats.
func score(f *flow.Flow[float32], rows [][]float32) ([]float64, error) {
	x, err := bijector.RowsOfSlices(rows)
	if err != nil {
		return nil, err
	}
	return f.LogProb(x)
}

// readings are n of load, temperature and current: temperature rises with the
// square of load, and current with load.
func readings(rng *rand.Rand, n int) [][]float32 {
	rows := make([][]float32, n)
	for i := range rows {
		load := 50 + 10*math.Tanh(rng.NormFloat64())
		heat := load*load/110 + 0.5*rng.NormFloat64()
		current := load/15 + 0.05*rng.NormFloat64()
		rows[i] = []float32{float32(load), float32(heat), float32(current)}
	}
	return rows
}
