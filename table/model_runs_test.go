// A fit tells those who watch which of its training runs begins.

package table_test

import (
	"context"
	"slices"
	"testing"

	"github.com/bijou-flow/bijou/table"
	"github.com/bijou-flow/bijou/train"
)

// watcher notes runs, and that each has steps.
type watcher struct {
	runs  []string
	steps []int
}

func (w *watcher) Run(r table.Run)        { w.runs, w.steps = append(w.runs, r.String()), append(w.steps, 0) }
func (w *watcher) Step(train.StepEvent)   { w.steps[len(w.steps)-1]++ }
func (w *watcher) Epoch(train.EpochEvent) {}

func TestFitTellsItsRuns(t *testing.T) {
	s, codes := shop(t, 200, 5)
	for _, c := range []struct {
		o    table.FitOptions
		want []string
	}{
		{table.FitOptions{Members: 1, First: []string{"kind", "count", "amount", "score"}}, []string{""}},
		{table.FitOptions{Members: 1}, []string{"order 1 of 2", "order 2 of 2"}},
		{table.FitOptions{}, []string{"member 1 of 5, order 1 of 2", "member 1 of 5, order 2 of 2", "member 2 of 5", "member 3 of 5", "member 4 of 5", "member 5 of 5"}},
		{table.FitOptions{Members: 2}, []string{"member 1 of 2, order 1 of 2", "member 1 of 2, order 2 of 2", "member 2 of 2"}},
		{table.FitOptions{Trim: 0.1}, []string{"rows to trim, order 1 of 2", "rows to trim, order 2 of 2", "order 1 of 2", "order 2 of 2"}},
	} {
		w := new(watcher)
		c.o.Hidden, c.o.Blocks, c.o.Bins, c.o.Epochs, c.o.Batch, c.o.Observer = 4, 1, 4, 2, 50, w
		if _, _, err := table.Fit[float64](context.Background(), s, table.MemoryRows(4, codes), c.o); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(w.runs, c.want) || slices.Contains(w.steps, 0) {
			t.Errorf("runs %q of %v steps, want %q", w.runs, w.steps, c.want)
		}
	}
}
