package autoregressive

import (
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/nn"
)

// MADESpec describes a masked network.
type MADESpec = nn.MADESpec

// NewMADE makes the masked network that all layers of this package have, to be
// used by itself. It returns ErrSpec for a number of features or a width below
// 1 and for an unknown activation.
func NewMADE[T bijector.Float](s MADESpec) (*nn.MADE[T], error) { return nn.NewMADE[T](s) }
