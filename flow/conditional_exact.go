// Exact conditional distributions: flows whose layers and base keep the observed
// features apart from the others.

package flow

import (
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/internal/rows"
)

// triangle is a flow's layer as a list of steps, each of which maps the values
// that come from observed features alone to as many others.
type triangle[T bijector.Float] struct {
	flow     *Flow[T]
	steps    []triangleStep[T]
	contexts []triangleContext[T]
	observed []bool // features of the data
	latent   []bool // features of z that depend on those alone
}

// triangleStep is a layer on features lo to hi, some of whose outputs are known.
type triangleStep[T bijector.Float] struct {
	layer   bijector.Layer[T]
	lo, hi  int
	known   []bool // outputs that depend on observed features alone
	context int    // of triangle.contexts; -1: the flow's
}

// triangleContext is the embedding of a chain and the context that it is of.
type triangleContext[T bijector.Float] struct {
	net    bijector.Network[T]
	parent int
}

// newTriangle returns nil where the structure of f has no exact answer.
func newTriangle[T bijector.Float](f *Flow[T], observed []bool) *triangle[T] {
	t := &triangle[T]{flow: f, observed: observed, latent: append([]bool(nil), observed...)}
	if _, ok := f.base.NewBasePass(bijector.PassOptions{MaxBatch: 1}).(distribution.FeaturePass[T]); !ok || !t.add(f.layer, 0, f.dim, -1) {
		return nil
	}
	return t
}

// add appends the steps of a layer on features lo to hi, and reports whether it
// keeps what is known apart.
func (t *triangle[T]) add(layer bijector.Layer[T], lo, hi, context int) bool {
	switch l := layer.(type) {
	case *bijector.Chain[T]:
		if net := l.Embedding(); net != nil {
			t.contexts = append(t.contexts, triangleContext[T]{net, context})
			context = len(t.contexts) - 1
		}
		for _, m := range l.Members() {
			if !t.add(m, lo, hi, context) {
				return false
			}
		}
		return true
	case *bijector.Part[T]:
		s := l.Spec().(bijector.PartSpec)
		return t.add(l.Members()[0], lo+s.Lo, lo+s.Hi, context)
	}
	reads := readsOf(layer)
	if reads == nil {
		return false
	}
	in, known, count := t.latent[lo:hi], make([]bool, hi-lo), 0
	for j := range known {
		known[j] = true
		for _, k := range reads(j) {
			known[j] = known[j] && in[k]
		}
		if known[j] {
			count++
		}
	}
	for _, is := range in {
		if is {
			count--
		}
	}
	copy(in, known)
	t.steps = append(t.steps, triangleStep[T]{layer, lo, hi, known, context})
	return count == 0
}

// readsOf returns what each output of a layer depends on, nil where it does not
// say.
func readsOf[T bijector.Float](layer bijector.Layer[T]) func(j int) []int {
	switch l := layer.(type) {
	case bijector.Diagonal:
		return func(j int) []int { return []int{j} }
	case bijector.Reorderer:
		indices := l.Indices()
		return func(j int) []int { return indices[j : j+1] }
	case bijector.Triangular:
		if _, ok := layer.NewPass(bijector.PassOptions{MaxBatch: 1}).(bijector.FeaturePass[T]); ok {
			return l.Reads
		}
	}
	return nil
}

// triangleSession is what one goroutine needs.
type triangleSession[T bijector.Float] struct {
	*flowSession[T]
	t                   *triangle[T]
	passes              []bijector.Pass[T]
	nets                []bijector.NetworkPass[T]
	base                distribution.FeaturePass[T]
	embedded            []bijector.Mat[T]
	v, z                bijector.Mat[T]
	logDets             bijector.Mat[float64]
	marginal, remainder []float64 // log p(x_A) and log p(x_B | x_A)
}

func (t *triangle[T]) newSession() *triangleSession[T] {
	f, o := t.flow, bijector.PassOptions{MaxBatch: rows.Size}
	s := &triangleSession[T]{
		flowSession: f.newSession(f.dim, f.contextDim), t: t,
		v: bijector.NewMat[T](f.dim, rows.Size), z: bijector.NewMat[T](f.dim, rows.Size),
		logDets:  bijector.NewMat[float64](f.dim, rows.Size),
		marginal: make([]float64, rows.Size), remainder: make([]float64, rows.Size),
	}
	s.base = s.flowSession.base.(distribution.FeaturePass[T])
	for _, step := range t.steps {
		s.passes = append(s.passes, step.layer.NewPass(o))
	}
	for _, c := range t.contexts {
		s.nets = append(s.nets, c.net.NewNetworkPass(o))
		s.embedded = append(s.embedded, bijector.NewMat[T](c.net.Out(), rows.Size))
	}
	return s
}

// split sets marginal and remainder of the rows x, and returns their latents.
func (s *triangleSession[T]) split(x, cond bijector.Mat[T]) bijector.Mat[T] {
	n := x.N
	v, logDets := s.v.Resize(n), s.logDets.Resize(n)
	v.CopyFrom(x)
	clear(s.marginal)
	clear(s.remainder)
	context := func(k int) bijector.Mat[T] {
		if k < 0 {
			return cond
		}
		return s.embedded[k].Resize(n)
	}
	for k, c := range s.t.contexts {
		s.nets[k].Forward(context(k), context(c.parent), 0, n)
	}
	for k, step := range s.t.steps {
		part, det := v.Features(step.lo, step.hi), logDets.Features(step.lo, step.hi)
		det.Zero()
		if diagonal, ok := step.layer.(bijector.Diagonal); ok {
			for j := range step.known {
				a, b, logA := diagonal.Coefficients(j)
				for i, u := range part.Feature(j) {
					part.Feature(j)[i] = T(a*float64(u) + b)
					det.Feature(j)[i] = logA
				}
			}
		} else if p, ok := s.passes[k].(bijector.FeaturePass[T]); ok {
			p.ForwardFeatures(part, part, context(step.context), det)
		} else { // a permutation
			s.passes[k].Forward(part, part, context(step.context), s.logDet[:n])
		}
		s.count(step.known, det)
	}
	logDets.Zero()
	s.base.LogProbFeatures(v, logDets)
	s.count(s.t.latent, logDets)
	return v
}

// count adds log-densities to those of known features and those of the others.
func (s *triangleSession[T]) count(known []bool, logp bijector.Mat[float64]) {
	for j, is := range known {
		sum := s.remainder
		if is {
			sum = s.marginal
		}
		for i, v := range logp.Feature(j) {
			sum[i] += v
		}
	}
}

// sampleExactly fills the free features of out. A draw of the flow gives latents
// of all features, and values of the free ones that every layer takes; with the
// observed values in their place, the latents that depend on these alone are
// known, and what is mapped back from them and the draw's others has the observed
// values and a draw of the rest.
func (c *Conditional[T]) sampleExactly(out *ConditionalDraws[T], cond bijector.Context[T], rng *rand.Rand, n int) error {
	all := out.Draws.Len()
	seeds := appendSeeds(nil, rng, all)
	in, err := bijector.InputOf[T](out.Draws, c.flow.dim)
	if err != nil {
		return err
	}
	r := c.pool.Run(nil, all, c.triangle.newSession, func(s *triangleSession[T], lo, hi int) (r rows.Report) {
		from := seeds[lo/rows.Size]
		s.pcg.Seed(from[0], from[1])
		x, h, r := s.load(in, cond, lo, hi-lo)
		observed := s.z.Resize(x.N) // with zeros for the others
		observed.CopyFrom(x)
		s.sampleRows(x, observed, h, s.rng)
		logp := out.LogProb[lo:hi]
		copy(logp, s.remainder)
		r.Result.Merge(rows.ZeroNonFinite(rows.Features[T](x), logp, s.bad, lo))
		r.Result.Merge(rows.MarkLogProbs(s.marginal[:x.N], s.bad, lo))
		for i, v := range s.marginal[:x.N] {
			if math.IsInf(v, -1) && !s.bad[i] { // nothing has these values
				s.bad[i] = true
				r.Result.Add(lo+i, 1)
			}
			if s.bad[i] {
				logp[i] = math.NaN()
			}
			if (lo+i)%n == 0 {
				out.Reports[(lo+i)/n] = exactReport(v)
			}
		}
		rows.FillNaN(rows.Features[T](x), s.bad)
		rows.Store(out.Draws.Values(), rows.Features[T](x), lo)
		return r
	})
	return (sampleOptions{}).err(r, all)
}

func exactReport(logMarginal float64) ConditionalReport {
	return ConditionalReport{Method: "exact", LogMarginal: logMarginal, EffectiveSize: math.Inf(1)}
}

// sampleRows sets the free features of x to draws given the others, which are
// those of observed, and marginal and remainder to their log-densities.
func (s *triangleSession[T]) sampleRows(x, observed, cond bijector.Mat[T], rng *rand.Rand) {
	logDet := s.logDet[:x.N]
	z := bijector.NewMat[T](x.D, x.N)
	s.flowSession.base.Sample(rng, z, cond, 1)
	clear(logDet)
	s.pass.Inverse(x, z, cond, logDet)
	rows.MarkOutside(logDet)
	rows.ZeroNonFinite(rows.Features[T](x), logDet, make([]bool, x.N), 0) // any value will do
	s.observe(x, observed)
	v := s.split(x, cond)
	for j, known := range s.t.latent {
		if known {
			copy(z.Feature(j), v.Feature(j))
		}
	}
	clear(logDet)
	s.pass.Inverse(x, z, cond, logDet)
	s.observe(x, observed)
	s.split(x, cond)
}

// observe sets the observed features of x to what was observed, without the
// rounding of their way through the flow.
func (s *triangleSession[T]) observe(x, observed bijector.Mat[T]) {
	for j, is := range s.t.observed {
		if is {
			copy(x.Feature(j), observed.Feature(j))
		}
	}
}

// scoreExactly sets log p(x_B | x_A).
func (c *Conditional[T]) scoreExactly(logp []float64, reports []ConditionalReport, in bijector.Input[T], cond bijector.Context[T]) error {
	r := c.pool.Run(nil, len(logp), c.triangle.newSession, func(s *triangleSession[T], lo, hi int) rows.Report {
		x, h, r := s.load(in, cond, lo, hi-lo)
		s.split(x, h)
		copy(logp[lo:hi], s.remainder)
		for i, v := range s.marginal[:x.N] {
			if s.bad[i] {
				v = math.NaN()
			}
			reports[lo+i] = exactReport(v)
		}
		r.Result.Merge(rows.MarkLogProbs(logp[lo:hi], s.bad, lo))
		return r
	})
	return r.Err(len(logp), bijector.NewRowError)
}
