// A flow among gonum's distributions.

package distribution

import (
	"fmt"
	"math/rand/v2"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
)

// RandLogProber is a flow or an ensemble as one of gonum's multivariate
// distributions, a distmv.RandLogProber: a proposal for its samplers
// (stat/samplemv), a prior, a target. Like gonum's,
// it is for one goroutine at a time. It reads the model live.
type RandLogProber[T bijector.Float] struct {
	model scorer[T]
	rng   *rand.Rand
	row   []T
	x     *tensor.Dense // row
	logp  []float64
}

// scorer is what flows and ensembles have in common.
type scorer[T bijector.Float] interface {
	Dim() int
	LogProbInto(dst []float64, x *tensor.Dense) error
	SampleInto(dst []T, rng *rand.Rand) error
}

// Gonum returns the flow, with the context, temperature and redraws that are
// bound to it, as a distmv.RandLogProber: the flow itself is none, since both
// have a LogProb. The context has one row. src may be nil where nothing is
// drawn, but not for Rand. Away from temperature 1, Rand does not draw from
// the density that LogProb gives.
func (f *Flow[T]) Gonum(src rand.Source) (*RandLogProber[T], error) {
	if f.err != nil {
		return nil, f.err
	}
	return gonumOf[T](f, src, f.drawing, f.context, f.contextDim)
}

// Gonum returns the ensemble as a distmv.RandLogProber, as Flow.Gonum.
func (e *Ensemble[T]) Gonum(src rand.Source) (*RandLogProber[T], error) {
	return gonumOf[T](e, src, e.drawing, e.context, e.contextDim)
}

func gonumOf[T bijector.Float](model scorer[T], src rand.Source, d drawing, context *tensor.Dense, contextDim int) (*RandLogProber[T], error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	if _, err := bijector.ContextOf[T](context, 1, contextDim); err != nil {
		return nil, err
	}
	g := &RandLogProber[T]{model: model, row: make([]T, model.Dim()), logp: make([]float64, 1)}
	g.x = bijector.TensorOf(g.row, 1, model.Dim())
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
		panic("distribution: Rand without a source of random numbers; give Gonum one")
	}
	_ = g.model.SampleInto(g.row, g.rng) // NaN says it
	for j, v := range g.row {
		x[j] = float64(v)
	}
	return x
}

func (g *RandLogProber[T]) check(x []float64) {
	if len(x) != len(g.row) {
		panic(fmt.Sprintf("distribution: a row of %d values for %d features", len(x), len(g.row)))
	}
}
