// Rows that are dealt out: the same whatever the order, and a fit of sorted rows.

package bijoubeam

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/table"
)

// TestDeal: rows fall to shards of about the same size that are mixed, once each; blocks that come in
// another order make the same file; a pass that was done is not done again.
func TestDeal(t *testing.T) {
	lines := goodsOf(3000, 4)
	slices.Sort(lines)
	files, at := inFiles(t, lines, 2000, 400, 600), t.TempDir()
	o := FitOptions{Deal: 3, Seed: 1, Run: onPrism}
	shards, form, err := o.deal(t.Context(), at, files)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, name := range shards {
		rows := strings.Split(strings.TrimSpace(string(testkit.Must(os.ReadFile(name)))), "\n")
		if rows[0] != goodsColumns || len(rows) < 900 || len(rows) > 1100 {
			t.Errorf("%s has %d lines, %q", name, len(rows), rows[0])
		}
		share := 0
		for _, row := range rows[1:] {
			if row[0] == 'a' {
				share++
			}
		}
		if share < len(rows)*4/10 || share > len(rows)*6/10 {
			t.Errorf("%s has %d rows of a kind in %d", name, share, len(rows))
		}
		all = append(all, rows[1:]...)
	}
	slices.Sort(all)
	testkit.Equal(t, "rows", all, lines)

	// By hand, in another order.
	byShard := make([][]Rows, 3)
	for _, k := range []int{2, 0, 1} {
		f := &dealFn{Shards: 3, Seed: 1, Table: table.ReaderOptions{}}
		if err := f.ProcessElement(t.Context(), numbered{k, files[k]}, func(to int, rows Rows) { byShard[to] = append(byShard[to], rows) }); err != nil {
			t.Fatal(err)
		}
	}
	other := filepath.Join(t.TempDir(), "other.csv")
	for k, name := range shards {
		rand.New(rand.NewPCG(1, 1)).Shuffle(len(byShard[k]), func(i, j int) { byShard[k][i], byShard[k][j] = byShard[k][j], byShard[k][i] })
		next := func(to *Rows) bool {
			if len(byShard[k]) == 0 {
				return false
			}
			*to, byShard[k] = byShard[k][0], byShard[k][1:]
			return true
		}
		if err := (&dealtFn{Shards: []string{other}}).ProcessElement(t.Context(), 0, next); err != nil {
			t.Fatal(err)
		}
		if string(testkit.Must(os.ReadFile(other))) != string(testkit.Must(os.ReadFile(name))) {
			t.Errorf("%s depends on the order", name)
		}
	}
	o.Run = nil // is not called
	if again, same, err := o.deal(t.Context(), at, files); err != nil || !slices.Equal(again, shards) || same.Header != form.Header {
		t.Errorf("again: %q, %v", again, err)
	}
	o.Seed = 2
	if _, _, err := o.deal(t.Context(), at, files); !errors.Is(err, ErrFit) {
		t.Errorf("another seed: %v", err)
	}
	few := FitOptions{Deal: 40, Run: onPrism}
	if _, _, err := few.deal(t.Context(), t.TempDir(), inFiles(t, lines, 3)); !errors.Is(err, ErrFit) {
		t.Errorf("40 shards of 3 rows: %v", err)
	}
}

// TestFitDealt: a table sorted by its columns, in files of one kind each, comes as far as shuffled
// files once it is dealt out, and not without.
func TestFitDealt(t *testing.T) {
	lines, test := goodsOf(2000, 4), goodsOf(1000, 5)
	facts := inferred(t, lines, nil)
	nats := func(lines []string, deal int) float64 {
		fit, err := FitTable(t.Context(), t.TempDir(), facts, inFiles(t, lines, 1000, 1000), table.FitOptions{Hidden: 16, Blocks: 1}, FitOptions{
			Rounds: 4, Steps: 60, Batch: 32, Seed: 1, Deal: deal, Run: onPrism,
		})
		if err != nil {
			t.Fatal(err)
		}
		return -mean(testkit.Must(fit.Model.LogProb(codesOf(t, fit.Model.Schema(), test))))
	}
	shuffled := nats(lines, 0)
	slices.Sort(lines)
	sorted, dealt := nats(lines, 0), nats(lines, 2)
	t.Logf("%.3f nats of shuffled rows, %.3f of sorted ones, %.3f of sorted ones that are dealt out", shuffled, sorted, dealt)
	if !(dealt < shuffled+0.05 && sorted > dealt+0.05) {
		t.Errorf("%.3f nats of shuffled rows, %.3f of sorted ones, %.3f of sorted ones that are dealt out", shuffled, sorted, dealt)
	}
}
