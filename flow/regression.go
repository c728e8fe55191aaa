// Regression of a column on those before it, to the digits that the data has.

package flow

import (
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/columns"
)

// orthogonalisation is the factorisation Z = Q R of standardised columns, each
// less its mean over the rows at hand, by modified Gram-Schmidt, done twice
// (Giraud et al. 2005, "Rounding error analysis of the classical Gram-Schmidt
// orthogonalization process", Numerische Mathematik 101). A product of the columns
// with each other, which a factorisation of correlations starts from, has lost
// what is below 1e-16 of a variance; this has not.
type orthogonalisation struct {
	z    []float64 // standardised columns of k rows, one after the other
	k    int
	q, r [][]float64 // r[j] is column j of R, up to its diagonal; q[j] is nil where nothing is left
}

// upTo takes in the columns before j and column j, and returns what share of
// column j's variance is left.
func (o *orthogonalisation) upTo(j int) float64 {
	for m := len(o.q); m <= j; m++ {
		v, c := make([]float64, o.k), make([]float64, m+1)
		copy(v, o.z[m*o.k:][:o.k])
		subtractMean(v)
		size := dot(v, v)
		for range 2 {
			for i, q := range o.q {
				if q == nil {
					continue
				}
				s := dot(q, v)
				c[i] += s
				for t, w := range q {
					v[t] -= s * w
				}
			}
		}
		c[m] = math.Sqrt(dot(v, v))
		if c[m] <= float64(o.k)*0x1p-52*math.Sqrt(size) {
			c[m], v = 0, nil
		}
		for t := range v {
			v[t] /= c[m]
		}
		o.q, o.r = append(o.q, v), append(o.r, c)
	}
	return sq(o.r[j][j]) / float64(o.k)
}

// coefficients are those of column j's regression on the columns before it.
func (o *orthogonalisation) coefficients(j int) []float64 {
	b := make([]float64, j)
	for i := j - 1; i >= 0; i-- {
		if o.q[i] == nil {
			continue
		}
		s := o.r[j][i]
		for m := i + 1; m < j; m++ {
			s -= o.r[m][i] * b[m]
		}
		b[i] = s / o.r[i][i]
	}
	return b
}

// subtractMean is twice, as the first mean is rounded.
func subtractMean(v []float64) {
	for range 2 {
		mean := 0.0
		for _, x := range v {
			mean += x
		}
		mean /= float64(len(v))
		for i := range v {
			v[i] -= mean
		}
	}
}

// residual is the variance of column j, standardised, that a regression leaves
// over all rows.
func residual[T bijector.Float](x bijector.Mat[T], all []columns.Column, b []float64, j int) float64 {
	r := make([]float64, x.N)
	for i := range r {
		s := (float64(x.Feature(j)[i]) - all[j].Mean) / all[j].Deviation
		for m, w := range b {
			if w != 0 {
				s -= w * (float64(x.Feature(m)[i]) - all[m].Mean) / all[m].Deviation
			}
		}
		r[i] = s
	}
	subtractMean(r)
	return dot(r, r) / float64(x.N)
}

// resolution is the distance of neighbouring values that the columns of a
// regression can take, in units of column j's deviation: what rounding leaves of a
// column that follows from the others.
func resolution[T bijector.Float](x bijector.Mat[T], all []columns.Column, b []float64, j int) float64 {
	sum := columns.Step(x.Feature(j), all[j]) / all[j].Deviation
	for m, w := range b {
		if w != 0 {
			sum += math.Abs(w) * columns.Step(x.Feature(m), all[m]) / all[m].Deviation
		}
	}
	return sum
}
