// What a model keeps of held-out rows, by Fit and by hand.

package table_test

import (
	"errors"
	"math"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/table"
)

// TestStart: columns that are independent, with their shares and margins, whose log-density is
// that of the margins; held-out rows give it p-values that are uniform.
func TestStart(t *testing.T) {
	s, codes := shop(t, 1000, 1)
	m, err := table.Start[float32](s, table.MemoryRows(4, codes), table.FitOptions{Hidden: 8, Members: 2})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(m.Density().Flows()); n != 2 || m.Calibration() != nil {
		t.Errorf("%d flows, calibration %v", n, m.Calibration())
	}
	held, contributions, err := m.WithHeldOut(codes[:1200])
	if err != nil {
		t.Fatal(err)
	}
	mean, sum, p, surprise := 0.0, 0.0, 0.0, 0.0
	logp := testkit.Must(held.LogProb(codes[1200:]))
	for i, v := range held.PValues(logp) {
		mean, p = mean+logp[i]/float64(len(logp)), p+v/float64(len(logp))
	}
	for _, v := range held.SurprisePValues(testkit.Must(held.Surprise(codes[1200:]))) {
		surprise += v / float64(len(logp))
	}
	for _, v := range contributions {
		sum += v
	}
	if math.Abs(p-0.5) > 0.07 || math.Abs(surprise-0.5) > 0.07 || math.Abs(mean-sum) > 0.4 {
		t.Errorf("p-values of %v and %v on average, %v nats a row, %v held out", p, surprise, mean, sum)
	}
	// Each column by itself: no fewer nats than the rows' entropy, and not many more.
	if h := shopEntropy(); !(-sum > h-0.2 && -sum < h+1.5) {
		t.Errorf("%v nats a row at the start, their entropy is %v", -sum, h)
	}
	if m.Calibration() != nil || held.Calibration() == nil {
		t.Error("the model itself was changed")
	}
	if _, _, err := m.WithHeldOut(codes[:3]); !errors.Is(err, bijector.ErrShape) {
		t.Errorf("three of four values: %v", err)
	}
	if _, err := table.Start[float32](s, table.MemoryRows(4, codes[:4]), table.FitOptions{}); !errors.Is(err, bijector.ErrShape) {
		t.Errorf("one row: %v", err)
	}
}
