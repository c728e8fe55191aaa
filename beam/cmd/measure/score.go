// Rows a second through Prism, beside the plain loop.

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	bijoubeam "github.com/bijou-flow/bijou/beam"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/registry"
)

const scoreAbout = `Scores rows that are made on the fly, by a Real NVP of 20 columns: once by the
library's own call for blocks of rows, once through Prism. It prints rows a second
of both and the peak of memory.
`

func init() {
	beam.RegisterDoFn(&rowsFn{})
	beam.RegisterDoFn(&countFn{})
	beam.RegisterDoFn(&dropFn{})
	register.Emitter1[int]()
	register.Emitter1[[]float32]()
}

const columns = 20

// made calls do for the rows of a shard, whose values are not kept.
func made(shard, rows int, do func([]float32)) {
	rng := rand.New(rand.NewPCG(1, uint64(shard)))
	for range rows {
		row := make([]float32, columns)
		for j := range row {
			row[j] = float32(rng.Float64()+rng.Float64()+rng.Float64()) - 1.5
		}
		do(row)
	}
}

// rowsFn makes the rows of shards.
type rowsFn struct{ Rows int }

func (f *rowsFn) ProcessElement(shard int, emit func([]float32)) error {
	made(shard, f.Rows, emit)
	return nil
}

// countFn counts scored rows. A stage has to have an output: Prism 2.77 keeps one core
// busy with waiting for the end of a bundle that has none.
type countFn struct{ n int }

// StartBundle begins to count.
func (f *countFn) StartBundle(func(int)) { f.n = 0 }

func (f *countFn) ProcessElement([]float32, bijoubeam.Scored, func(int)) { f.n++ }

// FinishBundle tells the count.
func (f *countFn) FinishBundle(emit func(int)) { emit(f.n) }

// dropFn is where counts end.
type dropFn struct{}

func (*dropFn) ProcessElement(int) {}

func scoreCommand(ctx context.Context, args []string, s command.Streams) error {
	var rows, shards, layers, hidden int
	var plain, prism bool
	f := command.NewFlags("./cmd/measure score", scoreAbout)
	f.Int(&rows, "rows", 1_000_000, 1, command.Most, "rows")
	f.Int(&shards, "shards", 64, 1, 100_000, "parts that they are made in")
	f.Int(&layers, "layers", 8, 1, 100, "couplings of the flow")
	f.Int(&hidden, "hidden", 64, 1, 4096, "width of their networks")
	f.Bool(&plain, "skip-plain", "leave out the plain loop")
	f.Bool(&prism, "skip-prism", "leave out Prism")
	if err := f.Parse(args, s); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "measure")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	chain, err := coupling.RealNVP[float32](coupling.Recipe{Dim: columns, Layers: layers, Hidden: []int{hidden}, Seed: 1})
	if err != nil {
		return err
	}
	model, err := flow.New(chain, distribution.StandardNormal[float32](columns))
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "flow.safetensors")
	if err := registry.Save(path, model); err != nil {
		return err
	}
	each := (rows + shards - 1) / shards
	fmt.Fprintf(s.Out, "%d rows of %d columns in %d shards, Real NVP of %d couplings of width %d, GOMAXPROCS %d\n", each*shards, columns, shards, layers, hidden, runtime.GOMAXPROCS(0))
	if !plain {
		err := timed(s, "plain loop", each*shards, func() error { return plainLoop(ctx, model, shards, each) })
		if err != nil {
			return err
		}
	}
	if prism {
		return nil
	}
	m, err := bijoubeam.Open(ctx, path)
	if err != nil {
		return err
	}
	return timed(s, "Prism", each*shards, func() error {
		p := beam.NewPipeline()
		r := p.Root()
		all := make([]int, shards)
		for k := range all {
			all[k] = k
		}
		scored, _, err := bijoubeam.Score(r, m, beam.ParDo(r, &rowsFn{Rows: each}, beam.Reshuffle(r, beam.CreateList(r, all))))
		if err != nil {
			return err
		}
		beam.ParDo0(r, &dropFn{}, beam.Reshuffle(r, beam.ParDo(r, &countFn{}, scored)))
		return onPrism(ctx, p)
	})
}

// timed prints how long rows take, and the memory that they need.
func timed(s command.Streams, what string, rows int, do func() error) error {
	runtime.GC()
	resetPeak()
	start, before := time.Now(), cpu()
	if err := do(); err != nil {
		return err
	}
	took := time.Since(start)
	fmt.Fprintf(s.Out, "%-10s  %9.0f rows/s  %7.3f us of processor time a row  peak %5d MB  %v\n", what, float64(rows)/took.Seconds(), 1e6*(cpu()-before)/float64(rows), peak(), took.Round(time.Millisecond))
	return nil
}

// plainLoop scores the rows by blocks, as a program without Beam does.
func plainLoop(ctx context.Context, m *flow.Flow[float32], shards, each int) error {
	var failed error
	logp := make([]float64, bijoubeam.BatchRows)
	block := make([]float32, 0, columns*bijoubeam.BatchRows)
	score := func() {
		if n := len(block) / columns; n > 0 && failed == nil {
			failed = m.LogProbRows(logp[:n], block)
			block = block[:0]
		}
	}
	for k := range shards {
		made(k, each, func(row []float32) {
			if block = append(block, row...); len(block) == cap(block) {
				score()
			}
		})
		if failed == nil {
			failed = ctx.Err()
		}
	}
	score()
	return failed
}
