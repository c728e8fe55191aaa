// The average of the parameters over the steps.

package train

import (
	"math"

	"github.com/bijou-flow/bijou/bijector"
)

// average is an exponential moving average of a model's parameters over the
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
type average[T bijector.Float] struct {
	decay  float64
	params []bijector.Param[T]
	now    [][]float64
	before [][]float64 // the average before the latest step, which undo needs
	own    [][]T       // the parameters, while the model holds the average
	lent   bool

	t      int     // steps averaged
	weight float64 // of the latest
}

func newAverage[T bijector.Float](decay float64, params []bijector.Param[T]) *average[T] {
	a := &average[T]{decay: decay, params: params}
	for _, p := range params {
		n := len(p.Data)
		a.now = append(a.now, make([]float64, n))
		a.before = append(a.before, make([]float64, n))
		a.own = append(a.own, make([]T, n))
	}
	return a
}

// next begins a step: what was now is before, and add fills now again. The
// average as it is defined above changes by
//
//	a_t - a_(t-1) = w (p_t - a_(t-1)),  w = (1-d) / (1-d^t).
func (a *average[T]) next() {
	if a == nil {
		return
	}
	a.now, a.before = a.before, a.now
	a.t++
	a.setWeight()
}

func (a *average[T]) setWeight() {
	a.weight = (1 - a.decay) / -math.Expm1(float64(a.t)*math.Log(a.decay))
}

// add takes in values lo to hi of parameter i, which a step has just set.
func (a *average[T]) add(i, lo, hi int) {
	if a == nil {
		return
	}
	now, before, w := a.now[i][lo:hi], a.before[i][lo:hi], a.weight
	for k, p := range a.params[i].Data[lo:hi] {
		now[k] = before[k] + w*(float64(p)-before[k])
	}
}

// undo forgets the latest step.
func (a *average[T]) undo() {
	if a == nil || a.t == 0 {
		return
	}
	a.now, a.before = a.before, a.now
	a.t--
}

// lend puts the average into the model, once there is one, until takeBack.
func (a *average[T]) lend() {
	if a == nil || a.t == 0 {
		return
	}
	a.lent = true
	for i, p := range a.params {
		copy(a.own[i], p.Data)
		for k, v := range a.now[i] {
			p.Data[k] = T(v)
		}
	}
}

// takeBack undoes lend and says whether there was anything to undo.
func (a *average[T]) takeBack() bool {
	if a == nil || !a.lent {
		return false
	}
	a.lent = false
	for i, p := range a.params {
		copy(p.Data, a.own[i])
	}
	return true
}
