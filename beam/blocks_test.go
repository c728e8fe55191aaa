// Blocks of rows on Prism: the scores of single rows, whatever the blocks are.

package bijoubeam

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/table"
)

func init() {
	beam.RegisterDoFn(&cutFn{})
	beam.RegisterDoFn(&underKeys{})
	beam.RegisterDoFn(&collectBlocksFn{})
	beam.RegisterDoFn(&collectKeyedBlocksFn{})
	register.Emitter2[beam.EventTime, Rows]()
	register.Emitter2[string, Rows]()
}

// cutFn emits the rows of a shard in blocks of Size, a second of event time apart.
type cutFn struct{ N, K, Size int }

func (f *cutFn) ProcessElement(shard int, emit func(beam.EventTime, Rows)) {
	for k, block := range cut(f.N, f.K, f.Size, shard) {
		emit(beam.EventTime(1000*k), block)
	}
}

func cut(n, k, size, shard int) (all []Rows) {
	mine := rowsOf(n)[shard*n/k : (shard+1)*n/k]
	for b := range slices.Chunk(mine, size) {
		all = append(all, Rows{Width: 5, Float32: slices.Concat(b...), Source: fmt.Sprint("shard ", shard)})
	}
	return all
}

// underKeys puts blocks under the number of their shard.
type underKeys struct{ N, K, Size int }

func (f *underKeys) ProcessElement(shard int, emit func(string, Rows)) {
	for _, block := range cut(f.N, f.K, f.Size, shard) {
		emit(strconv.Itoa(shard), block)
	}
}

// collectBlocksFn keeps scored rows, with window and time where Times is set.
type collectBlocksFn struct{ Times bool }

func (f *collectBlocksFn) ProcessElement(w beam.Window, at beam.EventTime, s ScoredRows) {
	tail := ""
	if f.Times {
		tail = fmt.Sprintf(" %v %v", w, at)
	}
	keep("", s, tail)
}

type collectKeyedBlocksFn struct{}

func (f *collectKeyedBlocksFn) ProcessElement(key string, s ScoredRows) { keep(key+" ", s, "") }

func keep(head string, s ScoredRows, tail string) {
	sink.Lock()
	defer sink.Unlock()
	for i := range s.Rows.Len() {
		sink.scored = append(sink.scored, head+line(s.Rows.Row(i), s.Scores[i].LogDensity)+tail)
	}
}

// runBlocks is run for blocks.
func runBlocks(t *testing.T, m Model, collect any, rows func(beam.Scope) beam.PCollection) ([]string, beam.PipelineResult) {
	t.Helper()
	reset()
	p := beam.NewPipeline()
	s := p.Root()
	scored, rejected, err := Score(s, m, rows(s))
	if err != nil {
		t.Fatal(err)
	}
	beam.ParDo0(s, collect, scored)
	beam.ParDo0(s, &collectRejectedFn{}, rejected)
	r, err := ptest.RunWithMetrics(p)
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(sink.scored)
	return sink.scored, r
}

// TestBlocks: blocks of any size, on their way between workers too, have the scores of the library's
// own call, to the bit.
func TestBlocks(t *testing.T) {
	const n = 2500
	m := open(t, flowFile())
	var want []string
	for i, v := range wanted(t, n) {
		want = append(want, line(rowsOf(n)[i], v))
	}
	sort.Strings(want)
	for _, c := range [][2]int{{1, 2500}, {1, 1025}, {2, 129}, {3, 1}, {7, 100}} {
		got, r := runBlocks(t, m, &collectBlocksFn{}, func(s beam.Scope) beam.PCollection {
			return beam.Reshuffle(s, beam.ParDo(s, &cutFn{N: n, K: c[0], Size: c[1]}, shards(s, c[0])))
		})
		testkit.Equal(t, fmt.Sprint(c[0], " shards in blocks of ", c[1]), got, want)
		if rows, rejected := counter(r, "rows_scored"), counter(r, "rows_rejected"); rows != n || rejected != 0 {
			t.Errorf("blocks of %d: counted %d rows, %d rejected, want %d", c[1], rows, rejected, n)
		}
	}
}

// TestCompany: the last of 129 rows, which the library scores by itself, has the bits that it has
// among others.
func TestCompany(t *testing.T) {
	const n = 129
	var want []string
	for i, v := range wanted(t, 200)[:n] {
		want = append(want, line(rowsOf(n)[i], v))
	}
	sort.Strings(want)
	got, _ := run(t, open(t, flowFile()), false, func(s beam.Scope) beam.PCollection {
		return beam.ParDo(s, &valuesFn{N: n, K: 1}, shards(s, 1))
	})
	testkit.Equal(t, "scores", got, want)
}

// TestBlocksKeep: blocks keep their windows, times and keys.
func TestBlocksKeep(t *testing.T) {
	const n, size = 40, 4
	m, logp := open(t, flowFile()), wanted(t, n)
	var want, keyed []string
	for i, v := range logp {
		at := beam.EventTime(1000 * (i / size))
		start := at / 3000 * 3000
		want = append(want, line(rowsOf(n)[i], v)+fmt.Sprintf(" %v %v", window.IntervalWindow{Start: start, End: start + 3000}, at))
		keyed = append(keyed, fmt.Sprint(i/20, " ")+line(rowsOf(n)[i], v))
	}
	sort.Strings(want)
	sort.Strings(keyed)
	got, _ := runBlocks(t, m, &collectBlocksFn{Times: true}, func(s beam.Scope) beam.PCollection {
		return beam.WindowInto(s, window.NewFixedWindows(3*time.Second), beam.ParDo(s, &cutFn{N: n, K: 1, Size: size}, shards(s, 1)))
	})
	testkit.Equal(t, "windows", got, want)
	got, _ = runBlocks(t, m, &collectKeyedBlocksFn{}, func(s beam.Scope) beam.PCollection {
		return beam.ParDo(s, &underKeys{N: n, K: 2, Size: 7}, shards(s, 2))
	})
	testkit.Equal(t, "keys", got, keyed)
}

// TestBadRowsOfBlocks: those rows alone are rejected, with their places.
func TestBadRowsOfBlocks(t *testing.T) {
	rows := rowsOf(6)
	rows[1][3], rows[4][0] = float32(math.NaN()), float32(math.Inf(-1))
	logp := wanted(t, 6)
	good := []int{0, 2, 3, 5}
	var want []string
	for _, i := range good {
		want = append(want, line(rows[i], logp[i]))
	}
	sort.Strings(want)
	block := Rows{Width: 5, Float32: slices.Concat(rows...), Source: "f"}
	moved := block
	moved.Numbers = []int64{11, 12, 13, 14, 15, 16}
	for _, c := range []struct {
		rows   Rows
		places []string
	}{{block, []string{"f:2", "f:5"}}, {moved, []string{"f:12", "f:15"}}} {
		got, r := runBlocks(t, open(t, flowFile()), &collectBlocksFn{}, func(s beam.Scope) beam.PCollection { return beam.Create(s, c.rows) })
		testkit.Equal(t, "the others", got, want)
		var places []string
		for _, r := range sink.rejected {
			places = append(places, r.Source)
			if !strings.Contains(r.Reason, "want a finite float32") || r.Row == "" {
				t.Errorf("rejected %+v", r)
			}
		}
		sort.Strings(places)
		testkit.Equal(t, "places", places, c.places)
		if n := counter(r, "rows_rejected"); n != 2 {
			t.Errorf("counted %d rejected rows", n)
		}
	}
	f := &scoreRowsFn{Model: open(t, flowFile())}
	if err := f.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	emit := func(s ScoredRows) { testkit.Equal(t, "numbers", s.Rows.Numbers, []int64{11, 13, 14, 16}) }
	if err := f.ProcessElement(t.Context(), moved, emit, func(Rejected) {}); err != nil {
		t.Error(err)
	}
	none := func(s ScoredRows) { t.Errorf("scored %+v", s) }
	var rejected []Rejected
	narrow := Rows{Width: 4, Float64: make([]float64, 8)}
	if err := f.ProcessElement(t.Context(), narrow, none, func(r Rejected) { rejected = append(rejected, r) }); err != nil || len(rejected) != 2 || !strings.Contains(rejected[0].Reason, "the model has 5") {
		t.Errorf("rows of another width: %v, %v", rejected, err)
	}
	for _, broken := range []Rows{{Width: 5, Float32: make([]float32, 7)}, {Float32: make([]float32, 5)}, {Width: 1, Float32: make([]float32, 1), Records: make([]Record, 1)}, {Width: 5, Float64: make([]float64, 5), Numbers: make([]int64, 2)}} {
		if err := f.ProcessElement(t.Context(), broken, none, func(Rejected) {}); !errors.Is(err, bijector.ErrShape) {
			t.Errorf("%+v: %v", broken, err)
		}
	}
}

// TestBlocksAsBytes: a block comes back as it was, and bytes that are cut short are an error.
func TestBlocksAsBytes(t *testing.T) {
	names := []string{"size", "kind"}
	for _, rows := range []Rows{
		{},
		{Width: 2, Float32: []float32{1, 2, 3, 4}, Source: "f", Numbers: []int64{-7, 1 << 40}},
		{Width: 1, Float64: []float64{math.Pi, math.Inf(1)}},
		{Records: []Record{{Source: "f", Row: 1, Names: names, Cells: []string{"1", ""}}, {Source: "f", Row: 2, Names: names, Cells: []string{"2", "b"}}, {Source: "g", Row: 1, Text: "{}"}}},
	} {
		raw := testkit.Must(encodeRows(rows))
		if got := testkit.Must(decodeRows(raw)); !reflect.DeepEqual(got, rows) {
			t.Errorf("%+v came back as %+v", rows, got)
		}
		s := ScoredRows{Rows: rows}
		for i := range rows.Len() {
			s.Scores = append(s.Scores, Scored{LogDensity: -float64(i), PValue: 0.5, Flag: i == 1})
		}
		scored := testkit.Must(encodeScoredRows(s))
		if got := testkit.Must(decodeScoredRows(scored)); !reflect.DeepEqual(got, s) {
			t.Errorf("%+v came back as %+v", s, got)
		}
		for n := range scored {
			if _, err := decodeScoredRows(scored[:n]); !errors.Is(err, table.ErrInput) {
				t.Fatalf("%d of %d bytes: %v", n, len(scored), err)
			}
		}
		if _, err := decodeRows(append(raw, 0)); !errors.Is(err, table.ErrInput) {
			t.Errorf("a byte too many: %v", err)
		}
	}
}

// TestBlocksAreNotCopied: a block without bad rows is handed on as it is.
func TestBlocksAreNotCopied(t *testing.T) {
	f := &scoreRowsFn{Model: open(t, flowFile())}
	if err := f.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows := cut(1024, 1, 1024, 0)[0]
	reject := func(r Rejected) { t.Errorf("rejected %+v", r) }
	emit := func(s ScoredRows) {
		if &s.Rows.Float32[0] != &rows.Float32[0] || len(s.Scores) != 1024 {
			t.Error("the block was copied")
		}
	}
	ctx := context.Background()
	if n := testing.AllocsPerRun(20, func() {
		if err := f.ProcessElement(ctx, rows, emit, reject); err != nil {
			t.Fatal(err)
		}
	}); n > 8 {
		t.Errorf("%v allocations a block of 1,024 rows", n)
	}
}
