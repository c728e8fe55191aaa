// Package vi is variational inference: a flow fitted to a density that can be
// evaluated but not drawn from, such as a posterior,
//
//	report, err := vi.Fit(ctx, f, vi.TargetFunc(2, logDensity), 10_000, train.Options{})
//	sample, err := vi.ImportanceWeights(f, target, rng, 10_000)
//
// and draws of the flow weighed by that density, which tell how well the flow
// stands in for it.
package vi

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/nilcheck"
	"github.com/bijou-flow/bijou/internal/random"
	"github.com/bijou-flow/bijou/train"
)

// Target is a density p~(x) = Z p(x) that need not be normalised, such as a
// posterior: a likelihood times a prior.
type Target interface {
	// Dim is the number of values of x.
	Dim() int
	// LogProb sets logp[i] to log p~ of row i of x, in nats, and row i of
	// gradient to its derivatives with respect to that row; x and gradient
	// are row-major, len(logp) rows of Dim values. An empty gradient is not
	// wanted. -Inf is a density of 0. It is called by one goroutine at a time.
	LogProb(logp, gradient, x []float64)
}

// TargetFunc makes a Target of a function of one row: it returns log p~(x),
// and fills in the gradient, which is never empty. A nil f is refused by Fit
// and ImportanceWeights.
func TargetFunc(dim int, f func(gradient, x []float64) (logp float64)) Target {
	return &targetFunc{dim: dim, f: f}
}

// checkTarget refuses a nil target, and one of a nil function.
func checkTarget(target Target) error {
	if nilcheck.IsNil(target) {
		return fmt.Errorf("vi: no target density: %w", train.ErrOptions)
	}
	if t, ok := target.(*targetFunc); ok && t.f == nil {
		return fmt.Errorf("vi: a target density of a nil function: %w", train.ErrOptions)
	}
	return nil
}

type targetFunc struct {
	dim           int
	f             func(gradient, x []float64) float64
	discardedGrad []float64
}

func (t *targetFunc) Dim() int { return t.dim }

// LogProb calls the function row by row. The log-density of a row that x or
// gradient has no room for is NaN.
func (t *targetFunc) LogProb(logp, gradient, x []float64) {
	n := 0
	if t.f != nil && t.dim > 0 {
		n = len(x) / t.dim
		if len(gradient) > 0 {
			n = min(n, len(gradient)/t.dim)
		}
	}
	if n > 0 && t.discardedGrad == nil {
		t.discardedGrad = make([]float64, t.dim)
	}
	for i := range logp {
		if i >= n {
			logp[i] = math.NaN()
			continue
		}
		lo, hi := i*t.dim, (i+1)*t.dim
		g := t.discardedGrad
		if len(gradient) > 0 {
			g = gradient[lo:hi]
		}
		logp[i] = t.f(g, x[lo:hi])
	}
}

// Fit fits a flow q to a target by draws of the flow's own: it lowers
//
//	E_q [log q(x) - log p~(x)] = KL(q || p) - log Z,
//
// the Kullback-Leibler divergence in the direction opposite to train.Fit's, and so
// the negative of the evidence lower bound (Rezende and Mohamed 2015, arXiv
// 1505.05770, eq. 15). The gradient goes through the draws: x = f(u) with u
// from the base, and
//
//	log q(x) = log p_base(u) - log|det df/du|.
//
// That needs the gradient of the direction that draws, so that the flow has to
// be over an inverted layer, as in
//
//	f, err := flow.New(bijector.Invert(chain), base)
//
// with a base without parameters of its own: locations and scales to be
// learned are layers of the chain. The flow is unconditional.
//
// An epoch is so many draws, cut into batches as train.Fit cuts rows; they are new in
// every epoch, and depend on train.Options.Seed and their place alone. Options,
// report, checkpoints and the rest are those of train.Fit. ValidationFraction sets draws
// apart, new in every epoch too; 0 sets none apart, since draws that are new cannot be
// learned by heart. Validation is for data and is refused.
//
// Losses are means over draws of what is above in the brackets. Their
// expectation is -log Z at best, where q is p, for the validation loss always
// and for the training loss where each draw is mapped by itself. Batch norm
// maps a batch by its own moments while it trains, which fit those draws better
// than any others, so that training losses may be lower than -log Z: a batch
// norm over n normal draws by about 1/n a feature. What tells is the validation
// loss, which takes the moments of all draws trained on, or ImportanceWeights.
//
// The divergence is infinite where q draws what p has not: a step with a draw at
// which the target is -Inf is left out, and counted in Report.BadSteps. Where that
// befalls a tenth of the draws of a step, or one in each of ten steps in a row, the
// error is ErrSupport, with an example. Make the support the flow's own by a last
// layer that maps the line to it, such as an inverted bijector.Bounds for
// half-lines and intervals:
//
//	inside, err := bijector.NewBounds[T](bijector.BoundsSpec{Dim: 2, Features: []bijector.FeatureBounds{bijector.Above(0, 0)}})
//	drawing, err := bijector.NewChain[T](chain, bijector.Invert(inside))
//	f, err := flow.New(bijector.Invert(drawing), base)
//
// q covers the modes it finds and may miss others: ImportanceWeights tells how
// well the fit serves.
func Fit[T bijector.Float](ctx context.Context, f *flow.Flow[T], target Target, draws int, o train.Options) (*train.Report, error) {
	m := &objective[T]{flow: f, target: target}
	if err := m.Check(); err != nil {
		return nil, err
	}
	switch {
	case draws < 1:
		return nil, fmt.Errorf("vi: epochs of %d draws, want 1 or more: %w", draws, train.ErrOptions)
	case o.Validation != nil:
		return nil, fmt.Errorf("vi: validation data for a fit to a density; ValidationFraction sets draws apart: %w", train.ErrOptions)
	}
	if o.ValidationFraction == 0 {
		o.ValidationFraction = train.NoValidation
	}
	o.InOrder = true // draws have no order to lose
	report, err := train.Fit(ctx, m, newBaseSource(f.Base(), draws, o.Seed), o)
	if errors.Is(err, train.ErrDiverged) && m.outside.count > 0 {
		err = fmt.Errorf("%w: %w", m.outside.err(), err)
	}
	return report, err
}

// ErrSupport: a flow draws where the target is 0, and the divergence from it is
// infinite.
var ErrSupport = errors.New("draws outside the support of the target")

// outside is about the latest step with draws at which the target is 0.
type outside struct {
	count, n int
	example  []float64
}

func (o *outside) set(count, n int, example []float64) {
	o.count, o.n = count, n
	o.example = append(o.example[:0], example...)
}

func (o *outside) err() error {
	return fmt.Errorf("vi: the target is -Inf at %d of the %d draws of a step, at %v for one; let the flow draw within the support, by an inverted bijector.Bounds as the last layer of what draws: %w", o.count, o.n, o.example, ErrSupport)
}

// CheckTargets is asked after a step that was not finite: it returns ErrSupport
// where a tenth of its draws lie outside the target's support.
func (m *objective[T]) CheckTargets(tensor.Tensor) error {
	if m.outside.count*10 >= m.outside.n && m.outside.count > 0 {
		return m.outside.err()
	}
	return nil
}

// objective is the bijector.Objective: its rows are draws u of the base.
type objective[T bijector.Float] struct {
	flow   *flow.Flow[T]
	target Target
	mu     sync.Mutex // for the target, which passes share
	// outside tells of draws outside the target's support, in training.
	outside outside
}

// Params are the flow's.
func (m *objective[T]) Params() []bijector.Param[T] { return m.flow.Params() }

// Buffers are the flow's.
func (m *objective[T]) Buffers() []bijector.Buffer { return m.flow.Buffers() }

// Spec is the flow's.
func (m *objective[T]) Spec() any { return m.flow.Spec() }

// Invalidate tells the flow that its state was written to.
func (m *objective[T]) Invalidate() { m.flow.Invalidate() }

// Dim is the number of values of a draw.
func (m *objective[T]) Dim() int { return m.flow.Dim() }

// ContextDim is the flow's, which Check wants to be 0.
func (m *objective[T]) ContextDim() int { return m.flow.ContextDim() }

// MinBatch is the flow's.
func (m *objective[T]) MinBatch() int { return m.flow.MinBatch() }

// Check says what keeps a flow from being fitted to the target.
func (m *objective[T]) Check() error {
	if m.flow == nil {
		return fmt.Errorf("vi: no flow: %w", bijector.ErrSpec)
	}
	if err := checkTarget(m.target); err != nil {
		return err
	}
	if err := m.flow.Validate(); err != nil {
		return err
	}
	if d := m.target.Dim(); d != m.Dim() {
		return fmt.Errorf("vi: a target of %d values and a flow of %d features, want the same number: %w", d, m.Dim(), bijector.ErrShape)
	}
	if c := m.ContextDim(); c > 0 {
		return fmt.Errorf("vi: a flow with %d context features, and a target without: fit an unconditional flow: %w", c, bijector.ErrContext)
	}
	if len(m.flow.Base().Params()) > 0 {
		return fmt.Errorf("vi: the base (%T) learns parameters, which the gradient through its draws leaves out; fix it, and put bijector.Shift and bijector.Scale layers into the chain: %w", m.flow.Base(), bijector.ErrNotTrainable)
	}
	inverted, ok := m.flow.Layer().(*bijector.Inverted[T])
	if !ok {
		return fmt.Errorf("vi: a fit to a density needs the gradient of the direction that draws; make the flow over bijector.Invert of the layers, not over a %T: %w", m.flow.Layer(), bijector.ErrNotTrainable)
	}
	if err := bijector.CheckTrainable(inverted.Members()[0]); err != nil {
		return fmt.Errorf("inverted layer: %w", err)
	}
	return nil
}

// inner is the layer that maps draws of the base to draws of the flow.
func (m *objective[T]) inner() bijector.Layer[T] {
	return m.flow.Layer().(*bijector.Inverted[T]).Members()[0]
}

// Calibrate hands draws of the base to the layers that take their state from
// data, which is what the inner layer sees.
func (m *objective[T]) Calibrate(u, cond bijector.Mat[T], start bool, w *bijector.Workers) {
	if c, ok := m.inner().(bijector.Calibrator[T]); ok {
		c.Calibrate(u, cond, start, w)
	}
}

// baseSource is a Source of draws from a base distribution, new in every epoch.
type baseSource[T bijector.Float] struct {
	n, dim int
	seed   uint64
	epoch  uint64
	pass   distribution.BasePass[T]
	draw   bijector.Mat[T]
	pcg    rand.PCG
	rng    *rand.Rand
}

func newBaseSource[T bijector.Float](base distribution.Base[T], n int, seed uint64) *baseSource[T] {
	d := &baseSource[T]{
		n: n, dim: base.Dim(), seed: seed,
		pass: base.NewBasePass(bijector.PassOptions{MaxBatch: 1}),
		draw: bijector.NewMat[T](base.Dim(), 1),
	}
	d.rng = rand.New(&d.pcg)
	return d
}

func (d *baseSource[T]) Len() int        { return d.n }
func (d *baseSource[T]) Dim() int        { return d.dim }
func (d *baseSource[T]) ContextDim() int { return 0 }

func (d *baseSource[T]) SetEpoch(epoch int) { d.epoch = uint64(epoch) }

// Read seeds the generator for every row.
func (d *baseSource[T]) Read(rows []int, x, _ *tensor.Dense) error {
	out, ok := any(x.Float64s).(func() []T)
	if !ok {
		out = any(x.Float32s).(func() []T)
	}
	values := out()
	for i, row := range rows {
		d.pcg.Seed(random.Mix(d.seed+random.Mix(uint64(row))), random.Mix(d.epoch+0x7265766572736500))
		d.pass.Sample(d.rng, d.draw, bijector.Mat[T]{}, 1)
		for j := range d.dim {
			values[i*d.dim+j] = d.draw.Feature(j)[0]
		}
	}
	return nil
}
