// The training runs of a fit, told to those who watch.

package table

import (
	"fmt"
	"strings"

	"github.com/bijou-flow/bijou/train"
)

// RunObserver is an Observer of FitOptions that also hears of each training run
// before its first step.
type RunObserver interface {
	train.Observer
	Run(Run)
}

// Run says which training run of a fit begins. An ensemble has a run for each
// member, a member of a small table one for each of two orders of its columns, of
// which the better is kept, and with FitOptions.Trim all of them come twice.
type Run struct {
	Ranking         bool // of all rows, to find those that Trim leaves out
	Member, Members int  // counted from 1
	Order, Orders   int  // counted from 1
}

// String names what tells the run from the others: "rows to trim, member 2 of 5,
// order 1 of 2", and nothing where it is the only one.
func (r Run) String() string {
	var parts []string
	if r.Ranking {
		parts = append(parts, "rows to trim")
	}
	if r.Members > 1 {
		parts = append(parts, fmt.Sprintf("member %d of %d", r.Member, r.Members))
	}
	if r.Orders > 1 {
		parts = append(parts, fmt.Sprintf("order %d of %d", r.Order, r.Orders))
	}
	return strings.Join(parts, ", ")
}

// tell lets an observer know that a run begins.
func (o *FitOptions) tell(r Run) {
	if watcher, ok := o.Observer.(RunObserver); ok {
		r.Ranking, r.Members = o.ranking, max(o.Members, 1)
		watcher.Run(r)
	}
}
