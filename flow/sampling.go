// How draws are made: temperature, redraws, and the seeds of pieces.

package flow

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/rows"
)

// sampleOptions are those of WithTemperature and WithRedraws.
type sampleOptions struct {
	temperature float64
	redraws     int
}

// validate returns an error unless draws can be made like that.
func (o sampleOptions) validate() error {
	if t := o.temperature; !(t >= 0) || math.IsInf(t, 1) {
		return fmt.Errorf("flow: temperature %v, want a finite one of at least 0: %w", t, bijector.ErrSpec)
	}
	if o.redraws < 0 {
		return fmt.Errorf("flow: %d redraws, want at least 0: %w", o.redraws, bijector.ErrSpec)
	}
	return nil
}

// check returns an error unless n draws of dim features can be made from rng.
func (o sampleOptions) check(rng *rand.Rand, n, dim int) error {
	if err := o.validate(); err != nil {
		return err
	}
	if rng == nil {
		return fmt.Errorf("flow: no random generator to draw with, want one like rand.New(rand.NewPCG(1, 2)): %w", bijector.ErrSpec)
	}
	if n < 1 || n > math.MaxInt/64/dim {
		return fmt.Errorf("flow: %d draws of %d features asked for, want at least 1 and what memory holds: %w", n, dim, bijector.ErrShape)
	}
	return nil
}

// err says that the rows of a report on n rows are draws.
func (o sampleOptions) err(r rows.Report, n int) error {
	err := r.Err(n, bijector.NewRowError)
	switch {
	case err == nil:
		return nil
	case o.redraws > 0:
		return fmt.Errorf("flow: drawing, and again up to %d times: %w", o.redraws, err)
	}
	return fmt.Errorf("flow: drawing: %w", err)
}

// seed starts the generator of one piece.
type seed [2]uint64

func newSeed(rng *rand.Rand) seed { return seed{rng.Uint64(), rng.Uint64()} }

// appendSeeds appends those of all pieces of n draws, in order.
func appendSeeds(seeds []seed, rng *rand.Rand, n int) []seed {
	for range (n + rows.Size - 1) / rows.Size {
		seeds = append(seeds, newSeed(rng))
	}
	return seeds
}
