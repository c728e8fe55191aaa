// Triangular layers: some of their outputs depend on as many of their inputs
// alone, which makes a flow's conditional densities exact.

package bijector

import "math"

// Triangular is an optional interface of layers that say which inputs an output
// depends on. Where a set of outputs depends on as many inputs, whatever the
// others are, the density of those inputs is known without the others, and that
// of the others given them. flow.Flow.Condition asks it, of layers whose passes
// are a FeaturePass. Diagonal layers, Reorderer and containers of them need not
// have it.
type Triangular interface {
	// Reads are the features of x that feature j of z depends on, j mostly among
	// them, and the feature whose derivative a FeaturePass counts for j. nil
	// where there is no feature j.
	Reads(j int) []int
}

// FeaturePass is an optional interface of a Pass of a Triangular layer.
type FeaturePass[T Float] interface {
	// ForwardFeatures is Forward with the log-determinant feature by feature:
	// it adds that of output j, log|dz_j/dx_j|, to feature j of logDets. A
	// feature outside the layer's domain has -Inf and 0 for an output; the
	// others of the sample are not touched by that.
	ForwardFeatures(z, x, cond Mat[T], logDets Mat[float64])
}

// Reads is j alone: each feature is bent by itself.
func (e *elementwise[T]) Reads(j int) []int {
	if j < 0 || j >= e.dim {
		return nil
	}
	return []int{j}
}

// ForwardFeatures is FeaturePass's.
func (p *curvePass[T]) ForwardFeatures(z, x, _ Mat[T], logDets Mat[float64]) {
	for j := range x.D {
		out, in, c := z.Feature(j), x.Feature(j), p.curveOf(j)
		if c == nil {
			copy(out, in)
			continue
		}
		logDet := logDets.Feature(j)
		for i, u := range in {
			v, logSlope := c.forward(float64(u))
			if isOutside(v, u) {
				v, logSlope = 0, math.Inf(-1)
			}
			out[i] = T(v)
			logDet[i] += logSlope
		}
	}
}
