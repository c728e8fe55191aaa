// A mixture of Gaussians with full covariances, fitted by expectation
// maximisation.

package auto

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
)

// mixture is weights, means and lower Cholesky factors of covariances, of rows
// that a Whiten has made uncorrelated.
type mixture struct {
	dim     int
	logw    []float64
	means   [][]float64
	factors []*mat.TriDense
	logDets []float64 // of the factors
}

const (
	maxMixtureRows = 20_000 // that one is fitted to
	mixtureSteps   = 60
	mixtureGain    = 1e-4 // nats a step below which it is done
)

// mixtureSizes are the numbers of components that are tried.
func mixtureSizes(rows, dim int) []int {
	var all []int
	for _, k := range []int{2, 3, 4, 6, 8, 12, 16, 24} {
		if rows >= k*max(10, dim) {
			all = append(all, k)
		}
	}
	return all
}

// fitMixture fits k components to the rows z, with weights v; nil: equal. Each
// covariance is pooled with the mean of all within-component covariances, as if
// that had been seen in dim + 2 rows:
//
//	Sigma_k = (W_k + (dim + 2) W/n) / (n_k + dim + 2),  W = sum_k W_k,
//
// for the scatter W_k of component k (after Fraley and Raftery 2007, "Bayesian
// Regularization for Normal Mixture Estimation and Model-Based Clustering",
// whose prior is a covariance of all rows).
func fitMixture(z [][]float64, v []float64, k int, seed uint64) *mixture {
	dim, rng := len(z[0]), rand.New(rand.NewPCG(seed, 0x676d6d))
	resp := seedResponsibilities(z, k, rng)
	m := &mixture{dim: dim, logw: make([]float64, k), means: make([][]float64, k), factors: make([]*mat.TriDense, k), logDets: make([]float64, k)}
	last := math.Inf(-1)
	for range mixtureSteps {
		if !m.maximise(z, v, resp) {
			return nil
		}
		loss, total := 0.0, 0.0
		terms, scratch := make([]float64, k), make([]float64, dim)
		for i, row := range z {
			m.logTerms(terms, scratch, row)
			l, w := floats.LogSumExp(terms), 1.0
			if v != nil {
				w = v[i]
			}
			loss, total = loss+w*l, total+w
			for c := range terms {
				resp[i][c] = math.Exp(terms[c] - l)
			}
		}
		if loss /= total; loss-last < mixtureGain {
			break
		}
		last = loss
	}
	return m
}

// seedResponsibilities gives each row to the nearest of k centres, chosen as by
// k-means++ (Arthur and Vassilvitskii 2007) and moved by a few steps of k-means.
func seedResponsibilities(z [][]float64, k int, rng *rand.Rand) [][]float64 {
	centres := [][]float64{z[rng.IntN(len(z))]}
	nearest := make([]float64, len(z))
	for len(centres) < k {
		total := 0.0
		for i, row := range z {
			nearest[i] = math.Inf(1)
			for _, c := range centres {
				d := floats.Distance(row, c, 2)
				nearest[i] = min(nearest[i], d*d)
			}
			total += nearest[i]
		}
		u, pick := rng.Float64()*total, 0
		for u -= nearest[pick]; u > 0 && pick < len(z)-1; u -= nearest[pick] {
			pick++
		}
		centres = append(centres, z[pick])
	}
	resp := make([][]float64, len(z))
	for range 5 {
		sums, counts := make([][]float64, k), make([]float64, k)
		for c := range sums {
			sums[c] = make([]float64, len(z[0]))
		}
		for i, row := range z {
			best, at := math.Inf(1), 0
			for c, centre := range centres {
				if d := floats.Distance(row, centre, 2); d < best {
					best, at = d, c
				}
			}
			resp[i] = make([]float64, k)
			resp[i][at] = 1
			floats.Add(sums[at], row)
			counts[at]++
		}
		for c := range centres {
			if counts[c] > 0 {
				floats.Scale(1/counts[c], sums[c])
				centres[c] = sums[c]
			}
		}
	}
	return resp
}

// maximise sets the parameters from the responsibilities. It returns false where
// a covariance cannot be factored.
func (m *mixture) maximise(z [][]float64, v []float64, resp [][]float64) bool {
	k, d := len(m.means), m.dim
	counts, total := make([]float64, k), 0.0
	scatter, pooled := make([]*mat.SymDense, k), mat.NewSymDense(d, nil)
	for c := range k {
		mean := make([]float64, d)
		for i, row := range z {
			w := resp[i][c]
			if v != nil {
				w *= v[i]
			}
			counts[c] += w
			floats.AddScaled(mean, w, row)
		}
		floats.Scale(1/max(counts[c], 1e-300), mean)
		total += counts[c]
		rows := mat.NewDense(d, len(z), nil)
		for i, row := range z {
			w := resp[i][c]
			if v != nil {
				w *= v[i]
			}
			w = math.Sqrt(w)
			for j := range d {
				rows.Set(j, i, w*(row[j]-mean[j]))
			}
		}
		scatter[c] = mat.NewSymDense(d, nil)
		scatter[c].SymOuterK(1, rows)
		pooled.AddSym(pooled, scatter[c])
		m.means[c] = mean
	}
	pooled.ScaleSym(float64(d+2)/total, pooled)
	for c := range k {
		var cov mat.SymDense
		cov.AddSym(scatter[c], pooled)
		cov.ScaleSym(1/(counts[c]+float64(d)+2), &cov)
		var chol mat.Cholesky
		if !chol.Factorize(&cov) {
			return false
		}
		m.factors[c] = &mat.TriDense{}
		chol.LTo(m.factors[c])
		m.logDets[c] = 0
		for j := range d {
			m.logDets[c] += math.Log(m.factors[c].At(j, j))
		}
		m.logw[c] = math.Log(max(counts[c], 1e-300) / total)
	}
	return true
}

// logTerms are log w_c + log N(row; mean_c, C_c C_c^T) of each component.
func (m *mixture) logTerms(dst, scratch, row []float64) {
	for c := range dst {
		raw := m.factors[c].RawTriangular()
		squares := 0.0
		for j := range m.dim {
			s := row[j] - m.means[c][j]
			for i, l := range raw.Data[j*raw.Stride : j*raw.Stride+j] {
				s -= l * scratch[i]
			}
			scratch[j] = s / raw.Data[j*raw.Stride+j]
			squares += scratch[j] * scratch[j]
		}
		dst[c] = m.logw[c] - m.logDets[c] - squares/2 - float64(m.dim)*math.Log(2*math.Pi)/2
	}
}

// components are the mixture as flows: each a Whiten with the component's moments in
// the units of the rows, where front is what made them uncorrelated.
func components[T bijector.Float](m *mixture, front *bijector.Whiten[T]) ([]*flow.Flow[T], error) {
	d, outer := m.dim, front.Factor()
	_, mean := front.Matrix()
	c := mat.NewDense(d, d, outer)
	var all []*flow.Flow[T]
	for k := range m.means {
		l, err := bijector.NewWhiten[T](bijector.WhitenSpec{Dim: d})
		if err != nil {
			return nil, err
		}
		var product mat.Dense
		product.Mul(c, m.factors[k])
		var shift mat.VecDense
		shift.MulVec(c, mat.NewVecDense(d, m.means[k]))
		for _, b := range l.Buffers() {
			switch data := b.Data.(type) {
			case []int64:
				data[0] = 1
			case []float64:
				if b.Name == "mean" {
					for j := range data {
						data[j] = mean[j] + shift.AtVec(j)
					}
					continue
				}
				for i := range d {
					for j := range i + 1 {
						data[i*d+j] = product.At(i, j)
					}
				}
			}
		}
		l.Invalidate()
		f, err := flow.New[T](l, distribution.StandardNormal[T](d))
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

// whitened are the rows as a Whiten fitted to them maps them, and it. At most
// maxMixtureRows of them are taken, spread evenly.
func whitened[T bijector.Float](t *table[T]) (z [][]float64, weights []float64, front *bijector.Whiten[T], err error) {
	if front, err = bijector.NewWhiten[T](bijector.WhitenSpec{Dim: t.dim}); err != nil {
		return nil, nil, nil, err
	}
	front.CalibrateWeighted(t.matrix(), bijector.Mat[T]{}, t.weights, true, nil)
	a, mean := front.Matrix()
	n := min(t.n, maxMixtureRows)
	for i := range n {
		at := i * t.n / n
		x := t.x[at*t.dim : (at+1)*t.dim]
		row := make([]float64, t.dim)
		for j := range row {
			for k := range j + 1 {
				row[j] += a[j*t.dim+k] * (float64(x[k]) - mean[k])
			}
		}
		z = append(z, row)
		if t.weights != nil {
			weights = append(weights, t.weights[at])
		}
	}
	return z, weights, front, nil
}
