// Quantiles against those of the normal that the data follow.

package main

import (
	"math"
	"strings"
	"testing"
)

func TestQuantiles(t *testing.T) {
	f, err := fit(6000)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []float64{-1, 0, 1} {
		q, err := quantiles(f, c, []float64{0.05, 0.5, 0.95})
		if err != nil {
			t.Fatal(err)
		}
		for i, z := range []float64{-1.645, 0, 1.645} {
			if want := center(c) + z*spread(c); math.Abs(q[i]-want) > 0.4*spread(c) {
				t.Errorf("c=%v: a quantile of %v, want %v", c, q[i], want)
			}
		}
	}
}

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(&out); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "\n"); n != 4 {
		t.Errorf("%d lines, want 4:\n%s", n, out.String())
	}
}
