package command

import (
	"strings"
	"testing"

	"gonum.org/v1/plot"
)

// TestWholeTicks: whole numbers at round steps, ten at most.
func TestWholeTicks(t *testing.T) {
	labels := func(lo, hi float64) string {
		var s []string
		for _, tick := range plot.Ticker(plot.TickerFunc(wholeTicks)).Ticks(lo, hi) {
			s = append(s, tick.Label)
		}
		return strings.Join(s, " ")
	}
	for _, c := range []struct {
		lo, hi float64
		want   string
	}{
		{1, 4, "1 2 3 4"}, {0.5, 1.5, "1"}, {1, 20, "2 4 6 8 10 12 14 16 18 20"}, {1, 45, "5 10 15 20 25 30 35 40 45"}, {1, 100, "10 20 30 40 50 60 70 80 90 100"},
	} {
		if got := labels(c.lo, c.hi); got != c.want {
			t.Errorf("%v to %v: %s, want %s", c.lo, c.hi, got, c.want)
		}
	}
}
