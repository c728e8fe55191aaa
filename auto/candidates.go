// What is tried: models that begin as the Gaussian fit, by rows and columns.

package auto

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
)

// candidate is one model to be tried.
type candidate[T bijector.Float] struct {
	name, kind string
	// layers makes the untrained flow's; nil for a mixture of Gaussians.
	layers func(seed uint64) (bijector.Layer[T], error)
	// heavy tells that its base is a Student t, not a normal.
	heavy bool
	// trained tells that there are parameters; the others are calibrated alone.
	trained bool
	decay   float64
	cost    float64 // of a step, about, beside other candidates
}

// build makes the untrained flow.
func (c candidate[T]) build(dim int, seed uint64) (*flow.Flow[T], error) {
	l, err := c.layers(seed)
	if err != nil {
		return nil, err
	}
	if c.heavy {
		base, err := distribution.NewStudentT[T](distribution.StudentTSpec{Dim: dim})
		if err != nil {
			return nil, err
		}
		return flow.New[T](l, base)
	}
	return flow.New[T](l, distribution.StandardNormal[T](dim))
}

// independent is the candidate of independent columns with heavy tails, which
// stays in every mixture: see Fit.
func independent[T bijector.Float](dim int) candidate[T] {
	const name = "independent columns, Student t"
	return candidate[T]{name: name, kind: name, heavy: true, layers: func(uint64) (bijector.Layer[T], error) {
		return bijector.NewStandardize[T](bijector.StandardizeSpec{Dim: dim})
	}}
}

// gaussian is the candidate without parameters, behind a Gaussianize or not.
func gaussian[T bijector.Float](dim int, margins bool) candidate[T] {
	name := "Gaussian"
	if margins {
		name = "Gaussian, gaussianized margins"
	}
	return candidate[T]{name: name, kind: name, layers: func(uint64) (bijector.Layer[T], error) {
		var layers []bijector.Layer[T]
		if margins {
			g, err := bijector.NewGaussianize[T](bijector.GaussianizeSpec{Dim: dim})
			if err != nil {
				return nil, err
			}
			layers = append(layers, g)
		}
		w, err := bijector.NewWhiten[T](bijector.WhitenSpec{Dim: dim})
		if err != nil {
			return nil, err
		}
		return bijector.NewChain(append(layers, w)...)
	}}
}

// changesMargins reports whether a Gaussianize changes a column of the rows.
func changesMargins[T bijector.Float](t *table[T]) (bool, error) {
	g, err := bijector.NewGaussianize[T](bijector.GaussianizeSpec{Dim: t.dim})
	if err != nil {
		return false, err
	}
	g.Calibrate(t.matrix(), bijector.Mat[T]{}, true, nil)
	for _, b := range g.Buffers() {
		if b.Name != "bins" {
			continue
		}
		for _, n := range b.Data.([]int64) {
			if n > 0 {
				return true, nil
			}
		}
	}
	return false, nil
}

// width of hidden layers, and decays, by the number of rows.
func sizes(n int) (width int, decays []float64) {
	switch {
	case n < 200:
		return 32, []float64{3, 10}
	case n < 2000:
		return 64, []float64{1, 10}
	case n < crossRows:
		return 64, []float64{1}
	}
	return 128, []float64{0.3}
}

// flows are the candidates with parameters.
func flows[T bijector.Float](t *table[T], margins bool) []candidate[T] {
	if t.n < minFlowRows && t.contextDim == 0 {
		return nil
	}
	width, decays := sizes(t.n)
	hidden, layers := []int{width, width}, 4
	type kind struct {
		name  string
		cost  float64
		chain func(margins string, seed uint64) (*bijector.Chain[T], error)
	}
	couplings := func(f func(coupling.Recipe) (*bijector.Chain[T], error)) func(string, uint64) (*bijector.Chain[T], error) {
		return func(margins string, seed uint64) (*bijector.Chain[T], error) {
			return f(coupling.Recipe{
				Dim: t.dim, ContextDim: t.contextDim, Layers: layers, Hidden: hidden, Norm: "none",
				Margins: margins, Whiten: t.dim <= maxWhiten, OutScale: startOutScale, Seed: seed,
			})
		}
	}
	masked := func(f func(autoregressive.Recipe) (*bijector.Chain[T], error)) func(string, uint64) (*bijector.Chain[T], error) {
		return func(margins string, seed uint64) (*bijector.Chain[T], error) {
			return f(autoregressive.Recipe{
				Dim: t.dim, ContextDim: t.contextDim, Layers: layers, Hidden: hidden, Norm: "none",
				Margins: margins, Whiten: t.dim <= maxWhiten, OutScale: startOutScale, Seed: seed,
			})
		}
	}
	kinds := []kind{{"autoregressive.MAF", 1, masked(autoregressive.MAF[T])}}
	if t.dim <= maxSplineColumns {
		kinds = append(kinds, kind{"autoregressive.NSF", 4, masked(autoregressive.NSF[T])})
	}
	if t.dim > 1 {
		kinds = append(kinds, kind{"coupling.RealNVP", 1, couplings(coupling.RealNVP[T])}, kind{"coupling.NSF", 2, couplings(coupling.NSF[T])})
	}
	fronts := []string{"standardize"}
	if margins {
		fronts = append(fronts, "gaussianize")
	}
	var all []candidate[T]
	for _, k := range kinds {
		for _, front := range fronts {
			for _, decay := range decays {
				name := fmt.Sprintf("%s, decay %g", k.name, decay)
				if front == "gaussianize" {
					name += ", gaussianized margins"
				}
				all = append(all, candidate[T]{
					name: name, kind: k.name, trained: true, decay: decay, cost: k.cost,
					layers: func(seed uint64) (bijector.Layer[T], error) { return k.chain(front, seed) },
				})
			}
		}
	}
	return all
}

const (
	maxWhiten        = 2048 // columns that a Whiten takes
	maxSplineColumns = 100  // beyond, an autoregressive NSF takes too long
)

// clipNorm bounds the gradient of so many columns: far above what training
// meets, and below what one wild row makes.
func clipNorm(dim int) float64 { return 10 * math.Sqrt(float64(dim)) }
