package bijector_test

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bijou-flow/bijou/bijector"
)

// TestForCovers: each element once, inner bounds aligned, at most one part a
// worker.
func TestForCovers(t *testing.T) {
	for k := 1; k <= 4; k++ {
		w := bijector.NewWorkers(k)
		defer w.Close()
		for _, align := range []int{1, 2, 7, 16} {
			for n := range 70 {
				seen := make([]atomic.Int32, n)
				var parts atomic.Int32
				w.For(n, align, func(lo, hi int) {
					parts.Add(1)
					if lo >= hi || lo%align != 0 || hi%align != 0 && hi != n {
						t.Errorf("n %d, align %d: part %d to %d", n, align, lo, hi)
					}
					for i := lo; i < hi; i++ {
						seen[i].Add(1)
					}
				})
				for i := range seen {
					if c := seen[i].Load(); c != 1 {
						t.Fatalf("%d workers, n %d, align %d: element %d was done %d times", k, n, align, i, c)
					}
				}
				if p := int(parts.Load()); p > k {
					t.Errorf("%d workers did %d parts", k, p)
				}
			}
		}
	}
}

func TestForSharesWork(t *testing.T) {
	w := bijector.NewWorkers(3)
	defer w.Close()
	var parts atomic.Int32
	w.For(3, 1, func(lo, hi int) { parts.Add(1) })
	if p := parts.Load(); p != 3 {
		t.Errorf("3 workers cut 3 pieces into %d parts", p)
	}
}

func TestForNests(t *testing.T) {
	w := bijector.NewWorkers(3)
	defer w.Close()
	var sum atomic.Int64
	w.For(30, 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			w.For(10, 1, func(lo, hi int) { sum.Add(int64(hi - lo)) })
		}
	})
	if s := sum.Load(); s != 300 {
		t.Errorf("30 nested jobs of 10 did %d elements", s)
	}
}

// TestForWakesSleepers: helpers that have gone to sleep are woken, and jobs
// that come quickly do not disturb each other.
func TestForWakesSleepers(t *testing.T) {
	w := bijector.NewWorkers(4)
	defer w.Close()
	counts := make([]int32, 64)
	job := func(lo, hi int) {
		for i := lo; i < hi; i++ {
			counts[i]++ // parts are disjoint: the race detector agrees
		}
	}
	for range 3 {
		for range 300 {
			w.For(len(counts), 1, job)
		}
		time.Sleep(5 * time.Millisecond)
	}
	for i, c := range counts {
		if c != 900 {
			t.Fatalf("element %d was done %d times in 900 jobs", i, c)
		}
	}
}

func TestForAllocatesNothing(t *testing.T) {
	w := bijector.NewWorkers(2)
	defer w.Close()
	var sum atomic.Int64
	job := func(lo, hi int) { sum.Add(int64(hi - lo)) }
	if n := testing.AllocsPerRun(20, func() { w.For(100, 1, job) }); n > 0 {
		t.Errorf("For allocates %v times a call", n)
	}
}

func TestWorkersWithoutHelpers(t *testing.T) {
	closed := bijector.NewWorkers(3)
	if closed.Count() != 3 {
		t.Errorf("Count is %d, want 3", closed.Count())
	}
	closed.Close()
	var none *bijector.Workers
	none.Close()
	for name, w := range map[string]*bijector.Workers{"nil": none, "closed": closed, "one": bijector.NewWorkers(1)} {
		calls := ""
		w.For(5, 2, func(lo, hi int) { calls += fmt.Sprint(lo, hi, ";") })
		if calls != "0 5;" || w.Count() != 1 {
			t.Errorf("%s: calls are %q with a Count of %d, want the whole range once", name, calls, w.Count())
		}
		w.For(0, 1, func(lo, hi int) { t.Errorf("%s: called for an empty range", name) })
	}
	w := bijector.NewWorkers(0)
	defer w.Close()
	if w.Count() != runtime.GOMAXPROCS(0) {
		t.Errorf("NewWorkers(0) has %d workers, want GOMAXPROCS", w.Count())
	}
}
