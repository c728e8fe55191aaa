// Whole sets as tensors: Pixels, Dequantize, OneHot.

package mnist

import (
	"fmt"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
)

// Pixels returns the images as rows of shape (Len, Dim), row-major, with
// values v/255 in [0, 1] for pixels v in 0..255. A nil set is an empty one: no
// rows, which whatever takes rows refuses as bijector.ErrShape.
func Pixels[T bijector.Float](s *Set) *bijector.Rows[T] {
	if s == nil {
		s = &Set{}
	}
	x := bijector.NewRows[T](s.Len(), s.Dim())
	copyUnit(x.Values(), s.pixels)
	return x
}

// Dequantize returns the images as rows of shape (Len, Dim), row-major,
// with values (v+u)/256 in [0, 1), v the pixel and u uniform on [0, 1), drawn
// anew for each pixel (Theis, van den Oord and Bethge 2016, arXiv:1511.01844,
// section 3.1). Without the noise, a continuous density on bytes can grow
// without bound.
//
// A density p on these values bounds the probability of the bytes:
// log P(v) >= E[log p(x)] - Dim*log(256). The units of a log-likelihood log p(x)
// in nats are therefore
//
//	bits per dimension = 8 - log p(x) / (Dim * ln 2)
//
// u has 16 random bits in float32 and 45 in float64, as many as v+u can hold:
// no value is rounded up to 1. The same rng gives the same values in both, the
// float32 ones cut short. A nil rng is one that is seeded with 0, 0, and a nil
// set an empty one, as in Pixels.
func Dequantize[T bijector.Float](rng *rand.Rand, s *Set) *bijector.Rows[T] {
	if rng == nil {
		rng = rand.New(rand.NewPCG(0, 0))
	}
	if s == nil {
		s = &Set{}
	}
	rows := bijector.NewRows[T](s.Len(), s.Dim())
	switch x := any(rows.Values()).(type) {
	case []float32:
		for i, v := range s.pixels {
			x[i] = float32(uint32(v)<<16|uint32(rng.Uint64()>>48)) * 0x1p-24
		}
	case []float64:
		for i, v := range s.pixels {
			x[i] = float64(uint64(v)<<45|rng.Uint64()>>19) * 0x1p-53
		}
	}
	return rows
}

// OneHot returns rows of shape (len(labels), classes), row-major, whose row
// i is 1 in column labels[i] and 0 elsewhere. The error wraps
// bijector.ErrShape when a label is not below classes.
func OneHot[T bijector.Float](labels []uint8, classes int) (*bijector.Rows[T], error) {
	if classes < 1 || classes > 256 {
		return nil, fmt.Errorf("mnist: one-hot of %d classes, want 1 to 256: %w", classes, bijector.ErrShape)
	}
	if len(labels) == 0 {
		return nil, fmt.Errorf("mnist: no labels, want at least one: %w", bijector.ErrShape)
	}
	x := bijector.NewRows[T](len(labels), classes)
	for i, label := range labels {
		if int(label) >= classes {
			return nil, fmt.Errorf("mnist: label %d of row %d does not fit %d classes: %w", label, i, classes, bijector.ErrShape)
		}
		x.Row(i)[label] = 1
	}
	return x, nil
}

// unit32 and unit64 are v/255, rounded once. A table lookup costs less than a
// division, and a product with 1/255 would round twice.
var unit32, unit64 = unitTable[float32](), unitTable[float64]()

func unitTable[T bijector.Float]() *[256]T {
	var t [256]T
	for v := range t {
		t[v] = T(v) / 255
	}
	return &t
}

// copyUnit sets dst[i] to src[i]/255.
func copyUnit[T bijector.Float](dst []T, src []uint8) {
	switch dst := any(dst).(type) {
	case []float32:
		dst = dst[:len(src)]
		for i, v := range src {
			dst[i] = unit32[v]
		}
	case []float64:
		dst = dst[:len(src)]
		for i, v := range src {
			dst[i] = unit64[v]
		}
	}
}
