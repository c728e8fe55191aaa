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

// activation is a function between layers. The derivative of most follows from the value,
// so that training keeps no more than the values; see keepsInput.
type activation uint8

const (
	relu      activation = iota // max(x, 0), which products of matrices end in
	tanh                        // tanh(x)
	elu                         // x, or exp(x) - 1 below 0
	leakyReLU                   // x, or LeakySlope x below 0
	sigmoid                     // 1/(1 + exp(-x))
	softplus                    // log(1 + exp(x))
	silu                        // x / (1 + exp(-x))
	gelu                        // x times the normal distribution function of x
)

// activationNames are those of specs.
var activationNames = []string{"relu", "tanh", "elu", "leaky_relu", "sigmoid", "softplus", "silu", "gelu"}

// LeakySlope is that of leaky_relu below 0.
const LeakySlope = 0.01

// keepsInput says that the derivative does not follow from the value: these fall and rise
// again. Training keeps what they were given, too.
func (a activation) keepsInput() bool { return a == silu || a == gelu }

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
	case silu:
		for i, v := range x {
			y[i] = T(float64(v) / (1 + math.Exp(-float64(v))))
		}
	case gelu:
		for i, v := range x {
			y[i] = T(float64(v) * normalCDF(float64(v)))
		}
	}
}

// normalCDF is the distribution function of the normal distribution.
func normalCDF(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }

// backwardActivation multiplies d by the derivative at what gave the values y:
//
//	relu [y > 0],  tanh 1 - y^2,  elu 1 or y + 1,  leaky_relu 1 or its slope,
//	sigmoid y (1 - y),  softplus 1 - exp(-y),
//
// and with keepsInput at y itself, with s the sigmoid, F the normal distribution function:
//
//	silu s(y) (1 + y (1 - s(y))),  gelu F(y) + y F'(y).
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
		case silu:
			s := 1 / (1 + math.Exp(-float64(v)))
			d[i] *= T(s * (1 + float64(v)*(1-s)))
		case gelu:
			x := float64(v)
			d[i] *= T(normalCDF(x) + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi))
		}
	}
}

// inputs are what the activations of a training pass were given, one by one, of those
// with keepsInput; nil for the others, and in evaluation.
type inputs[T bijector.Float] []bijector.Mat[T]

// newInputs has one for each width.
func newInputs[T bijector.Float](a activation, o bijector.PassOptions, widths ...int) (in inputs[T]) {
	if !a.keepsInput() {
		return nil
	}
	for _, d := range widths {
		in = append(in, bijector.Activations[T](o, d))
	}
	return in
}

// keep stores samples lo to hi of n, x, for activation k.
func (in inputs[T]) keep(k int, x bijector.Mat[T], n, lo, hi int) {
	if in == nil {
		return
	}
	to := in[k].Resize(n).Samples(lo, hi)
	for j := range x.D {
		copy(to.Feature(j), x.Feature(j))
	}
}

// of is what the derivative of activation k follows from: what was kept, or its values y.
func (in inputs[T]) of(k int, y bijector.Mat[T], n, lo, hi int) bijector.Mat[T] {
	if in == nil {
		return y
	}
	return in[k].Resize(n).Samples(lo, hi)
}
