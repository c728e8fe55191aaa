// Schemas of many files on Prism.

package bijoubeam

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"

	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/table"
)

// TestDescribe: the schema of seven files is that of their rows in one, and that of
// the parts on one machine where rows are sampled.
func TestDescribe(t *testing.T) {
	here := t.TempDir()
	rng := testkit.NewRand(7)
	var whole strings.Builder
	whole.WriteString("n,size,kind,day\n")
	var files []string
	var texts []string
	for k := range 7 {
		var text strings.Builder
		for i := range 40 * (k + 1) {
			fmt.Fprintf(&text, "%d,%.3f,%s,%02d/%02d/2024\n", rng.IntN(9)*rng.IntN(900), rng.NormFloat64(), []string{"a", "b"}[i%2], 1+rng.IntN(12)+4*k/2, 1+rng.IntN(12))
		}
		whole.WriteString(text.String())
		files = append(files, filepath.Join(here, fmt.Sprint("f-", k, ".csv")))
		texts = append(texts, "n,size,kind,day\n"+text.String())
		if err := os.WriteFile(files[k], []byte(texts[k]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	described := func(o table.InferOptions, files ...string) (*table.Schema, error) {
		p := beam.NewPipeline()
		d, err := Describe(t.Context(), p.Root(), files, filepath.Join(here, "d"), table.ReaderOptions{}, o)
		if err != nil {
			return nil, err
		}
		if err := ptest.Run(p); err != nil {
			return nil, err
		}
		i := testkit.Must(d.Inference(t.Context()))
		return i.Schema()
	}
	given := &table.Schema{Columns: []table.Column{{Name: "n", Atoms: []float64{}}}}
	for _, o := range []table.InferOptions{{}, {Given: given}} {
		want := testkit.Must(table.Infer(testkit.Must(table.NewReader(strings.NewReader(whole.String()), table.ReaderOptions{})), o))
		got := testkit.Must(described(o, files...))
		if !reflect.DeepEqual(got, want) || len(want.Columns) != 4 || want.Columns[3].Kind != table.Time || (len(want.Columns[0].Atoms) == 0) != (o.Given != nil) {
			t.Errorf("described %+v, want %+v", got, want)
		}
	}
	o := table.InferOptions{MaxCategories: 10, Sample: 100, Seed: 3}
	var all *table.Inference
	for k, text := range texts {
		o.Part = k
		r := testkit.Must(table.NewReader(bytes.NewReader([]byte(text)), table.ReaderOptions{}))
		i := testkit.Must(table.NewInference(r.Columns(), o))
		for cells, err := r.Read(); err == nil; cells, err = r.Read() {
			if err := i.Add(cells); err != nil {
				t.Fatal(err)
			}
		}
		if all == nil {
			all = i
		} else if err := all.Merge(i); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := testkit.Must(described(o, files...)), testkit.Must(all.Schema()); !reflect.DeepEqual(got, want) {
		t.Errorf("described %+v, want %+v", got, want)
	}
	if names := testkit.Must(filepath.Glob(filepath.Join(here, "d*"))); len(names) != 0 {
		t.Errorf("it left %q", names)
	}
	other := filepath.Join(here, "other.csv")
	if err := os.WriteFile(other, []byte("n,size\n1,2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := described(table.InferOptions{}, files[0], other); err == nil || !strings.Contains(err.Error(), other) {
		t.Errorf("a file of other columns: %v", err)
	}
	if _, err := described(table.InferOptions{}); !errors.Is(err, table.ErrInput) {
		t.Errorf("no files: %v", err)
	}
}
