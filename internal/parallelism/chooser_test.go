// A Chooser on machines whose times are made up.

package parallelism

import (
	"math/rand/v2"
	"testing"
	"time"
)

// run makes calls worth d on a machine on which a unit of work takes seconds(n) with
// n workers, within noise, and returns the time spent with each number.
func run(c *Chooser, d time.Duration, noise float64, seconds func(n int) float64) map[int]time.Duration {
	rng := rand.New(rand.NewPCG(1, 2))
	spent := map[int]time.Duration{}
	for total := time.Duration(0); total < d; {
		n := c.Count()
		took := time.Duration(seconds(n) * 100 * (1 + noise*rng.Float64()) * 1e9)
		c.Observe(100, took)
		spent[n] += took
		total += took
	}
	return spent
}

func TestChooserKeepsTheFastest(t *testing.T) {
	for name, m := range map[string]struct {
		limit, want int
		seconds     func(n int) float64
	}{
		"two cores":              {2, 2, func(n int) float64 { return 15e-6 / float64(n) }},
		"two threads of a core":  {2, 1, func(n int) float64 { return 15e-6 * (1 + 0.6*float64(n-1)) }},
		"nothing gained":         {2, 1, func(n int) float64 { return 15e-6 }},
		"eight, four are best":   {8, 4, func(n int) float64 { return 15e-6/float64(n) + 1e-6*float64(n) }},
		"six":                    {6, 6, func(n int) float64 { return 15e-6 / float64(n) }},
		"small calls":            {2, 2, func(n int) float64 { return 1e-7 / float64(n) }},
		"a single core":          {1, 1, func(n int) float64 { return 15e-6 }},
		"calls of seconds, four": {4, 4, func(n int) float64 { return 0.02 / float64(n) }},
	} {
		c := NewChooser(m.limit)
		total := max(10*time.Second, time.Duration(m.seconds(1)*100*4000*1e9))
		spent := run(&c, total, 0.05, m.seconds)
		if share := spent[m.want].Seconds() / total.Seconds(); share < 0.93 {
			t.Errorf("%s: %.3f of the time with %d workers, spent %v", name, share, m.want, spent)
		}
	}
}

// A neighbour that comes and goes changes the choice.
func TestChooserLooksAgain(t *testing.T) {
	c := NewChooser(2)
	alone := func(n int) float64 { return 15e-6 / float64(n) }
	crowded := func(n int) float64 { return 15e-6 * float64(n) }
	for i, seconds := range []func(int) float64{alone, crowded, alone} {
		run(&c, 5*time.Second, 0.1, seconds)
		spent := run(&c, 5*time.Second, 0.1, seconds)
		if want := []int{2, 1, 2}[i]; spent[want] < 4700*time.Millisecond {
			t.Errorf("phase %d: %v, want nearly all with %d workers", i, spent, want)
		}
	}
}

// Cores that have two speeds, a second each, are noticed at once.
func TestChooserNoticesSlowness(t *testing.T) {
	c := NewChooser(2)
	now := time.Duration(0)
	spent := map[bool]time.Duration{}
	rng := rand.New(rand.NewPCG(3, 4))
	for now < 40*time.Second {
		n, crowded := c.Count(), now/time.Second%2 == 1
		took := 1.1e-3
		if n == 2 {
			took = 0.8e-3
			if crowded {
				took = 1.9e-3
			}
		}
		d := time.Duration(took * (1 + 0.05*rng.Float64()) * 1e9)
		c.Observe(100, d)
		spent[(n == 2) == crowded] += d
		now += d
	}
	if wrong := spent[true].Seconds() / now.Seconds(); wrong > 0.35 {
		t.Errorf("%.2f of the time with the number that is slower just then", wrong)
	}
}

// A Chooser that nobody made is for one worker.
func TestZeroChooser(t *testing.T) {
	var c Chooser
	c.Observe(1, time.Second)
	if n := c.Count(); n != 1 {
		t.Errorf("%d workers", n)
	}
}
