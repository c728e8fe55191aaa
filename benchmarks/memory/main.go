// Command memory measures what a training step keeps from its forward pass
// under the three choices of bijector.Memory, for flows of 10, 100 and 1,000
// couplings, and prints a table: bytes of activations, time of a step, and how
// far the gradient is from that of keeping everything.
//
//	go run ./benchmarks/memory
package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/internal/command"
)

const dim, batch = 20, 100

const about = `Measures what a training step keeps from its forward pass, under each choice of
bijector.Memory, for flows of 10, 100 and 1,000 couplings.

It prints a table as Markdown (bytes of activations, time of a step, and how far
the gradient is from that of keeping everything), and writes no file.

Example: go run ./benchmarks/memory -width 200
`

func main() { command.Main(run) }

// run is main with its surroundings as arguments; it returns the exit code.
func run(ctx context.Context, args []string, s command.Streams) int {
	return command.Exit("memory", memory(ctx, args, []int{10, 100, 1000}, s), s)
}

func memory(ctx context.Context, args []string, depths []int, s command.Streams) error {
	var width int
	f := command.NewFlags("./benchmarks/memory", about)
	f.Int(&width, "width", 100, 1, command.MaxSize, "`width` of both hidden layers")
	if err := f.Parse(args, s); err != nil {
		return err
	}
	fmt.Fprintln(s.Out, "| couplings | keeps | activations, MiB | ms a step | relative error of the gradient |\n|--:|---|--:|--:|--:|")
	for _, layers := range depths {
		chain, err := coupling.RealNVP[float32](coupling.Recipe{Dim: dim, Layers: layers, Hidden: []int{width, width}, OutScale: 0.1, Seed: 1})
		if err != nil {
			return err
		}
		var all []float32
		for _, m := range []struct {
			name   string
			memory bijector.Memory
		}{
			{"everything", bijector.Memory{}},
			{"inputs", bijector.Memory{Mode: bijector.MemoryKeepInputs}},
			{"every 10th input", bijector.Memory{Mode: bijector.MemoryReverse, Every: 10}},
			{"every 30th input", bijector.Memory{Mode: bijector.MemoryReverse, Every: 30}},
			{"no input", bijector.Memory{Mode: bijector.MemoryReverse, Every: 1 << 30}},
		} {
			r, err := measure(ctx, chain, m.memory)
			if err != nil {
				return command.Early(err, "what was measured is printed")
			}
			if all == nil {
				all = r.gradient
			}
			fmt.Fprintf(s.Out, "| %d | %s | %.2f | %.1f | %.1e |\n", layers, m.name, r.mib, r.ms, relativeDistance(r.gradient, all))
		}
	}
	return nil
}

// result is what one way of keeping costs.
type result struct {
	mib, ms  float64
	gradient []float32
}

// measure takes steps of a chain under a Memory, until ctx ends.
func measure(ctx context.Context, chain *bijector.Chain[float32], m bijector.Memory) (result, error) {
	w := bijector.NewWorkers(0)
	defer w.Close()
	rng := rand.New(rand.NewPCG(1, 1))
	x, z, dz := bijector.NewMat[float32](dim, batch), bijector.NewMat[float32](dim, batch), bijector.NewMat[float32](dim, batch)
	for j := range dim {
		for i := range batch {
			x.Feature(j)[i] = float32(rng.NormFloat64())
		}
	}
	none := bijector.Mat[float32]{}
	logDet, dLogDet := make([]float64, batch), make([]float64, batch)
	for i := range dLogDet {
		dLogDet[i] = -1.0 / batch
	}
	before := heapBytes()
	pass := chain.NewGradPass(bijector.PassOptions{MaxBatch: batch, Workers: w}.WithMemory(m))
	bytes := heapBytes() - before
	for _, g := range pass.Grads() {
		bytes -= float64(4 * len(g))
	}
	var times []float64
	for range 7 {
		if err := ctx.Err(); err != nil {
			return result{}, err
		}
		for _, g := range pass.Grads() {
			clear(g)
		}
		start := time.Now()
		pass.Forward(z, x, none, logDet)
		for j := range dim { // the gradient of a standard normal's -log p
			for i, v := range z.Feature(j) {
				dz.Feature(j)[i] = v / batch
			}
		}
		pass.Backward(dz, none, dz, x, z, none, dLogDet)
		times = append(times, time.Since(start).Seconds()*1e3)
	}
	slices.Sort(times)
	r := result{mib: bytes / (1 << 20), ms: times[len(times)/2]}
	for _, g := range pass.Grads() {
		r.gradient = append(r.gradient, g...)
	}
	return r, nil
}

// heapBytes is the number of bytes in use.
func heapBytes() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// relativeDistance is |a-b|/|b|.
func relativeDistance(a, b []float32) float64 {
	d, n := 0.0, 0.0
	for i, v := range b {
		e := float64(a[i]) - float64(v)
		d += e * e
		n += float64(v) * float64(v)
	}
	return math.Sqrt(d / n)
}
