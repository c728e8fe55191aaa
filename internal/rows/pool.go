// Package rows runs row-wise work over many rows: in pieces of Size rows, on
// several goroutines, each with a session (passes and buffers) of its own that
// is kept for the next call. Pieces are cut by number of rows alone, so a
// row's result never depends on how many goroutines there were.
//
// It also keeps the account of rows that are not finite. One policy holds
// everywhere: such a row is marked and zeroed before any layer sees it, its
// result is NaN, the other rows are untouched, and the error names it.
package rows

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/bijou-flow/bijou/internal/parallelism"
)

// Size is the number of rows of a piece: enough for the matrix products to
// run at full speed, few enough for the activations to stay in the cache.
const Size = 128

// Pool keeps sessions S, which are pointers or interfaces. The zero value is
// ready; a Pool must not be copied.
type Pool[S any] struct {
	free    sync.Pool
	runs    sync.Pool // of *run[S]
	max     atomic.Int32
	running atomic.Int32 // Runs at this time
	begun   atomic.Int64 // Runs so far
}

// Get returns a session, made by newSession where none is free.
func (p *Pool[S]) Get(newSession func() S) S {
	if s, ok := p.free.Get().(S); ok {
		return s
	}
	return newSession()
}

// Put hands a session back.
func (p *Pool[S]) Put(s S) { p.free.Put(s) }

// SetParallelism bounds the goroutines of a Run; n below 1 means as many as are
// fastest, GOMAXPROCS at most.
func (p *Pool[S]) SetParallelism(n int) { p.max.Store(int32(n)) }

// Kind is one kind of work that a Pool does, such as scoring. It knows how many
// goroutines are fastest at it. The zero value is ready; a Kind must not be copied.
type Kind struct {
	mu      sync.Mutex
	sharing parallelism.Chooser
	latest  atomic.Int32 // what sharing chose last; 0 before it was asked
}

// measured is the least number of pieces a goroutine of a Run whose time is looked at.
const measured = 4

// begin says how many goroutines a Run of so many pieces has, and whether its time
// is to be looked at: only that of long ones beside which there is no other.
func (k *Kind) begin(pieces int, alone bool) (goroutines int, looks bool) {
	limit := parallelism.Limit()
	if k == nil || limit < 2 {
		return min(limit, pieces), false
	}
	if alone && pieces >= measured*limit && k.mu.TryLock() {
		if k.sharing.Chosen() == 0 {
			k.sharing = parallelism.NewChooser(limit)
		}
		return min(k.sharing.Count(), pieces), true // end unlocks
	}
	if n := int(k.latest.Load()); n > 0 {
		limit = n
	}
	return min(limit, pieces), false
}

// end is for a begin that looks: took is 0 where the time says nothing.
func (k *Kind) end(pieces int, took time.Duration) {
	k.sharing.Observe(pieces, took)
	k.latest.Store(int32(k.sharing.Chosen()))
	k.mu.Unlock()
}

// Run calls f for pieces that cover [0, n), each with a session that no other
// goroutine uses at that time, and adds up their reports. It does not allocate
// once it has been used, where f is no new closure. k is the
// kind of work, and nil for one that is not worth a measurement.
func (p *Pool[S]) Run(k *Kind, n int, newSession func() S, f func(s S, lo, hi int) Report) Report {
	pieces := (n + Size - 1) / Size
	if pieces < 2 { // nothing to share, nor to measure
		return p.share(1, n, newSession, f)
	}
	alone, begun := p.running.Add(1) == 1, p.begun.Add(1)
	defer p.running.Add(-1)
	if most := int(p.max.Load()); most > 0 {
		return p.share(min(most, pieces), n, newSession, f)
	}
	goroutines, looks := k.begin(pieces, alone)
	if !looks {
		return p.share(goroutines, n, newSession, f)
	}
	start := time.Now()
	all := p.share(goroutines, n, newSession, f)
	took := time.Since(start)
	if p.begun.Load() != begun { // another one came in between
		took = 0
	}
	k.end(pieces, took)
	return all
}

// share is a Run on so many goroutines.
func (p *Pool[S]) share(goroutines, n int, newSession func() S, f func(s S, lo, hi int) Report) Report {
	r, ok := p.runs.Get().(*run[S])
	if !ok {
		r = &run[S]{pool: p}
		r.spawned = r.workAndLeave
	}
	r.n, r.newSession, r.f, r.all = n, newSession, f, Report{}
	r.next.Store(0)
	r.wg.Add(goroutines - 1)
	for range goroutines - 1 {
		go r.spawned()
	}
	r.work()
	r.wg.Wait()
	all := r.all
	r.newSession, r.f = nil, nil // what they hold is not kept
	p.runs.Put(r)
	return all
}

// run is the state of one Run, kept for the next.
type run[S any] struct {
	pool       *Pool[S]
	n          int
	newSession func() S
	f          func(s S, lo, hi int) Report
	next       atomic.Int64 // the piece that nobody has taken yet
	mu         sync.Mutex
	all        Report
	wg         sync.WaitGroup
	spawned    func() // workAndLeave, bound once: a go statement with it allocates nothing
}

func (r *run[S]) workAndLeave() {
	defer r.wg.Done()
	r.work()
}

// work does pieces until none is left.
func (r *run[S]) work() {
	var own Report
	s := r.pool.Get(r.newSession)
	for {
		lo := int(r.next.Add(1)-1) * Size
		if lo >= r.n {
			break
		}
		own.Merge(r.f(s, lo, min(lo+Size, r.n)))
	}
	r.pool.Put(s)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all.Merge(own)
}
