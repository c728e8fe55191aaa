// Schedules of the learning rate.

package train

import "math"

// Schedule is a factor on the learning rate over a run.
type Schedule interface {
	// Factor at step, counted from 0, of total; an epoch has perEpoch.
	Factor(step, perEpoch, total int) float64
}

// Constant keeps the rate.
type Constant struct{}

// Factor is 1.
func (Constant) Factor(_, _, _ int) float64 { return 1 }

// StepDecay multiplies the rate by By after every Every epochs.
type StepDecay struct {
	Every int     // epochs; 0 means 1
	By    float64 // 0 means 0.1
}

// Factor is By^floor(epoch/Every).
func (s StepDecay) Factor(step, perEpoch, _ int) float64 {
	every, by := max(s.Every, 1), s.By
	if by == 0 {
		by = 0.1
	}
	return math.Pow(by, float64(step/max(perEpoch*every, 1)))
}

// Cosine lets the rate fall along half a cosine, from 1 to Final
// (Loshchilov and Hutter 2016, arXiv 1608.03983, eq. 5).
type Cosine struct{ Final float64 }

// Factor is Final + (1-Final)(1+cos(pi step/total))/2.
func (c Cosine) Factor(step, _, total int) float64 {
	return c.Final + (1-c.Final)*(1+math.Cos(math.Pi*float64(step)/float64(max(total, 1))))/2
}

// Warmup lets the rate rise evenly over the first Steps steps, and then
// follows Then (nil: Constant) over the rest.
type Warmup struct {
	Steps int
	Then  Schedule
}

// Factor is (step+1)/Steps, then that of Then, which counts from 0 again.
func (w Warmup) Factor(step, perEpoch, total int) float64 {
	if step < w.Steps {
		return float64(step+1) / float64(w.Steps)
	}
	if w.Then == nil {
		return 1
	}
	return w.Then.Factor(step-w.Steps, perEpoch, total-w.Steps)
}
