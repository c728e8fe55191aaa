package margin

// Estimates against the distributions that the values were drawn from.

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

type law interface {
	Rand() float64
	LogProb(x float64) float64
	Quantile(p float64) float64
}

func draws(d law, n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = d.Rand()
	}
	return v
}

// laws are drawn from in the order of the slice, each from a generator of its
// own.
func laws() map[string]struct {
	law
	divergence float64 // from 10,000 values, nats
	gain       float64 // over a normal, at least
} {
	src := func(seed uint64) rand.Source { return rand.NewPCG(seed, 5) }
	return map[string]struct {
		law
		divergence, gain float64
	}{
		"t2":        {distuv.StudentsT{Sigma: 1, Nu: 2, Src: src(1)}, 0.005, 0.2},
		"cauchy":    {distuv.StudentsT{Sigma: 1, Nu: 1, Src: src(2)}, 0.005, 1},
		"lognormal": {distuv.LogNormal{Sigma: 2, Src: src(3)}, 0.02, 1},
		"gamma":     {distuv.Gamma{Alpha: 2, Beta: 1, Src: src(4)}, 0.01, 0.15},
		"laplace":   {distuv.Laplace{Mu: 5, Scale: 1, Src: src(5)}, 0.01, 0.05},
	}
}

func TestFitIsCloseToTheTruth(t *testing.T) {
	for name, c := range laws() {
		v := draws(c.law, 10_000)
		for _, unit := range []float64{1, 1e-9, 1e12} { // nothing depends on the unit
			scaled := make([]float64, len(v))
			for i, x := range v {
				scaled[i] = unit * x
			}
			r := Fit(scaled, 0.02)
			if r.Margin == nil || r.Gain < c.gain {
				t.Errorf("%s in units of %g: %+v, want a gain of at least %v", name, unit, r, c.gain)
				continue
			}
			divergence := 0.0
			const n = 20_000
			for _, x := range draws(c.law, n) {
				divergence += (c.LogProb(x) - math.Log(unit) - r.Margin.logDensity(unit*x)) / n
			}
			if math.Abs(divergence) > c.divergence {
				t.Errorf("%s in units of %g: %v nats from the truth, want %v at most", name, unit, divergence, c.divergence)
			}
		}
	}
}

// A heavy tail goes on beyond the data: quantiles of one in 1,000, from 10,000
// values.
func TestTailQuantiles(t *testing.T) {
	for name, c := range laws() {
		r := Fit(draws(c.law, 100_000), 0.02)
		for _, p := range []float64{0.001, 0.999} {
			got, _ := r.Margin.Inverse(distuv.UnitNormal.Quantile(p))
			want := c.Quantile(p)
			if math.Abs(got-want) > 0.15*math.Abs(want) && math.Abs(got-want) > 0.02 {
				t.Errorf("%s: the quantile of %v is %v, want %v", name, p, got, want)
			}
		}
	}
}

// A column of positive values keeps its side of 0: its small quantiles are those of
// the truth, mirrored too, and a value beyond 0 is unlikely and no more.
func TestTailsTowardsZero(t *testing.T) {
	law := laws()["lognormal"]
	v := draws(law, 20_000)
	for _, sign := range []float64{1, -1} {
		values := make([]float64, len(v))
		for i, x := range v {
			values[i] = sign * x
		}
		m := Fit(values, 0.02).Margin
		towards, away := m.Lower, m.Upper
		if sign < 0 {
			towards, away = away, towards
		}
		if towards.Shape != AsinhTail || away.Shape == AsinhTail {
			t.Errorf("sign %v: tails %+v towards 0 and %+v away from it", sign, towards, away)
		}
		for _, p := range []float64{1e-4, 0.001, 0.01} {
			x, _ := m.Inverse(sign * distuv.UnitNormal.Quantile(p))
			if ratio := sign * x / law.Quantile(p); math.Abs(math.Log(ratio)) > 0.15 {
				t.Errorf("sign %v: the quantile of %v is %v of the truth's", sign, p, ratio)
			}
		}
		if x, _ := m.Inverse(-5 * sign); math.Abs(x) > 1e-12 {
			t.Errorf("sign %v: the latent of 5 is at %v, want 0", sign, x)
		}
		if logp := m.logDensity(-sign); !(logp < -50 && logp > -1e4) {
			t.Errorf("sign %v: the log-density beyond 0 is %v", sign, logp)
		}
	}
	if r := Fit(append(v, -1e-9), 0.02); r.Margin.Lower.Shape == AsinhTail {
		t.Error("a value on the other side of 0, and still a tail towards it")
	}
}

func TestWhatIsLeftAlone(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	by := func(n int, f func(i int) float64) []float64 {
		v := make([]float64, n)
		for i := range v {
			v[i] = f(i)
		}
		return v
	}
	for name, v := range map[string][]float64{
		"few":      by(30, func(int) float64 { return math.Exp(3 * rng.NormFloat64()) }),
		"normal":   by(10_000, func(int) float64 { return 1e6 + rng.NormFloat64() }),
		"constant": by(1000, func(int) float64 { return 3 }),
		"0 and 1":  by(1000, func(i int) float64 { return float64(i % 2) }),
		"counts":   by(1000, func(int) float64 { return float64(rng.IntN(20)) }),
		"spike": by(1000, func(i int) float64 {
			if i%10 == 0 {
				return 0
			}
			return math.Exp(3 * rng.NormFloat64())
		}),
	} {
		if r := Fit(v, 0.15); r.Margin != nil {
			t.Errorf("%s: %+v, want no margin", name, r)
		}
	}
}

// There and back, slopes and their derivatives by differences, at knots and in
// the tails too.
func TestMarginIsSmooth(t *testing.T) {
	for name, c := range laws() {
		m := Fit(draws(c.law, 5000), 0.02).Margin
		if err := m.Validate(); err != nil {
			t.Fatal(name, err)
		}
		for z := -9.0; z <= 9; z += 0.137 {
			x, logSlope := m.Inverse(z)
			back, again, bend := m.Forward(x)
			if math.Abs(back-z) > 1e-7*(1+math.Abs(z)) || math.Abs(again-logSlope) > 1e-6 {
				t.Errorf("%s: the latent %v comes back as %v, with log-slopes %v and %v", name, z, back, logSlope, again)
			}
			h := 1e-6 / math.Exp(logSlope)
			up, upSlope, _ := m.Forward(x + h)
			down, downSlope, _ := m.Forward(x - h)
			if slope := (up - down) / (2 * h); math.Abs(math.Log(slope)-logSlope) > 1e-4 {
				t.Errorf("%s at %v: slope %v, by differences %v", name, x, math.Exp(logSlope), slope)
			}
			if d := (upSlope - downSlope) / (2 * h); math.Abs(d-bend)*h/1e-6 > 1e-3*(1+math.Abs(bend)*h/1e-6) {
				near := false // of a knot the curvature jumps
				for _, k := range m.X {
					near = near || math.Abs(k-x) <= 2*h
				}
				if !near && math.Abs(z) < 7.9 {
					t.Errorf("%s at %v: the log-slope's derivative %v, by differences %v", name, x, bend, d)
				}
			}
		}
	}
}
