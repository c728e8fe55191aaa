// Blocks of a table's rows on Prism.

package bijoubeam

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/table"
)

// TestBlocksOfTables: blocks of codes and of records have the scores of single rows.
func TestBlocksOfTables(t *testing.T) {
	m := open(t, tableFile())
	model := testkit.Must(registry.Load[*table.Model[float32]](tableFile()))
	codes := make([]float64, 4)
	for i, cells := range [][]string{{"b", "2.5"}, {"a", "1"}} {
		if err := model.Schema().Encode(cells, codes[2*i:2*i+2]); err != nil {
			t.Fatal(err)
		}
	}
	logp := testkit.Must(model.LogProb(codes))
	names := []string{"size", "kind"}
	records := []Record{
		{Source: "f", Row: 1, Names: names, Cells: []string{"2.5", "b"}},
		{Source: "f", Row: 2, Names: names, Cells: []string{"2.5", "c"}},
		{Source: "f", Row: 3, Text: `{"kind":"a","size":1}`},
	}
	for _, rows := range []Rows{{Width: 2, Float64: codes}, {Records: records}} {
		got, _ := runBlocks(t, m, &collectBlocksFn{}, func(s beam.Scope) beam.PCollection { return beam.Create(s, rows) })
		last := rows.Len() - 1
		want := []string{line(rows.Row(0), logp[0]), line(rows.Row(last), logp[1])}
		sort.Strings(want)
		testkit.Equal(t, "scores", got, want)
		if len(sink.rejected) != last-1 || last == 2 && sink.rejected[0].Source != "f:2" {
			t.Errorf("rejected %+v", sink.rejected)
		}
	}
}

// TestTablesInBlocks: a table of several blocks, one row of which is rejected, is written with the
// scores that single records have.
func TestTablesInBlocks(t *testing.T) {
	m, here := open(t, tableFile()), t.TempDir()
	var text strings.Builder
	text.WriteString("size,kind\n")
	for i := range 2*BatchRows + 300 {
		kind := []string{"a", "b"}[i%2]
		if i == 1500 {
			kind = "c"
		}
		fmt.Fprintf(&text, "%.3f,%s\n", float64(i%700)/200-1, kind)
	}
	file := filepath.Join(here, "t.csv")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	o := WriteOptions{Columns: append([]string{"size", "kind"}, ScoredColumns()...)}
	read := func(how func(beam.Scope, beam.PCollection, table.ReaderOptions) (beam.PCollection, error)) []string {
		reset()
		lines, err := written(t, filepath.Join(t.TempDir(), "s.csv"), o, func(s beam.Scope) beam.PCollection {
			rows := testkit.Must(how(s, beam.CreateList(s, []string{file}), table.ReaderOptions{}))
			scored, rejected, err := Score(s, m, rows)
			if err != nil {
				t.Fatal(err)
			}
			beam.ParDo0(s, &collectRejectedFn{}, rejected)
			return testkit.Must(ScoredRecords(s, scored))
		})
		if err != nil || len(sink.rejected) != 1 || sink.rejected[0].Source != file+":1501" {
			t.Fatalf("rejected %+v: %v", sink.rejected, err)
		}
		return lines
	}
	blocks := read(ReadRows)
	testkit.Equal(t, "lines", blocks, read(ReadTable))
	if len(blocks) != 2*BatchRows+300 || !strings.HasPrefix(blocks[1500], "-0.505,b,-") {
		t.Errorf("%d lines, %q", len(blocks), blocks[1500])
	}
	if _, err := ReadRows(beam.NewPipeline().Root(), beam.PCollection{}, table.ReaderOptions{}); !errors.Is(err, table.ErrInput) {
		t.Errorf("no files: %v", err)
	}
	numbers, err := written(t, filepath.Join(here, "n.csv"), WriteOptions{Columns: append([]string{"column1", "column2", "column3", "column4", "column5"}, ScoredColumns()...)}, func(s beam.Scope) beam.PCollection {
		scored, _, err := Score(s, open(t, flowFile()), beam.Create(s, Rows{Width: 5, Float32: make([]float32, 10)}))
		if err != nil {
			t.Fatal(err)
		}
		return testkit.Must(ScoredRecords(s, scored))
	})
	if err != nil || len(numbers) != 3 || !strings.HasPrefix(numbers[2], "0,0,0,0,0,-") || numbers[1] != numbers[2] {
		t.Errorf("written %q: %v", numbers, err)
	}
}
