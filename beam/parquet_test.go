// Tables in Parquet: read, scored and written on Prism.

package bijoubeam

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/parquet-go/parquet-go"

	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/table"
)

// stored is a row with a column of each type.
type stored struct {
	Name  string    `parquet:"name"`
	Kind  *string   `parquet:"kind,optional,dict"`
	Size  float64   `parquet:"size"`
	Half  float32   `parquet:"half"`
	Count int64     `parquet:"count"`
	Small int32     `parquet:"small"`
	Large uint64    `parquet:"large"`
	Yes   bool      `parquet:"yes"`
	Day   int32     `parquet:"day,date"`
	At    time.Time `parquet:"at,timestamp(millisecond)"`
	Price int64     `parquet:"price,decimal(2:10)"`
	Deep  [4]byte   `parquet:"deep,decimal(1:9)"`
}

func parquetOf[T any](t *testing.T, rows ...T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, parquet.MaxRowsPerRowGroup(2))
	for _, row := range rows { // so that there are several groups
		if _, err := w.Write([]T{row}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func readAll(raw []byte, o table.ReaderOptions) (lines []string, err error) {
	text, o, err := asText(io.MultiReader(bytes.NewReader(raw)), o) // not a ReaderAt
	if err != nil {
		return nil, err
	}
	r, err := table.NewReader(text, o)
	if err != nil {
		return nil, err
	}
	lines = append(lines, strings.Join(r.Columns(), ","))
	for {
		cells, err := r.Read()
		if err == io.EOF {
			return lines, nil
		}
		if err != nil {
			return lines, err
		}
		lines = append(lines, strings.Join(cells, ","))
	}
}

// TestParquetTypes: cells of every type, nulls, NaN, and texts that would be missing ones in CSV.
func TestParquetTypes(t *testing.T) {
	kind := "NA"
	at := time.Date(2024, 2, 29, 12, 0, 0, 5e6, time.UTC)
	rows := []stored{
		{"x, \"y\"\nz", &kind, 0.1, 0.1, math.MaxInt64, -1, math.MaxUint64, true, 19782, at, -1205, [4]byte{0xff, 0xff, 0xff, 0xf5}},
		{"", nil, math.NaN(), 2, 0, 0, 0, false, -1, time.Unix(-1, 999e6).UTC(), 5, [4]byte{0, 0, 1, 0}},
		{"b", nil, math.Inf(1), 2, 0, 0, 0, false, 0, time.Unix(0, 0).UTC(), 0, [4]byte{}},
	}
	want := []string{
		"name,kind,size,half,count,small,large,yes,day,at,price,deep",
		"x, \"y\"\nz,NA,0.1,0.1,9223372036854775807,-1,18446744073709551615,true,2024-02-29,2024-02-29T12:00:00.005Z,-12.05,-1.1",
		",,,2,0,0,0,false,1969-12-31,1969-12-31T23:59:59.999Z,0.05,25.6",
		"b,,+Inf,2,0,0,0,false,1970-01-01,1970-01-01T00:00:00Z,0.00,0.0",
	}
	raw := parquetOf(t, rows...)
	testkit.Equal(t, "lines", testkit.Must(readAll(raw, table.ReaderOptions{})), want)
	marked := testkit.Must(readAll(raw, table.ReaderOptions{Missing: []string{"NA"}}))
	if !strings.Contains(marked[1], "z,,0.1") {
		t.Errorf("with a text for missing cells: %q", marked[1])
	}
	one := parquetOf(t, struct {
		Kind *string `parquet:"kind,optional"`
	}{}, struct {
		Kind *string `parquet:"kind,optional"`
	}{&kind})
	testkit.Equal(t, "one column", testkit.Must(readAll(one, table.ReaderOptions{})), []string{"kind", "", "NA"})

	for n := 0; n < len(raw); n += 7 { // cut short
		if lines, err := readAll(raw[:n], table.ReaderOptions{}); err == nil && n > 4 {
			t.Fatalf("%d of %d bytes are read as %q", n, len(raw), lines)
		}
	}
	broken := slices.Clone(raw)
	for i := 4; i < len(broken)-8; i += 3 { // which no reader may survive by a panic
		broken[i] ^= 0x55
		if _, err := readAll(broken, table.ReaderOptions{}); err != nil && !errors.Is(err, table.ErrInput) && !errors.Is(err, table.ErrColumns) {
			t.Fatalf("byte %d: %v", i, err)
		}
		broken[i] ^= 0x55
	}
	lists := parquetOf(t, struct {
		Many []int64 `parquet:"many"`
	}{[]int64{1, 2}})
	if _, err := readAll(lists, table.ReaderOptions{}); !errors.Is(err, table.ErrColumns) {
		t.Errorf("lists: %v", err)
	}
}

// TestParquet: the scores of a Parquet file are those of the same rows in CSV; they are written to
// Parquet and Avro and read again; what a double would change is refused.
func TestParquet(t *testing.T) {
	m, here := open(t, tableFile()), t.TempDir()
	type pair struct {
		Kind string  `parquet:"kind"`
		Size float64 `parquet:"size"`
	}
	var pairs []pair
	text := "kind,size\n"
	for i := range 700 {
		pairs = append(pairs, pair{[]string{"a", "b", "c"}[i%50/24], float64(i)/100 - 3})
		text += fmt.Sprintf("%s,%v\n", pairs[i].Kind, pairs[i].Size)
	}
	files := []string{filepath.Join(here, "a.parquet"), filepath.Join(here, "a.csv")}
	for k, raw := range [][]byte{parquetOf(t, pairs...), []byte(text)} {
		if err := os.WriteFile(files[k], raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	names, form, err := Header(t.Context(), files[0], table.ReaderOptions{})
	if err != nil || fmt.Sprint(names) != "[kind size]" || form.Format != table.CSV {
		t.Errorf("columns %q, form %+v: %v", names, form, err)
	}
	draws := testkit.Must(m.WriteOptions(t.Context()))
	o := WriteOptions{Columns: append(names, ScoredColumns()...), Literal: append(draws.Literal, ScoredColumns()...), Booleans: append(draws.Booleans, "flag")}
	score := func(file, name string) []string {
		reset()
		p := beam.NewPipeline()
		s := p.Root()
		scored, rejected, err := Score(s, m, testkit.Must(ReadRows(s, beam.CreateList(s, []string{file}), table.ReaderOptions{})))
		if err != nil {
			t.Fatal(err)
		}
		beam.ParDo0(s, &collectRejectedFn{}, rejected)
		w := testkit.Must(WriteTable(t.Context(), s, filepath.Join(here, name), testkit.Must(ScoredRecords(s, scored)), o))
		if err := ptest.Run(p); err != nil {
			t.Fatal(err)
		}
		if len(sink.rejected) != 28 || !strings.HasPrefix(sink.rejected[0].Source, file+":") {
			t.Errorf("%s: %d rows are rejected, %+v", file, len(sink.rejected), sink.rejected[0])
		}
		lines, err := readAll(testkit.Must(os.ReadFile(testkit.Must(w.Finish(t.Context()))[0])), table.ReaderOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return lines
	}
	want := score(files[1], "s.csv")
	if len(want) != 673 || !strings.HasSuffix(want[0], "size,log_density,p_value,flag") {
		t.Fatalf("%d lines, %q", len(want), want[0])
	}
	testkit.Equal(t, "csv of parquet", score(files[0], "t.csv"), want)
	// The digits of numbers are those of doubles: 0.50 is 0.5.
	numbers := func(lines []string) (all []string) {
		for _, line := range lines[1:] {
			cells := strings.Split(line, ",")
			var v [3]float64
			for k := range v {
				if _, err := fmt.Sscan(cells[1+k], &v[k]); err != nil {
					t.Fatal(err)
				}
			}
			all = append(all, fmt.Sprint(cells[0], v, cells[4]))
		}
		return all
	}
	testkit.Equal(t, "parquet of parquet", numbers(score(files[0], "u.parquet")), numbers(want))
	testkit.Equal(t, "avro of parquet", numbers(score(files[0], "u.avro")), numbers(want))
	f := testkit.Must(os.Open(filepath.Join(here, "u-00000-of-00001.parquet")))
	defer f.Close()
	info := testkit.Must(f.Stat())
	if text := testkit.Must(parquet.OpenFile(f, info.Size())).Schema().String(); !strings.Contains(text, "optional double log_density") || !strings.Contains(text, "optional boolean flag") || !strings.Contains(text, "optional binary kind") {
		t.Errorf("schema %s", text)
	}
	two := WriteOptions{Columns: []string{"n", "f"}, Literal: []string{"n"}, Booleans: []string{"f"}}
	for _, w := range []cellWriter{newParquetWriter(io.Discard, two), testkit.Must(newAvroWriter(io.Discard, two))} {
		for _, cells := range [][]string{{"9007199254740993", ""}, {"one", ""}, {"", "maybe"}} {
			if err := w.Write(cells); !errors.Is(err, table.ErrInput) {
				t.Errorf("%q: %v", cells, err)
			}
		}
	}
}
