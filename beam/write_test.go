// Tables that are written on Prism, and the ends that writing may come to.

package bijoubeam

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"

	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/table"
)

// contents are the lines of files, those of .gz unpacked.
func contents(t *testing.T, files []string) (lines []string) {
	t.Helper()
	for _, name := range files {
		f := testkit.Must(os.Open(name))
		defer f.Close()
		var r io.Reader = f
		if strings.HasSuffix(name, ".gz") {
			r = testkit.Must(gzip.NewReader(f))
		}
		text := string(testkit.Must(io.ReadAll(r)))
		lines = append(lines, strings.Split(strings.TrimSuffix(text, "\n"), "\n")...)
	}
	return lines
}

// written writes Records to path.
func written(t *testing.T, path string, o WriteOptions, records func(beam.Scope) beam.PCollection) ([]string, error) {
	t.Helper()
	p := beam.NewPipeline()
	s := p.Root()
	w, err := WriteTable(t.Context(), s, path, records(s), o)
	if err != nil {
		return nil, err
	}
	if err := ptest.Run(p); err != nil {
		if err := w.Abandon(t.Context()); err != nil {
			t.Fatal(err)
		}
		return nil, err
	}
	return contents(t, testkit.Must(w.Finish(t.Context()))), nil
}

// TestWriteTable: rows of CSV and NDJSON with their scores, into both; columns are
// found by name, and rows of NDJSON keep their text.
func TestWriteTable(t *testing.T) {
	m := open(t, tableFile())
	here := t.TempDir()
	rows := func(s beam.Scope) beam.PCollection {
		return testkit.Must(ScoredRecords(s, scoredOf(s, m, beam.Create(s,
			Record{Names: []string{"kind", "size"}, Cells: []string{"a", "1"}},
			Record{Names: []string{"size", "kind"}, Cells: []string{"2", "b"}},
			Record{Names: []string{"kind", "size"}, Cells: []string{"b", "2"}, Text: `{"size": 2, "kind": "b"}`}))))
	}
	o := WriteOptions{Columns: append([]string{"kind", "size"}, ScoredColumns()...), Literal: append([]string{"size"}, ScoredColumns()...)}
	csv := testkit.Must(written(t, filepath.Join(here, "a.csv.gz"), o, rows))
	slices.Sort(csv)
	if len(csv) != 4 || csv[3] != "kind,size,log_density,p_value,flag" || csv[1] != csv[2] || !strings.HasPrefix(csv[0], "a,1,-") || !strings.HasPrefix(csv[1], "b,2,-") {
		t.Fatalf("written %q", csv)
	}
	score := strings.Split(csv[1], ",")[2:]
	tail := `,"log_density":` + score[0] + `,"p_value":` + score[1] + `,"flag":` + score[2] + "}"
	lines := testkit.Must(written(t, filepath.Join(here, "a.ndjson"), o, rows))
	slices.Sort(lines)
	if len(lines) != 3 || lines[1] != `{"kind":"b","size":2`+tail || lines[2] != `{"size": 2, "kind": "b"`+tail {
		t.Errorf("written %q, want scores %q", lines, score)
	}
	// Without rows there is the line of names.
	testkit.Equal(t, "no rows", testkit.Must(written(t, filepath.Join(here, "none.csv"), o, func(s beam.Scope) beam.PCollection {
		return testkit.Must(ScoredRecords(s, scoredOf(s, m, beam.Create(s, Record{Names: []string{"nothing"}, Cells: []string{""}}))))
	})), []string{"kind,size,log_density,p_value,flag"})
	// Draws, and rows that were rejected.
	o = testkit.Must(m.WriteOptions(t.Context()))
	if got := testkit.Must(written(t, filepath.Join(here, "d.ndjson"), o, func(s beam.Scope) beam.PCollection {
		return testkit.Must(DrawRecords(s, testkit.Must(Sample(s, m, 5, 1)), o.Columns))
	})); len(got) != 5 || !strings.HasPrefix(got[0], `{"kind":"`) || strings.HasSuffix(got[0], `"}`) {
		t.Errorf("draws %q", got)
	}
	f := open(t, flowFile())
	o = testkit.Must(f.WriteOptions(t.Context()))
	if got := testkit.Must(written(t, filepath.Join(here, "f.csv"), o, func(s beam.Scope) beam.PCollection {
		return testkit.Must(DrawRecords(s, testkit.Must(Sample(s, f, 3, 1)), o.Columns))
	})); len(got) != 4 || got[0] != "column1,column2,column3,column4,column5" {
		t.Errorf("draws %q", got)
	}
	got := testkit.Must(written(t, filepath.Join(here, "r.csv"), WriteOptions{Columns: RejectedColumns()}, func(s beam.Scope) beam.PCollection {
		return testkit.Must(RejectedRecords(s, beam.Create(s, Rejected{Row: "r", Reason: "why", Source: "f:1"})))
	}))
	testkit.Equal(t, "rejected", got, []string{"source,reason,row", "f:1,why,r"})
}

// scoredOf are those of the rows that have scores.
func scoredOf(s beam.Scope, m Model, rows beam.PCollection) beam.PCollection {
	scored, _, err := Score(s, m, rows)
	if err != nil {
		panic(err)
	}
	return scored
}

// TestWriteTableOver: files of an earlier run stay, or are all replaced; a run that
// fails leaves none of the names.
func TestWriteTableOver(t *testing.T) {
	here := t.TempDir()
	path := filepath.Join(here, "a*.csv") // no pattern
	o := WriteOptions{Columns: []string{"x"}}
	row := func(names ...string) func(beam.Scope) beam.PCollection {
		return func(s beam.Scope) beam.PCollection { return beam.Create(s, Record{Names: names, Cells: []string{"1"}}) }
	}
	if _, err := written(t, path, o, row("x")); err != nil {
		t.Fatal(err)
	}
	// As of a run of more bundles.
	older := []string{shardFile(path, 0, 7), filepath.Join(here, "ab-00000-of-00001.csv")}
	for _, name := range older {
		if err := os.WriteFile(name, []byte("old\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := written(t, path, o, row("x")); !errors.Is(err, ErrExists) || !strings.Contains(err.Error(), "and 1 more") {
		t.Errorf("over files of an earlier run: %v", err)
	}
	o.Replace = true
	if _, err := written(t, path, o, row("y")); err == nil || !strings.Contains(err.Error(), `a column "y"`) {
		t.Errorf("a column that is not written: %v", err)
	}
	if names := testkit.Must(filepath.Glob(filepath.Join(here, "*"))); len(names) != 3 {
		t.Errorf("behind a run that failed there are %q", names)
	}
	testkit.Equal(t, "replaced", testkit.Must(written(t, path, o, row("x"))), []string{"x", "1"})
	if names := testkit.Must(filepath.Glob(filepath.Join(here, "*"))); len(names) != 2 {
		t.Errorf("there are %q", names)
	}
	s := beam.NewPipeline().Root()
	if _, err := WriteTable(t.Context(), s, path, beam.Create(s, "text"), o); !errors.Is(err, table.ErrInput) {
		t.Errorf("texts: %v", err)
	}
	if _, err := WriteTable(t.Context(), s, path, row("x")(s), WriteOptions{}); !errors.Is(err, table.ErrInput) {
		t.Errorf("no columns: %v", err)
	}
}

// TestWriteAgain: a bundle that failed adds nothing to the files, and the end of writing
// that stopped halfway goes on.
func TestWriteAgain(t *testing.T) {
	ctx := context.Background()
	w := writeFn{Path: filepath.Join(t.TempDir(), "a.csv"), Options: WriteOptions{Columns: []string{"x"}}, Run: "run"}
	var parts []string
	emit := func(name string) { parts = append(parts, name) }
	for _, cell := range []string{"1", "2", "3", "4"} {
		w.StartBundle(emit)
		if err := w.ProcessElement(ctx, Record{Names: []string{"x"}, Cells: []string{cell}}, emit); err != nil {
			t.Fatal(err)
		}
		if cell == "2" {
			continue // the bundle fails
		}
		if err := w.FinishBundle(ctx, emit); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(parts)
	next := 0
	if err := (&partsFn{Write: w}).ProcessElement(ctx, nil, func(name *string) bool {
		if next++; next > len(parts) {
			return false
		}
		*name = parts[next-1]
		return true
	}); err != nil {
		t.Fatal(err)
	}
	writing := &Writing{path: w.Path, run: w.Run}
	if err := os.Rename(parts[0], shardFile(w.Path, 0, 3)); err != nil { // as far as it came
		t.Fatal(err)
	}
	made := testkit.Must(writing.Finish(ctx))
	got := contents(t, made)
	slices.Sort(got)
	testkit.Equal(t, "rows", got, []string{"1", "3", "4", "x", "x", "x"})
	testkit.Equal(t, "files", testkit.Must(filepath.Glob(filepath.Join(filepath.Dir(w.Path), "*"))), made)
	if _, err := writing.Finish(ctx); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("finished twice: %v", err)
	}
	if _, err := (*Writing)(nil).Finish(ctx); !errors.Is(err, table.ErrInput) {
		t.Errorf("nothing written: %v", err)
	}
}
