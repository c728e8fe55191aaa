// Features that share their numbers: the pixels of an image's channel.

package bijector

import (
	"fmt"
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
