// What a search comes to: draws, scores, and the diagnostics of its chains.

package flow

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// longest is how many times as many sweeps as asked for a search makes where
// importance weights will not do.
const longest = 10

// fit brings the chains to the distribution, and weighs proposals around them. It
// reports whether there is anything to find.
func (s *search[T]) fit() (importance, bool) {
	s.report = ConditionalReport{Method: "importance", LogMarginal: math.NaN(), StdErr: math.NaN()}
	if slices.ContainsFunc(s.row, func(v T) bool { return v-v != 0 }) || !s.start() {
		return importance{}, false
	}
	half := s.c.o.Sweeps / 2
	for range half {
		s.sweep()
	}
	s.accepted, s.offered = 0, 0
	s.run(s.c.o.Sweeps - half)
	w := s.weigh()
	s.report.LogMarginal, s.report.StdErr, s.report.EffectiveSize = w.logMean, w.stdErr, w.effective
	s.report.Acceptance = float64(s.accepted) / float64(s.offered)
	s.report.RHat, _ = s.diagnose()
	return w, !math.IsInf(w.logMean, -1)
}

// score is log p(x_B | x_A) of a whole row.
func (s *search[T]) score(row []T) (float64, bool) {
	x, logp := make([]float64, len(s.c.free)), make([]float64, 1)
	for k, j := range s.c.free {
		if x[k] = float64(row[j]); x[k]-x[k] != 0 {
			return math.NaN(), false
		}
	}
	if _, ok := s.fit(); !ok {
		return math.NaN(), false
	}
	s.target(x, logp)
	return logp[0] - s.report.LogMarginal, true
}

// sample sets the free features of rows to draws, and logp to their densities.
func (s *search[T]) sample(out []T, logp []float64) bool {
	d, b, n := len(s.row), len(s.c.free), len(logp)
	w, ok := s.fit()
	if !ok {
		for i := range out {
			out[i] = T(math.NaN())
		}
		for i := range logp {
			logp[i] = math.NaN()
		}
		return false
	}
	x := make([]float64, n*b)
	if w.effective >= s.c.o.MinEffective {
		for i, k := range w.resample(s.rng, n) {
			copy(x[i*b:(i+1)*b], w.x[k*b:(k+1)*b])
		}
	} else {
		s.goOn()
		for i := range n {
			// Sweeps in turn and chains at random: draws that are few are far apart.
			at := s.kept[(2*i+1)*len(s.kept)/(2*n)]
			c := s.rng.IntN(states)
			copy(x[i*b:(i+1)*b], at[c*b:(c+1)*b])
		}
		s.rng.Shuffle(n, func(i, j int) {
			for k := range b {
				x[i*b+k], x[j*b+k] = x[j*b+k], x[i*b+k]
			}
		})
	}
	s.target(x, logp)
	for i := range n {
		for k, j := range s.c.free {
			out[i*d+j] = T(x[i*b+k])
		}
		logp[i] -= s.report.LogMarginal
	}
	return true
}

// goOn runs the chains until they have come together and are worth what is asked
// for, or long enough.
func (s *search[T]) goOn() {
	s.report.Method = "mcmc"
	for sweeps := s.c.o.Sweeps; ; sweeps *= 2 {
		s.report.RHat, s.report.EffectiveSize = s.diagnose()
		if s.report.RHat < 1.05 && s.report.EffectiveSize >= s.c.o.MinEffective || sweeps > longest*s.c.o.Sweeps/2 {
			break
		}
		s.kept, s.every, s.since = s.kept[:0], 1, 0 // what was before was on the way
		s.accepted, s.offered = 0, 0
		s.run(sweeps)
	}
	s.report.Acceptance = float64(s.accepted) / float64(s.offered)
}

// diagnose is the largest split R-hat of the free features and their least
// effective sample size, over the kept states.
func (s *search[T]) diagnose() (rHat, effective float64) {
	b, length := len(s.c.free), len(s.kept)/2*2
	rHat, effective = 1, math.Inf(1)
	chain := make([]float64, length)
	for k := range b {
		half := length / 2
		means, variances := make([]float64, 0, 2*states), make([]float64, 0, 2*states)
		covariances := make([]float64, half) // by lag, the mean over half chains
		for c := range states {
			for i := range chain {
				chain[i] = s.kept[i][c*b+k]
			}
			for _, part := range [][]float64{chain[:half], chain[half:]} {
				mean, variance := stat.MeanVariance(part, nil)
				means, variances = append(means, mean), append(variances, variance)
			}
			addAutocovariances(covariances, chain[:half], means[len(means)-2])
			addAutocovariances(covariances, chain[half:], means[len(means)-1])
		}
		r, e := mixing(means, variances, covariances, 2*states)
		rHat, effective = max(rHat, r), min(effective, e)
	}
	return rHat, effective
}

// addAutocovariances adds those of a chain, by lag, up to a quarter of it.
func addAutocovariances(sum, chain []float64, mean float64) {
	n := len(chain)
	for lag := range min(len(sum), max(n/4, 2)) {
		total := 0.0
		for i := lag; i < n; i++ {
			total += (chain[i] - mean) * (chain[i-lag] - mean)
		}
		sum[lag] += total / float64(n)
	}
}

// mixing is the split R-hat and the effective size of m chains of n states
// (Gelman et al. 2013, sections 11.4 and 11.5), by Geyer's initial positive
// sequence.
func mixing(means, variances, covariances []float64, m int) (rHat, effective float64) {
	n := float64(len(covariances))
	within := stat.Mean(variances, nil)
	if !(within > 0) {
		return math.Inf(1), 1 // nothing moves
	}
	total := (n-1)/n*within + stat.Variance(means, nil)
	// An autocorrelation of the mixture of all chains at a lag.
	rho := func(lag int) float64 { return 1 - (within-covariances[lag]/float64(m)*n/(n-1))/total }
	time := 1.0
	lags := max(int(n)/4, 2)
	for lag := 1; ; lag += 2 {
		if lag+1 >= lags {
			// The chains are too short to see the end of their memory.
			if rho(min(lag, lags-1)) > 0.1 {
				time = n
			}
			break
		}
		pair := rho(lag) + rho(lag+1)
		if pair < 0 {
			break
		}
		time += 2 * pair
	}
	return math.Sqrt(total / within), float64(m) * n / time
}
