package unlike

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/testkit"
)

func TestAUROC(t *testing.T) {
	testkit.Near(t, "apart", AUROC([]float64{1, 2}, []float64{3, 4}), 1, 0)
	testkit.Near(t, "the other way round", AUROC([]float64{3, 4}, []float64{1, 2}), 0, 0)
	testkit.Near(t, "ties", AUROC([]float64{1, 1, 2}, []float64{1, 2}), (1+2.5)/6, 1e-12)
}

// Rows on a ring: what is in the middle of it is unusual by density and by
// neighbours, and the most usual by Mahalanobis distance.
func TestRing(t *testing.T) {
	rng := testkit.NewRand(1)
	ring := func(n int) *bijector.Rows[float32] {
		x := bijector.NewRows[float32](n, 3)
		for i := range n {
			a, r := 2*math.Pi*rng.Float64(), 1+0.05*rng.NormFloat64()
			x.Row(i)[0], x.Row(i)[1], x.Row(i)[2] = float32(r*math.Cos(a)), float32(r*math.Sin(a)), float32(1e-7*rng.NormFloat64())
		}
		return x
	}
	scores, note, err := Scores(context.Background(), ring(300), Options{Share: 0.99, Steps: 60, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(note, "300 rows of 3 values; 2 whitened") {
		t.Error(note)
	}
	middle := testkit.RowsBy[float32](50, 3, func(_, j int) float64 { return []float64{0.1, 0.1, 1e-7}[j] * rng.NormFloat64() })
	var table Table
	testkit.Must(0, table.Add(scores, ring(100), []Group{{"middle", middle}}))
	var b strings.Builder
	testkit.Must(0, table.Write(&b))
	for name, holds := range map[string]func(float64) bool{
		"flow":          func(v float64) bool { return v > 0.95 },
		"10 neighbours": func(v float64) bool { return v > 0.95 },
		"Mahalanobis":   func(v float64) bool { return v < 0.6 },
	} {
		if v := table.cells[[2]string{"middle", name}]; len(v) != 1 || !holds(v[0]) {
			t.Errorf("%s: %v\n%s", name, v, b.String())
		}
	}
}
