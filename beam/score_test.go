// Scoring on Prism, in this process: whatever shards, types, windows and bad
// rows there are.

package bijoubeam

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/metrics"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"

	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/table"
)

// wanted are the scores of the flow's rows by the library's own call.
func wanted(t *testing.T, n int) []float64 {
	t.Helper()
	f := testkit.Must(registry.LoadFlow[float32](flowFile()))
	logp := make([]float64, n)
	if err := f.LogProbRows(logp, slices.Concat(rowsOf(n)...)); err != nil {
		t.Fatal(err)
	}
	return logp
}

// TestShards: the same multiset of rows and log-densities, to the bit, for any
// number of shards, the model being read once.
func TestShards(t *testing.T) {
	const n = 2500 // more than two batches
	m := open(t, flowFile())
	reads := models.reads
	var want []string
	for i, v := range wanted(t, n) {
		want = append(want, line(rowsOf(n)[i], v))
	}
	sort.Strings(want)
	for _, k := range []int{1, 2, 7, 64} {
		got, r := run(t, m, false, func(s beam.Scope) beam.PCollection {
			return beam.ParDo(s, &valuesFn{N: n, K: k}, shards(s, k))
		})
		testkit.Equal(t, fmt.Sprint(k, " shards"), got, want)
		if got := counter(r, "rows_scored"); got != n {
			t.Errorf("%d shards: counted %d rows, want %d", k, got, n)
		}
		if got := counter(r, "batches"); got > n/BatchRows+1+int64(k) {
			t.Errorf("%d shards: %d batches", k, got)
		}
		d := r.Metrics().Query(func(r metrics.SingleResult) bool { return r.Name() == "log_density_millinats" }).Distributions()
		if len(d) != 1 || d[0].Result().Count != n || d[0].Result().Max < d[0].Result().Min {
			t.Errorf("the distribution of log-densities is %+v", d)
		}
	}
	if models.reads != reads {
		t.Errorf("the model was read %d times more", models.reads-reads)
	}
}

func counter(r beam.PipelineResult, name string) (n int64) {
	for _, c := range r.Metrics().Query(func(r metrics.SingleResult) bool { return r.Name() == name }).Counters() {
		n += c.Result()
	}
	return n
}

// TestWindows: rows of windows keep window and time; so do rows of the global
// window, which are scored in batches.
func TestWindows(t *testing.T) {
	const n = 40
	m := open(t, flowFile())
	logp := wanted(t, n)
	for _, windowed := range []bool{false, true} {
		var want []string
		for i, v := range logp {
			var w beam.Window = window.GlobalWindow{}
			if at := beam.EventTime(10_000 * (i / 10)); windowed {
				w = window.IntervalWindow{Start: at, End: at + 10_000}
			}
			want = append(want, line(rowsOf(n)[i], v)+fmt.Sprintf(" %v %v", w, beam.EventTime(1000*i)))
		}
		sort.Strings(want)
		got, _ := run(t, m, true, func(s beam.Scope) beam.PCollection {
			rows := beam.ParDo(s, &valuesFn{N: n, K: 1}, shards(s, 1))
			if windowed {
				rows = beam.WindowInto(s, window.NewFixedWindows(10*time.Second), rows)
			}
			return rows
		})
		testkit.Equal(t, fmt.Sprint("windows ", windowed), got, want)
	}
}

// TestKeys: scores come with the keys of their rows.
func TestKeys(t *testing.T) {
	const n = 30
	var want []string
	for i, v := range wanted(t, n) {
		want = append(want, line(i, v))
	}
	sort.Strings(want)
	got, _ := run(t, open(t, flowFile()), false, func(s beam.Scope) beam.PCollection {
		return beam.ParDo(s, &keyedFn{N: n, K: 3}, shards(s, 3))
	})
	testkit.Equal(t, "keyed rows", got, want)
}

// TestTypes: a table's rows as numbers, structs, maps, JSON and records have the
// same score; each kind of bad row has its reason and its source.
func TestTypes(t *testing.T) {
	m := open(t, tableFile())
	model := testkit.Must(registry.Load[*table.Model[float32]](tableFile()))
	codes := make([]float64, 2)
	if err := model.Schema().Encode([]string{"b", "2.5"}, codes); err != nil {
		t.Fatal(err)
	}
	logp := testkit.Must(model.LogProb(slices.Concat(codes, codes)))[0]
	for _, row := range []any{
		goods{"b", 2.5},
		codes, `{"kind":"b","size":2.5}`, []byte(`{"size":2.5,"kind":"b"}`),
		Record{Source: "f", Row: 1, Names: []string{"size", "kind"}, Cells: []string{"2.5", "b"}},
		Record{Source: "f", Row: 2, Text: `{"kind":"b","size":2.5}`},
	} {
		got, r := run(t, m, false, func(s beam.Scope) beam.PCollection { return beam.Create(s, row) })
		testkit.Equal(t, fmt.Sprintf("%T", row), got, []string{line(row, logp)})
		if n := counter(r, "rows_rejected"); n != 0 || len(sink.rejected) != 0 {
			t.Errorf("%T: rejected %v", row, sink.rejected)
		}
	}
	for _, c := range []struct {
		row          any
		want, source string
	}{
		{goods{"c", 1}, `column "kind"`, ""},
		{[]float32{1}, "a row of 1 values, the model has 2", ""},
		{[]float64{0, math.Inf(1)}, "value 1 is +Inf", ""},
		{"nonsense", "not a readable table", ""},
		{`{"kind":"b","weight":1}`, `"weight"`, ""},
		{Record{Source: "f.csv", Row: 7, Names: []string{"colour"}, Cells: []string{"red"}}, `"kind", "size" are missing`, "f.csv:7"},
	} {
		got, r := run(t, m, false, func(s beam.Scope) beam.PCollection { return beam.Create(s, c.row) })
		if len(got) != 0 || len(sink.rejected) != 1 || counter(r, "rows_rejected") != 1 {
			t.Errorf("%v: scored %v, rejected %v", c.row, got, sink.rejected)
			continue
		}
		if r := sink.rejected[0]; !strings.Contains(r.Reason, c.want) || r.Source != c.source || r.Row == "" {
			t.Errorf("%v: rejected as %+v, want %q from %q", c.row, r, c.want, c.source)
		}
	}
}

// TestModels: a file that is missing, another one, or no model.
func TestModels(t *testing.T) {
	ctx := context.Background()
	if _, err := Open(ctx, filepath.Join(dir, "none")); !errors.Is(err, ErrModel) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is missing: %v", err)
	}
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(ctx, text); !errors.Is(err, registry.ErrFormat) {
		t.Errorf("a text: %v", err)
	}
	p := beam.NewPipeline()
	s := p.Root()
	if _, _, err := Score(s, Model{Path: "m"}, beam.Create(s, "a")); !errors.Is(err, ErrModel) {
		t.Errorf("no SHA-256: %v", err)
	}
	if _, _, err := Score(s, open(t, flowFile()), beam.PCollection{}); err == nil {
		t.Error("no rows are accepted")
	}
	changed := open(t, flowFile())
	changed.SHA256 = strings.Repeat("0", 64)
	gone := open(t, flowFile())
	gone.Path = filepath.Join(dir, "gone")
	for want, m := range map[string]Model{"want " + changed.SHA256: changed, "no such file": gone} {
		p := beam.NewPipeline()
		s := p.Root()
		if _, _, err := Score(s, m, beam.Create(s, []float32{0, 0, 0, 0, 0})); err != nil {
			t.Fatal(err)
		}
		if err := ptest.Run(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the pipeline ended with %v, want %q", err, want)
		}
	}
}

// TestBundleThatFailed: its rows are not scored with those of the next one.
func TestBundleThatFailed(t *testing.T) {
	ctx := context.Background()
	f := &scoreFn{Model: open(t, flowFile())}
	if err := f.Setup(ctx); err != nil {
		t.Fatal(err)
	}
	var got []any
	emit := func(_ beam.EventTime, x beam.X, _ Scored) { got = append(got, x) }
	reject := func(beam.EventTime, Rejected) {}
	rows := rowsOf(5)
	for _, some := range [][][]float32{rows[:3], rows[3:]} { // the first has no FinishBundle
		f.StartBundle(emit, reject)
		for _, r := range some {
			if err := f.ProcessElement(ctx, window.GlobalWindow{}, 0, r, emit, reject); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := f.FinishBundle(ctx, emit, reject); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 {
		t.Errorf("%d rows came out of a bundle of 2", len(got))
	}
}
