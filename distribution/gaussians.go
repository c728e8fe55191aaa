// What the mixtures share: classes of components, each a normal distribution.

package distribution

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/rows"
)

// maxMixture bounds components times dimensions.
const maxMixture = 1 << 26

// gaussians are the components of a mixture, those of a class side by side.
// The classes of an unconditional mixture are one.
type gaussians[T bijector.Float] struct {
	dim, classes, components int
	conditional              bool // the context weighs the classes
	logits                   []T  // (classes, components); none for 1 component
	loc, logScale            []T  // (classes, components, dim)
	lower                    []T  // (classes, components, dim (dim-1)/2) of full covariances; nil for diagonal ones
}

// gaussiansValues counts the locations and scales of a class, the triangles of full
// covariances, and the weights where there are several components.
func gaussiansValues(dim, components int, full bool) float64 {
	n := 2 * float64(dim)
	if full {
		n += float64(dim) * float64(dim-1) / 2
	}
	if components > 1 {
		n++
	}
	return n * float64(components)
}

// newGaussians draws the locations.
func newGaussians[T bijector.Float](name string, dim, classes, components int, full bool, spread float64, seed uint64) (g gaussians[T], err error) {
	if err := checkDim(name, dim); err != nil {
		return g, err
	}
	if all := float64(dim) * float64(classes) * float64(components); classes < 1 || components < 1 || all > maxMixture {
		return g, fmt.Errorf("distribution: a %s of %d classes of %d components of %d dimensions, want at least 1 of each, and at most %d in all: %w", name, classes, components, dim, maxMixture, bijector.ErrSpec)
	}
	if all := gaussiansValues(dim, components, true); full && all > maxMixture {
		return g, fmt.Errorf("distribution: a %s of %d full covariances of %d dimensions has %.0f parameters, want at most %d: %w", name, components, dim, all, maxMixture, bijector.ErrSpec)
	}
	if !(spread >= 0 && spread <= math.MaxFloat32) {
		return g, fmt.Errorf("distribution: the locations of a %s with a spread of %v, want a positive one, or 0 for 1: %w", name, spread, bijector.ErrSpec)
	}
	if spread == 0 {
		spread = 1
	}
	n := classes * components
	g = gaussians[T]{dim: dim, classes: classes, components: components, loc: make([]T, n*dim), logScale: make([]T, n*dim)}
	if components > 1 {
		g.logits = make([]T, n)
	}
	if full && dim > 1 {
		g.lower = make([]T, n*triangle(dim))
	}
	rng := rand.New(rand.NewPCG(seed, 0x6d6978))
	for i := range g.loc {
		g.loc[i] = T(spread * rng.NormFloat64())
	}
	return g, nil
}

// Dim is the number of features.
func (g *gaussians[T]) Dim() int { return g.dim }

// Buffers is empty: what is trained is all that is kept.
func (g *gaussians[T]) Buffers() []bijector.Buffer { return nil }

// params are the parameters, of which lead are the dimensions in front of a
// component's.
func (g *gaussians[T]) params(lead ...int) []bijector.Param[T] {
	var all []bijector.Param[T]
	if g.logits != nil {
		all = append(all, bijector.Param[T]{Name: "logits", Shape: append(lead[:len(lead):len(lead)], g.components), Data: g.logits, NoDecay: true})
	}
	shape := append(lead[:len(lead):len(lead)], g.components, g.dim)
	all = append(all,
		bijector.Param[T]{Name: "loc", Shape: shape, Data: g.loc, NoDecay: true},
		bijector.Param[T]{Name: "log_scale", Shape: shape, Data: g.logScale, NoDecay: true})
	if g.lower != nil {
		all = append(all, bijector.Param[T]{Name: "lower", Shape: []int{g.components, triangle(g.dim)}, Data: g.lower, NoDecay: true})
	}
	return all
}

// Validate returns nil, or an ErrNonFinite for a parameter that has become
// unusable.
func (g *gaussians[T]) Validate() error {
	for _, p := range g.params() {
		for i, v := range p.Data {
			if p.Name == "log_scale" && !(math.Abs(float64(v)) <= maxLogScale) {
				return fmt.Errorf("distribution: log-scale %d of a mixture is %v, want one of magnitude up to %d: %w", i, v, maxLogScale, bijector.ErrNonFinite)
			}
			if !rows.IsFinite(v) {
				return fmt.Errorf("distribution: %s %d of a mixture is %v, want a finite value: %w", p.Name, i, v, bijector.ErrNonFinite)
			}
		}
	}
	return nil
}

// NewBasePass returns a pass that scores and draws.
func (g *gaussians[T]) NewBasePass(o bijector.PassOptions) BasePass[T] { return newGaussiansPass(g, o) }

// NewBaseGradPass returns a pass that differentiates.
func (g *gaussians[T]) NewBaseGradPass(o bijector.PassOptions) BaseGradPass[T] {
	return newGaussiansGradPass(g, o)
}
