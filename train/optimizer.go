// The optimisers: Adam and SGD.

package train

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// Optimizer turns gradients into steps: Adam or SGD, or a pointer to one. The
// zero value of each has the customary settings.
type Optimizer interface {
	check() error
	// slots is the number of state values a parameter has.
	slots() int
	// weightDecay is the user's.
	weightDecay() float64
}

// Adam is the optimiser of Kingma and Ba (2014, arXiv 1412.6980, algorithm
// 1):
//
//	m = b1 m + (1-b1) g,  v = b2 v + (1-b2) g^2,
//	p -= rate/(1-b1^t) m / (sqrt(v/(1-b2^t)) + eps).
type Adam struct {
	Beta1 float64 // 0 means 0.9
	Beta2 float64 // 0 means 0.999
	Eps   float64 // 0 means 1e-8
	// WeightDecay adds WeightDecay*p to the gradient, or, where Decoupled is
	// set, subtracts rate*WeightDecay*p from p beside the step: AdamW
	// (Loshchilov and Hutter 2017, arXiv 1711.05101, algorithm 2).
	WeightDecay float64
	Decoupled   bool
}

func (a Adam) withDefaults() Adam {
	if a.Beta1 == 0 {
		a.Beta1 = 0.9
	}
	if a.Beta2 == 0 {
		a.Beta2 = 0.999
	}
	if a.Eps == 0 {
		a.Eps = 1e-8
	}
	return a
}

func (a Adam) check() error {
	a = a.withDefaults()
	if !(a.Beta1 > 0 && a.Beta1 < 1 && a.Beta2 > 0 && a.Beta2 < 1 && a.Eps > 0 && a.Eps <= math.MaxFloat64 && a.WeightDecay >= 0 && a.WeightDecay <= math.MaxFloat64) {
		return fmt.Errorf("train: Adam with betas %g and %g, eps %g, weight decay %g: want betas in (0, 1), eps above 0, decay not negative, all finite: %w",
			a.Beta1, a.Beta2, a.Eps, a.WeightDecay, ErrOptions)
	}
	return nil
}

func (a Adam) slots() int           { return 2 }
func (a Adam) weightDecay() float64 { return a.WeightDecay }

// constants are those of step t.
func (a Adam) constants(t int, rate, decay float64) kernel.AdamStep {
	a = a.withDefaults()
	l2 := decay
	if a.Decoupled {
		l2 = 0
	} else {
		decay = 0
	}
	return kernel.NewAdamStep(t, rate, a.Beta1, a.Beta2, a.Eps, l2, decay)
}

// SGD is gradient descent with momentum: v = Momentum*v + g, p -= rate*v, as
// PyTorch's.
type SGD struct {
	Momentum    float64 // 0: none
	WeightDecay float64 // added to the gradient as WeightDecay*p
}

func (o SGD) check() error {
	if !(o.Momentum >= 0 && o.Momentum < 1 && o.WeightDecay >= 0 && o.WeightDecay <= math.MaxFloat64) {
		return fmt.Errorf("train: SGD with momentum %g, weight decay %g: want momentum in [0, 1), decay not negative and finite: %w",
			o.Momentum, o.WeightDecay, ErrOptions)
	}
	return nil
}

func (o SGD) slots() int           { return 1 }
func (o SGD) weightDecay() float64 { return o.WeightDecay }

func sgd[T bijector.Float](p, g, v []T, scale, momentum, rate, decay T) {
	for i, x := range p {
		v[i] = T(momentum*v[i]) + (T(scale*g[i]) + T(decay*x))
		p[i] = x - T(rate*v[i])
	}
}
