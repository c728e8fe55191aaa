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
// goroutine uses at that time, and adds up their reports.
func (p *Pool[S]) Run(n int, newSession func() S, f func(s S, lo, hi int) Report) Report {
	pieces := (n + Size - 1) / Size
	workers := int(p.max.Load())
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	workers = min(workers, pieces)
	var (
		next atomic.Int64
		mu   sync.Mutex
		all  Report
		wg   sync.WaitGroup
	)
	run := func() {
		var own Report
		s := p.Get(newSession)
		for {
			lo := int(next.Add(1)-1) * Size
			if lo >= n {
				break
			}
			own.Merge(f(s, lo, min(lo+Size, n)))
		}
		p.Put(s)
		mu.Lock()
		defer mu.Unlock()
		all.Merge(own)
	}
	for range workers - 1 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			run()
		}()
	}
	run()
	wg.Wait()
	return all
}
