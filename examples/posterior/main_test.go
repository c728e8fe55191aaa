// Draws of the posterior of two moons against the task's own geometry.

package main

import (
	"bytes"
	"encoding/csv"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/interop/torch"
)

// TestTwoMoons: an observation lies on a ring of radius 0.1 around what its parameters
// move it to, which is the same for theta and for theta mirrored at the antidiagonal.
func TestTwoMoons(t *testing.T) {
	state, err := torch.Read(bytes.NewReader(twoMoons), int64(len(twoMoons)))
	if err != nil {
		t.Fatal(err)
	}
	var out, report strings.Builder
	const n = 2000
	x := []float64{-0.3, 0.1}
	if err := run(&out, &report, state, "-0.3,0.1", n); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
	if err != nil || len(rows) != n || len(rows[0]) != 2 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	near, upper := 0, 0
	for _, row := range rows {
		a, errA := strconv.ParseFloat(row[0], 64)
		b, errB := strconv.ParseFloat(row[1], 64)
		if errA != nil || errB != nil || math.Abs(a) > 1 || math.Abs(b) > 1 {
			t.Fatalf("a draw %v, want two numbers within the prior's bounds", row)
		}
		radius := math.Hypot(x[0]-0.25+math.Abs(a+b)/math.Sqrt2, x[1]-(b-a)/math.Sqrt2)
		if math.Abs(radius-0.1) < 0.05 {
			near++
		}
		if a+b > 0 {
			upper++
		}
	}
	if near < n*85/100 || upper < n*35/100 || upper > n*65/100 {
		t.Errorf("%d of %d draws explain the observation and %d are of the upper moon", near, n, upper)
	}
	if !strings.Contains(report.String(), "within the prior's bounds: ") {
		t.Errorf("report %q", report.String())
	}
}

func TestErrors(t *testing.T) {
	state, err := torch.Read(bytes.NewReader(twoMoons), int64(len(twoMoons)))
	if err != nil {
		t.Fatal(err)
	}
	for _, observation := range []string{"", "1,two", "1,2,3"} {
		if err := run(new(strings.Builder), new(strings.Builder), state, observation, 3); err == nil {
			t.Errorf("the observation %q makes no error", observation)
		}
	}
}
