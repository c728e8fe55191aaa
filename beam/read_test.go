// Tables that are read and scored on Prism.

package bijoubeam

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"

	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/table"
)

// TestReadTable: CSV in gzip and NDJSON, with a row in each that is rejected by
// its place; a file that is missing, or breaks off, ends the pipeline by name.
func TestReadTable(t *testing.T) {
	here := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(here, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	fmt.Fprint(z, "size,kind\n1,a\n2,c\n3,b\n")
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	csv := write("a.csv.gz", packed.String())
	lines := write("b.ndjson", "{\"kind\":\"a\",\"size\":1}\n{\"kind\":\"b\",\"size\":\"wide\"}\n")
	m := open(t, tableFile())
	names := testkit.Must(m.Columns(t.Context()))
	if fmt.Sprint(names) != "[kind size]" {
		t.Fatalf("columns %v", names)
	}
	records := func(s beam.Scope, files ...string) beam.PCollection {
		return testkit.Must(ReadTable(s, beam.CreateList(s, files), table.ReaderOptions{Columns: names}))
	}
	got, _ := run(t, m, false, func(s beam.Scope) beam.PCollection { return records(s, csv, lines) })
	if len(got) != 3 || len(sink.rejected) != 2 {
		t.Fatalf("scored %q, rejected %+v", got, sink.rejected)
	}
	if !strings.HasPrefix(got[0], "{"+csv+" 1 [size kind] [1 a]") || !strings.HasPrefix(got[1], "{"+csv+" 3 ") || !strings.HasPrefix(got[2], "{"+lines+" 1 ") {
		t.Errorf("scored %q", got)
	}
	for _, r := range sink.rejected {
		if r.Source != csv+":2" && r.Source != lines+":2" {
			t.Errorf("rejected from %q", r.Source)
		}
	}
	for _, file := range []string{filepath.Join(here, "none"), write("c.csv", "kind,size\na,1\na,1,2\n")} {
		p := beam.NewPipeline()
		records(p.Root(), file)
		if err := ptest.Run(p); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: the pipeline ended with %v", file, err)
		}
	}
}
