package autoregressive

import (
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/nn"
)

// MADESpec describes a masked network.
type MADESpec = nn.MADESpec

// NewMADE makes the masked network that all layers of this package have, to be
// used by itself: a perceptron whose outputs for feature j depend on the
// context and on the features before j alone,
//
//	h_1 = a((W_1 * M_1) (context, x) + b_1),  h_l = a((W_l * M_l) h_(l-1) + b_l),
//	y   = (W_L * M_L) h_(L-1) + b_L
//
// (Germain et al. 2015, arXiv 1502.03509, section 4). Output p*D + j is
// parameter p of feature j. Every x is in the domain; the cost of a sample is
// a multiply-add a weight, masked or not. It returns ErrSpec for a number of
// features or a width below 1 and for an unknown activation.
func NewMADE[T bijector.Float](s MADESpec) (*nn.MADE[T], error) { return nn.NewMADE[T](s) }
