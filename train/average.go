// The average of the parameters over the steps.

package train

import (
	"math"

	"github.com/bijou-flow/bijou/bijector"
)

// ema is an exponential moving average of a model's parameters over the
// steps of a run: after step t, with decay d,
//
//	a_t = sum_s d^(t-s) p_s / sum_s d^(t-s),  s = 1 to t,
//
// which is the zero-started average divided by 1-d^t, as Adam's moments are
// (Polyak and Juditsky 1992, SIAM J. Control Optim. 30(4), for the uniform
// average; Kingma and Ba 2014, arXiv 1412.6980, section 7.2, for this one).
// Without the divisor the first 1/(1-d) steps would lean towards zero, and
// with the initial parameters as a_0 towards those.
//
// It is kept in float64: in float32, a step of (1-d)(p-a) is soon below the
// last digit of a. A nil average does nothing.
type ema[T bijector.Float] struct {
	decay    float64
	params   []bijector.Param[T]
	current  [][]float64
	previous [][]float64 // the average before the latest step, which undo needs
	saved    [][]T       // the parameters, while the model holds the average
	swapped  bool

	steps  int     // steps averaged
	weight float64 // of the latest
}

func newEMA[T bijector.Float](decay float64, params []bijector.Param[T]) *ema[T] {
	a := &ema[T]{decay: decay, params: params}
	for _, p := range params {
		n := len(p.Data)
		a.current = append(a.current, make([]float64, n))
		a.previous = append(a.previous, make([]float64, n))
		a.saved = append(a.saved, make([]T, n))
	}
	return a
}

// beginStep begins a step: what was now is before, and add fills now again. The
// average as it is defined above changes by
//
//	a_t - a_(t-1) = w (p_t - a_(t-1)),  w = (1-d) / (1-d^t).
func (a *ema[T]) beginStep() {
	if a == nil {
		return
	}
	a.current, a.previous = a.previous, a.current
	a.steps++
	a.setWeight()
}

func (a *ema[T]) setWeight() {
	a.weight = (1 - a.decay) / -math.Expm1(float64(a.steps)*math.Log(a.decay))
}

// update takes in values lo to hi of parameter i, which a step has just set.
func (a *ema[T]) update(i, lo, hi int) {
	if a == nil {
		return
	}
	now, before, w := a.current[i][lo:hi], a.previous[i][lo:hi], a.weight
	for k, p := range a.params[i].Data[lo:hi] {
		now[k] = before[k] + w*(float64(p)-before[k])
	}
}

// undo forgets the latest step.
func (a *ema[T]) undo() {
	if a == nil || a.steps == 0 {
		return
	}
	a.current, a.previous = a.previous, a.current
	a.steps--
}

// swapIn puts the average into the model, once there is one, until takeBack.
func (a *ema[T]) swapIn() {
	if a == nil || a.steps == 0 {
		return
	}
	a.swapped = true
	for i, p := range a.params {
		copy(a.saved[i], p.Data)
		for k, v := range a.current[i] {
			p.Data[k] = T(v)
		}
	}
}

// swapOut undoes lend and says whether there was anything to undo.
func (a *ema[T]) swapOut() bool {
	if a == nil || !a.swapped {
		return false
	}
	a.swapped = false
	for i, p := range a.params {
		copy(p.Data, a.saved[i])
	}
	return true
}
