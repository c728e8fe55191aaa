// The probabilities mean what they say.

package main

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(&out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var told float64
	if _, err := fmt.Sscanf(lines[0], "%f", &told); err != nil || told < 70 || len(lines) != 5 {
		t.Fatalf("want 70 %% of the parts told right, and four lines of probabilities:\n%s", out.String())
	}
	for _, line := range lines[1:] {
		var count, sure, right float64
		_, rest, _ := strings.Cut(line, ": ")
		if _, err := fmt.Sscanf(strings.TrimSpace(rest), "%f parts, %f %% on average, %f %% right", &count, &sure, &right); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if bound := 3 + 300*math.Sqrt(sure/100*(1-sure/100)/count); math.Abs(right-sure) > bound {
			t.Errorf("%q: %.0f %% right, want %.0f within %.1f", line, right, sure, bound)
		}
	}
}
