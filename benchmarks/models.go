// The flows of the comparison with other programs.

package benchmarks

import (
	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
)

// under puts a standard normal under what a recipe made.
func under[T bijector.Float](chain *bijector.Chain[T], err error) (*flow.Flow[T], error) {
	if err != nil {
		return nil, err
	}
	return flow.New(chain, distribution.StandardNormal[T](chain.Dim()))
}

// NewMAF is a masked autoregressive flow of 5 layers of 256 x 256, given the class.
func NewMAF[T bijector.Float]() (*flow.Flow[T], error) {
	return under(autoregressive.MAF[T](autoregressive.Recipe{Dim: dim, ContextDim: classes, Norm: "none", Raw: true, Seed: 1}))
}

// NewNSF is a flow of 6 spline couplings of 8 bins, with linear maps between
// them, given the class.
func NewNSF[T bijector.Float]() (*flow.Flow[T], error) {
	return under(coupling.NSF[T](coupling.Recipe{Dim: dim, ContextDim: classes, Norm: "none", Raw: true, Seed: 1}))
}

// Pixels of an image of MNIST.
const pixels = 784

// NewNICE is NICE on 784 features: 4 additive couplings of 5 hidden layers of
// 1,000 under a logistic base.
func NewNICE[T bijector.Float]() (*flow.Flow[T], error) {
	chain, err := coupling.NICE[T](coupling.Recipe{Dim: pixels, Layers: 4, Hidden: []int{1000, 1000, 1000, 1000, 1000}, Seed: 1})
	if err != nil {
		return nil, err
	}
	base, err := distribution.NewLogistic[T](distribution.LogisticSpec{Dim: pixels})
	if err != nil {
		return nil, err
	}
	return flow.New(chain, base)
}

// NewImage is the paper's multi-scale Real NVP on images of 28 x 28.
func NewImage[T bijector.Float]() (*flow.Flow[T], error) {
	return under(coupling.RealNVPImage[T](coupling.ImageRecipe{Channels: 1, Height: 28, Width: 28, Seed: 1}))
}
