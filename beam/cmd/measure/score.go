// Rows a second through Prism, beside the plain loop.

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
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
library's own call for blocks of rows, once through Prism with blocks of rows for
elements, once through Prism with rows for elements. It prints rows a second of
each and the peak of memory.
`

func init() {
	beam.RegisterDoFn(&rowsFn{})
	beam.RegisterDoFn(&blocksFn{})
	beam.RegisterDoFn(&countBlocksFn{})
	beam.RegisterDoFn(&countFn{})
	beam.RegisterDoFn(&dropFn{})
	register.Emitter1[int]()
	register.Emitter1[[]float32]()
}

const columns = 20

// made calls do for the rows of a shard, size at a time, in memory that fresh returns.
func made(shard, rows, size int, fresh func(n int) []float32, do func([]float32)) {
	rng := rand.New(rand.NewPCG(1, uint64(shard)))
	for at := 0; at < rows; at += size {
		block := fresh(columns * min(size, rows-at))
		for j := range block {
			block[j] = float32(rng.Float64()+rng.Float64()+rng.Float64()) - 1.5
		}
		do(block)
	}
}

func fresh(n int) []float32 { return make([]float32, n) }

// rowsFn makes the rows of shards.
type rowsFn struct{ Rows int }

func (f *rowsFn) ProcessElement(shard int, emit func([]float32)) {
	made(shard, f.Rows, 1, fresh, emit)
}

// blocksFn makes them in blocks.
type blocksFn struct{ Rows, Size int }

func (f *blocksFn) ProcessElement(shard int, emit func(bijoubeam.Rows)) {
	made(shard, f.Rows, f.Size, fresh, func(block []float32) { emit(bijoubeam.Rows{Width: columns, Float32: block}) })
}

// countFn counts scored rows. A stage has to have an output: Prism 2.77 keeps one core
// busy with waiting for the end of a bundle that has none.
type countFn struct{ n int }

// StartBundle begins to count.
func (f *countFn) StartBundle(func(int)) { f.n = 0 }

func (f *countFn) ProcessElement([]float32, bijoubeam.Scored, func(int)) { f.n++ }

// FinishBundle tells the count.
func (f *countFn) FinishBundle(emit func(int)) { emit(f.n) }

// countBlocksFn is countFn for blocks.
type countBlocksFn struct{ n int }

// StartBundle begins to count.
func (f *countBlocksFn) StartBundle(func(int)) { f.n = 0 }

func (f *countBlocksFn) ProcessElement(rows bijoubeam.ScoredRows, _ func(int)) {
	f.n += len(rows.Scores)
}

// FinishBundle tells the count.
func (f *countBlocksFn) FinishBundle(emit func(int)) { emit(f.n) }

// dropFn is where counts end.
type dropFn struct{}

func (*dropFn) ProcessElement(int) {}

func scoreCommand(ctx context.Context, args []string, s command.Streams) error {
	var rows, shards, layers, hidden, block int
	var plain, inBlocks, single bool
	var profile string
	f := command.NewFlags("./cmd/measure score", scoreAbout)
	f.Int(&rows, "rows", 1_000_000, 1, command.Most, "rows")
	f.Int(&shards, "shards", 64, 1, 100_000, "parts that they are made in")
	f.Int(&block, "block", bijoubeam.BatchRows, 1, command.Most, "rows of a block")
	f.Int(&layers, "layers", 8, 1, 100, "couplings of the flow")
	f.Int(&hidden, "hidden", 64, 1, 4096, "width of their networks")
	f.Bool(&plain, "skip-plain", "leave out the plain loop")
	f.Bool(&inBlocks, "skip-blocks", "leave out Prism with blocks")
	f.Bool(&single, "skip-rows", "leave out Prism with single rows")
	f.String(&profile, "profile", "", "`file` for a profile of the processor")
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
	if profile != "" {
		out, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer out.Close()
		if err := pprof.StartCPUProfile(out); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	if !plain {
		err := timed(s, "plain loop", each*shards, func() error { return plainLoop(ctx, model, shards, each, block) })
		if err != nil {
			return err
		}
	}
	m, err := bijoubeam.Open(ctx, path)
	if err != nil {
		return err
	}
	if !inBlocks {
		err := timed(s, "Prism, blocks", each*shards, func() error {
			return throughPrism(ctx, m, shards, &blocksFn{Rows: each, Size: block}, &countBlocksFn{})
		})
		if err != nil {
			return err
		}
	}
	if single {
		return nil
	}
	return timed(s, "Prism, rows", each*shards, func() error {
		return throughPrism(ctx, m, shards, &rowsFn{Rows: each}, &countFn{})
	})
}

// throughPrism scores what source makes of the shards, and counts.
func throughPrism(ctx context.Context, m bijoubeam.Model, shards int, source, count any) error {
	p := beam.NewPipeline()
	r := p.Root()
	all := make([]int, shards)
	for k := range all {
		all[k] = k
	}
	scored, _, err := bijoubeam.Score(r, m, beam.ParDo(r, source, beam.Reshuffle(r, beam.CreateList(r, all))))
	if err != nil {
		return err
	}
	beam.ParDo0(r, &dropFn{}, beam.Reshuffle(r, beam.ParDo(r, count, scored)))
	return onPrism(ctx, p)
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
	fmt.Fprintf(s.Out, "%-13s  %9.0f rows/s  %7.3f us of processor time a row  peak %5d MB  %v\n", what, float64(rows)/took.Seconds(), 1e6*(cpu()-before)/float64(rows), peak(), took.Round(time.Millisecond))
	return nil
}

// plainLoop scores the rows by blocks, as a program without Beam does.
func plainLoop(ctx context.Context, m *flow.Flow[float32], shards, each, size int) (err error) {
	logp, memory := make([]float64, min(size, each)), make([]float32, columns*min(size, each))
	again := func(n int) []float32 { return memory[:n] }
	for k := range shards {
		made(k, each, size, again, func(block []float32) {
			if err == nil {
				err = m.LogProbRows(logp[:len(block)/columns], block)
			}
		})
		if err == nil {
			err = ctx.Err()
		}
	}
	return err
}
