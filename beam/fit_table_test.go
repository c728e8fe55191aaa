// Fits of tables on Prism, beside the library's own on one machine.

package bijoubeam

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/table"
)

// goodsOf are the lines of a table: a kind, a size that depends on it and may be missing, and a
// count that depends on both.
func goodsOf(n int, seed uint64) (lines []string) {
	rng := testkit.NewRand(seed)
	for range n {
		k, size := rng.IntN(2), rng.NormFloat64()
		cell := fmt.Sprintf("%.4f", 3*float64(k)+(1+float64(k))*size)
		if rng.IntN(10) == 0 {
			cell = ""
		}
		count := rng.IntN(4)
		if size > 0 {
			count = 5 + k
		}
		lines = append(lines, fmt.Sprintf("%s,%s,%d", []string{"a", "b"}[k], cell, count))
	}
	return lines
}

const goodsColumns = "kind,size,count"

// inFiles writes lines to files of the given sizes.
func inFiles(t *testing.T, lines []string, sizes ...int) (files []string) {
	t.Helper()
	dir := t.TempDir()
	for k, n := range sizes {
		files = append(files, filepath.Join(dir, fmt.Sprint("g-", k, ".csv")))
		if err := os.WriteFile(files[k], []byte(goodsColumns+"\n"+strings.Join(lines[:n], "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		lines = lines[n:]
	}
	return files
}

// inferred is what package table infers of lines.
func inferred(t *testing.T, lines []string, given *table.Schema) *table.Inference {
	t.Helper()
	i := testkit.Must(table.NewInference(strings.Split(goodsColumns, ","), table.InferOptions{Given: given}))
	for _, line := range lines {
		if err := i.Add(strings.Split(line, ",")); err != nil {
			t.Fatal(err)
		}
	}
	return i
}

// codesOf are lines as a schema encodes them.
func codesOf(t *testing.T, s *table.Schema, lines []string) []float64 {
	t.Helper()
	codes, d := make([]float64, len(lines)*len(s.Columns)), len(s.Columns)
	for i, line := range lines {
		if err := s.Encode(strings.Split(line, ","), codes[i*d:(i+1)*d]); err != nil {
			t.Fatal(err)
		}
	}
	return codes
}

func mean(v []float64) (m float64) {
	for _, x := range v {
		m += x / float64(len(v))
	}
	return m
}

// TestFitTable: a fit on shards of unequal sizes comes as far as one on one machine, on rows that
// neither has seen; its model has what one machine's has, and is saved and loaded.
func TestFitTable(t *testing.T) {
	lines, test := goodsOf(3000, 4), goodsOf(2000, 5)
	facts := inferred(t, lines, nil)
	schema := testkit.Must(facts.Schema())
	size := table.FitOptions{Hidden: 16, Blocks: 1, Members: 1, Epochs: 20, Seed: 1}
	one, _, err := table.Fit[float32](t.Context(), schema, table.MemoryRows(3, codesOf(t, schema, lines)), size)
	if err != nil {
		t.Fatal(err)
	}
	want := mean(testkit.Must(one.LogProb(codesOf(t, one.Schema(), test))))
	for _, sizes := range [][]int{{3000}, {1800, 400, 800}} {
		files := inFiles(t, lines, sizes...)
		var trained int64
		fit, err := FitTable(t.Context(), t.TempDir(), facts, files, size, FitOptions{
			Rounds: 10, Seed: 1, Steps: 100 / len(files), Run: onPrism, Report: func(r Round) { trained = r.Rows },
		})
		if err != nil {
			t.Fatal(err)
		}
		got := mean(testkit.Must(fit.Model.LogProb(codesOf(t, fit.Model.Schema(), test))))
		t.Logf("%d shards: %.3f nats a row, %.3f on one machine", len(files), -got, -want)
		if !(got > want-0.08) {
			t.Errorf("%d shards: %.3f nats a row, %.3f on one machine", len(files), -got, -want)
		}
		if trained != fit.Trained || fit.HeldOut < 200 || fit.HeldOut > 400 || fit.Trained+int64(fit.HeldOut) != 3000 || fit.Skipped != 0 {
			t.Errorf("rows are split as %+v, rounds had %d", fit, trained)
		}
		held := 0.0
		for _, v := range fit.Contributions {
			held += v
		}
		testkit.Near(t, "held-out rows", held, got, 0.15)
		path := filepath.Join(t.TempDir(), "m.safetensors")
		if err := registry.Save(path, fit.Model); err != nil {
			t.Fatal(err)
		}
		loaded := testkit.Must(registry.Load[*table.Model[float32]](path))
		codes := codesOf(t, loaded.Schema(), test)
		if p := mean(loaded.PValues(testkit.Must(loaded.LogProb(codes)))); !(p > 0.4 && p < 0.6) {
			t.Errorf("p-values of %v on average", p)
		}
		if p := mean(loaded.SurprisePValues(testkit.Must(loaded.Surprise(codes)))); !(p > 0.4 && p < 0.6) {
			t.Errorf("p-values of surprises of %v on average", p)
		}
	}
}

// TestFitTableMany compares on as many rows as BIJOU_FIT_ROWS says, with defaults by their number, and
// prints what docs/scale.md has; it is not run without.
func TestFitTableMany(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("BIJOU_FIT_ROWS"))
	if err != nil {
		t.Skip("BIJOU_FIT_ROWS has no number of rows")
	}
	lines, test := goodsOf(n, 4), goodsOf(20_000, 5)
	facts := inferred(t, lines, nil)
	schema := testkit.Must(facts.Schema())
	size := table.FitOptions{Hidden: 64, Seed: 1}
	one, _, err := table.Fit[float32](t.Context(), schema, table.MemoryRows(3, codesOf(t, schema, lines)), size)
	if err != nil {
		t.Fatal(err)
	}
	want := mean(testkit.Must(one.LogProb(codesOf(t, one.Schema(), test))))
	t.Logf("one machine: %.4f nats a row", -want)
	for _, k := range []int{2, 8, 32} {
		files := inFiles(t, lines, slices.Repeat([]int{n / k}, k)...)
		for name, how := range map[string]struct {
			o       FitOptions
			members int
		}{
			"means": {}, "momentum": {o: FitOptions{OuterMomentum: 0.9}}, "gradients": {o: FitOptions{Gradients: true}}, "members": {members: min(k, 8)},
		} {
			t.Run(fmt.Sprint(k, " files/", name), func(t *testing.T) {
				size, o := size, how.o
				size.Members, o.Seed, o.Run = how.members, 1, onPrism
				fit, err := FitTable(t.Context(), t.TempDir(), facts, files, size, o)
				if err != nil {
					t.Fatal(err)
				}
				got := mean(testkit.Must(fit.Model.LogProb(codesOf(t, fit.Model.Schema(), test))))
				t.Logf("%d rounds of %d steps of %d rows: %.4f nats behind", fit.Options.Rounds, fit.Options.Steps, fit.Options.Batch, want-got)
				if !(want-got < 0.5) {
					t.Errorf("%v nats behind", want-got)
				}
			})
		}
	}
}

// TestFitTableAgain: a fit that was killed goes on to the same model; rows that the schema
// skips are counted, and rows that it refuses are named.
func TestFitTableAgain(t *testing.T) {
	lines := append(goodsOf(200, 6), "a,no,1")
	given := &table.Schema{Columns: []table.Column{{Name: "size", Kind: table.Real, OnUnknown: table.SkipRow}}}
	facts := inferred(t, lines, given)
	files := inFiles(t, lines, 80, 121)
	size, o := table.FitOptions{Hidden: 8, Blocks: 1}, FitOptions{Rounds: 3, Steps: 4, Batch: 16, Run: onPrism}
	want, err := FitTable(t.Context(), t.TempDir(), facts, files, size, o)
	if err != nil {
		t.Fatal(err)
	}
	if want.Skipped != 1 || want.Trained+int64(want.HeldOut) != 200 {
		t.Errorf("rows are split as %+v", want)
	}
	dir, runs, killed := t.TempDir(), 0, o
	killed.Run = func(ctx context.Context, p *beam.Pipeline) error {
		if runs++; runs == 3 { // the second round, behind the pass for the start
			return context.Canceled
		}
		return onPrism(ctx, p)
	}
	if _, err := FitTable(t.Context(), dir, facts, files, size, killed); !errors.Is(err, context.Canceled) {
		t.Fatalf("the fit ended with %v", err)
	}
	got, err := FitTable(t.Context(), dir, facts, files, size, killed)
	if err != nil || runs != 6 {
		t.Fatalf("%d pipelines: %v", runs, err)
	}
	testkit.Equal(t, "contributions", got.Contributions, want.Contributions)
	for i, p := range got.Model.Params() {
		testkit.Equal(t, p.Name, p.Data, want.Model.Params()[i].Data)
	}
	strict := inferred(t, lines[:200], nil)
	if _, err := FitTable(t.Context(), t.TempDir(), strict, files, size, o); err == nil || !strings.Contains(err.Error(), files[1]) || !strings.Contains(err.Error(), "row 121") {
		t.Errorf("a cell that its column does not take: %v", err)
	}
	for _, f := range []*table.Inference{nil, facts} {
		if _, err := FitTable(t.Context(), "", f, files, size, o); !errors.Is(err, ErrFit) {
			t.Errorf("no directory: %v", err)
		}
	}
	none := o
	none.HeldOut = -1
	if all, err := FitTable(t.Context(), t.TempDir(), facts, files, size, none); err != nil || all.Trained != 200 || all.HeldOut != 0 || all.Model.Calibration() != nil {
		t.Errorf("no rows held out: %+v, %v", all, err)
	}
}
