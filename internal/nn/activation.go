// The activations between the layers of networks.

package nn

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// activation is a function between layers whose derivative follows from its value, so
// that training keeps no more than the values.
type activation uint8

const (
	relu      activation = iota // max(x, 0), which products of matrices end in
	tanh                        // tanh(x)
	elu                         // x, or exp(x) - 1 below 0
	leakyReLU                   // x, or LeakySlope x below 0
	sigmoid                     // 1/(1 + exp(-x))
	softplus                    // log(1 + exp(x))
)

// activationNames are those of specs.
var activationNames = []string{"relu", "tanh", "elu", "leaky_relu", "sigmoid", "softplus"}

// LeakySlope is that of leaky_relu below 0.
const LeakySlope = 0.01

// newActivation finds an activation by its name; "" is relu.
func newActivation(name string) (activation, error) {
	if name == "" {
		return relu, nil
	}
	if i := slices.Index(activationNames, name); i >= 0 {
		return activation(i), nil
	}
	return relu, fmt.Errorf("nn: activation %q, want one of %s: %w", name, strings.Join(activationNames, ", "), bijector.ErrSpec)
}

// activate sets y to the activation of x, which may be y.
func activate[T bijector.Float](a activation, y, x []T) {
	switch a {
	case relu:
		kernel.Rectify(y, x)
	case tanh:
		kernel.Tanh(y, x)
	case elu:
		for i, v := range x {
			if y[i] = v; !(v > 0) {
				y[i] = T(math.Expm1(float64(v)))
			}
		}
	case leakyReLU:
		for i, v := range x {
			if y[i] = v; !(v > 0) {
				y[i] = LeakySlope * v
			}
		}
	case sigmoid:
		kernel.Sigmoid(y, x)
	case softplus:
		kernel.Softplus(y, x)
	}
}

// backwardActivation multiplies d by the derivative at what gave the values y:
//
//	relu [y > 0],  tanh 1 - y^2,  elu 1 or y + 1,  leaky_relu 1 or its slope,
//	sigmoid y (1 - y),  softplus 1 - exp(-y).
func backwardActivation[T bijector.Float](a activation, d, y []T) {
	for i, v := range y {
		switch a {
		case relu:
			if !(v > 0) {
				d[i] = 0
			}
		case tanh:
			d[i] *= 1 - v*v
		case elu:
			if !(v > 0) {
				d[i] *= v + 1
			}
		case leakyReLU:
			if !(v > 0) {
				d[i] *= LeakySlope
			}
		case sigmoid:
			d[i] *= v * (1 - v)
		case softplus:
			d[i] *= T(-math.Expm1(-float64(v)))
		}
	}
}
