// The order of the columns: fixed for large tables, tried for small ones.

package table_test

import (
	"context"
	"slices"
	"testing"

	"github.com/bijou-flow/bijou/table"
)

func TestFitTriesTwoOrders(t *testing.T) {
	type result struct {
		order []int
		loss  float64
	}
	for _, n := range []int{200, 25_200} {
		s, codes := shop(t, n, 5)
		fit := func(o table.FitOptions) result {
			o.Members, o.Hidden, o.Blocks, o.Bins, o.Epochs, o.Batch, o.Seed = 1, 4, 1, 4, 1+400/n, 10+n/20, 3
			m, report, err := table.Fit[float64](context.Background(), s, table.MemoryRows(4, codes), o)
			if err != nil || len(report.Members) != 1 {
				t.Fatalf("%v, %d members", err, len(report.Members))
			}
			r := report.Members[0]
			return result{m.Orders()[0], r.Epochs[r.BestEpoch-1].Validation}
		}
		first := fit(table.FitOptions{First: []string{"kind", "count", "amount", "score"}})
		last := fit(table.FitOptions{First: []string{"kind", "amount", "score", "count"}})
		if first.loss == last.loss {
			t.Fatal("two orders are one")
		}
		want, got := first, fit(table.FitOptions{})
		if n == 200 && last.loss < first.loss {
			want = last
		}
		if !slices.Equal(got.order, want.order) || got.loss != want.loss {
			t.Errorf("%d rows: order %v with a loss of %v, want %v with %v; %v has %v", n, got.order, got.loss, first.order, first.loss, last.order, last.loss)
		}
	}
}
