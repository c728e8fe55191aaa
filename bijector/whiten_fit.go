// What a Whiten estimates: moments, and how much to trust correlations.

package bijector

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// whitening is the mean of the rows of x and the lower Cholesky factor of their
// shrunk covariance, row-major. shares are those of the rows: see sharesOf; nil:
// equal. A shrinkage of 0 is estimated.
func whitening[T Float](x Mat[T], shares []float64, shrinkage float64, w *Workers) (mean, factor []float64) {
	d := x.D
	mean, std := make([]float64, d), make([]float64, d)
	w.For(d, 1, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			mean[j], std[j] = moments(x.Features(j, j+1), shares)
		}
	})
	folds := secondMoments(x, shares, mean, std, w)
	all := mat.NewSymDense(d, nil)
	for _, f := range folds {
		if f.share > 0 {
			all.AddSym(all, f.moments)
		}
	}
	if shrinkage == 0 {
		shrinkage = bestShrinkage(folds, all)
	}
	var chol mat.Cholesky
	for !chol.Factorize(shrunk(all, 1, shrinkage)) && shrinkage < 1 {
		shrinkage = min(1, 10*shrinkage) // rounding left no positive matrix
	}
	var c mat.TriDense
	chol.LTo(&c)
	factor = make([]float64, d*d)
	for j := range d {
		if mean[j]-mean[j] != 0 || std[j]-std[j] != 0 {
			mean[j], std[j] = 0, 1
		}
		for k := range j + 1 {
			factor[j*d+k] = std[j] * c.At(j, k)
		}
	}
	return mean, factor
}

const shrinkageFolds = 5

// foldMoments are the shares of the rows in a fold, summed, and the sum of the
// outer products of these rows, standardised, by their shares.
type foldMoments struct {
	share   float64
	moments *mat.SymDense
}

// secondMoments are those of the folds. A row's fold depends on its values
// alone: rows that are the same share theirs, and their order does not count. A
// feature whose moments are not finite is apart from the others, with a moment
// of 0.
func secondMoments[T Float](x Mat[T], shares, mean, std []float64, w *Workers) []foldMoments {
	rows := make([][]int, shrinkageFolds)
	for i := range x.N {
		h := uint64(0xcbf29ce484222325)
		for j := range x.D {
			h = (h ^ math.Float64bits(float64(x.Data[j*x.Stride+i]))) * 0x100000001b3
			h ^= h >> 29
		}
		rows[h%shrinkageFolds] = append(rows[h%shrinkageFolds], i)
	}
	folds := make([]foldMoments, shrinkageFolds)
	w.For(shrinkageFolds, 1, func(lo, hi int) {
		for f := lo; f < hi; f++ {
			if len(rows[f]) == 0 {
				continue
			}
			z := mat.NewDense(x.D, len(rows[f]), nil)
			for at, i := range rows[f] {
				share := 1 / float64(x.N)
				if shares != nil {
					share = shares[i]
				}
				folds[f].share += share
				for j := range x.D {
					if v := (float64(x.Data[j*x.Stride+i]) - mean[j]) / std[j]; v-v == 0 {
						z.Set(j, at, math.Sqrt(share)*v)
					}
				}
			}
			folds[f].moments = mat.NewSymDense(x.D, nil)
			folds[f].moments.SymOuterK(1, z)
		}
	})
	return folds
}

// shrunk is (1 - lambda) c/share + lambda I, with 1 on the diagonal where c has
// 0, of a feature that is constant or apart.
func shrunk(c *mat.SymDense, share, lambda float64) *mat.SymDense {
	d := c.SymmetricDim()
	s := mat.NewSymDense(d, nil)
	for j := range d {
		s.SetSym(j, j, 1)
		if v := c.At(j, j); v > 0 {
			s.SetSym(j, j, (1-lambda)*v/share+lambda)
		}
		for k := range j {
			s.SetSym(j, k, (1-lambda)*c.At(j, k)/share)
		}
	}
	return s
}

// bestShrinkage is the lambda whose normal densities, estimated without a fold,
// describe its rows best, over all folds. With the eigenvectors Q and the values
// e of the correlations of the other rows, and the second moments S of the
// fold's, the mean log-density is
//
//	-1/2 sum_k log v_k + (Q^T S Q)_kk / v_k,  v_k = (1 - lambda) e_k + lambda,
//
// but for a constant. It is 1 where there are too few rows to say.
func bestShrinkage(folds []foldMoments, all *mat.SymDense) float64 {
	var lambdas []float64
	for p := -14.0; p < 0; p += 0.25 {
		lambdas = append(lambdas, math.Pow(10, p))
	}
	lambdas = append(lambdas, 1)
	scores := make([]float64, len(lambdas))
	used := 0
	for _, f := range folds {
		if f.share == 0 || 1-f.share < 1e-12 {
			continue
		}
		used++
		var others mat.SymDense
		others.ScaleSym(-1, f.moments)
		others.AddSym(&others, all)
		var eigen mat.EigenSym
		if !eigen.Factorize(shrunk(&others, 1-f.share, 0), true) {
			return 1
		}
		var q, sq mat.Dense
		eigen.VectorsTo(&q)
		sq.Mul(f.moments, &q)
		for k, e := range eigen.Values(nil) {
			moment := mat.Dot(q.ColView(k), sq.ColView(k))
			for i, lambda := range lambdas {
				v := (1-lambda)*max(e, 0) + lambda
				scores[i] += f.share*math.Log(v) + moment/v
			}
		}
	}
	if used < 2 {
		return 1
	}
	best := len(lambdas) - 1
	for i := best; i >= 0; i-- {
		if scores[i] < scores[best] {
			best = i
		}
	}
	return lambdas[best]
}

// invertLower sets dst to the inverse of the lower triangular d by d matrix c.
func invertLower(dst, c []float64, d int) {
	clear(dst)
	for j := range d {
		dst[j*d+j] = 1 / c[j*d+j]
		for i := j + 1; i < d; i++ {
			sum := 0.0
			for k := j; k < i; k++ {
				sum += c[i*d+k] * dst[k*d+j]
			}
			dst[i*d+j] = -sum / c[i*d+i]
		}
	}
}
