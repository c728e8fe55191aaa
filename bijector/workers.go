// Workers: goroutines that share a batch's work between them.

package bijector

import (
	"runtime"
	"sync/atomic"
)

// Workers runs one job at a time on several cores. A job is a range that is
// cut into as many parts as there are workers; since an element is computed
// the same way whichever part it falls in, the number of workers never shows
// in the result. One goroutine owns a Workers and calls For; a nil *Workers
// runs everything on the caller.
type Workers struct {
	helpers                 []*helper
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

// spinIterations is how often a helper looks for work before it sleeps: about 50
// microseconds, a few times the pause between two jobs of a training step.
const spinIterations = 50_000

// NewWorkers returns n workers, the caller's goroutine included. n below 1
// means GOMAXPROCS, and 4096 is the most. Close them when done.
func NewWorkers(n int) *Workers {
	if n < 1 {
		n = runtime.GOMAXPROCS(0)
	}
	w := &Workers{}
	for range min(n, 1<<12) - 1 {
		h := &helper{wake: make(chan bool, 1)}
		w.helpers = append(w.helpers, h)
		go w.helperLoop(h)
	}
	return w
}

// Close ends the helpers. A closed Workers still runs jobs, on the caller.
func (w *Workers) Close() {
	if w == nil {
		return
	}
	for _, h := range w.helpers {
		h.wake <- false
	}
	w.helpers = nil
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
	if w == nil || len(w.helpers) == 0 || pieces < 2 || w.busy {
		f(0, n)
		return
	}
	parts := min(pieces, len(w.helpers)+1)
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
	for i := 0; w.remaining.Load() != 0; i++ {
		if i%1024 == 1023 {
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
func (w *Workers) helperLoop(h *helper) {
	for {
		w.work()
		for i := 1; i < spinIterations && !hasUnclaimed(w.job.Load()); i++ {
			if i%4096 == 0 {
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
