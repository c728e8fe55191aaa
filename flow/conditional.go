// Conditioning on some features: the distribution of the others given values of
// these, as its user meets it.

package flow

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/rows"
)

// ErrEffectiveSize: an approximation of a conditional distribution is worth
// fewer independent draws than were asked for. Its results are returned beside
// the error.
var ErrEffectiveSize = errors.New("effective sample size too small")

// Conditioning says what a flow is conditioned on, and how hard to try where
// that has no exact answer. The zero value of each number is its default.
type Conditioning struct {
	// Observed are the features whose values are given, counted from 0.
	Observed []int
	// Sweeps is for how many updates of all of its 128 states an ensemble of
	// Markov chains looks for the distribution; 0 means 300. Where importance
	// weights will not do it goes on for up to ten times as many.
	Sweeps int
	// Proposals is the number of importance draws for a row; 0 means 4096.
	Proposals int
	// MinEffective is the effective sample size below which a row is an
	// ErrEffectiveSize; 0 means 100.
	MinEffective float64
}

// Conditional is the distribution of some features x_B of a flow given values
// x_A of the others,
//
//	p(x_B | x_A) = p(x_A, x_B) / p(x_A),  p(x_A) = integral p(x_A, x_B) dx_B.
//
// It is safe for concurrent use while nobody trains the flow, which it reads
// live.
type Conditional[T bijector.Float] struct {
	flow       *Flow[T]
	o          Conditioning
	isObserved []bool
	free       []int        // the features that are not observed
	triangle   *triangle[T] // nil: no exact answer
	pool       rows.Pool[*triangleSession[T]]
}

// Condition returns the distribution of the features that are not observed,
// under the context that is bound to the flow, if any: of one row, or of a row
// for each row of later calls. The temperature of f does not count.
//
// It is exact where the flow's structure says so (Exact): every layer maps the
// observed features to as many values that depend on no other, and the base's
// features are independent. That holds for one autoregressive layer, or several
// of one order (autoregressive.Recipe with Layers 1, or Order "same"), where the
// observed features are the first of that order, behind any layers that bend,
// scale or permute single features; batch and activation norms may stand between
// them. Couplings, layers of other orders, linear maps and inverted layers have
// no exact answer, and neither have mixtures.
//
// Elsewhere an ensemble of Markov chains, differential evolution of 128 states
// (ter Braak 2006), starts from those of 4096 draws of the flow that are nearest
// to the observed values; a mixture of Student t distributions around its states
// proposes draws that are weighed by p(x_A, x_B) (adaptive importance sampling;
// Cappe et al. 2008). Where the weights have the effective size that is asked
// for, draws are resampled by them; otherwise the chains go on, and the draws are
// their states. Each row says which it was, and how good: see
// ConditionalReport.
//
// It returns ErrSpec for features that the flow has not, that stand there twice,
// or that are none or all of them.
func (f *Flow[T]) Condition(o Conditioning) (*Conditional[T], error) {
	o.Observed = slices.Clone(o.Observed)
	o.Sweeps, o.Proposals, o.MinEffective = cmp.Or(o.Sweeps, 300), cmp.Or(o.Proposals, 4096), cmp.Or(o.MinEffective, 100)
	const most = 1 << 24
	if o.Sweeps < 4 || o.Sweeps > most || o.Proposals < 2*states || o.Proposals > most || !(o.MinEffective > 0) || math.IsInf(o.MinEffective, 1) {
		return nil, fmt.Errorf("flow: conditioning with %d sweeps, %d proposals and an effective size of %v, want at least 4 and %d, and a finite one above 0: %w", o.Sweeps, o.Proposals, o.MinEffective, 2*states, bijector.ErrSpec)
	}
	c := &Conditional[T]{flow: f, o: o, isObserved: make([]bool, f.dim)}
	for _, j := range o.Observed {
		if j < 0 || j >= f.dim || c.isObserved[j] {
			return nil, fmt.Errorf("flow: observed features %v of %d, want each once, counted from 0: %w", o.Observed, f.dim, bijector.ErrSpec)
		}
		c.isObserved[j] = true
	}
	for j, is := range c.isObserved {
		if !is {
			c.free = append(c.free, j)
		}
	}
	if len(c.free) == 0 || len(c.free) == f.dim {
		return nil, fmt.Errorf("flow: %d observed features of %d, want some and not all: %w", len(o.Observed), f.dim, bijector.ErrSpec)
	}
	c.triangle = newTriangle(f, c.isObserved)
	return c, nil
}

// Exact tells whether the flow's structure gives the conditional distribution
// exactly, so that nothing is approximated.
func (c *Conditional[T]) Exact() bool { return c.triangle != nil }

// ConditionalReport says how a row's conditional distribution was come by.
type ConditionalReport struct {
	// Method is "exact", "importance" (draws resampled by importance weights) or
	// "mcmc" (states of Markov chains).
	Method string
	// LogMarginal is log p(x_A), in nats: exact, or the logarithm of the mean
	// importance weight, whose standard error is StdErr. With the method "mcmc"
	// few proposals carry that mean, and StdErr itself is not to be trusted.
	LogMarginal, StdErr float64
	// EffectiveSize is the number of independent draws of the conditional
	// distribution that the approximation is worth: 1 / sum of squared importance
	// weights (Kish 1965), or that of the chains' states by their
	// autocorrelations, the least of the features' (Gelman et al. 2013, section
	// 11.5). n draws from it are worth about 1/(1/n + 1/EffectiveSize). It is
	// +Inf for an exact row. What no chain and no proposal has come to, such as
	// a mode far away, it cannot know.
	EffectiveSize float64
	// Acceptance is the share of the chains' proposals that were accepted, and
	// RHat the largest split R-hat of the features over the last half of the
	// chains (Gelman et al. 2013, section 11.4): above 1.05 they have not come
	// together. Both are 0 for an exact row.
	Acceptance, RHat float64
}

// ConditionalDraws are rows of which some features were observed.
type ConditionalDraws[T bijector.Float] struct {
	// Draws are whole rows, shape (m*n, d): rows i*n to (i+1)*n have the observed
	// values of row i and draws of the other features.
	Draws *bijector.Rows[T]
	// LogProb is log p(x_B | x_A) of each draw, in nats; where it is not exact,
	// all of a row share the error of the report's LogMarginal.
	LogProb []float64
	// Reports are those of the m observed rows.
	Reports []ConditionalReport
}

// Sample draws the other features n times for each of m rows of observed values,
// shape (m, k) with the columns in the order of Conditioning.Observed. The same
// rng, observed values and n give the same bits, whatever the number of cores.
//
// A row that is not finite, or that has no density, is NaN and named by a
// bijector.RowError. Where the effective size of a row is below MinEffective the
// error wraps ErrEffectiveSize, and the draws are returned beside it.
func (c *Conditional[T]) Sample(rng *rand.Rand, observed tensor.Tensor, n int) (*ConditionalDraws[T], error) {
	in, err := bijector.InputOf[T](observed, len(c.o.Observed))
	if err != nil {
		return nil, err
	}
	m, d := in.Len(), c.flow.dim
	if err := (sampleOptions{temperature: 1}).check(rng, n, d); err != nil {
		return nil, err
	}
	if n > math.MaxInt/64/d/m {
		return nil, fmt.Errorf("flow: %d draws of %d features for each of %d rows, want what memory holds: %w", n, d, m, bijector.ErrShape)
	}
	cond, err := bijector.ContextOf[T](c.flow.context, m, c.flow.contextDim)
	if err != nil {
		return nil, err
	}
	out := &ConditionalDraws[T]{Draws: bijector.NewRows[T](m*n, d), LogProb: make([]float64, m*n), Reports: make([]ConditionalReport, m)}
	k := len(c.o.Observed)
	values := make([]T, m*k)
	in.Gather(values, sequence(m))
	for i := range m * n {
		for a, j := range c.o.Observed {
			out.Draws.Values()[i*d+j] = values[i/n*k+a]
		}
	}
	if c.triangle != nil {
		return out, c.sampleExactly(out, cond.Each(n), rng, n)
	}
	return out, c.approximate(out.Draws.Values(), rng, m, func(s *search[T], i int, r *rows.Report) {
		if !s.sample(out.Draws.Values()[i*n*d:(i+1)*n*d], out.LogProb[i*n:(i+1)*n]) {
			r.Result.Add(i*n, n)
		}
		out.Reports[i] = s.report
	})
}

// LogProb is log p(x_B | x_A) of m whole rows x (m, d), in nats, with a report
// for each: log p(x) less log p(x_A). rng is for what is not exact, and may be
// nil where Exact. A row outside the support has -Inf; errors are those of
// Sample.
func (c *Conditional[T]) LogProb(rng *rand.Rand, x tensor.Tensor) ([]float64, []ConditionalReport, error) {
	in, cond, err := c.flow.check(x)
	if err != nil {
		return nil, nil, err
	}
	m := in.Len()
	logp, reports := make([]float64, m), make([]ConditionalReport, m)
	if c.triangle != nil {
		return logp, reports, c.scoreExactly(logp, reports, in, cond)
	}
	if err := (sampleOptions{temperature: 1}).check(rng, m, c.flow.dim); err != nil {
		return nil, nil, err
	}
	values := make([]T, m*c.flow.dim)
	in.Gather(values, sequence(m))
	return logp, reports, c.approximate(values, rng, m, func(s *search[T], i int, r *rows.Report) {
		score, ok := s.score(values[i*c.flow.dim : (i+1)*c.flow.dim])
		if !ok {
			r.Result.Add(i, 1)
		}
		logp[i], reports[i] = score, s.report
	})
}
