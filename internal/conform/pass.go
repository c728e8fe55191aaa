// What all passes keep: the same results on any number of workers and beside
// others, and no allocations.

package conform

import (
	"fmt"
	"sync"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

// EachWorkers calls f with one, two and three workers.
func EachWorkers(f func(w *bijector.Workers, k int) error) error {
	for k := 1; k <= 3; k++ {
		w := bijector.NewWorkers(k)
		err := f(w, k)
		w.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// Concurrent prepares four runs, has them run at once and returns the first
// error, which a panic is too. The race detector sees the rest.
func Concurrent(prepare func() (run func() error)) error {
	errs := make([]error, 4)
	var wg sync.WaitGroup
	for g := range errs {
		run := prepare()
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer func() {
				if r := recover(); r != nil {
					errs[g] = fmt.Errorf("panicked: %v", r)
				}
			}()
			errs[g] = run()
		}()
	}
	wg.Wait()
	return Prefix(FirstError(errs...), "beside three other passes")
}

// Allocations returns an error for a call that allocates, of passes for n
// samples without workers and with two. Under the race detector nothing is
// counted.
func Allocations(n int, calls func(o bijector.PassOptions) map[string]func()) error {
	if Raced {
		return nil
	}
	w := bijector.NewWorkers(2)
	defer w.Close()
	for _, o := range []bijector.PassOptions{{MaxBatch: n}, {MaxBatch: n, Workers: w}} {
		for name, call := range calls(o) {
			if a := testing.AllocsPerRun(5, call); a > 0 {
				return fmt.Errorf("%s allocates %v times a call (workers: %d); make buffers and closures with the pass", name, a, o.Workers.Count())
			}
		}
	}
	return nil
}
