// Scores of embeddings, low where a picture is unusual, and how well they tell.

package main

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/bijou-flow/bijou/bijector"
)

// scores of pictures: log-density, Mahalanobis distance and the distance to the fifth
// nearest training picture, the distances with a minus.
func (f *fitted) scores(x *bijector.Rows[float32]) (s [3][]float64, err error) {
	if s[0], err = f.model.LogProb(x); err != nil {
		return s, err
	}
	z, err := f.coder.Encode(x)
	if err != nil {
		return s, err
	}
	if s[1], err = mahalanobis(f.train, z); err != nil {
		return s, err
	}
	s[2] = neighbour(f.train, z, 5)
	return s, nil
}

// mahalanobis is minus the distance from the mean of the training rows, by their
// covariance.
func mahalanobis(train, z *bijector.Rows[float32]) ([]float64, error) {
	d := train.Dim()
	m := mat.NewDense(train.Len(), d, nil)
	mean := make([]float64, d)
	for i := range train.Len() {
		for j, v := range train.Row(i) {
			m.Set(i, j, float64(v))
			mean[j] += float64(v) / float64(train.Len())
		}
	}
	var cov mat.SymDense
	stat.CovarianceMatrix(&cov, m, nil)
	var chol mat.Cholesky
	if !chol.Factorize(&cov) {
		return nil, fmt.Errorf("the embeddings' covariance is singular")
	}
	out, centre, row := make([]float64, z.Len()), mat.NewVecDense(d, mean), mat.NewVecDense(d, nil)
	for i := range out {
		for j, v := range z.Row(i) {
			row.SetVec(j, float64(v))
		}
		out[i] = -stat.Mahalanobis(row, centre, &chol)
	}
	return out, nil
}

// neighbour is minus the distance to the k-th nearest training row.
func neighbour(train, z *bijector.Rows[float32], k int) []float64 {
	out, distances := make([]float64, z.Len()), make([]float64, train.Len())
	for i := range out {
		for t := range distances {
			sum := float32(0)
			for j, v := range train.Row(t) {
				e := v - z.Row(i)[j]
				sum += e * e
			}
			distances[t] = float64(sum)
		}
		slices.Sort(distances)
		out[i] = -math.Sqrt(distances[min(k, len(distances))-1])
	}
	return out
}

// auroc is the probability that a usual picture scores above an odd one.
func auroc(usual, odd []float64) float64 {
	s, sum := slices.Clone(usual), 0.0
	slices.Sort(s)
	for _, v := range odd {
		below := sort.SearchFloat64s(s, v)
		equal := sort.Search(len(s), func(i int) bool { return s[i] > v }) - below
		sum += float64(len(s)-below-equal) + float64(equal)/2
	}
	return sum / float64(len(usual)*len(odd))
}
