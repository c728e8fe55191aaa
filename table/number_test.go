// Numbers that went through a model's scale and back.

package table

import "testing"

// TestTidy takes off the last digits of what was computed, and nothing of whole numbers.
func TestTidy(t *testing.T) {
	for v, want := range map[float64]float64{
		434.99999999999994: 435, 0.7999999999999999: 0.8, 1.0000000000001: 1.0000000000001, 1234567890123456: 1234567890123456, -2.5: -2.5,
	} {
		if got := tidy(v); got != want {
			t.Errorf("%.17g: %.17g, want %.17g", v, got, want)
		}
	}
}

// TestWiderGrid is a grid that is taken from eight times the step of the decimals on.
func TestWiderGrid(t *testing.T) {
	const step = 1. / 16
	v := valueCounts{all: true}
	for i := range 256 { // exact in binary
		v.values, v.counts = append(v.values, 1+step*float64(i)), append(v.counts, 4)
		v.total += 4
	}
	for decimals, want := range map[float64]float64{step / 8: step, step / 7.5: 0} {
		c := Column{Kind: Real}
		if v.setGrid(&c, decimals); c.Step != want {
			t.Errorf("decimals in steps of %v: a grid of %v, want %v", decimals, c.Step, want)
		}
	}
}
