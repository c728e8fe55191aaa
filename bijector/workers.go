// Workers: goroutines that share a batch's work between them.

package bijector

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bijou-flow/bijou/internal/kernel"
	"github.com/bijou-flow/bijou/internal/parallelism"
)

// Workers runs one job at a time on several cores. A job is a range that is
// cut into as many parts as there are workers; since an element is computed
// the same way whichever part it falls in, the number of workers never shows
// in the result. One goroutine owns a Workers and calls For; a nil *Workers
// runs everything on the caller.
type Workers struct {
	helpers                 []*helper
	limit                   int // workers that share a job
	f                       func(lo, hi int)
	n, pieces, parts, align int
	job                     atomic.Uint64 // number << 32 | parts << 16 | next part to claim
	remaining               atomic.Int32  // parts not finished
	busy                    bool
}

// helper is one goroutine beside the caller's.
type helper struct {
	parked atomic.Bool
	wake   chan bool // false: stop
}

// spinTime is how long a helper looks for work before it sleeps: a few times the
// pause between two jobs of a training step.
const spinTime = 50 * time.Microsecond

// spinRounds is how many rounds of kernel.Pause take spinTime.
var spinRounds = sync.OnceValue(func() int {
	const rounds = 500
	least := time.Hour
	for range 5 { // the system may have taken the core away
		start := time.Now()
		kernel.Pause(rounds)
		least = min(least, time.Since(start))
	}
	return int(min(max(spinTime*rounds/max(least, 1), 100), 100_000))
})

// NewWorkers returns n workers, the caller's goroutine included. n below 1
// means GOMAXPROCS, or the CPUs that a control group grants the process where
// they are fewer, and 4096 is the most. Close them when done.
func NewWorkers(n int) *Workers {
	if n < 1 {
		n = parallelism.Limit()
	}
	n = min(n, 1<<12)
	w := &Workers{limit: n}
	rounds := spinRounds()
	for range n - 1 {
		h := &helper{wake: make(chan bool, 1)}
		w.helpers = append(w.helpers, h)
		go w.helperLoop(h, rounds)
	}
	return w
}

// SetLimit lets n workers share each job from now on, or all where n is larger or
// below 1. The others sleep. No job may be running.
func (w *Workers) SetLimit(n int) {
	if w != nil {
		if all := len(w.helpers) + 1; n < 1 || n > all {
			n = all
		}
		w.limit = n
	}
}

// Close ends the helpers. A closed Workers still runs jobs, on the caller.
func (w *Workers) Close() {
	if w == nil {
		return
	}
	for _, h := range w.helpers {
		h.wake <- false
	}
	w.helpers, w.limit = nil, 1
}

// Count is the number of workers, at least 1.
func (w *Workers) Count() int {
	if w == nil {
		return 1
	}
	return len(w.helpers) + 1
}

// For calls f for ranges that cover [0, n), on several goroutines at once,
// and returns when all are done. Inner bounds are multiples of align. A range
// of fewer than two aligned pieces stays on the caller, as does a call from
// within f. f should be made once, not for each call: a new closure is an
// allocation.
func (w *Workers) For(n, align int, f func(lo, hi int)) {
	if n <= 0 {
		return
	}
	pieces := (n + align - 1) / align
	if w == nil || w.limit < 2 || pieces < 2 || w.busy {
		f(0, n)
		return
	}
	parts := min(pieces, w.limit)
	w.busy = true
	w.f, w.n, w.pieces, w.parts, w.align = f, n, pieces, parts, align
	w.remaining.Store(int32(parts))
	w.job.Store((w.job.Load()>>32+1)<<32 | uint64(parts)<<16)
	for _, h := range w.helpers[:parts-1] {
		if h.parked.CompareAndSwap(true, false) {
			h.wake <- true
		}
	}
	w.work()
	for i := 1; w.remaining.Load() != 0; i++ {
		kernel.Pause(1)
		if i%256 == 0 {
			runtime.Gosched()
		}
	}
	w.f = nil
	w.busy = false
}

// hasUnclaimed reports whether a job word has parts to claim.
func hasUnclaimed(job uint64) bool { return job&0xffff < job>>16&0xffff }

// work claims parts of the current job until none is left. The caller takes
// part in it too, so a helper that the system keeps waiting costs only its
// share of the speed. A claim succeeds only on the word it was read from, so
// the fields it then reads belong to that job: they stay until left is 0.
func (w *Workers) work() {
	for {
		j := w.job.Load()
		if !hasUnclaimed(j) {
			return
		}
		if !w.job.CompareAndSwap(j, j+1) {
			continue
		}
		part := int(j & 0xffff)
		w.f(part*w.pieces/w.parts*w.align, min((part+1)*w.pieces/w.parts*w.align, w.n))
		w.remaining.Add(-1)
	}
}

// helperLoop is a helper's life: work, look for more for a while, sleep.
func (w *Workers) helperLoop(h *helper, rounds int) {
	for {
		w.work()
		for i := 1; i < rounds && !hasUnclaimed(w.job.Load()); i++ {
			kernel.Pause(1)
			if i%256 == 0 {
				runtime.Gosched()
			}
		}
		if hasUnclaimed(w.job.Load()) {
			continue
		}
		h.parked.Store(true)
		if hasUnclaimed(w.job.Load()) && h.parked.CompareAndSwap(true, false) {
			continue // a job came in before anyone could see the sleeper
		}
		if !<-h.wake {
			return
		}
	}
}
