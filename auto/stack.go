// Weights of candidates, by their held-out densities.

package auto

import (
	"math"

	"gonum.org/v1/gonum/floats"
)

const stackSteps = 500

// stack is the weights of candidates that make the held-out rows most likely:
// logp has a row for each candidate, v the rows' weights, nil: equal. It is
// expectation maximisation from equal weights, whose likelihood is concave.
func stack(logp [][]float64, v []float64) []float64 {
	w := make([]float64, len(logp))
	for c := range w {
		w[c] = 1 / float64(len(w))
	}
	if len(w) < 2 {
		return w
	}
	terms := make([]float64, len(w))
	for range stackSteps {
		next, total := make([]float64, len(w)), 0.0
		for i := range logp[0] {
			l := mixed(terms, logp, w, i)
			if math.IsInf(l, 0) || math.IsNaN(l) {
				continue
			}
			weight := 1.0
			if v != nil {
				weight = v[i]
			}
			total += weight
			for c := range next {
				next[c] += weight * math.Exp(terms[c]-l)
			}
		}
		if total == 0 {
			return w
		}
		floats.Scale(1/total, next)
		moved := floats.Distance(w, next, 1)
		if w = next; moved < 1e-7 {
			break
		}
	}
	return w
}

// mixed is the log-density of held-out row i by the mixture, and leaves those of
// the candidates, weighted, in terms.
func mixed(terms []float64, logp [][]float64, w []float64, i int) float64 {
	for c := range terms {
		terms[c] = math.Inf(-1)
		if l := logp[c][i]; w[c] > 0 && l == l {
			terms[c] = math.Log(w[c]) + l
		}
	}
	return floats.LogSumExp(terms)
}

// meanLoss is -mean log p, by weights of the rows; +Inf where a row has no density.
func meanLoss(logp, v []float64) float64 {
	sum, total := 0.0, 0.0
	for i, l := range logp {
		w := 1.0
		if v != nil {
			w = v[i]
		}
		if l != l {
			return math.Inf(1)
		}
		sum, total = sum-w*l, total+w
	}
	return sum / total
}
