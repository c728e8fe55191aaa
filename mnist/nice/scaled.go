// Conditioners whose outputs are scaled: the form in which NICE is trained.

package main

import "github.com/bijou-flow/bijou/bijector"

// scaled is a map with a constant factor on each output, y = c f(x). It is
// what f would be with its last layer's weights and biases times c: the same
// functions, but the optimiser's steps on an output have the size of c.
type scaled struct {
	bijector.Network[float32]
	scales []float32
}

// Invalidate tells the map below, which may hold copies of its parameters.
func (m scaled) Invalidate() {
	if c, ok := m.Network.(bijector.Invalidator); ok {
		c.Invalidate()
	}
}

// NewNetworkPass returns an evaluation pass.
func (m scaled) NewNetworkPass(o bijector.PassOptions) bijector.NetworkPass[float32] {
	return scaledPass{m.Network.NewNetworkPass(o), m.scales}
}

type scaledPass struct {
	bijector.NetworkPass[float32]
	scales []float32
}

func (p scaledPass) Forward(y, x bijector.Mat[float32], lo, hi int) {
	p.NetworkPass.Forward(y, x, lo, hi)
	multiply(y, y, p.scales, lo, hi)
}

// NewNetworkGradPass returns a training pass.
func (m scaled) NewNetworkGradPass(o bijector.PassOptions) bijector.NetworkGradPass[float32] {
	return &scaledGradPass{NetworkGradPass: m.Network.NewNetworkGradPass(o), scales: m.scales, df: bijector.NewMat[float32](m.Out(), o.MaxBatch)}
}

// scaledGradPass trains a scaled. For y = c f(x), the vector-Jacobian product
// with dy is that of f with df = c dy; so are its parameters' gradients.
type scaledGradPass struct {
	bijector.NetworkGradPass[float32]
	scales []float32
	df     bijector.Mat[float32]
}

func (p *scaledGradPass) Forward(y, x bijector.Mat[float32], lo, hi int) {
	p.NetworkGradPass.Forward(y, x, lo, hi)
	multiply(y, y, p.scales, lo, hi)
}

// Backward hands f its own output's gradient. No pass of a perceptron reads
// the y that it is given.
func (p *scaledGradPass) Backward(dx, dy, x, y bijector.Mat[float32], lo, hi int) {
	df := p.df.Resize(dy.N)
	multiply(df, dy, p.scales, lo, hi)
	p.NetworkGradPass.Backward(dx, df, x, y, lo, hi)
}

func (p *scaledGradPass) Accumulate(dy, x, y bijector.Mat[float32]) {
	p.NetworkGradPass.Accumulate(p.df.Resize(dy.N), x, y)
}

// multiply sets samples lo to hi of y to x times a factor of each feature.
func multiply(y, x bijector.Mat[float32], by []float32, lo, hi int) {
	for j, c := range by {
		to, from := y.Feature(j)[lo:hi], x.Feature(j)[lo:hi]
		for i, v := range from {
			to[i] = v * c
		}
	}
}
