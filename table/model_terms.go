// What a model says of the columns of a row: their terms, and the probabilities of
// a category.

package table

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/bijector"
)

// pieceRows is how many rows a pass of the density takes at once.
const pieceRows = 256

// Contributions are log p(x_j | columns before j) of each value of each row of codes
// (n rows of d values, row-major; so is the result), in nats and in the units of the data: which
// columns make a row unlikely. They sum to the log-density of the row. For several
// flows they are the means of the flows' own, by how responsible each flow is for the
// row, and what the mixture's log-density differs by is shared evenly. The density is
// one of Mixed distributions, otherwise the error is ErrSpec.
func (m *Model[T]) Contributions(codes []float64) ([]float64, error) {
	return m.contributions(codes, nil)
}

// contributions adds the columns' tails to tails besides, unless that is nil: see
// autoregressive.MixedPass.Tails; of several flows, their mean by the flows' weights.
func (m *Model[T]) contributions(codes, tails []float64) ([]float64, error) {
	n, err := m.check(codes)
	if err != nil {
		return nil, err
	}
	if err := m.checkMixed(); err != nil {
		return nil, err
	}
	total, err := m.LogProb(codes)
	if err != nil {
		return nil, err
	}
	d := m.Dim()
	sum, terms := make([]float64, n*d), make([][]float64, len(m.mixed))
	logWeights := m.density.Weights()
	for k := range m.mixed {
		terms[k] = m.memberTerms(k, codes, tails, logWeights[k])
		logWeights[k] = math.Log(logWeights[k])
	}
	share := make([]float64, len(m.mixed))
	for i := range n {
		m.responsibilities(share, terms, logWeights, i)
		rest := total[i]
		for j := range d {
			for k, w := range share {
				if w > 0 {
					sum[i*d+j] += w * terms[k][i*d+j]
				}
			}
			rest -= sum[i*d+j]
		}
		for j := range d {
			if len(share) > 1 && !math.IsNaN(rest) && !math.IsInf(rest, 0) {
				sum[i*d+j] += rest / float64(d)
			}
		}
	}
	return sum, nil
}

// responsibilities are the flows' shares of row i: their weights where no flow
// has a density there.
func (m *Model[T]) responsibilities(share []float64, terms [][]float64, logWeights []float64, i int) {
	d, top := m.Dim(), math.Inf(-1)
	for k := range share {
		share[k] = logWeights[k]
		for _, v := range terms[k][i*d : (i+1)*d] {
			share[k] += v
		}
		top = max(top, share[k])
	}
	sum := 0.0
	for k, v := range share {
		if math.IsInf(top, -1) {
			v, share[k] = logWeights[k], logWeights[k]
			share[k] = math.Exp(v)
		} else {
			share[k] = math.Exp(v - top)
		}
		sum += share[k]
	}
	for k := range share {
		share[k] /= sum
	}
}

// memberTerms are the terms of one flow, in the units of the data. Its tails are
// added to tails with a weight, unless that is nil.
func (m *Model[T]) memberTerms(k int, codes, tails []float64, weight float64) []float64 {
	d := m.Dim()
	n := len(codes) / d
	size := min(n, pieceRows)
	pass := m.mixed[k].NewMixedPass(bijector.PassOptions{MaxBatch: size})
	z, terms, out := bijector.NewMat[T](d, size), bijector.NewMat[float64](d, size), make([]float64, n*d)
	far := bijector.NewMat[float64](d, size)
	for lo := 0; lo < n; lo += size {
		c := min(size, n-lo)
		z, terms = z.Resize(c), terms.Resize(c)
		fill(z, codes[lo*d:])
		if tails == nil {
			pass.Terms(terms, z, bijector.Mat[T]{})
		} else {
			far = far.Resize(c)
			pass.Tails(terms, far, z, bijector.Mat[T]{})
			for j := range d {
				for i, v := range far.Feature(j) {
					tails[(lo+i)*d+j] += weight * v
				}
			}
		}
		for j := range d {
			for i, v := range terms.Feature(j) {
				out[(lo+i)*d+j] = v - m.scale(j, z.Feature(j)[i])
			}
		}
	}
	return out
}

// fill sets z to rows of codes.
func fill[T bijector.Float](z bijector.Mat[T], codes []float64) {
	for j := range z.D {
		f := z.Feature(j)
		for i := range f {
			f[i] = T(codes[i*z.D+j])
		}
	}
}

// Classify returns the probabilities of the values of a column given the other
// columns, for each row of codes (n rows): n times as many as the column has atoms, in the
// order of Schema.Coding and a missing cell last. They are exact: the density of the row with each
// of them, over the sum. What the rows have in that column does not matter. It returns ErrSpec for a column that has a
// continuous part, and ErrColumns for one that there is not.
func (m *Model[T]) Classify(codes []float64, column int) ([]float64, error) {
	n, err := m.check(codes)
	if err != nil {
		return nil, err
	}
	if column < 0 || column >= m.Dim() {
		return nil, fmt.Errorf("table: column %d of %d, counted from 0: %w", column, m.Dim(), ErrColumns)
	}
	atoms := m.schema.atoms(column)
	if m.schema.Coding(column).Continuous || len(atoms) == 0 {
		return nil, fmt.Errorf("table: the probabilities of column %s, which has others than its %d values: %w", quoted(m.schema.Columns[column].Name), len(atoms), bijector.ErrSpec)
	}
	d, k := m.Dim(), len(atoms)
	prob, rows := make([]float64, n*k), make([]float64, k*d)
	for i := range n {
		for a, v := range atoms {
			copy(rows[a*d:], codes[i*d:(i+1)*d])
			rows[a*d+column] = v
		}
		p := prob[i*k : (i+1)*k]
		if err := m.LogProbInto(p, rows); err != nil {
			return nil, err
		}
		normalize(p)
	}
	return prob, nil
}

// normalize makes probabilities of log-weights, and NaN of those that are all
// -Inf.
func normalize(p []float64) {
	top, sum := math.Inf(-1), 0.0
	for _, v := range p {
		top = max(top, v)
	}
	for i, v := range p {
		p[i] = math.Exp(v - top)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
}
