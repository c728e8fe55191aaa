// The likeliest logistic distribution of each pixel, which the flow starts as.

package main

import (
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/train"
)

// marginals are a logistic distribution of each feature.
type marginals struct{ loc, scale []float64 }

// maxFitImages are the images that marginals are fitted to, at most.
const maxFitImages = 10000

// fitMarginals fits them to rows spread evenly over the data.
func fitMarginals(src train.Source) (marginals, error) {
	n, d := min(src.Len(), maxFitImages), src.Dim()
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i * src.Len() / n
	}
	x := bijector.NewRows[float32](n, d)
	if err := src.Read(rows, x.Dense(), nil); err != nil {
		return marginals{}, err
	}
	m := marginals{make([]float64, d), make([]float64, d)}
	column := make([]float64, n)
	for j := range d {
		for i := range column {
			column[i] = float64(x.Row(i)[j])
		}
		m.loc[j], m.scale[j] = fitLogistic(column)
	}
	return m, nil
}

// fitLogistic returns the likeliest location l and scale s of a sample. With
// u = (x-l)/s and t = tanh(u/2), the mean log-likelihood has the derivatives
//
//	mean(t)/s for l,  mean(u t - 1)/s for s,
//
// and about 1/(3 s^2) and 1.43/s^2 of curvature where it is highest (the
// Fisher information of the logistic). Steps are bounded, since the sample of
// a pixel that is seldom inked is far from logistic.
func fitLogistic(x []float64) (loc, scale float64) {
	n := float64(len(x))
	for _, v := range x {
		loc += v / n
	}
	for _, v := range x {
		scale += math.Abs(v-loc) / n / 1.4 // E|u| = 2 log 2
	}
	scale = max(scale, 1e-6)
	for range 50 {
		dl, ds, curve := 0.0, 0.0, 0.0
		for _, v := range x {
			u := (v - loc) / scale
			t := math.Tanh(u / 2)
			dl += t
			ds += u*t - 1
			curve += (1 - t*t) / 2
		}
		step := min(max(dl/max(curve, 0.15*n), -1), 1)
		grow := min(max(ds/n/1.4, -1), 1)
		loc += scale * step
		scale *= math.Exp(grow)
		if math.Abs(step) < 1e-3 && math.Abs(grow) < 1e-3 {
			break
		}
	}
	return loc, scale
}
