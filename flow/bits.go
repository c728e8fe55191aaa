// Bits per dimension, the field's unit for the likelihood of discrete data.

package flow

import "math"

// BitsPerDim converts a log-density in nats, a row's or the mean of many, into
// bits per dimension, for data of dim values that take one of levels each and
// were dequantised to x = (v+u)/levels, as train.Dequantize does:
//
//	bits = log2(levels) - logp / (dim ln 2).
//
// By Jensen's inequality the mean over the noise u is no less than the bits
// that a code by the model would need for the discrete v: what a model gets is
// a bound, and models can be compared (Theis, van den Oord and Bethge 2016,
// arXiv 1511.01844, section 3.1). The uniform density on [0,1)^dim has logp 0
// and log2(levels) bits: 8 for bytes.
//
// For a density of x in steps of one, x = v+u, levels is 1.
func BitsPerDim(logp float64, dim, levels int) float64 {
	return math.Log2(float64(levels)) - logp/(float64(dim)*math.Ln2)
}
