// Bundles that fail and are retried, by a harness around the function: Prism retries
// none.

package bijoubeam

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"

	"github.com/bijou-flow/bijou/internal/testkit"
)

var errWorker = errors.New("the worker is gone")

// bundles runs a scoreFn as a runner does: what a bundle emits counts when FinishBundle has
// returned, and a bundle that fails begins again. fail says at which row of which
// bundle it does, by its attempt; len(rows) is behind the last row.
func bundles(t *testing.T, f *scoreFn, all [][][]float32, fail func(bundle, attempt int) (row int, fails bool)) (got []string, retried int) {
	t.Helper()
	ctx := context.Background()
	for b, rows := range all {
		for attempt := 0; ; attempt++ {
			var out []string
			emit := func(_ beam.EventTime, x beam.X, s Scored) { out = append(out, line(x, s.LogDensity)) }
			reject := func(_ beam.EventTime, r Rejected) { t.Errorf("rejected %+v", r) }
			f.StartBundle(emit, reject)
			stop, fails := fail(b, attempt)
			err := error(nil)
			for i, r := range rows {
				if fails && i == stop {
					err = errWorker
					break
				}
				if err = f.ProcessElement(ctx, window.GlobalWindow{}, 0, r, emit, reject); err != nil {
					t.Fatal(err)
				}
			}
			if fails && stop == len(rows) {
				err = errWorker
			}
			if err == nil {
				if err := f.FinishBundle(ctx, emit, reject); err != nil {
					t.Fatal(err)
				}
				got = append(got, out...)
				break
			}
			retried++
		}
	}
	return got, retried
}

// TestRetriedBundles: of 4,000 bundles one in 1,000 fails at some row, and the multiset of
// rows and log-densities is the same to the bit.
func TestRetriedBundles(t *testing.T) {
	const n, size = 8000, 2
	f := &scoreFn{Model: open(t, flowFile())}
	if err := f.Setup(context.Background()); err != nil {
		t.Fatal(err)
	}
	rows := rowsOf(n)
	var all [][][]float32
	for i := 0; i < n; i += size {
		all = append(all, rows[i:i+size])
	}
	got, retried := bundles(t, f, all, func(bundle, attempt int) (int, bool) {
		return bundle / 1000 % (size + 1), bundle%1000 == 500 && attempt == 0
	})
	var want []string
	for i, v := range wanted(t, n) {
		want = append(want, line(rows[i], v))
	}
	sort.Strings(got)
	sort.Strings(want)
	testkit.Equal(t, fmt.Sprint("rows behind ", retried, " bundles that were retried"), got, want)
	if retried != 4 {
		t.Errorf("%d bundles were retried, want 4", retried)
	}
}
