// The schedules, value by value.

package train_test

import (
	"math"
	"testing"

	"github.com/bijou-flow/bijou/train"
)

func TestSchedules(t *testing.T) {
	half := math.Sqrt2 / 2
	for _, c := range []struct {
		name            string
		s               train.Schedule
		perEpoch, total int
		want            map[int]float64
	}{
		{"constant", train.Constant{}, 5, 20, map[int]float64{0: 1, 7: 1, 19: 1}},
		{"step decay", train.StepDecay{}, 5, 20, map[int]float64{0: 1, 4: 1, 5: 0.1, 9: 0.1, 10: 0.01, 19: 0.001}},
		{"step decay, set", train.StepDecay{Every: 2, By: 0.5}, 5, 30, map[int]float64{9: 1, 10: 0.5, 19: 0.5, 20: 0.25, 29: 0.25}},
		{"cosine", train.Cosine{}, 5, 8, map[int]float64{0: 1, 2: (1 + half) / 2, 4: 0.5, 6: (1 - half) / 2, 8: 0}},
		{"cosine, final", train.Cosine{Final: 0.2}, 5, 8, map[int]float64{0: 1, 4: 0.6, 8: 0.2}},
		{"warmup", train.Warmup{Steps: 4}, 5, 20, map[int]float64{0: 0.25, 1: 0.5, 3: 1, 4: 1, 19: 1}},
		{"warmup of none", train.Warmup{}, 5, 20, map[int]float64{0: 1}},
		{"warmup, cosine", train.Warmup{Steps: 4, Then: train.Cosine{}}, 5, 12, map[int]float64{2: 0.75, 3: 1, 4: 1, 8: 0.5, 12: 0}},
		{"warmup, step decay", train.Warmup{Steps: 3, Then: train.StepDecay{}}, 5, 20, map[int]float64{2: 1, 7: 1, 8: 0.1}},
	} {
		for step, want := range c.want {
			if got := c.s.Factor(step, c.perEpoch, c.total); math.Abs(got-want) > 1e-15 {
				t.Errorf("%s: factor %.17g at step %d, want %.17g", c.name, got, step, want)
			}
		}
	}
}
