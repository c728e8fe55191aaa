// Gaussianize: as long as every feature stays as it is.

package onnx

import (
	"fmt"

	"github.com/bijou-flow/bijou/bijector"
)

// gaussianizeFuncs is the identity. A feature that was changed has no form yet.
func gaussianizeFuncs[T bijector.Float](g *Graph, l *bijector.Gaussianize[T]) (f, b layerFunc) {
	for j, bins := range l.Buffers()[0].Data.([]int64) {
		if bins != 0 {
			g.Fail(fmt.Errorf("onnx: feature %d of a %T is changed, which has no form in ONNX; make the flow with the recipe's Margins standardize: %w", j, l, ErrUnsupported))
		}
	}
	identity := func(_ *Graph, x, _ Value) (z, logDet Value) { return x, Value{} }
	return identity, identity
}
