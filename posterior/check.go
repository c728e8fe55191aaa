// Check: draws under each observation, and the ranks of its true parameters.

package posterior

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat"
	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/nilcheck"
	"github.com/bijou-flow/bijou/internal/rows"
)

// Options of Check.
type Options struct {
	// Draws under each observation, 255 where it is 0.
	Draws int
	// Seed of the draws, and of how ties are broken.
	Seed uint64
	// Progress is called after each observation, where it is not nil.
	Progress func(done, of int)
}

// Report is what Check found. In each of its Ranks, one rank belongs to each
// pair, in their order.
type Report struct {
	// Parameters are the ranks of simulation-based calibration, a Ranks for each
	// parameter: how many draws lie below the true value (Talts et al. 2018,
	// arXiv 1804.06788, algorithm 1).
	Parameters []Ranks
	// Density counts the draws that are more likely than the truth, so that
	// Coverage is that of the regions of highest density (Hermans et al. 2022,
	// arXiv 2110.06581, equation 3).
	Density Ranks
	// Distance counts the draws that are nearer to a point than the truth is, so
	// that Coverage is that of balls around it, which needs no density: tests of
	// accuracy with points of reference, TARP (Lemos et al. 2023, arXiv
	// 2302.03026, algorithm 2). The point is the truth of that pair, of those
	// before, whose observation is nearest: it depends on the observation, as
	// theorem 1 there asks, so that a model that ignores what it is given
	// fails, while ranks of different pairs stay independent. Parameters are
	// compared in units of their deviations, and so are observations.
	Distance Ranks
}

// Check draws parameters from d under each of n observations, shape (n, c), and
// ranks the parameters that made it, shape (n, d), among them. The pairs are
// those of a simulator, with parameters drawn from the prior that d was trained
// under, and were not trained on; some hundreds tell a coverage of 0.9 to 0.02.
// Equal seeds give equal ranks. Ties, of discrete parameters, are broken at
// random.
//
// It returns ErrShape for pairs that do not fit d or each other, ErrContext for
// a density without a context, ErrNonFinite for a parameter or an observation
// that is not finite and for draws that are not, and ctx's error when it ends.
func Check[T bijector.Float](ctx context.Context, d Density[T], parameters, observations tensor.Tensor, o Options) (*Report, error) {
	if ctx == nil || nilcheck.IsNil(d) || d.Dim() < 1 {
		return nil, fmt.Errorf("posterior: no context.Context, no density, or one of no parameters: %w", bijector.ErrSpec)
	}
	if d.ContextDim() < 1 {
		return nil, fmt.Errorf("posterior: the density takes no context, want the observation as one: %w", bijector.ErrContext)
	}
	if o.Draws == 0 {
		o.Draws = 255
	}
	if o.Draws < 0 || o.Draws > math.MaxInt32/d.Dim() {
		return nil, fmt.Errorf("posterior: %d draws an observation, want some hundreds: %w", o.Draws, bijector.ErrSpec)
	}
	truth, err := valuesOf[T](parameters, d.Dim(), "parameters")
	if err != nil {
		return nil, err
	}
	given, err := valuesOf[T](observations, d.ContextDim(), "observations")
	if err != nil {
		return nil, err
	}
	if truth.Len() != given.Len() {
		return nil, fmt.Errorf("posterior: %d rows of parameters and %d observations, want pairs: %w", truth.Len(), given.Len(), bijector.ErrShape)
	}
	c := newChecker(d, truth, given, o)
	for i := range truth.Len() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := c.pair(i); err != nil {
			return nil, fmt.Errorf("posterior: under observation %d of %d: %w", i, truth.Len(), err)
		}
		if o.Progress != nil {
			o.Progress(i+1, truth.Len())
		}
	}
	return c.report, nil
}

// valuesOf are finite rows of d values.
func valuesOf[T bijector.Float](x tensor.Tensor, d int, what string) (*bijector.Rows[T], error) {
	in, err := bijector.InputOf[T](x, d)
	if err != nil {
		return nil, fmt.Errorf("posterior: %s: %w", what, err)
	}
	values := bijector.NewRows[T](in.Len(), d)
	for i := range in.Len() {
		in.Gather(values.Row(i), []int{i})
		for j, v := range values.Row(i) {
			if !rows.IsFinite(v) {
				return nil, fmt.Errorf("posterior: value %d of row %d of the %s is %v: %w", j, i, what, v, bijector.ErrNonFinite)
			}
		}
	}
	return values, nil
}

// checker ranks the parameters of one pair after the other.
type checker[T bijector.Float] struct {
	density Density[T]
	report  *Report
	rng     *rand.Rand

	truth, given           *bijector.Rows[T]
	unit, observationUnits []float64 // deviations
	draws                  []T       // the truth behind them
	logp                   []float64
	distance               []float64
}

func newChecker[T bijector.Float](d Density[T], truth, given *bijector.Rows[T], o Options) *checker[T] {
	n, dim := truth.Len(), d.Dim()
	ranks := func() Ranks { return Ranks{Draws: o.Draws, Of: make([]int, n)} }
	c := &checker[T]{
		density: d, report: &Report{Density: ranks(), Distance: ranks()},
		rng:   rand.New(rand.NewPCG(o.Seed, 0x706f7374)),
		truth: truth, given: given, unit: deviations(truth), observationUnits: deviations(given),
		draws: make([]T, (o.Draws+1)*dim), logp: make([]float64, o.Draws+1), distance: make([]float64, o.Draws+1),
	}
	for range dim {
		c.report.Parameters = append(c.report.Parameters, ranks())
	}
	return c
}

// deviations are those of the columns, and 1 for a constant one.
func deviations[T bijector.Float](x *bijector.Rows[T]) []float64 {
	units, column := make([]float64, x.Dim()), make([]float64, x.Len())
	for j := range units {
		for i := range column {
			column[i] = float64(x.Row(i)[j])
		}
		if units[j] = stat.PopStdDev(column, nil); units[j] == 0 {
			units[j] = 1
		}
	}
	return units
}

// squaredDistance is that of a and b, with coordinate j in units[j].
func squaredDistance[T bijector.Float](a, b []T, units []float64) (d float64) {
	for j, unit := range units {
		u := (float64(a[j]) - float64(b[j])) / unit
		d += u * u
	}
	return d
}

// reference is the truth of the pair before pair i whose observation is nearest
// to its own.
func (c *checker[T]) reference(i int) []T {
	if i == 0 {
		return make([]T, c.truth.Dim()) // any point does
	}
	nearest, least := 0, math.Inf(1)
	for k := range i {
		if d := squaredDistance(c.given.Row(k), c.given.Row(i), c.observationUnits); d < least {
			nearest, least = k, d
		}
	}
	return c.truth.Row(nearest)
}

func (c *checker[T]) pair(i int) error {
	truth, observation := c.truth.Row(i), c.given.Row(i)
	dim, n := len(truth), len(c.logp)-1
	if err := c.density.SampleIntoGiven(c.draws[:n*dim], observation, c.rng); err != nil {
		return err
	}
	copy(c.draws[n*dim:], truth)
	// A truth that the density calls impossible has -Inf, which is what counts.
	var some *bijector.RowError
	if err := c.density.LogProbRowsGiven(c.logp, c.draws, observation); err != nil && !errors.As(err, &some) {
		return err
	}
	point := c.reference(i)
	for k := range c.distance {
		if math.IsNaN(c.logp[k]) {
			c.logp[k] = math.Inf(-1)
		}
		c.distance[k] = squaredDistance(c.draws[k*dim:(k+1)*dim], point, c.unit)
	}
	for j := range dim {
		c.report.Parameters[j].Of[i] = c.rank(n, func(k int) float64 { return float64(c.draws[k*dim+j]) })
	}
	c.report.Density.Of[i] = c.rank(n, func(k int) float64 { return -c.logp[k] })
	c.report.Distance.Of[i] = c.rank(n, func(k int) float64 { return c.distance[k] })
	return nil
}

// rank is how many of n values lie below the one behind them.
func (c *checker[T]) rank(n int, value func(k int) float64) int {
	below, equal, truth := 0, 0, value(n)
	for k := range n {
		switch v := value(k); {
		case v < truth:
			below++
		case v == truth:
			equal++
		}
	}
	return below + c.rng.IntN(equal+1)
}
