// Package parallelism chooses by measurement how many goroutines share a kind of
// work. Two virtual CPUs may be two threads of one core, or shared with a neighbour,
// and then two workers that wait for each other at every barrier are slower than
// one. Where results do not depend on the number of workers, the number can follow
// the machine.
package parallelism

import (
	"math"
	"slices"
	"time"
)

const (
	maxCandidates = 13 // 1, 2, 4 ... 4096
	rounds        = 7  // samples of each candidate in a trial; the first is left out
	sampleTime    = time.Millisecond
	// gain is how much faster more workers must be than fewer to be kept, which
	// is above the noise of a trial.
	gain = 1.03
	// rest is how many times as long as a trial took its choice is kept.
	rest    = 60
	minRest = 200 * time.Millisecond
	// watch is the least time over which a choice is compared with what the others
	// took in the trial.
	watch = 10 * sampleTime
)

// Chooser alternates between numbers of workers (1, 2, 4 and so on up to a limit),
// keeps the one that was fastest, and tries again now and then, and as soon as the one
// that is kept has become slower than another was. A call is one piece
// of work: Count before it, Observe after it. A Chooser is for one goroutine. The
// zero value has the limit 1.
type Chooser struct {
	counts     [maxCandidates]int
	candidates int
	samples    [maxCandidates][rounds]float64 // seconds a unit of work
	candidate  int                            // whose sample is being taken
	round      int
	best       int     // the candidate that is kept
	other      float64 // seconds a unit of the fastest of the others in the latest trial
	resting    bool
	watched    time.Duration // of the rest, since the latest comparison
	alarm      time.Duration // from comparison to comparison; 0: watch
	spent      time.Duration // of this sample, or of this rest
	units      float64       // of this sample
	trial      time.Duration // of this trial, or of the latest
}

// NewChooser makes a Chooser of 1 to limit workers.
func NewChooser(limit int) Chooser {
	var c Chooser
	for n := 1; n < limit && c.candidates < maxCandidates-1; n *= 2 {
		c.counts[c.candidates] = n
		c.candidates++
	}
	c.counts[c.candidates] = max(limit, 1)
	c.candidates++
	c.best = c.candidates - 1
	return c
}

// Count is the number of workers for the next call.
func (c *Chooser) Count() int {
	switch {
	case c.candidates < 2:
		return max(c.counts[0], 1)
	case c.resting:
		return c.counts[c.best]
	}
	return c.counts[c.candidate]
}

// Chosen is the number of workers that was fastest in the latest trial, the limit
// before one has ended, and 0 for a Chooser that nobody made.
func (c *Chooser) Chosen() int { return c.counts[c.best] }

// Observe hears how long a call of so many units of work, such as rows, took. Calls
// whose time says nothing about the number of workers are left out by their caller.
func (c *Chooser) Observe(units int, took time.Duration) {
	if c.candidates < 2 || units < 1 || took <= 0 {
		return
	}
	c.spent += took
	if c.resting {
		c.watched += took
		c.units += float64(units)
		if c.spent > max(rest*c.trial, minRest) {
			c.alarm = 0
			c.tryAgain()
		} else if c.watched >= max(c.alarm, watch) {
			// A machine that has become slower for all is tried in vain, and so ever more seldom.
			if c.watched.Seconds()/c.units > gain*c.other {
				c.alarm = 2 * max(c.alarm, watch)
				c.tryAgain()
			}
			c.watched, c.units = 0, 0
		}
		return
	}
	c.trial += took
	if c.units += float64(units); c.spent < sampleTime {
		return
	}
	c.samples[c.candidate][c.round] = c.spent.Seconds() / c.units
	c.spent, c.units = 0, 0
	// In turns, so that a machine that slows down meets every candidate alike.
	if c.candidate++; c.candidate < c.candidates {
		return
	}
	if c.candidate, c.round = 0, c.round+1; c.round < rounds {
		return
	}
	c.round, c.resting = 0, true
	c.choose()
}

// tryAgain begins a trial.
func (c *Chooser) tryAgain() {
	c.resting, c.spent, c.watched, c.units, c.trial = false, 0, 0, 0, 0
}

// choose keeps the smallest number of workers that is within the noise of the fastest.
func (c *Chooser) choose() {
	var medians [maxCandidates]float64
	for i := range c.candidates {
		s := c.samples[i]
		slices.Sort(s[1:])
		medians[i] = s[1:][(rounds-1)/2]
	}
	fastest := slices.Min(medians[:c.candidates])
	for c.best = 0; medians[c.best] > gain*fastest; {
		c.best++
	}
	medians[c.best] = math.Inf(1)
	c.other = slices.Min(medians[:c.candidates])
}
