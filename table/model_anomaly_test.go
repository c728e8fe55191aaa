// What models make of rows that are unlike the others: surprises, and rows left out.

package table_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/table"
)

// A surprise counts what falls short alone: no other column makes up for it, and an
// impossible cell is 50 nats.
func TestSurprise(t *testing.T) {
	m, codes := fitShop[float32](t, table.FitOptions{})
	s := testkit.Must(m.Surprise(codes))
	p, below := m.SurprisePValues(s), 0
	for i, v := range s {
		if v < 0 || v > 200 {
			t.Fatalf("row %d: surprise %v", i, v)
		}
		if p[i] <= 0.1 {
			below++
		}
	}
	if share := float64(below) / float64(len(p)); math.Abs(share-0.1) > 0.05 {
		t.Errorf("%v of the rows have a p-value up to 0.1", share)
	}
	odd := slices.Clone(codes[:8])
	for j := range 4 {
		odd[4+j] = odd[j]
	}
	odd[4] = 7 // a category that there is not
	if s := testkit.Must(m.Surprise(odd)); !(s[1] >= 50 && s[1] < 200 && s[0] < 30) || m.SurprisePValues(s)[1] > 0.01 {
		t.Errorf("surprises %v of a row, and of one with an impossible cell", s)
	}
	none, err := table.NewModel(m.Schema(), m.Density(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := none.Surprise(codes); !errors.Is(err, bijector.ErrSpec) || !math.IsNaN(none.SurprisePValues(s)[0]) {
		t.Errorf("without held-out rows: %v, want ErrSpec", err)
	}
}

// A column of which most values are on atoms and some lie between: what lies far out is the
// more surprising, though its density may be large for its unit alone.
func TestSurpriseHasNoUnit(t *testing.T) {
	rng := testkit.NewRand(3)
	const n = 2000
	cells := make([]string, n)
	for i := range cells {
		v := 0.001 * float64(rng.IntN(20))
		if rng.Float64() < 0.2 { // beside the grid
			v = math.Abs(0.004 * rng.NormFloat64())
		}
		cells[i] = strconv.FormatFloat(v, 'g', 12, 64)
	}
	schema, codes := oneColumn(t, "dose", cells)
	m, _, err := table.Fit[float32](context.Background(), schema, table.MemoryRows(1, codes), table.FitOptions{Epochs: 10, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	rows := encoded(t, schema, "0.005", "0.0051234", "0.03")
	s, logp := testkit.Must(m.Surprise(rows)), testkit.Must(m.LogProb(rows))
	if !(logp[1] > logp[0]) {
		t.Fatalf("log-densities %v: want that of a value beside the atoms to be above an atom's mass", logp)
	}
	if !(s[2] > s[1]+3 && s[2] > s[0]+3) {
		t.Errorf("surprises %v, want that of the value far out to be the largest by 3 at least", s)
	}
}

// Trim leaves the rows out that do not belong, and p-values compare with those that do.
func TestFitTrims(t *testing.T) {
	s, codes := shop(t, 600, 5)
	d := len(s.Columns)
	j := s.Index("amount")
	if j < 0 {
		t.Fatalf("columns %v", s.Names())
	}
	for i := 0; i < 600; i += 30 {
		codes[i*d+j] = 60 + float64(i)/100
	}
	_, report, err := table.Fit[float64](context.Background(), s, table.MemoryRows(d, codes), table.FitOptions{Epochs: 4, Trim: 0.05, Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Trimmed) != 30 || report.Train+report.Validation+report.Calibrated != 570 {
		t.Errorf("%d rows are left out, %d + %d + %d are left, want 30 of 600", len(report.Trimmed), report.Train, report.Validation, report.Calibrated)
	}
	for i := 0; i < 600; i += 30 {
		if !slices.Contains(report.Trimmed, i) {
			t.Errorf("row %d is not left out: %v", i, report.Trimmed)
		}
	}
	for _, share := range []float64{-0.1, 0.5, math.NaN()} {
		if _, _, err := table.Fit[float64](context.Background(), s, table.MemoryRows(d, codes), table.FitOptions{Trim: share}); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("a share of %v to trim: %v, want ErrSpec", share, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if m, _, err := table.Fit[float64](ctx, s, table.MemoryRows(d, codes), table.FitOptions{Trim: 0.05}); !errors.Is(err, context.Canceled) || m == nil {
		t.Errorf("a fit that was cancelled: %v, %v, want the model of the first fit", m, err)
	}
}
