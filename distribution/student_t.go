// The Student t base distribution.

package distribution

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mathext"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// defaultDF are the degrees of freedom of a spec that gives none: heavy tails
// with a finite variance and kurtosis.
const defaultDF = 5

// maxLogDF bounds the logarithm of the degrees of freedom. Beyond e^25 nothing
// distinguishes the distribution from a normal one, in float64.
const maxLogDF = 25

// StudentT is a Student t distribution of independent dimensions, with degrees
// of freedom nu, location and scale of each:
//
//	log p(z) = sum_j -(nu_j+1)/2 log(1+u_j^2/nu_j) - log s_j
//	           + log G((nu_j+1)/2) - log G(nu_j/2) - log(nu_j pi)/2,
//
// with u = (z-loc)/s, and the gamma function G. The support is the real line.
// nu = 1 is the Cauchy distribution; as nu grows, the normal one. Moments of
// order nu and above do not exist: a scale s means a standard deviation of
// s*sqrt(nu/(nu-2)) where nu > 2.
//
// A flow whose layers are Lipschitz, as affine couplings with bounded scales
// and splines with linear tails are, keeps the tails of its base: over a
// normal one it cannot fit data with heavier ones (Jaini, Kobyzev, Yu and
// Brubaker 2020, arXiv 1907.04481, whose tail-adaptive flows learn nu with the
// layers, as LearnedDF does). The log-density falls like -(nu+1) log|u|, and
// its gradient, -(nu+1) u/(nu+u^2)/s, vanishes far out, so that outliers pull
// at the parameters less. The cost is a logarithm a value.
//
// Draws cost two uniforms and no rejection (Bailey 1994, Mathematics of
// Computation 62, p. 779): u = sqrt(nu (V^(-2/nu) - 1)) cos(2 pi W). With a
// small nu some exceed what T can hold, float32 at nu = 0.1 one in 7,000; a
// Flow's error counts them. Temperature multiplies u.
type StudentT[T bijector.Float] struct {
	spec StudentTSpec
	locationScale[T]
	df    []float64 // fixed; nil: defaultDF
	logDF []T       // learned
}

// StudentTSpec describes a StudentT.
type StudentTSpec struct {
	// Dim is the number of features.
	Dim int `json:"dim"`
	// DF are the degrees of freedom of each feature, from e^-25 to e^25; none
	// means 5.
	DF []float64 `json:"df,omitempty"`
	// Loc is the location of each feature; none means 0.
	Loc []float64 `json:"loc,omitempty"`
	// Scale is the scale of each feature, positive; none means 1.
	Scale []float64 `json:"scale,omitempty"`
	// Learned makes location and log-scale parameters, which start from Loc
	// and Scale. Otherwise they stay what they are.
	Learned bool `json:"learned,omitempty"`
	// LearnedDF makes log nu a parameter, which starts from DF.
	LearnedDF bool `json:"learned_df,omitempty"`
}

// Values is the number of values that are saved: see registry.Sizer.
func (s StudentTSpec) Values() float64 {
	n := 0
	if s.Learned {
		n += 2
	}
	if s.LearnedDF {
		n++
	}
	return float64(n) * float64(s.Dim)
}

func (s StudentTSpec) clone() StudentTSpec {
	s.DF, s.Loc, s.Scale = slices.Clone(s.DF), slices.Clone(s.Loc), slices.Clone(s.Scale)
	return s
}

// NewStudentT makes a StudentT from its spec. A spec that describes no
// distribution is an ErrSpec.
func NewStudentT[T bijector.Float](s StudentTSpec) (*StudentT[T], error) {
	d, err := newLocationScale[T]("Student t", NormalSpec{Dim: s.Dim, Loc: s.Loc, Scale: s.Scale, Learned: s.Learned})
	if err != nil {
		return nil, err
	}
	if err := checkDF(s); err != nil {
		return nil, err
	}
	t := &StudentT[T]{spec: s.clone(), locationScale: d}
	if !s.LearnedDF {
		t.df = slices.Clone(s.DF)
		return t, nil
	}
	t.logDF = make([]T, s.Dim)
	for j := range t.logDF {
		t.logDF[j] = T(math.Log(defaultDF))
	}
	for j, v := range s.DF {
		t.logDF[j] = T(math.Log(v))
	}
	return t, nil
}

func checkDF(s StudentTSpec) error {
	if n := len(s.DF); n != 0 && n != s.Dim {
		return fmt.Errorf("distribution: a Student t of %d dimensions with degrees of freedom for %d, want %d, or none for %d: %w: %w", s.Dim, n, s.Dim, defaultDF, bijector.ErrSpec, bijector.ErrShape)
	}
	for j, v := range s.DF {
		if !(math.Abs(math.Log(v)) <= maxLogDF) {
			return fmt.Errorf("distribution: degrees of freedom %d of a Student t are %v, want positive ones from e^-%d to e^%d: %w", j, v, maxLogDF, maxLogDF, bijector.ErrSpec)
		}
	}
	return nil
}

// Spec is the StudentTSpec. That of a learned one holds the values it started
// from; the present ones are its Params.
func (t *StudentT[T]) Spec() any { return t.spec.clone() }

// Params are "loc" and "log_scale" where they are learned, and "log_df" where
// that is, each (dim). Weight decay leaves them alone.
func (t *StudentT[T]) Params() []bijector.Param[T] {
	all := t.locationScale.Params()
	if t.logDF != nil {
		all = append(all, bijector.Param[T]{Name: "log_df", Shape: []int{t.dim}, Data: t.logDF, NoDecay: true})
	}
	return all
}

// Validate returns nil, or an ErrNonFinite for a learned parameter that has
// become unusable.
func (t *StudentT[T]) Validate() error {
	if err := t.locationScale.Validate(); err != nil {
		return err
	}
	for j, v := range t.logDF {
		if !(math.Abs(float64(v)) <= maxLogDF) {
			return fmt.Errorf("distribution: the logarithm of learned degrees of freedom %d is %v, want one of magnitude up to %d: %w", j, v, maxLogDF, bijector.ErrNonFinite)
		}
	}
	return nil
}

// NewBasePass returns a pass that scores and draws.
func (t *StudentT[T]) NewBasePass(o bijector.PassOptions) BasePass[T] {
	return newLocationScalePass(&t.locationScale, newStandardT(t), o)
}

// NewBaseGradPass returns a pass that differentiates.
func (t *StudentT[T]) NewBaseGradPass(o bijector.PassOptions) BaseGradPass[T] {
	laws := newStandardT(t)
	p := &studentTGradPass[T]{locationScaleGradPass: newLocationScaleGradPass(&t.locationScale, laws, o), standardT: laws}
	if t.logDF != nil {
		p.dlogDF = make([]T, t.dim)
		p.grads = append(p.grads, p.dlogDF)
		p.backwardDF = p.backwardFeatures
	}
	return p
}

// standardT are the laws of u in all dimensions.
type standardT[T bijector.Float] struct {
	dist    *StudentT[T]
	df      []float64
	logNorm []float64 // log p(0)
}

func newStandardT[T bijector.Float](t *StudentT[T]) *standardT[T] {
	s := &standardT[T]{dist: t, df: make([]float64, t.dim), logNorm: make([]float64, t.dim)}
	for j := range s.df {
		s.df[j] = defaultDF
	}
	copy(s.df, t.df)
	for j, v := range s.df {
		s.logNorm[j] = logNormT(v)
	}
	return s
}

func (s *standardT[T]) loadParams() {
	for j, v := range s.dist.logDF {
		s.df[j] = math.Exp(float64(v))
		s.logNorm[j] = logNormT(s.df[j])
	}
}

const halfLog2Pi = 0.91893853320467274178032973640561763986139747363778341281715154

// asymptoticDF is where the differences of logarithms of gamma functions are computed
// from their series in 1/nu: below, they keep 12 digits; above, the first term
// that is left out is below 1e-17.
const asymptoticDF = 200

// logNormT is log G((nu+1)/2) - log G(nu/2) - log(nu pi)/2, which is
// -log(2 pi)/2 - 1/(4 nu) + 1/(24 nu^3) - 1/(20 nu^5) + ...
func logNormT(nu float64) float64 {
	if nu > asymptoticDF {
		r := 1 / nu
		return -halfLog2Pi - r*(0.25-r*r*(1./24-r*r/20))
	}
	a, _ := math.Lgamma((nu + 1) / 2)
	b, _ := math.Lgamma(nu / 2)
	return a - b - 0.5*math.Log(nu*math.Pi)
}

// logNormTSlope is nu times the derivative of logNormT.
func logNormTSlope(nu float64) float64 {
	if nu > asymptoticDF {
		r := 1 / nu
		return r * (0.25 - r*r*(1./8-r*r/4))
	}
	// For nu near 0, digamma(nu/2) = digamma(nu/2+1) - 2/nu keeps its digits.
	return 0.5 * (nu*(mathext.Digamma((nu+1)/2)-mathext.Digamma(nu/2+1)) + 1)
}

// overflowFrom is where the square of u could overflow, and u^2/nu+1 is u^2/nu.
const overflowFrom = 1e140

func (s *standardT[T]) logProb(j int, logp, u []float64, shift float64) {
	nu := s.df[j]
	shift += s.logNorm[j]
	for i, v := range u {
		if a := math.Abs(v); a > overflowFrom {
			logp[i] -= (nu + 1) * (math.Log(a) - 0.5*math.Log(nu))
			v = 0
		}
		logp[i] += shift
		u[i] = v * v / nu
	}
	kernel.Log1p(u, u)
	for i, v := range u {
		logp[i] -= 0.5 * (nu + 1) * v
	}
}

func (s *standardT[T]) score(j int, u []float64) {
	for i, v := range u {
		u[i] = scoreT(s.df[j], v)
	}
}

func (s *standardT[T]) draw(j int, rng *rand.Rand) float64 { return drawT(s.df[j], rng) }

// scoreT: d/du (-(nu+1)/2 log(1+u^2/nu)) = -(nu+1) u/(nu+u^2), written so that
// nothing overflows.
func scoreT(nu, u float64) float64 {
	if math.Abs(u) > 1 {
		return -(nu + 1) / (nu/u + u)
	}
	return -(nu + 1) * u / (nu + u*u)
}

// drawT is Bailey's polar method: with V uniform, nu (V^(-2/nu) - 1) is the
// squared radius of a bivariate Student t, one coordinate of which is asked
// for.
func drawT(nu float64, rng *rand.Rand) float64 {
	e := -2 * math.Log1p(-rng.Float64()) / nu // 1-V is never 0
	r := math.Exp(e / 2)
	if e < 700 {
		r = math.Sqrt(math.Expm1(e))
	}
	return math.Sqrt(nu) * r * math.Cos(2*math.Pi*rng.Float64())
}

type studentTGradPass[T bijector.Float] struct {
	*locationScaleGradPass[T]
	standardT  *standardT[T]
	dlogDF     []T
	backwardDF func(lo, hi int) // nil where nu is fixed
}

// Backward adds to what locationScale computes, with c(nu) = logNormT,
//
//	dlog nu = sum_i dlogp_i nu (c'(nu) - log(1+u^2/nu)/2 + (nu+1)/2 u^2/(nu (nu+u^2))).
//
// Each feature is the sum of one worker.
func (p *studentTGradPass[T]) Backward(dz, dcond, z, cond bijector.Mat[T], dlogp []float64) {
	p.locationScaleGradPass.Backward(dz, dcond, z, cond, dlogp)
	if p.backwardDF != nil {
		p.workers.For(len(p.dlogDF), 1, p.backwardDF)
	}
}

func (p *studentTGradPass[T]) backwardFeatures(lo, hi int) {
	for j := lo; j < hi; j++ {
		nu, loc, s := p.standardT.df[j], p.loc[j], p.scale(j)
		slope, sum := logNormTSlope(nu), 0.0
		for i, v := range p.z.Feature(j) {
			a := min(math.Abs((float64(v)-loc)/s), overflowFrom)
			a = a * a / nu
			sum += p.dlogp[i] * (slope - 0.5*nu*math.Log1p(a) + 0.5*(nu+1)*a/(1+a))
		}
		p.dlogDF[j] += T(sum)
	}
}
