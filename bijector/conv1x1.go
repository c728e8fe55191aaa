// Conv1x1: a trained linear map of an image's channels, the same at each
// pixel. Its passes are LU's.

package bijector

// Conv1x1Spec describes a Conv1x1.
type Conv1x1Spec struct {
	Channels int `json:"channels"` // at most 2048
	Height   int `json:"height"`
	Width    int `json:"width"`
	// Start and Seed of the weight, as in LUSpec: a random rotation or, with
	// Start "identity", the identity.
	Start string `json:"start,omitempty"`
	Seed  uint64 `json:"seed,omitempty"`
}

// Values is the number of values that are saved: see registry.Sizer.
func (s Conv1x1Spec) Values() float64 { return LUSpec{Dim: s.Channels}.Values() }

// Conv1x1 is the invertible 1x1 convolution: the channels of each pixel are
// multiplied by one matrix,
//
//	z[:, p] = W x[:, p] + b with W = P L U,  x[:, p] = U^-1 L^-1 P^-1 (z[:, p] - b)
//	log|det dz/dx| = height * width * sum_c s_c
//
// (Kingma and Dhariwal 2018, arXiv 1807.03039, section 3.2, equations 9 to 11;
// W's factors are those of LU, with exp(s) on U's diagonal). Every x is in the
// domain. Parameters, buffers and starts are LU's for a matrix of Channels by
// Channels; the cost is 4 c^2 operations a pixel, half of it back.
type Conv1x1[T Float] struct {
	*LU[T]
	spec Conv1x1Spec
}

// NewConv1x1 makes a Conv1x1. It returns ErrSpec for images without pixels, for
// more channels than 2048 and for an unknown start.
func NewConv1x1[T Float](s Conv1x1Spec) (*Conv1x1[T], error) {
	if err := checkImage("a 1x1 convolution", s.Channels, s.Height, s.Width); err != nil {
		return nil, err
	}
	l, err := newLU[T](LUSpec{Dim: s.Channels, Start: s.Start, Seed: s.Seed}, s.Height*s.Width)
	if err != nil {
		return nil, err
	}
	return &Conv1x1[T]{LU: l, spec: s}, nil
}

// InShape is the size of the images.
func (l *Conv1x1[T]) InShape() (c, h, w int) { return l.spec.Channels, l.spec.Height, l.spec.Width }

// OutShape is InShape.
func (l *Conv1x1[T]) OutShape() (c, h, w int) { return l.InShape() }

// Spec is the Conv1x1Spec.
func (l *Conv1x1[T]) Spec() any { return l.spec }
