// The criterion of an autoencoder: which loss, and whether embeddings are drawn.

package autoencoder

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// Losses by their names in a spec. That of the cross-entropy is left out there,
// as in files from before there were others.
const (
	bceLoss      = ""
	squaredLoss  = "squared"
	gaussianLoss = "gaussian"
)

// lossName is a loss as specs hold it.
func lossName(s string) string {
	if s == "bce" {
		return bceLoss
	}
	return s
}

// criterion is what a spec says about the loss.
type criterion struct {
	loss        string
	variational bool
	noise       float64
	seed        uint64
}

func (c criterion) check() error {
	switch c.loss {
	case bceLoss, squaredLoss, gaussianLoss:
	default:
		return fmt.Errorf("autoencoder: a loss %.40q, want \"bce\", \"squared\" or \"gaussian\": %w", c.loss, bijector.ErrSpec)
	}
	switch {
	case !(c.noise >= 0) || math.IsInf(c.noise, 1):
		return fmt.Errorf("autoencoder: noise of deviation %v, want a finite one of 0 or more: %w", c.noise, bijector.ErrSpec)
	case c.noise > 0 && c.variational:
		return fmt.Errorf("autoencoder: noise of deviation %v for a variational encoder, which has deviations of its own; want one of both: %w", c.noise, bijector.ErrSpec)
	}
	return nil
}

// stochastic says whether embeddings are drawn in training.
func (c criterion) stochastic() bool { return c.variational || c.noise > 0 }

// heads is how many values the encoder gives for each of an embedding.
func (c criterion) heads() int {
	if c.variational {
		return 2
	}
	return 1
}

// values is the number of values that are saved besides the networks'.
func (c criterion) values() (n float64) {
	if c.loss == gaussianLoss {
		n++
	}
	if c.stochastic() {
		n++
	}
	return n
}

// reconstruction sets loss[i], for samples lo to hi, to the loss of the decoder's
// outputs o for the row x. scratch holds at least hi values.
func (a *Autoencoder[T]) reconstruction(loss []float64, o, x bijector.Mat[T], scratch []T, lo, hi int) {
	if a.criterion.loss == bceLoss {
		crossEntropy(loss, o, x, scratch, lo, hi)
		return
	}
	squaredError(loss, o, x, lo, hi)
	if a.criterion.loss == gaussianLoss {
		s := float64(a.logScale[0])
		factor, shift := math.Exp(-2*s)/2, s+logTwoPi/2
		for i := lo; i < hi; i++ {
			loss[i] = factor*loss[i] + shift
		}
	}
}

var logTwoPi = math.Log(2 * math.Pi)

// reconstructionGradient sets samples lo to hi of the gradient of the mean of
// reconstruction over the batch, each row's multiplied by its weight; nil weights
// are 1. For the Gaussian it is that of the squared error over 2 s^2.
func (a *Autoencoder[T]) reconstructionGradient(do, o, x bijector.Mat[T], weights []float64, lo, hi int) {
	switch a.criterion.loss {
	case bceLoss:
		crossEntropyGradient(do, o, x, weights, lo, hi)
	case squaredLoss:
		squaredErrorGradient(do, o, x, weights, 2, lo, hi)
	case gaussianLoss:
		squaredErrorGradient(do, o, x, weights, math.Exp(-2*float64(a.logScale[0])), lo, hi)
	}
}

// logScaleGradient is the derivative of the weighted mean of the losses of the
// Gaussian by log s. With q the squared error,
//
//	loss = q / (2 s^2) + log s + c,  dloss/dlog s = 1 - q / s^2 = 1 - 2 (loss - log s - c).
func (a *Autoencoder[T]) logScaleGradient(loss, weights []float64) float64 {
	shift, sum := float64(a.logScale[0])+logTwoPi/2, 0.0
	for i, v := range loss {
		d := 1 - 2*(v-shift)
		if weights != nil {
			d *= weights[i]
		}
		sum += d
	}
	return sum / float64(len(loss))
}

// squaredError sets loss[i], for samples lo to hi, to the mean over features of
// (x - o)^2.
func squaredError[T bijector.Float](loss []float64, o, x bijector.Mat[T], lo, hi int) {
	loss = loss[lo:hi]
	clear(loss)
	for j := range o.D {
		y, t := o.Feature(j)[lo:hi], x.Feature(j)[lo:hi]
		for i, v := range t {
			e := float64(v) - float64(y[i])
			loss[i] += e * e
		}
	}
	kernel.Scale(loss, 1/float64(o.D))
}

// squaredErrorGradient sets samples lo to hi of
//
//	do = factor w (o - x) / (d n).
func squaredErrorGradient[T bijector.Float](do, o, x bijector.Mat[T], weights []float64, factor float64, lo, hi int) {
	scale := factor / (float64(o.D) * float64(o.N))
	for j := range o.D {
		d := do.Feature(j)[lo:hi]
		kernel.Combine(d, o.Feature(j)[lo:hi], x.Feature(j)[lo:hi], T(scale), T(-scale), 0)
		if weights != nil {
			for i, w := range weights[lo:hi] {
				d[i] = T(w * float64(d[i]))
			}
		}
	}
}
