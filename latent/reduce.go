// The principal components in front of a density: how many, and what they leave out.

package latent

import (
	"math"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
)

// Reduction is what became of the embeddings' directions.
type Reduction struct {
	Values     int // of an embedding
	Components int // that were kept; 0: embeddings stay as they are
	// Kept is the share of the variance along them.
	Kept float64
	// Degenerate is how many directions do not vary among the rows, or have no rows
	// left that would show it.
	Degenerate int
	// UnitNorm says that all embeddings have one length: they lie on a sphere, which
	// has no density in the space around it.
	UnitNorm bool
}

const (
	sameNorm      = 1e-3  // lengths that differ by less, relatively, are one
	degenerate    = 1e-10 // of the total variance: a direction that does not vary
	rowsComponent = 10    // rows that a component takes
	mostDirection = 64    // components at most
)

// reduce chooses components of the rows z, nil where the embeddings are to stay as
// they are.
func reduce[T bijector.Float](z *bijector.Rows[T], o Options) (*autoencoder.PCA[T], Reduction, error) {
	n, d := z.Len(), z.Dim()
	r := Reduction{Values: d, Kept: 1, UnitNorm: unitNorm(z)}
	full, err := autoencoder.NewPCA[T](autoencoder.PCASpec{In: d, Embedding: min(d, n-1)})
	if err != nil {
		return nil, r, err
	}
	if err := full.Fit(z); err != nil {
		return nil, r, err
	}
	along, total := full.ExplainedVariance()
	varying := 0
	for _, v := range along {
		if v > degenerate*total {
			varying++
		}
	}
	r.Degenerate = d - varying
	if varying == d && d <= wide && !r.UnitNorm || varying == 0 {
		return nil, r, nil
	}
	most := max(min(varying, n/rowsComponent, mostDirection), 1)
	sum, k := 0.0, 0
	for k < most && (k == 0 || sum < o.Share*total) {
		sum += along[k]
		k++
	}
	r.Components, r.Kept = k, sum/total
	pca, err := autoencoder.NewPCA[T](autoencoder.PCASpec{In: d, Embedding: k, Whiten: true, Residual: k < varying})
	if err != nil {
		return nil, r, err
	}
	return pca, r, pca.Fit(z)
}

// unitNorm says whether all rows have one length.
func unitNorm[T bijector.Float](z *bijector.Rows[T]) bool {
	least, most := math.Inf(1), 0.0
	for i := range z.Len() {
		sum := 0.0
		for _, v := range z.Row(i) {
			sum += float64(v) * float64(v)
		}
		least, most = min(least, math.Sqrt(sum)), max(most, math.Sqrt(sum))
	}
	return most > 0 && most-least <= sameNorm*most
}
