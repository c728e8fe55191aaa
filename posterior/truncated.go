// A posterior within the bounds of its prior: what a density that knows of no bounds
// lets leak beyond them is drawn again, and its log-densities are raised by as much.

package posterior

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/nilcheck"
)

// ErrLeakage: a density has next to nothing within the bounds of its prior.
var ErrLeakage = errors.New("the density lies outside of its bounds")

const (
	acceptanceDraws = 10000 // for the share within the bounds; sbi has as many
	maxRedraws      = 10000 // of one row
)

// Truncated is a density q of parameters within a box, the support of their prior,
//
//	p(theta | x) = q(theta | x) / a(x)  for lo <= theta <= hi, and 0 elsewhere,
//
// where a(x) is the share of q within the box: the correction for leakage of sbi's
// posteriors (Greenberg et al. 2019, arXiv 1905.07488; Tejero-Cantero et al. 2020, arXiv
// 2007.09114). Draws beyond the box are drawn again, which costs 1/a(x)
// draws each. It is a Density too, and safe for any number of goroutines.
type Truncated[T bijector.Float] struct {
	density Density[T]
	lo, hi  []float64
}

// NewTruncated restricts a density to lo <= theta <= hi, a bound for each parameter,
// infinite where there is none. It returns ErrShape for another number of bounds, and
// ErrSpec for a nil density and for bounds that are NaN or leave no room.
func NewTruncated[T bijector.Float](d Density[T], lo, hi []float64) (*Truncated[T], error) {
	if nilcheck.IsNil(d) || d.Dim() < 1 {
		return nil, fmt.Errorf("posterior: no density, or one of no parameters: %w", bijector.ErrSpec)
	}
	if len(lo) != d.Dim() || len(hi) != d.Dim() {
		return nil, fmt.Errorf("posterior: %d lower and %d upper bounds of %d parameters, want one of each: %w", len(lo), len(hi), d.Dim(), bijector.ErrShape)
	}
	for j := range lo {
		if !(lo[j] < hi[j]) {
			return nil, fmt.Errorf("posterior: parameter %d lies between %v and %v, want a lower and an upper bound: %w", j, lo[j], hi[j], bijector.ErrSpec)
		}
	}
	return &Truncated[T]{d, slices.Clone(lo), slices.Clone(hi)}, nil
}

// Dim is the number of parameters.
func (p *Truncated[T]) Dim() int { return p.density.Dim() }

// ContextDim is the number of values of an observation.
func (p *Truncated[T]) ContextDim() int { return p.density.ContextDim() }

// within says whether a row lies in the box.
func (p *Truncated[T]) within(row []T) bool {
	for j, v := range row {
		if !(float64(v) >= p.lo[j] && float64(v) <= p.hi[j]) {
			return false
		}
	}
	return true
}

// checkShape returns ErrShape for values and contexts that are not of n rows.
func (p *Truncated[T]) checkShape(values, contexts, n int) error {
	d, c := p.Dim(), p.ContextDim()
	if n < 1 || values != n*d || contexts != c && contexts != n*c {
		return fmt.Errorf("posterior: %d values of parameters and %d of contexts for %d rows, want %d a row, and %d of context for all or a row: %w", values, contexts, n, d, c, bijector.ErrShape)
	}
	return nil
}

// SampleIntoGiven draws len(dst)/d rows within the box, under c values of context for
// all of them or c a row. It returns ErrLeakage where a row is not within after 10,000
// attempts, and the density's errors.
func (p *Truncated[T]) SampleIntoGiven(dst, contexts []T, rng *rand.Rand) error {
	d, c := p.Dim(), p.ContextDim()
	if err := p.checkShape(len(dst), len(contexts), len(dst)/d); err != nil {
		return err
	}
	if err := p.density.SampleIntoGiven(dst, contexts, rng); err != nil {
		return err
	}
	each := len(contexts) != c // a context a row
	var again []int
	for i := range len(dst) / d {
		if !p.within(dst[i*d:][:d]) {
			again = append(again, i)
		}
	}
	draws, given := make([]T, len(again)*d), contexts
	for round := 0; len(again) > 0; round++ {
		if round == maxRedraws {
			return fmt.Errorf("posterior: row %d is outside of the bounds in each of %d attempts: %w", again[0], maxRedraws, ErrLeakage)
		}
		if each {
			given = make([]T, 0, len(again)*c)
			for _, i := range again {
				given = append(given, contexts[i*c:][:c]...)
			}
		}
		if err := p.density.SampleIntoGiven(draws[:len(again)*d], given, rng); err != nil {
			return err
		}
		left := again[:0]
		for k, i := range again {
			if row := draws[k*d:][:d]; p.within(row) {
				copy(dst[i*d:], row)
			} else {
				left = append(left, i)
			}
		}
		again = left
	}
	return nil
}

// LogProbRowsGiven sets dst to the log-densities of len(dst) rows, in nats: -Inf
// outside of the box. Each context costs an Acceptance, one for all rows or for a run
// of rows of the same.
func (p *Truncated[T]) LogProbRowsGiven(dst []float64, rows, contexts []T) error {
	if err := p.checkShape(len(rows), len(contexts), len(dst)); err != nil {
		return err
	}
	if err := p.density.LogProbRowsGiven(dst, rows, contexts); err != nil {
		return err
	}
	d, c := p.Dim(), p.ContextDim()
	var of []T // the context that logA belongs to
	logA := 0.0
	for i := range dst {
		context := contexts
		if len(contexts) != c {
			context = contexts[i*c:][:c]
		}
		if i == 0 || !slices.Equal(of, context) {
			a, err := p.Acceptance(context)
			if err != nil {
				return err
			}
			of, logA = context, math.Log(a)
		}
		if p.within(rows[i*d:][:d]) {
			dst[i] -= logA
		} else {
			dst[i] = math.Inf(-1)
		}
	}
	return nil
}

// Acceptance is a(x), the share of the density within the box under one context: of
// 10,000 draws, always the same ones, so that it is off by 0.01 sqrt(a (1-a)) or so. It
// returns ErrLeakage where none of them is.
func (p *Truncated[T]) Acceptance(context []T) (float64, error) {
	if err := p.checkShape(p.Dim(), len(context), 1); err != nil {
		return 0, err
	}
	d, inside := p.Dim(), 0
	draws := make([]T, acceptanceDraws*d)
	if err := p.density.SampleIntoGiven(draws, context, rand.New(rand.NewPCG(1, 0x6c65616b))); err != nil {
		return 0, err
	}
	for i := range acceptanceDraws {
		if p.within(draws[i*d:][:d]) {
			inside++
		}
	}
	if inside == 0 {
		return 0, fmt.Errorf("posterior: none of %d draws is within the bounds: %w", acceptanceDraws, ErrLeakage)
	}
	return float64(inside) / acceptanceDraws, nil
}
