// Approximate conditional distributions: an ensemble of Markov chains on the free
// features.

package flow

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/parallelism"
	"github.com/bijou-flow/bijou/internal/rows"
)

const (
	states     = 128  // of an ensemble of chains
	startDraws = 4096 // of the flow, of which the nearest start the chains
	maxKept    = 400  // sweeps whose states are kept; of more, every second
)

// search approximates the conditional distribution of one row.
type search[T bijector.Float] struct {
	c        *Conditional[T]
	f        *Flow[T] // under the row's context
	rng      *rand.Rand
	row      []T // its observed values; the free ones are overwritten
	batch    []T
	scale    []float64 // deviations of the free features' draws
	x        []float64 // (states, free): the chains' states
	density  []float64 // log p(x_A, x_B) of them
	proposed []float64 // those of half of the chains, and their densities
	trial    []float64

	kept              [][]float64 // states after some sweeps, one out of every
	every, since      int
	accepted, offered int
	report            ConditionalReport
}

// approximate runs rows at once on all cores: each has a seed of its own.
func (c *Conditional[T]) approximate(x []T, rng *rand.Rand, m int, run func(s *search[T], i int, r *rows.Report)) error {
	d, n := c.flow.dim, len(x)/c.flow.dim
	var contexts bijector.Input[T]
	if c.flow.contextDim > 0 {
		var err error
		if contexts, err = bijector.InputOf[T](c.flow.context, c.flow.contextDim); err != nil {
			return err
		}
	}
	seeds := make([]seed, m)
	for i := range seeds {
		seeds[i] = newSeed(rng)
	}
	var (
		next   atomic.Int64
		mu     sync.Mutex
		all    rows.Report
		failed error
		wg     sync.WaitGroup
	)
	few, worst := 0, math.Inf(1)
	work := func() {
		defer wg.Done()
		for i := int(next.Add(1) - 1); i < m; i = int(next.Add(1) - 1) {
			s := &search[T]{c: c, f: c.flow.WithTemperature(1).WithRedraws(0), rng: rand.New(rand.NewPCG(seeds[i][0], seeds[i][1]))}
			s.row = slices.Clone(x[i*(n/m)*d:][:d])
			if contexts.Len() > 1 {
				context := bijector.NewRows[T](1, c.flow.contextDim)
				contexts.Gather(context.Values(), []int{i})
				s.f = s.f.Given(context)
			}
			var own rows.Report
			for _, j := range c.o.Observed {
				if !rows.IsFinite(s.row[j]) && own.Input.Count == 0 {
					own.Input.Add(i*(n/m), n/m)
				}
			}
			run(s, i, &own)
			mu.Lock()
			if own.Input.Count > 0 {
				own.Result = rows.Bad{}
			} else if e := s.report.EffectiveSize; own.Result.Count == 0 && e < c.o.MinEffective {
				few++
				worst = min(worst, e)
			}
			all.Merge(own)
			mu.Unlock()
		}
	}
	workers := int(min(int64(parallelism.Limit()), int64(m)))
	wg.Add(workers)
	for range workers - 1 {
		go work()
	}
	work()
	wg.Wait()
	if failed = all.Err(n, bijector.NewRowError); failed == nil && few > 0 {
		failed = fmt.Errorf("flow: the conditional distributions of %d of %d rows have effective sizes below the %v that are wanted, the least %.3g; raise Conditioning.Sweeps and Proposals, observe less, or take an autoregressive flow whose order allows an exact answer: %w", few, m, c.o.MinEffective, worst, ErrEffectiveSize)
	}
	return failed
}

// target sets logp to log p(x_A, x_B) of values x of the free features, row after
// row, which it rounds to T: -Inf where there is none.
func (s *search[T]) target(x, logp []float64) {
	d, free := len(s.row), s.c.free
	s.batch = slices.Grow(s.batch[:0], len(logp)*d)[:len(logp)*d]
	for i := range logp {
		out := s.batch[i*d : (i+1)*d]
		copy(out, s.row)
		for k, j := range free {
			v := &x[i*len(free)+k]
			out[j] = T(*v)
			*v = float64(out[j])
		}
	}
	_ = s.f.LogProbRows(logp, s.batch) // NaN says it
	for i, v := range logp {
		if math.IsNaN(v) {
			logp[i] = math.Inf(-1)
		}
	}
}

// start sets the chains' states to those of the draws of the flow that are
// nearest to the observed values: as they are, or moved along the regression of
// the free features on the observed ones (Beaumont, Zhang and Balding 2002),
// whichever is likelier. It reports whether any has a density.
func (s *search[T]) start() bool {
	d := len(s.row)
	draws, _ := s.f.Sample(s.rng, startDraws) // NaN says it
	if draws == nil {
		return false
	}
	finite := draws.Values()[:0:0]
	for i := range draws.Len() {
		if row := draws.Row(i); !slices.ContainsFunc(row, func(v T) bool { return !rows.IsFinite(v) }) {
			finite = append(finite, row...)
		}
	}
	n, observed, free := len(finite)/d, s.c.o.Observed, s.c.free
	if n < 2*states {
		return false
	}
	// Columns in units of their deviations: the observed ones first.
	order := append(slices.Clone(observed), free...)
	z, mean, scale := mat.NewDense(n, d, nil), make([]float64, d), make([]float64, d)
	column := make([]float64, n)
	for k, j := range order {
		for i := range column {
			column[i] = float64(finite[i*d+j])
		}
		if mean[k], scale[k] = stat.MeanStdDev(column, nil); !(scale[k] > 0) || math.IsInf(scale[k], 0) {
			mean[k], scale[k] = 0, 1
		}
		for i, v := range column {
			z.Set(i, k, (v-mean[k])/scale[k])
		}
	}
	a := len(observed)
	s.scale = scale[a:]
	var cov mat.SymDense
	stat.CovarianceMatrix(&cov, z, nil)
	among, between := mat.NewSymDense(a, nil), mat.NewDense(a, d-a, nil)
	for i := range a {
		for j := i; j < a; j++ {
			among.SetSym(i, j, cov.At(i, j))
		}
		among.SetSym(i, i, cov.At(i, i)+1e-3)
		for j := a; j < d; j++ {
			between.Set(i, j-a, cov.At(i, j))
		}
	}
	var chol mat.Cholesky
	var slope mat.Dense
	if !chol.Factorize(among) || chol.SolveTo(&slope, between) != nil {
		return false
	}
	away, diff, solved := make([]float64, n), mat.NewVecDense(a, nil), mat.NewVecDense(a, nil)
	gap := func(i int) {
		for k, j := range observed {
			diff.SetVec(k, (float64(s.row[j])-mean[k])/scale[k]-z.At(i, k))
		}
	}
	nearest := sequence(n)
	for i := range away {
		gap(i)
		if chol.SolveVecTo(solved, diff) != nil {
			return false
		}
		away[i] = mat.Dot(diff, solved)
	}
	slices.SortStableFunc(nearest, func(i, j int) int {
		switch {
		case away[i] < away[j]:
			return -1
		case away[i] > away[j]:
			return 1
		}
		return 0
	})
	b := len(free)
	both, logp := make([]float64, 2*states*b), make([]float64, 2*states)
	for c, i := range nearest[:states] {
		gap(i)
		for k := range free {
			v := z.At(i, a+k)
			both[c*b+k] = mean[a+k] + scale[a+k]*v
			for l := range a {
				v += slope.At(l, k) * diff.AtVec(l)
			}
			both[(states+c)*b+k] = mean[a+k] + scale[a+k]*v
		}
	}
	s.target(both, logp)
	s.x, s.density = both[:states*b], logp[:states]
	alive := false
	for c := range states {
		if moved := states + c; logp[moved] > logp[c] {
			copy(s.x[c*b:(c+1)*b], both[moved*b:(moved+1)*b])
			s.density[c] = logp[moved]
		}
		alive = alive || !math.IsInf(s.density[c], -1)
	}
	s.proposed, s.trial = make([]float64, states/2*b), make([]float64, states/2)
	s.every = 1
	return alive
}

// sweep offers each chain a move along the difference of two chains of the other
// half, mostly as long as is best for a normal distribution, and in full now and
// then, which leads from mode to mode.
func (s *search[T]) sweep() {
	b, half := len(s.c.free), states/2
	for first := 0; first < states; first += half {
		other := half - first
		for i := range half {
			p, q := s.rng.IntN(half), s.rng.IntN(half-1)
			if q >= p {
				q++
			}
			p, q = other+p, other+q
			step := 2.38 / math.Sqrt(float64(2*b))
			if s.rng.Float64() < 0.1 {
				step = 1
			}
			for k := range b {
				jitter := 1e-4 * s.scale[k] * s.rng.NormFloat64()
				s.proposed[i*b+k] = s.x[(first+i)*b+k] + step*(s.x[p*b+k]-s.x[q*b+k]) + jitter
			}
		}
		s.target(s.proposed, s.trial)
		for i, v := range s.trial {
			c := first + i
			s.offered++
			// A chain that has no density yet takes any other.
			if u := s.rng.Float64(); !math.IsInf(v, -1) && (math.IsInf(s.density[c], -1) || math.Log(u) < v-s.density[c]) {
				s.accepted++
				s.density[c] = v
				copy(s.x[c*b:(c+1)*b], s.proposed[i*b:(i+1)*b])
			}
		}
	}
}

// run makes sweeps and keeps their states.
func (s *search[T]) run(sweeps int) {
	for range sweeps {
		s.sweep()
		if s.since++; s.since < s.every {
			continue
		}
		s.since = 0
		if s.kept = append(s.kept, slices.Clone(s.x)); len(s.kept) == maxKept {
			for i := range maxKept / 2 {
				s.kept[i] = s.kept[2*i+1]
			}
			s.kept = s.kept[:maxKept/2]
			s.every *= 2
		}
	}
}
