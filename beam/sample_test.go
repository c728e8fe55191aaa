// Draws on Prism.

package bijoubeam

import (
	"errors"
	"fmt"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"

	"github.com/bijou-flow/bijou/bijector"
)

// drawn are n draws of a seed, on Prism.
func drawn(t *testing.T, m Model, n int64, seed uint64) map[int64]Draw {
	t.Helper()
	reset()
	p := beam.NewPipeline()
	s := p.Root()
	draws, err := Sample(s, m, n, seed)
	if err != nil {
		t.Fatal(err)
	}
	beam.ParDo0(s, &collectDrawsFn{}, draws)
	r, err := ptest.RunWithMetrics(p)
	if err != nil {
		t.Fatal(err)
	}
	if got := counter(r, "rows_drawn"); got != n {
		t.Errorf("counted %d draws, want %d", got, n)
	}
	return sink.draws
}

// TestSample: n draws, each index once; the same from a seed whatever n is, and
// others from another seed and in another block.
func TestSample(t *testing.T) {
	for _, file := range []string{flowFile(), tableFile()} {
		m := open(t, file)
		many, few, other := drawn(t, m, 2100, 5), drawn(t, m, 1030, 5), drawn(t, m, 10, 6)
		if len(many) != 2100 || len(few) != 1030 {
			t.Fatalf("%d and %d draws, want 2100 and 1030", len(many), len(few))
		}
		for i, d := range few {
			if fmt.Sprint(d) != fmt.Sprint(many[i]) {
				t.Fatalf("draw %d is %v of 1030 and %v of 2100", i, d, many[i])
			}
		}
		if fmt.Sprint(other[0].Values) == fmt.Sprint(few[0].Values) || fmt.Sprint(many[0].Values) == fmt.Sprint(many[1024].Values) {
			t.Error("seeds or blocks draw the same rows")
		}
		if isTable := file == tableFile(); isTable != (len(few[0].Cells) == 2) {
			t.Errorf("cells %q", few[0].Cells)
		}
	}
	s := beam.NewPipeline().Root()
	if _, err := Sample(s, open(t, flowFile()), -1, 1); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("-1 draws: %v", err)
	}
	if _, err := Sample(s, Model{}, 1, 1); !errors.Is(err, ErrModel) {
		t.Errorf("no model: %v", err)
	}
}
