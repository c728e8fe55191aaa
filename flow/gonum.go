// A flow among gonum's distributions.

package flow

import (
	"fmt"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
)

// RandLogProber is a flow or an ensemble as one of gonum's multivariate
// distributions, a distmv.RandLogProber: a proposal for its samplers
// (stat/samplemv), a prior, a target. Like gonum's,
// it is for one goroutine at a time. It reads the model live.
type RandLogProber[T bijector.Float] struct {
	model densityModel[T]
	rng   *rand.Rand
	x     *bijector.Rows[T]
	row   []T // of x
	logp  []float64
}

// Gonum returns the model, with the context, temperature and redraws that are
// bound to it, as a distmv.RandLogProber, which the model itself cannot be: the
// LogProb of both would have one name. The context has one row. src may be nil
// where nothing is drawn, but not for Rand. Away from temperature 1, Rand does
// not draw from the density that LogProb gives.
func (d *densityModel[T]) Gonum(src rand.Source) (*RandLogProber[T], error) {
	if err := d.sampleOptions.validate(); err != nil {
		return nil, err
	}
	if _, err := bijector.ContextOf[T](d.context, 1, d.contextDim); err != nil {
		return nil, err
	}
	x := bijector.NewRows[T](1, d.dim)
	g := &RandLogProber[T]{model: *d, x: x, row: x.Values(), logp: make([]float64, 1)}
	if src != nil {
		g.rng = rand.New(src)
	}
	return g, nil
}

// Dim is the number of features.
func (g *RandLogProber[T]) Dim() int { return len(g.row) }

// LogProb is the log-density at x, in nats, and NaN where that is not finite
// or has no number. It panics where x has another length than Dim, as gonum's
// distributions do.
func (g *RandLogProber[T]) LogProb(x []float64) float64 {
	g.check(x)
	for j, v := range x {
		g.row[j] = T(v)
	}
	_ = g.model.LogProbInto(g.logp, g.x) // NaN says it
	return g.logp[0]
}

// Rand draws a row into x, or into a new slice where x is nil, and returns it.
// A draw that overflows within the flow, after all its redraws, is NaN. It
// panics where x has another length than Dim, and where there is no source.
func (g *RandLogProber[T]) Rand(x []float64) []float64 {
	if x == nil {
		x = make([]float64, len(g.row))
	}
	g.check(x)
	if g.rng == nil {
		panic("flow: Rand without a source of random numbers; give Gonum one")
	}
	_ = g.model.SampleInto(g.row, g.rng) // NaN says it
	for j, v := range g.row {
		x[j] = float64(v)
	}
	return x
}

func (g *RandLogProber[T]) check(x []float64) {
	if len(x) != len(g.row) {
		panic(fmt.Sprintf("flow: a row of %d values for %d features", len(x), len(g.row)))
	}
}
