// One flow in many goroutines; run with -race.

package flow

import (
	"slices"
	"sync"
	"testing"

	"github.com/bijou-flow/bijou/internal/testkit"
)

// Goroutines share a flow, its passes and its copies under contexts and
// temperatures of their own.
func TestConcurrentUse(t *testing.T) {
	f := flowOf[float64](3, 1)
	const n, users = 300, 6
	x := rowsOf[float64](n, 3)
	run := func(i int) []float64 {
		g := f.Given(testkit.Rows([]float64{0.1 * float64(i)}, 1, 1)).WithTemperature(1 / float64(i+1))
		out := make([]float64, 100)
		var all []float64
		all = append(all, testkit.Must(g.LogProb(x))...)
		all = append(all, testkit.Must(g.Forward(x)).Values()...)
		all = append(all, testkit.Must(g.Sample(testkit.NewRand(uint64(i)), n)).Values()...)
		if err := g.LogProbInto(out, rowsOf[float64](100, 3)); err != nil {
			t.Error(err)
		}
		return append(all, out...)
	}
	var want [users][]float64
	for i := range want {
		want[i] = run(i)
	}
	var wg sync.WaitGroup
	for i := range users * 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if !slices.Equal(run(i%users), want[i%users]) {
				t.Errorf("user %d computes something else among others", i%users)
			}
		}()
	}
	wg.Wait()
}
