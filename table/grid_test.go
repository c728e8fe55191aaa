// Grids of numbers that were scaled and shifted.

package table_test

import (
	"math"
	"strconv"
	"testing"

	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/table"
)

// columnOf infers the schema of one column of numbers.
func columnOf(t *testing.T, values []float64) table.Column {
	t.Helper()
	infer := testkit.Must(table.NewInference([]string{"x"}, table.InferOptions{}))
	for _, v := range values {
		if err := infer.Add([]string{strconv.FormatFloat(v, 'g', -1, 64)}); err != nil {
			t.Fatal(err)
		}
	}
	return testkit.Must(infer.Schema()).Columns[0]
}

func TestGridsOfScaledNumbers(t *testing.T) {
	rng := testkit.NewRand(3)
	const n = 2000
	values := func(f func() float64) []float64 {
		v := make([]float64, n)
		for i := range v {
			v[i] = f()
		}
		return v
	}
	count := func() float64 { return math.Round(100 + 15*rng.NormFloat64()) }
	for name, c := range map[string]struct {
		values []float64
		step   float64 // 0: none
	}{
		"standardised counts":       {values(func() float64 { return (count() - 99.7) / 14.83 }), 1 / 14.83},
		"every third":               {values(func() float64 { return (3*count() - 99.7) / 14.83 }), 3 / 14.83},
		"counts mapped to [0, 1]":   {values(func() float64 { return min(max((count()-40)/117, 0), 1) }), 1. / 117},
		"in float32":                {values(func() float64 { return float64(float32((count() - 99.7) / 14.83)) }), 1 / 14.83},
		"to six digits":             {values(func() float64 { return math.Round(count()/117*1e6) / 1e6 }), 1. / 117},
		"continuous":                {values(rng.NormFloat64), 0},
		"continuous, and a spike":   {values(func() float64 { return max(rng.NormFloat64(), 0) }), 0},
		"ties without a grid":       {values(func() float64 { return math.Sqrt(count()) }), 0},
		"decimals have their steps": {values(func() float64 { return math.Round(10*rng.NormFloat64()) / 10 }), 0.1},
	} {
		column := columnOf(t, c.values)
		if c.step == 0 && column.Step != 0 || math.Abs(column.Step-c.step) > 1e-5*c.step {
			t.Errorf("%s: step %v, want %v", name, column.Step, c.step)
			continue
		}
		if c.step == 0 {
			continue
		}
		for _, v := range c.values[:50] { // values are found again in what is drawn
			if back := column.Value(column.ToModel(v)); !(math.Abs(back-v) <= 5e-4*c.step) {
				t.Errorf("%s: %v comes back as %v", name, v, back)
				break
			}
		}
	}
}
