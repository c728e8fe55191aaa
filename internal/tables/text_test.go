// Cells as they were given.

package tables

import (
	"slices"
	"testing"

	"github.com/bijou-flow/bijou/table"
)

// A number beyond a bound is shown as it was; others are, as before, those of the
// column's grid, and on a bound where rounding alone took them beyond it.
func TestGiven(t *testing.T) {
	zero := 0.0
	s := &table.Schema{Columns: []table.Column{
		{Name: "fare", Kind: table.Real, Lower: &zero, Max: 50, Step: 0.5, Decimals: 2, Pad: 2, Offset: 10, Scale: 4},
		{Name: "card", Kind: table.Category, Categories: []string{"no", "yes"}, Missing: true},
	}}
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	fare := &s.Columns[0]
	for _, c := range []struct {
		codes []float64
		want  []string
	}{
		{[]float64{fare.ToModel(-7.5), 1}, []string{"-7.5", "yes"}},
		{[]float64{fare.ToModel(12.5), table.Missing}, []string{"12.50", ""}},
		{[]float64{fare.ToModel(0) - 1e-8, 0}, []string{"0.00", "no"}},
	} {
		cells := make([]string, 2)
		if err := Given(s, c.codes, cells); err != nil || !slices.Equal(cells, c.want) {
			t.Errorf("%v: %q, %v, want %q", c.codes, cells, err, c.want)
		}
	}
}
