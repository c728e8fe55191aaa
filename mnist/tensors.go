// Whole sets as tensors: Pixels, Dequantize, OneHot.

package mnist

import (
	"fmt"
	"math/rand/v2"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
)

// Pixels returns the images as a tensor of shape (Len, Dim), row-major, with
// values v/255 in [0, 1] for pixels v in 0..255.
func Pixels[T bijector.Float](s *Set) *tensor.Dense {
	x := make([]T, len(s.pixels))
	copyUnit(x, s.pixels)
	return dense(x, s.Len(), s.Dim())
}

// Dequantize returns the images as a tensor of shape (Len, Dim), row-major,
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
// float32 ones cut short.
func Dequantize[T bijector.Float](rng *rand.Rand, s *Set) *tensor.Dense {
	x := make([]T, len(s.pixels))
	switch x := any(x).(type) {
	case []float32:
		for i, v := range s.pixels {
			x[i] = float32(uint32(v)<<16|uint32(rng.Uint64()>>48)) * 0x1p-24
		}
	case []float64:
		for i, v := range s.pixels {
			x[i] = float64(uint64(v)<<45|rng.Uint64()>>19) * 0x1p-53
		}
	}
	return dense(x, s.Len(), s.Dim())
}

// OneHot returns a tensor of shape (len(labels), classes), row-major, whose row
// i is 1 in column labels[i] and 0 elsewhere. The error wraps
// bijector.ErrShape when a label is not below classes.
func OneHot[T bijector.Float](labels []uint8, classes int) (*tensor.Dense, error) {
	if classes < 1 || classes > 256 {
		return nil, fmt.Errorf("mnist: one-hot of %d classes, want 1 to 256: %w", classes, bijector.ErrShape)
	}
	x := make([]T, len(labels)*classes)
	for i, label := range labels {
		if int(label) >= classes {
			return nil, fmt.Errorf("mnist: label %d of row %d does not fit %d classes: %w", label, i, classes, bijector.ErrShape)
		}
		x[i*classes+int(label)] = 1
	}
	return dense(x, len(labels), classes), nil
}

func dense[T bijector.Float](x []T, rows, cols int) *tensor.Dense {
	return tensor.New(tensor.WithShape(rows, cols), tensor.WithBacking(x))
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
