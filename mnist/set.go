// Set: labelled images in memory, as bytes.

package mnist

import (
	"fmt"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
)

// Set is a set of labelled images of one size. It is never changed once made,
// so any number of goroutines may read it. Its zero value is empty.
type Set struct {
	height, width, classes int
	pixels                 []uint8 // (n, height*width)
	labels                 []uint8 // (n)
}

// NewSet pairs images with their labels, without copying either. The error
// wraps bijector.ErrShape when their numbers differ or the pixels are no whole
// number of images.
func NewSet(images Images, labels []uint8) (*Set, error) {
	n := images.Len()
	if n*images.Height*images.Width != len(images.Pixels) || n == 0 {
		return nil, fmt.Errorf("mnist: %d pixels, want a whole number of images of %d x %d, at least one: %w",
			len(images.Pixels), images.Height, images.Width, bijector.ErrShape)
	}
	if n != len(labels) {
		return nil, fmt.Errorf("mnist: %d images and %d labels, want as many of one as of the other: %w", n, len(labels), bijector.ErrShape)
	}
	return &Set{
		height: images.Height, width: images.Width, classes: int(slices.Max(labels)) + 1,
		pixels: images.Pixels, labels: labels,
	}, nil
}

// Len returns the number of images.
func (s *Set) Len() int { return len(s.labels) }

// Height returns the number of pixel rows of an image.
func (s *Set) Height() int { return s.height }

// Width returns the number of pixel columns of an image.
func (s *Set) Width() int { return s.width }

// Dim returns the number of pixels of an image, Height*Width.
func (s *Set) Dim() int { return s.height * s.width }

// Classes returns the number of classes: one more than the highest label,
// counted over the training and the test set where both were loaded together.
// Some sets number their classes from 1; class 0 is then empty.
func (s *Set) Classes() int { return s.classes }

// Image returns the pixels of image i, row-major, 0 to 255. It is a view: do
// not write to it. Like indexing a slice, it panics unless 0 <= i < Len.
func (s *Set) Image(i int) []uint8 {
	d := s.Dim()
	return s.pixels[i*d : (i+1)*d : (i+1)*d]
}

// Label returns the label of image i. Like indexing a slice, it panics unless
// 0 <= i < Len.
func (s *Set) Label(i int) int { return int(s.labels[i]) }

// Labels returns all labels, in order. It is a view: do not write to it.
func (s *Set) Labels() []uint8 { return s.labels[:len(s.labels):len(s.labels)] }

// Head returns the set of the first n images, which shares its pixels with s:
// all of s when it has no more than n, and none when n is not positive.
// Classes stays what it was.
func (s *Set) Head(n int) *Set {
	n = min(max(n, 0), s.Len())
	head := *s
	head.pixels, head.labels = s.pixels[:n*s.Dim()], s.labels[:n]
	return &head
}

// Tail returns the set of the last n images, as Head does of the first.
func (s *Set) Tail(n int) *Set {
	from := s.Len() - min(max(n, 0), s.Len())
	tail := *s
	tail.pixels, tail.labels = s.pixels[from*s.Dim():], s.labels[from:]
	return &tail
}
