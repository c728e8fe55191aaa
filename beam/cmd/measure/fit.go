// Held-out nats of fits on shards, beside one machine over the same rows seen.

package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	bijoubeam "github.com/bijou-flow/bijou/beam"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/registry"
)

const fitAbout = `Fits a Real NVP to rows of 6 columns that are made by a seed, on shards of Prism,
and prints nats of held-out rows behind some of the rounds. One machine is one
shard with all rows, which sees as many rows in a round. "equal" shards are random
parts of equal size; "skewed" ones are sorted by the first column and of sizes
that double, so that no shard has the distribution of all. -train and -test take
rows of files in the place of those that are made, in standard units.

With -members, shards are also fitted by a mixture of so many flows, flow by flow.

All see as many rows: shards take their share of the steps, or, with -split, all
steps with their share of the rows of each, or, with -gradients, a round for a step.
`

func fitCommand(ctx context.Context, args []string, s command.Streams) error {
	var shards string
	var rows, rounds, steps, batch, members int
	var rate, momentum, outer, final float64
	var trained, tested, hidden, kinds string
	var split, gradients bool
	var seed uint64
	f := command.NewFlags("./cmd/measure fit", fitAbout)
	f.String(&shards, "shards", "2,8,32", "`numbers` of shards with commas between; empty: one machine alone")
	f.Int(&rows, "rows", 20_000, 100, 100_000_000, "rows to train on")
	f.Int(&rounds, "rounds", 10, 1, 100_000, "rounds")
	f.Int(&steps, "steps", 640, 1, 100_000_000, "steps of a round, of all shards together")
	f.Int(&batch, "batch", 100, 1, 100_000, "rows of a step")
	f.Positive(&rate, "rate", 2e-3, 1, "rate of Adam")
	f.Float(&momentum, "momentum", 0, 0, 0.99, "outer momentum; 0: the mean is taken")
	f.Float(&outer, "outer-rate", 0, 0, 10, "outer rate; 0: 1, or 0.7 with a momentum")
	f.Float(&final, "final", 0, 0, 0.99, "share of the rate that the last step has; 0: all of it")
	f.Int(&members, "members", 1, 1, 1024, "flows of a mixture that shards are fitted by, once more; 1: by one alone")
	f.Bool(&split, "split", "shards take all steps, with their share of the rows of each")
	f.Bool(&gradients, "gradients", "of shards, every step is a round, which averages gradients")
	f.Seed(&seed, "seed", 0, "seed of the order of rows")
	f.String(&trained, "train", "", "`file` of rows, .npy of float32, in the place of those that are made")
	f.String(&tested, "test", "", "`file` of held-out rows")
	f.String(&hidden, "hidden", "32", "`widths` of the layers of networks, with commas between")
	f.String(&kinds, "kinds", "equal,skewed", "`kinds` of shards: equal, skewed, dealt (skewed ones, dealt out)")
	if err := f.Parse(args, s); err != nil {
		return err
	}
	counts, err := numbers(shards)
	if err != nil {
		return command.Usagef("-shards: %w", err)
	}
	dir, err := os.MkdirTemp("", "measure")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	rng := rand.New(rand.NewPCG(2, 2))
	data, held := curved(rng, rows), curved(rng, 4000)
	if trained != "" {
		if data, held, err = rowsOfFiles(trained, tested, rng); err != nil {
			return err
		}
		rows = len(data)
	}
	widths, err := numbers(hidden)
	if err != nil {
		return command.Usagef("-hidden: %w", err)
	}
	m := &fitting{dir: dir, held: held, rounds: rounds, steps: steps, split: split, gradients: gradients, log: s, options: bijoubeam.FitOptions{Batch: batch, Rate: rate, Final: final, Seed: seed}}
	if err := m.start(ctx, len(data[0]), widths, members); err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "%d rows, %d rounds of %d steps of %d rows, rate %g to %g of it, momentum %g; nats of %d held-out rows\n", rows, rounds, steps, batch, rate, final, momentum, len(held))
	if err := m.run(ctx, "one machine", [][][]float32{data}); err != nil {
		return err
	}
	m.options.OuterMomentum, m.options.OuterRate = momentum, outer
	for _, k := range counts {
		if k > rows/10 {
			return command.Usagef("-shards %d: of %d rows, want 10 a shard at least", k, rows)
		}
		for _, kind := range strings.Split(kinds, ",") {
			m.options.Deal = 0
			if kind == "dealt" {
				m.options.Deal = k
			}
			name, shards := strconv.Itoa(k)+" "+kind, parts(data, k, kind != "equal")
			if err := m.run(ctx, name, shards); err != nil {
				return err
			}
			if members > 1 && members <= k {
				one := m.begin
				m.begin = m.mixture
				if err := m.run(ctx, fmt.Sprintf("%s by %d flows", name, members), shards); err != nil {
					return err
				}
				m.begin = one
			}
		}
	}
	return nil
}

// curved are rows of 6 columns that hang together, some of them curved and in two
// groups.
func curved(rng *rand.Rand, n int) [][]float32 {
	all := make([][]float32, n)
	for i := range all {
		x, g := rng.NormFloat64(), float64(rng.IntN(2))
		y := x*x - 1 + 0.3*rng.NormFloat64()
		z := math.Sin(2*x) + g + 0.2*rng.NormFloat64()
		for _, v := range []float64{x, y, z, 2*g - 1 + 0.4*rng.NormFloat64(), x*y + 0.5*rng.NormFloat64(), rng.NormFloat64()} {
			all[i] = append(all[i], float32(v))
		}
	}
	return all
}

// parts are shards of rows.
func parts(rows [][]float32, k int, skewed bool) (all [][][]float32) {
	at, weights, total := 0, make([]float64, k), 0.0
	for i := range weights {
		if weights[i] = 1; skewed {
			weights[i] = float64(int(1) << (i % 4))
		}
		total += weights[i]
	}
	if skewed {
		rows = sorted(rows)
	}
	sum := 0.0
	for i := range weights {
		sum += weights[i]
		end := int(math.Round(float64(len(rows)) * sum / total))
		all = append(all, rows[at:end])
		at = end
	}
	return all
}

// fitting is what all fits have in common.
type fitting struct {
	dir           string
	held          [][]float32
	rounds, steps int
	split         bool
	gradients     bool
	options       bijoubeam.FitOptions
	begin         bijoubeam.Model
	mixture       bijoubeam.Model
	log           command.Streams
	fits          int
}

// start saves the flow that fits begin with, and a mixture of it and others.
func (m *fitting) start(ctx context.Context, dim int, hidden []int, members int) (err error) {
	var flows []*flow.Flow[float32]
	for k := range members {
		chain, err := coupling.RealNVP[float32](coupling.Recipe{Dim: dim, Layers: 8, Hidden: hidden, Norm: "none", Raw: true, Seed: uint64(k + 1)})
		if err != nil {
			return err
		}
		one, err := flow.New(chain, distribution.StandardNormal[float32](dim))
		if err != nil {
			return err
		}
		flows = append(flows, one)
	}
	if m.begin, err = m.saved(ctx, "start", flows[0]); err != nil {
		return err
	}
	mixture, err := flow.NewEnsemble(flow.Mixing{}, flows...)
	if err != nil {
		return err
	}
	m.mixture, err = m.saved(ctx, "mixture", mixture)
	return err
}

// saved is a model in a file.
func (m *fitting) saved(ctx context.Context, name string, model any) (bijoubeam.Model, error) {
	path := filepath.Join(m.dir, name+".safetensors")
	if err := registry.Save(path, model); err != nil {
		return bijoubeam.Model{}, err
	}
	return bijoubeam.Open(ctx, path)
}

// run fits on shards.
func (m *fitting) run(ctx context.Context, name string, shards [][][]float32) error {
	m.fits++
	dir := filepath.Join(m.dir, strconv.Itoa(m.fits))
	files, err := written(dir, shards)
	if err != nil {
		return err
	}
	began, line := time.Now(), ""
	var last bijoubeam.Round
	var failed error
	o := m.options
	o.Rounds, o.Run = m.rounds, onPrism
	o.Steps = max(1, m.steps/len(shards))
	if m.split {
		o.Steps, o.Batch = m.steps, max(1, o.Batch/len(shards))
	}
	if m.gradients && len(shards) > 1 {
		o.Gradients, o.Rounds, o.Steps, o.Batch = true, m.rounds*m.steps, 1, max(1, o.Batch/len(shards))
	}
	o.Report = func(r bijoubeam.Round) {
		last = r
		if r.Round&(r.Round-1) != 0 && r.Round != o.Rounds {
			return
		}
		nats, err := m.nats(r.Model.Path)
		if err != nil {
			failed = err
		}
		line += fmt.Sprintf("  %.4f (%d)", nats, r.Round)
	}
	if _, err := bijoubeam.Fit(ctx, filepath.Join(dir, "fit"), m.begin, files, o); err != nil {
		return err
	}
	fmt.Fprintf(m.log.Out, "%-12s%s  %d steps of %d rows a round, %d rows seen, %d bytes a shard and round, %v\n", name, line, o.Steps, o.Batch, last.Seen, last.Bytes/int64(len(shards)), time.Since(began).Round(100*time.Millisecond))
	return failed
}

// nats are those of held-out rows, with the round that they are of.
func (m *fitting) nats(path string) (float64, error) {
	logp, flat, sum := make([]float64, len(m.held)), []float32(nil), 0.0
	for _, row := range m.held {
		flat = append(flat, row...)
	}
	one, err := registry.LoadFlow[float32](path)
	if err == nil {
		err = one.LogProbRows(logp, flat)
	} else if mixture, other := registry.Load[*flow.Ensemble[float32]](path); other == nil {
		err = mixture.LogProbRows(logp, flat)
	}
	if err != nil {
		return 0, err
	}
	for _, v := range logp {
		sum -= v / float64(len(logp))
	}
	return sum, nil
}
