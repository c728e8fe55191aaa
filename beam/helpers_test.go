// What the tests share: models, sources in shards, and a sink in this process.

package bijoubeam

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strconv"
	"sync"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/local"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"

	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/table"
)

// dir has the models of the tests.
var dir string

func TestMain(m *testing.M) {
	dir = testkit.Must(os.MkdirTemp("", "bijoubeam"))
	code := ptest.MainRet(m)
	os.RemoveAll(dir)
	os.Exit(code)
}

func init() {
	beam.RegisterType(reflect.TypeFor[goods]())
	beam.RegisterDoFn(&shardsFn{})
	beam.RegisterDoFn(&valuesFn{})
	beam.RegisterDoFn(&keyedFn{})
	beam.RegisterDoFn(&collectFn{})
	beam.RegisterDoFn(&collectRejectedFn{})
	beam.RegisterDoFn(&collectDrawsFn{})
	register.Emitter1[int]()
	register.Emitter2[beam.EventTime, []float32]()
	register.Emitter2[string, []float32]()
}

// goods is a row of the table as a struct.
type goods struct {
	Kind string  `json:"kind"`
	Size float64 `json:"size"`
}

// tableFile is a table's model of kind and size, which depends on it.
var tableFile = sync.OnceValue(func() string {
	rng := testkit.NewRand(1)
	infer := testkit.Must(table.NewInference([]string{"kind", "size"}, table.InferOptions{}))
	var rows [][]string
	for range 400 {
		k := rng.IntN(2)
		rows = append(rows, []string{[]string{"a", "b"}[k], strconv.FormatFloat(3*float64(k)+rng.NormFloat64(), 'g', -1, 64)})
		if err := infer.Add(rows[len(rows)-1]); err != nil {
			panic(err)
		}
	}
	s := testkit.Must(infer.Schema())
	codes := make([]float64, 2*len(rows))
	for i, r := range rows {
		if err := s.Encode(r, codes[2*i:2*i+2]); err != nil {
			panic(err)
		}
	}
	m, _, err := table.Fit[float32](context.Background(), s, table.MemoryRows(2, codes), table.FitOptions{Members: 1, Epochs: 2, Seed: 1})
	if err != nil {
		panic(err)
	}
	path := filepath.Join(dir, "table.safetensors")
	if err := registry.Save(path, m); err != nil {
		panic(err)
	}
	return path
})

// flowFile is a flow of 5 features, off its start.
var flowFile = sync.OnceValue(func() string {
	chain := testkit.Must(coupling.RealNVP[float32](coupling.Recipe{Dim: 5, Layers: 4, Hidden: []int{16}, Seed: 1}))
	f := testkit.Must(flow.New(chain, distribution.StandardNormal[float32](5)))
	rng := testkit.NewRand(2)
	for _, p := range f.Params() {
		for i := range p.Data {
			p.Data[i] += float32(0.1 * rng.NormFloat64())
		}
	}
	f.Invalidate()
	path := filepath.Join(dir, "flow.safetensors")
	if err := registry.Save(path, f); err != nil {
		panic(err)
	}
	return path
})

// rowsOf are rows for the flow, the same for everybody.
func rowsOf(n int) [][]float32 {
	rng := rand.New(rand.NewPCG(3, 3))
	rows := make([][]float32, n)
	for i := range rows {
		for range 5 {
			rows[i] = append(rows[i], float32(rng.NormFloat64()))
		}
	}
	return rows
}

// shardsFn numbers K shards.
type shardsFn struct{ K int }

func (f *shardsFn) ProcessElement(_ []byte, emit func(int)) {
	for k := range f.K {
		emit(k)
	}
}

// valuesFn emits the rows of a shard, a second of event time apart.
type valuesFn struct{ N, K int }

func (f *valuesFn) ProcessElement(shard int, emit func(beam.EventTime, []float32)) {
	for i, row := range rowsOf(f.N) {
		if i%f.K == shard {
			emit(beam.EventTime(1000*i), row)
		}
	}
}

// keyedFn emits them under their numbers.
type keyedFn struct{ N, K int }

func (f *keyedFn) ProcessElement(shard int, emit func(string, []float32)) {
	for i, row := range rowsOf(f.N) {
		if i%f.K == shard {
			emit(strconv.Itoa(i), row)
		}
	}
}

// shards are K of them, apart.
func shards(s beam.Scope, k int) beam.PCollection {
	return beam.Reshuffle(s, beam.ParDo(s, &shardsFn{K: k}, beam.Impulse(s)))
}

// sink is where the pipelines of a test leave what they make.
var sink struct {
	sync.Mutex
	scored   []string
	rejected []Rejected
	draws    map[int64]Draw
}

func reset() {
	sink.Lock()
	defer sink.Unlock()
	sink.scored, sink.rejected, sink.draws = nil, nil, map[int64]Draw{}
}

// line is a scored row to the bit.
func line(row any, logp float64) string { return fmt.Sprintf("%v %x", row, math.Float64bits(logp)) }

// collectFn keeps scored rows, with window and time where Times is set.
type collectFn struct{ Times bool }

func (f *collectFn) ProcessElement(w beam.Window, at beam.EventTime, x beam.X, s Scored) {
	text := line(x, s.LogDensity)
	if f.Times {
		text += fmt.Sprintf(" %v %v", w, at)
	}
	sink.Lock()
	defer sink.Unlock()
	sink.scored = append(sink.scored, text)
}

type collectRejectedFn struct{}

func (f *collectRejectedFn) ProcessElement(r Rejected) {
	sink.Lock()
	defer sink.Unlock()
	sink.rejected = append(sink.rejected, r)
}

type collectDrawsFn struct{}

func (f *collectDrawsFn) ProcessElement(d Draw) {
	sink.Lock()
	defer sink.Unlock()
	sink.draws[d.Index] = d
}

// run scores rows on Prism and returns what came out, sorted.
func run(t *testing.T, m Model, times bool, rows func(beam.Scope) beam.PCollection) ([]string, beam.PipelineResult) {
	t.Helper()
	reset()
	p := beam.NewPipeline()
	s := p.Root()
	scored, rejected, err := Score(s, m, rows(s))
	if err != nil {
		t.Fatal(err)
	}
	beam.ParDo0(s, &collectFn{Times: times}, scored)
	beam.ParDo0(s, &collectRejectedFn{}, rejected)
	r, err := ptest.RunWithMetrics(p)
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(sink.scored)
	return sink.scored, r
}

func open(t *testing.T, path string) Model {
	t.Helper()
	m, err := Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
