// Conditioners whose outputs are scaled: the form in which NICE is trained.

package main

import "github.com/bijou-flow/bijou/bijector"

// scaled is a map with a constant factor on each output, y = c f(x). It is
// what f would be with its last layer's weights and biases times c: the same
// functions, but the optimiser's steps on an output have the size of c.
type scaled struct {
	bijector.Map[float32]
	by []float32
}

// Changed tells the map below, which may hold copies of its parameters.
func (m scaled) Changed() {
	if c, ok := m.Map.(bijector.Changer); ok {
		c.Changed()
	}
}

// NewMapPass returns an evaluation pass.
func (m scaled) NewMapPass(o bijector.PassOptions) bijector.MapPass[float32] {
	return scaledPass{m.Map.NewMapPass(o), m.by}
}

type scaledPass struct {
	bijector.MapPass[float32]
	by []float32
}

func (p scaledPass) Forward(y, x bijector.Mat[float32], lo, hi int) {
	p.MapPass.Forward(y, x, lo, hi)
	multiply(y, y, p.by, lo, hi)
}

// NewMapGradPass returns a training pass.
func (m scaled) NewMapGradPass(o bijector.PassOptions) bijector.MapGradPass[float32] {
	return &scaledGradPass{MapGradPass: m.Map.NewMapGradPass(o), by: m.by, df: bijector.NewMat[float32](m.Out(), o.MaxBatch)}
}

// scaledGradPass trains a scaled. For y = c f(x), the vector-Jacobian product
// with dy is that of f with df = c dy; so are its parameters' gradients.
type scaledGradPass struct {
	bijector.MapGradPass[float32]
	by []float32
	df bijector.Mat[float32]
}

func (p *scaledGradPass) Forward(y, x bijector.Mat[float32], lo, hi int) {
	p.MapGradPass.Forward(y, x, lo, hi)
	multiply(y, y, p.by, lo, hi)
}

// Backward hands f its own output's gradient. No pass of a perceptron reads
// the y that it is given.
func (p *scaledGradPass) Backward(dx, dy, x, y bijector.Mat[float32], lo, hi int) {
	df := p.df.Resize(dy.N)
	multiply(df, dy, p.by, lo, hi)
	p.MapGradPass.Backward(dx, df, x, y, lo, hi)
}

func (p *scaledGradPass) Accumulate(dy, x, y bijector.Mat[float32]) {
	p.MapGradPass.Accumulate(p.df.Resize(dy.N), x, y)
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
