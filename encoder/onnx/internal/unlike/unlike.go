// Package unlike compares ways to tell rows that are unlike those a model was
// fitted to: by the log-density of a flow, by Mahalanobis distance and by the
// distance to near rows, all on the same embeddings.
package unlike

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/mat"

	"github.com/bijou-flow/bijou/auto"
	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/train"
)

// Score is a number a row, larger for rows that are less like the usual ones.
type Score struct {
	Name string
	Of   func(x *bijector.Rows[float32]) ([]float64, error)
}

// Options of Scores.
type Options struct {
	Share float64 // of the variance that the components in front of the flow keep
	Steps int     // of the optimiser, see auto.Options
	Time  time.Duration
	Seed  uint64
}

// neighbours is the k of k nearest neighbours.
const neighbours = 10

// Scores fits the three to usual rows. The note says what was fitted.
func Scores(ctx context.Context, usual *bijector.Rows[float32], o Options) (scores []Score, note string, err error) {
	pca, kept, err := components(usual, o.Share)
	if err != nil {
		return nil, "", err
	}
	z, err := pca.Encode(usual)
	if err != nil {
		return nil, "", err
	}
	density, report, err := auto.Fit[float32](ctx, train.Tensor(z), auto.Options{Steps: o.Steps, Time: o.Time, Seed: o.Seed})
	if err != nil {
		return nil, "", err
	}
	distance, err := mahalanobis(usual)
	if err != nil {
		return nil, "", err
	}
	flow := func(x *bijector.Rows[float32]) ([]float64, error) {
		z, err := pca.Encode(x)
		if err != nil {
			return nil, err
		}
		logp, err := density.LogProb(z)
		for i := range logp {
			logp[i] = -logp[i]
		}
		return logp, err
	}
	note = fmt.Sprintf("%d rows of %d values; %d whitened components keep %.1f %% of the variance; held-out log-density %.2f nats, of a Gaussian %.2f",
		usual.Len(), usual.Dim(), z.Dim(), 100*kept, -report.Loss, -report.Gaussian)
	return []Score{
		{"flow", flow},
		{"Mahalanobis", distance},
		{fmt.Sprintf("%d neighbours", neighbours), func(x *bijector.Rows[float32]) ([]float64, error) { return nearest(usual, x), nil }},
	}, note, nil
}

// components are the fewest that keep a share of the variance, and the share.
func components(x *bijector.Rows[float32], share float64) (*autoencoder.PCA[float32], float64, error) {
	fit := func(k int) (*autoencoder.PCA[float32], error) {
		p, err := autoencoder.NewPCA[float32](autoencoder.PCASpec{In: x.Dim(), Embedding: k, Whiten: true})
		if err != nil {
			return nil, err
		}
		return p, p.Fit(x)
	}
	p, err := autoencoder.NewPCA[float32](autoencoder.PCASpec{In: x.Dim(), Embedding: min(x.Dim(), x.Len()-1)})
	if err == nil {
		err = p.Fit(x)
	}
	if err != nil {
		return nil, 0, err
	}
	along, total := p.ExplainedVariance()
	k, sum := 0, 0.0
	for ; k < len(along) && sum < share*total && along[k] > 1e-9*along[0]; k++ {
		sum += along[k]
	}
	p, err = fit(k)
	return p, sum / total, err
}

// mahalanobis is the distance to the mean under the covariance of all usual
// rows, with a millionth of the mean variance added along every direction.
func mahalanobis(usual *bijector.Rows[float32]) (func(x *bijector.Rows[float32]) ([]float64, error), error) {
	n, d := usual.Len(), usual.Dim()
	mean := make([]float64, d)
	for i := range n {
		for j, v := range usual.Row(i) {
			mean[j] += float64(v) / float64(n)
		}
	}
	centred := func(row []float32) *mat.VecDense {
		c := mat.NewVecDense(d, nil)
		for j, v := range row {
			c.SetVec(j, float64(v)-mean[j])
		}
		return c
	}
	covariance, trace := mat.NewSymDense(d, nil), 0.0
	for i := range n {
		covariance.SymRankOne(covariance, 1/float64(n), centred(usual.Row(i)))
	}
	for j := range d {
		trace += covariance.At(j, j)
	}
	for j := range d {
		covariance.SetSym(j, j, covariance.At(j, j)+1e-6*trace/float64(d))
	}
	var factor mat.Cholesky
	if !factor.Factorize(covariance) {
		return nil, fmt.Errorf("unlike: the covariance of %d rows of %d values has no Cholesky factor", n, d)
	}
	return func(x *bijector.Rows[float32]) ([]float64, error) {
		all := make([]float64, x.Len())
		for i := range all {
			c := centred(x.Row(i))
			var solved mat.VecDense
			if err := factor.SolveVecTo(&solved, c); err != nil {
				return nil, err
			}
			all[i] = math.Sqrt(mat.Dot(c, &solved))
		}
		return all, nil
	}, nil
}

// nearest is the Euclidean distance to the tenth nearest usual row.
func nearest(usual, x *bijector.Rows[float32]) []float64 {
	all, squares := make([]float64, x.Len()), make([]float64, usual.Len())
	for i := range all {
		row := x.Row(i)
		for k := range squares {
			s := float32(0)
			for j, v := range usual.Row(k) {
				d := v - row[j]
				s += d * d
			}
			squares[k] = float64(s)
		}
		slices.Sort(squares)
		all[i] = math.Sqrt(squares[min(neighbours, len(squares))-1])
	}
	return all
}
