// Features that share their numbers: the pixels of an image's channel.

package bijector

import (
	"fmt"

	"github.com/bijou-flow/bijou/internal/kernel"
)

// channelCount is the number of channels that dim features in groups of pixels
// make; 0 pixels are 1.
func channelCount(layer string, dim, pixels int) (int, error) {
	if err := checkDim(layer, dim); err != nil {
		return 0, err
	}
	if pixels < 0 || pixels > 0 && dim%pixels != 0 {
		return 0, fmt.Errorf("bijector: %s of %d features in channels of %d, want a divisor of %d, or 0 for 1: %w: %w", layer, dim, pixels, dim, ErrSpec, ErrShape)
	}
	return dim / max(pixels, 1), nil
}

// channel is the view of channel c.
func channel[T Float](m Mat[T], c, pixels int) Mat[T] { return m.Features(c*pixels, (c+1)*pixels) }

// sum is that of all values of x.
func sum[T Float](x Mat[T]) float64 {
	total := 0.0
	for j := range x.D {
		total += kernel.Sum(x.Feature(j))
	}
	return total
}

// meanAndSumSquares are the mean of all values of x and the sum of their squared
// distances from it, in two passes: the one-pass formula loses all digits where
// the mean is large.
func meanAndSumSquares[T Float](x Mat[T]) (mean, squares float64) {
	mean = sum(x) / float64(x.D*x.N)
	for j := range x.D {
		squares += kernel.SumSquares(x.Feature(j), mean)
	}
	return mean, squares
}
