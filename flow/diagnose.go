// Numerical health of a flow: whether its inverse is still one.

package flow

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/rows"
	"github.com/bijou-flow/bijou/train"
)

// Diagnosis is what Diagnose found. Rows are counted in the data as given.
type Diagnosis struct {
	Rows int // looked at

	// RoundTrip is the largest error of f^-1(f(x)) over all rows and values,
	// relative to the value's magnitude or its column's deviation, whichever is
	// larger, and RoundTripRow where it is. Sound flows have 1e-4 at most in float32, and
	// 1e-8 in float64.
	RoundTrip    float64
	RoundTripRow int
	// NonFinite rows have a NaN or an infinity in f(x) or in f^-1(f(x)); the
	// first of them is FirstNonFinite. They are no part of RoundTrip.
	NonFinite, FirstNonFinite int

	// Gain is the largest factor by which the inverse stretches a small step
	// from a row's latent: the largest singular value of dx/dz, by central
	// differences. Beyond 64 features it is the largest over 64 directions,
	// and so a lower bound. It is estimated at GainRows rows, those with the
	// largest log|det dx/dz|, and largest at GainRow. A rounding error in z
	// comes back that much larger.
	Gain              float64
	GainRow, GainRows int

	// Saturated is the share of rows at which the log-scale of some affine
	// coupling is within a hundredth of its bound. A share that grows as
	// training goes on is the sign of a flow about to explode.
	Saturated float64
}

// Healthy reports whether every row is finite and comes back within 1e-3, ten
// times what is sound in float32.
func (d *Diagnosis) Healthy() bool { return d.NonFinite == 0 && d.RoundTrip <= 1e-3 }

// String is a table.
func (d *Diagnosis) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "rows              %d\n", d.Rows)
	fmt.Fprintf(&b, "worst round trip  %.2g, row %d\n", d.RoundTrip, d.RoundTripRow)
	if d.NonFinite > 0 {
		fmt.Fprintf(&b, "not finite        %d rows, the first is row %d\n", d.NonFinite, d.FirstNonFinite)
	}
	fmt.Fprintf(&b, "largest gain      %.3g, row %d, of %d rows\n", d.Gain, d.GainRow, d.GainRows)
	fmt.Fprintf(&b, "saturated scales  in %.1f %% of the rows\n", 100*d.Saturated)
	return b.String()
}

// Diagnose looks at a flow on the data that it was trained for: how exactly
// its inverse undoes it, how much the inverse stretches, and how many rows
// have scales at their bounds. The data's context conditions a conditional
// flow. It costs about as much as scoring and drawing that many rows.
func Diagnose[T bijector.Float](ctx context.Context, f *Flow[T], data train.Source) (*Diagnosis, error) {
	if f == nil {
		return nil, fmt.Errorf("flow: no flow to diagnose: %w", bijector.ErrSpec)
	}
	if err := f.Validate(); err != nil {
		return nil, err
	}
	const batch = 4 * rows.Size
	e := newDiagnoser(f, batch)
	if err := e.measureDeviations(ctx, data, batch); err != nil {
		return nil, err
	}
	err := train.EachBatch(ctx, data, f.Dim(), f.ContextDim(), batch, func(x, cond bijector.Mat[T]) error {
		e.examine(x, cond, e.diagnosis.Rows)
		return nil
	})
	if err != nil {
		return nil, err
	}
	e.diagnosis.Saturated = float64(e.saturated) / float64(e.diagnosis.Rows)
	return e.diagnosis, e.measureGains(ctx)
}

// diagnoser is a Diagnose on its way.
type diagnoser[T bijector.Float] struct {
	flow           *Flow[T]
	diagnosis      *Diagnosis
	pass           bijector.Pass[T]
	stages         []stage[T]
	embed          bijector.NetworkPass[T] // of contexts; nil: none
	z, x, h        bijector.Mat[T]
	deviations     []float64 // of the columns; 1 of constant ones
	logDet         []float64
	atBound        []bool
	saturated      int
	largestLogDets []steepRow[T] // by log|det dx/dz|, the largest first
	maxSteep       int           // of them
}

// stage is a layer of a chain, in one direction.
type stage[T bijector.Float] struct {
	pass    bijector.Pass[T]
	inverse bool
}

// steepRow is a row, its context and its log|det dx/dz|.
type steepRow[T bijector.Float] struct {
	row     int
	logDet  float64
	x, cond bijector.Mat[T] // copies
}

// maxDirections bounds those in which the gain is looked for, and gainBudget the
// inverses that it takes.
const (
	maxDirections = 64
	gainRows      = 256
	gainBudget    = 1 << 15
)

func newDiagnoser[T bijector.Float](flow *Flow[T], batch int) *diagnoser[T] {
	d := flow.Dim()
	batch = max(batch, 2*min(d, maxDirections))
	o := bijector.PassOptions{MaxBatch: batch}
	e := &diagnoser[T]{
		flow: flow, diagnosis: &Diagnosis{}, pass: flow.Layer().NewPass(o), stages: flattenStages(flow.Layer(), false, o),
		z: bijector.NewMat[T](d, batch), x: bijector.NewMat[T](d, batch),
		logDet: make([]float64, batch), atBound: make([]bool, batch),
		maxSteep: max(1, min(gainRows, gainBudget/(2*min(d, maxDirections)))),
	}
	if m := flow.Embedding(); m != nil {
		e.embed, e.h = m.NewNetworkPass(o), bijector.NewMat[T](m.Out(), batch)
	}
	return e
}

// flattenStages takes a layer apart into those that have a pass of their own.
func flattenStages[T bijector.Float](l bijector.Layer[T], inverse bool, o bijector.PassOptions) (all []stage[T]) {
	switch l := l.(type) {
	case *bijector.Inverted[T]:
		return flattenStages(l.Members()[0], !inverse, o)
	case *bijector.Chain[T]:
		if l.Embedding() != nil { // its members see another context
			break
		}
		members := slices.Clone(l.Members())
		if inverse {
			slices.Reverse(members)
		}
		for _, m := range members {
			all = append(all, flattenStages(m, inverse, o)...)
		}
		return all
	}
	return []stage[T]{{l.NewPass(o), inverse}}
}

// embedContext is the context as layers see it.
func (e *diagnoser[T]) embedContext(cond bijector.Mat[T]) bijector.Mat[T] {
	if e.embed == nil {
		return cond
	}
	h := e.h.Resize(cond.N)
	e.embed.Forward(h, cond, 0, cond.N)
	return h
}

// examine looks at a batch, of which the first row has the number first.
func (e *diagnoser[T]) examine(x, given bijector.Mat[T], first int) {
	cond := e.embedContext(given)
	z, back, logDet := e.z.Resize(x.N), e.x.Resize(x.N), e.logDet[:x.N]
	clear(logDet)
	e.pass.Forward(z, x, cond, logDet)
	back.CopyFrom(z)
	backLogDet := make([]float64, x.N)
	e.pass.Inverse(back, back, cond, backLogDet)
	for i := range x.N {
		row := first + i
		switch worst := e.roundTripError(back, x, z, i); {
		case !rows.IsFinite(worst), math.IsInf(logDet[i], -1), math.IsInf(backLogDet[i], -1): // or outside a domain
			if e.diagnosis.NonFinite++; e.diagnosis.NonFinite == 1 {
				e.diagnosis.FirstNonFinite = row
			}
		case worst > e.diagnosis.RoundTrip:
			e.diagnosis.RoundTrip, e.diagnosis.RoundTripRow = worst, row
		}
		if isFiniteSample(z, i) && rows.IsFinite(logDet[i]) {
			e.largestLogDets = append(e.largestLogDets, steepRow[T]{row: row, logDet: -logDet[i]})
		}
	}
	slices.SortStableFunc(e.largestLogDets, func(a, b steepRow[T]) int {
		switch {
		case a.logDet > b.logDet:
			return -1
		case a.logDet < b.logDet:
			return 1
		}
		return 0
	})
	e.largestLogDets = e.largestLogDets[:min(len(e.largestLogDets), e.maxSteep)]
	for i := range e.largestLogDets {
		if s := &e.largestLogDets[i]; s.x.D == 0 {
			s.x, s.cond = cloneSample(x, s.row-first), cloneSample(given, s.row-first)
		}
	}
	e.diagnosis.Rows += x.N

	z.CopyFrom(x)
	hit := e.atBound[:x.N]
	clear(hit)
	for _, s := range e.stages {
		if s.inverse {
			s.pass.Inverse(z, z, cond, logDet)
		} else {
			s.pass.Forward(z, z, cond, logDet)
		}
		if p, ok := s.pass.(bijector.Saturating); ok {
			p.Saturated(hit)
		}
	}
	for _, h := range hit {
		if h {
			e.saturated++
		}
	}
}
