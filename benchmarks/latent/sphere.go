// Vectors on a sphere, as language models give them: how many components a density
// wants, and what the distance from their plane adds.

package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/auto"
	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/train"
)

// The vectors: 384 values of 8 intrinsic dimensions, in clusters.
const (
	vectorValues = 384
	intrinsic    = 8
	units        = 32
	clusters     = 5
)

// maker makes vectors of one map from intrinsic dimensions to values.
type maker struct {
	in, out []float64
	means   [clusters + 1][intrinsic]float64
	rng     *rand.Rand
}

func newMaker(seed uint64) *maker {
	m := &maker{rng: rand.New(rand.NewPCG(seed, 5))}
	for range units * intrinsic {
		m.in = append(m.in, m.rng.NormFloat64())
	}
	for range vectorValues * units {
		m.out = append(m.out, m.rng.NormFloat64()/math.Sqrt(units))
	}
	for c := range m.means {
		for j := range m.means[c] {
			m.means[c][j] = 1.2 * m.rng.NormFloat64()
		}
	}
	return m
}

// vectors are n rows of length 1 of the clusters lo to hi, off as far from where they
// lie as a share of their length.
func (m *maker) vectors(n, lo, hi int, off float64) *bijector.Rows[float32] {
	x := bijector.NewRows[float32](n, vectorValues)
	y := make([]float64, vectorValues)
	for i := range n {
		var h [units]float64
		mean := m.means[lo+m.rng.IntN(hi-lo)]
		for j := range mean {
			z := mean[j] + 0.5*m.rng.NormFloat64()
			for a := range h {
				h[a] += 0.5 * m.in[a*intrinsic+j] * z
			}
		}
		length := 0.0
		for j := range y {
			y[j] = 0.1 * m.rng.NormFloat64()
			for a := range h {
				y[j] += m.out[j*units+a] * math.Tanh(h[a])
			}
			length += y[j] * y[j]
		}
		aside, sum := off*math.Sqrt(length/vectorValues), 0.0
		for j := range y {
			y[j] += aside * m.rng.NormFloat64()
			sum += y[j] * y[j]
		}
		for j, v := range y {
			x.Row(i)[j] = float32(v / math.Sqrt(sum))
		}
	}
	return x
}

// spheres prints the table.
func spheres(ctx context.Context, a arguments, s command.Streams) error {
	const few = 300
	fmt.Fprintf(s.Out, "\n| %d vectors | seed | components | another cluster | off the plane | another map |\n|---|---|---|---|---|---|\n", few)
	for _, seed := range a.seeds {
		m := newMaker(seed)
		rows, usual := m.vectors(few, 0, clusters, 0), m.vectors(500, 0, clusters, 0)
		odd := []*bijector.Rows[float32]{m.vectors(300, clusters, clusters+1, 0), m.vectors(300, 0, clusters, 0.4), newMaker(seed+1000).vectors(300, 0, clusters, 0)}
		show := func(name string, components int, score func(x *bijector.Rows[float32]) ([]float64, error)) error {
			normal, err := score(usual)
			if err != nil {
				return err
			}
			fmt.Fprintf(s.Out, "| %s | %d | %d |", name, seed, components)
			for _, x := range odd {
				logp, err := score(x)
				if err != nil {
					return err
				}
				fmt.Fprintf(s.Out, " %.3f |", auroc(normal, logp))
			}
			fmt.Fprintln(s.Out)
			return nil
		}
		if err := show("5th neighbour", vectorValues, func(x *bijector.Rows[float32]) ([]float64, error) { return neighbour(rows, x, 5), nil }); err != nil {
			return err
		}
		for _, share := range []float64{0.9, 0.95, 0.99} {
			for _, residual := range []bool{false, true} {
				pca, err := componentsOf(rows, share, residual)
				if err != nil {
					return err
				}
				z, err := pca.Encode(rows)
				if err != nil {
					return err
				}
				model, _, err := auto.Fit[float32](ctx, train.Tensor(z), auto.Options{Steps: a.steps, Seed: seed})
				if err != nil {
					return err
				}
				name := fmt.Sprintf("%.0f %% of the variance", 100*share)
				if residual {
					name += ", and the distance"
				}
				k := pca.Spec().(autoencoder.PCASpec).Embedding
				if err := show(name, k, func(x *bijector.Rows[float32]) ([]float64, error) {
					z, err := pca.Encode(x)
					if err != nil {
						return nil, err
					}
					return model.LogProb(z)
				}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// componentsOf are the whitened components with a share of the variance, one for ten
// rows at most.
func componentsOf(x *bijector.Rows[float32], share float64, residual bool) (*autoencoder.PCA[float32], error) {
	most := x.Len() / 10
	full, err := autoencoder.NewPCA[float32](autoencoder.PCASpec{In: x.Dim(), Embedding: most})
	if err != nil {
		return nil, err
	}
	if err := full.Fit(x); err != nil {
		return nil, err
	}
	along, total := full.ExplainedVariance()
	k, sum := 0, 0.0
	for k < most && sum < share*total {
		sum += along[k]
		k++
	}
	pca, err := autoencoder.NewPCA[float32](autoencoder.PCASpec{In: x.Dim(), Embedding: k, Whiten: true, Residual: residual})
	if err != nil {
		return nil, err
	}
	return pca, pca.Fit(x)
}
