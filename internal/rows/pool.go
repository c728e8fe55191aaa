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
	"runtime"
	"sync"
	"sync/atomic"
)

// Size is the number of rows of a piece: enough for the matrix products to
// run at full speed, few enough for the activations to stay in the cache.
const Size = 128

// Pool keeps sessions S, which are pointers or interfaces. The zero value is
// ready; a Pool must not be copied.
type Pool[S any] struct {
	free sync.Pool
	runs sync.Pool // of *run[S]
	max  atomic.Int32
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

// SetParallelism bounds the goroutines of a Run; n below 1 means GOMAXPROCS.
func (p *Pool[S]) SetParallelism(n int) { p.max.Store(int32(n)) }

// Run calls f for pieces that cover [0, n), each with a session that no other
// goroutine uses at that time, and adds up their reports. It does not allocate
// once it has been used, where f is no new closure.
func (p *Pool[S]) Run(n int, newSession func() S, f func(s S, lo, hi int) Report) Report {
	pieces := (n + Size - 1) / Size
	workers := int(p.max.Load())
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	workers = min(workers, pieces)
	r, ok := p.runs.Get().(*run[S])
	if !ok {
		r = &run[S]{pool: p}
		r.spawned = r.workAndLeave
	}
	r.n, r.newSession, r.f, r.all = n, newSession, f, Report{}
	r.next.Store(0)
	r.wg.Add(workers - 1)
	for range workers - 1 {
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
