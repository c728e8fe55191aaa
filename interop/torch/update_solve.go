// Which number of a state each number of a flow comes from, and what it must be.

package torch

import (
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
)

// numbers are those of the flow that the state makes now.
func (u *update) numbers() (y []float64, err error) {
	if u.flow, err = u.read(u.state); err != nil {
		return nil, fmt.Errorf("torch: the state that is updated: %w", err)
	}
	if u.flow == nil {
		return nil, fmt.Errorf("torch: the mapping of the state that is updated made no flow: %w", bijector.ErrSpec)
	}
	return numbersOf(u.flow), nil
}

// nudged is numbers after a small step of those free numbers of the state that which
// names.
func (u *update) nudged(which func(k int) bool) ([]float64, error) {
	was := slices.Clone(u.x)
	for k := range u.x {
		if u.free[k] && which(k) {
			u.x[k] += nudge(u.x[k])
		}
	}
	y, err := u.numbers()
	copy(u.x, was)
	return y, err
}

// nudge is a step of x that a mapping notices and that moves no number out of its range.
func nudge(x float64) float64 { return math.Ldexp(max(1, math.Abs(x)), -10) }

func every(int) bool { return true }

// What origins says of a number of the flow that is not one of the state's.
const (
	constant = -1
	several  = -2 // of the free numbers
)

// origins are the free numbers of the state that those of the flow come from. Each is put
// together bit by bit, from what the flow says of a step of all that have the bit in
// their index, and of all that have not.
func (u *update) origins(y []float64) ([]int, error) {
	all, err := u.nudged(every)
	if err != nil {
		return nil, err
	}
	from := make([]int, len(y))
	for i := range from {
		if all[i] == y[i] {
			from[i] = constant
		}
	}
	for bit := range bits.Len(uint(max(len(u.x)-1, 0))) {
		with, err := u.nudged(func(k int) bool { return k>>bit&1 == 1 })
		if err != nil {
			return nil, err
		}
		without, err := u.nudged(func(k int) bool { return k>>bit&1 == 0 })
		if err != nil {
			return nil, err
		}
		for i := range from {
			switch {
			case from[i] < 0:
			case with[i] != y[i] && without[i] != y[i]:
				from[i] = several
			case with[i] != y[i]:
				from[i] |= 1 << bit
			}
		}
	}
	return from, nil
}

// solve finds the state whose flow has the numbers want: first those that come from one
// number of the state alone, then those that come from one other beside these, and of a
// sum of two that are free, such as two biases, that which no other number comes from.
func (u *update) solve(y, want []float64) (err error) {
	found, pending := true, true
	for found && pending {
		if y, found, pending, err = u.pass(y, want, false); err != nil {
			return err
		}
	}
	for half := 0; pending && half < 2*bits.Len(uint(len(u.x))); half++ {
		var held []int
		for k := range u.free {
			if u.free[k] && k>>(half/2)&1 == half%2 {
				u.free[k], held = false, append(held, k)
			}
		}
		if y, _, _, err = u.pass(y, want, true); err != nil {
			return err
		}
		for _, k := range held {
			u.free[k] = true
		}
	}
	for i := range y {
		if !(relative(y[i], want[i]) < solved) {
			return fmt.Errorf("torch: %s is %v, and %v is the nearest that the state can say: it has no number of its own there: %w", nameOf(u.flow, i), want[i], y[i], bijector.ErrSpec)
		}
	}
	return nil
}

// pass solves for the numbers that come from one free number of the state, which is not
// free any more; with lone, where no other comes from that. found says that there were
// such, pending that others come from several.
func (u *update) pass(y, want []float64, lone bool) (_ []float64, found, pending bool, err error) {
	from, err := u.origins(y)
	if err != nil {
		return nil, false, false, err
	}
	count := make([]int, len(u.x))
	for _, k := range from {
		if k >= 0 {
			count[k]++
		}
	}
	for i, k := range from {
		pending = pending || k == several
		if k >= 0 && lone && count[k] > 1 {
			from[i] = several
		}
	}
	if y, err = u.newton(y, want, from); err != nil {
		return nil, false, false, err
	}
	for _, k := range from {
		if k >= 0 {
			u.free[k], found = false, true
		}
	}
	return y, found, pending, nil
}

// newton solves for each number by itself. A plain copy takes one step, and is exact.
func (u *update) newton(y, want []float64, from []int) ([]float64, error) {
	worst := func() (w float64) {
		for i, k := range from {
			if k >= 0 {
				w = max(w, relative(y[i], want[i]))
			}
		}
		return w
	}
	for range 50 {
		before := worst()
		if before == 0 {
			break
		}
		next, err := u.nudged(every)
		if err != nil {
			return nil, err
		}
		was, done := slices.Clone(u.x), make([]bool, len(u.x))
		for i, k := range from {
			if k < 0 || done[k] {
				continue
			}
			done[k] = true
			h := nudge(was[k])
			switch slope := (next[i] - y[i]) / h; {
			case y[i] == was[k] && next[i] == was[k]+h:
				u.x[k] = want[i]
			case slope != 0:
				u.x[k] += (want[i] - y[i]) / slope
			}
		}
		if y, err = u.numbers(); err != nil {
			return nil, err
		}
		if before < solved && worst() >= before {
			break
		}
	}
	return y, nil
}

// solved is the largest error, relative to a number or to 1.
const solved = 1e-11

func relative(got, want float64) float64 { return math.Abs(got-want) / max(1, math.Abs(want)) }
