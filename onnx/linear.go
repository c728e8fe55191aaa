// Learned linear maps: of all features, and of an image's channels.

package onnx

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/bijou-flow/bijou/bijector"
)

// matrix is W = P L U of an LU, its inverse, its bias and log|det W|.
type matrix struct {
	d                int
	w, inverse, bias []float64
	logDet           float64
}

func matrixOf[T bijector.Float](l *bijector.LU[T]) matrix {
	factors, bias := widen(l.Params()[0].Data), widen(l.Params()[1].Data)
	m := matrix{d: len(bias), bias: bias}
	lower, upper := mat.NewTriDense(m.d, mat.Lower, nil), mat.NewTriDense(m.d, mat.Upper, nil)
	for i := range m.d {
		for j := range m.d {
			switch v := factors[i*m.d+j]; {
			case j < i:
				lower.SetTri(i, j, v)
			case j > i:
				upper.SetTri(i, j, v)
			default:
				lower.SetTri(i, i, 1)
				upper.SetTri(i, i, math.Exp(v))
				m.logDet += v
			}
		}
	}
	var product, inverse mat.Dense
	product.Mul(lower, upper)
	w := mat.NewDense(m.d, m.d, nil)
	for i, k := range l.Buffers()[0].Data.([]int64) {
		w.SetRow(i, mat.Row(nil, int(k), &product))
	}
	// A condition number beyond float64 is an error beside a result that is as
	// good as the solves of the layer itself.
	_ = inverse.Inverse(w)
	m.w, m.inverse = w.RawMatrix().Data, inverse.RawMatrix().Data
	return m
}

// luFuncs is z = W x + b.
func luFuncs[T bijector.Float](l *bijector.LU[T]) (f, b layerFunc) {
	m := matrixOf(l)
	f = func(g *Graph, x, _ Value) (z, logDet Value) {
		return g.Linear(x, m.w, m.bias, m.d, m.d), g.Number(m.logDet)
	}
	b = func(g *Graph, z, _ Value) (x, logDet Value) {
		return g.Linear(g.Sub(z, g.Row(m.bias)), m.inverse, nil, m.d, m.d), g.Number(-m.logDet)
	}
	return f, b
}

// whitenFuncs is z = A (x - mean), with the mean rounded to T before it is taken
// off and what the rounding left out behind the product.
func whitenFuncs[T bijector.Float](l *bijector.Whiten[T]) (f, b layerFunc) {
	forward, mean := l.Matrix()
	d, factor, logDet := l.Dim(), l.Factor(), 0.0
	rounded, bias := make([]float64, d), make([]float64, d)
	for j, m := range mean {
		rounded[j] = float64(T(m))
		logDet -= math.Log(factor[j*d+j])
	}
	for i := range bias {
		for j, m := range mean {
			bias[i] -= forward[i*d+j] * (m - rounded[j])
		}
	}
	f = func(g *Graph, x, _ Value) (z, log Value) {
		return g.Linear(g.Sub(x, g.Row(rounded)), forward, bias, d, d), g.Number(logDet)
	}
	b = func(g *Graph, z, _ Value) (x, log Value) {
		return g.Linear(z, factor, mean, d, d), g.Number(-logDet)
	}
	return f, b
}

// conv1x1Funcs is the same map at each pixel, of (channels, pixels).
func conv1x1Funcs[T bijector.Float](l *bijector.Conv1x1[T]) (f, b layerFunc) {
	c, h, w := l.InShape()
	m, pixels := matrixOf(l.LU), h*w
	total := float64(pixels) * m.logDet
	f = func(g *Graph, x, _ Value) (z, logDet Value) {
		z = g.MatMul(g.Constant(m.w, c, c), g.Reshape(x, c, pixels))
		return g.Reshape(g.Add(z, g.Constant(m.bias, 1, c, 1)), c*pixels), g.Number(total)
	}
	b = func(g *Graph, z, _ Value) (x, logDet Value) {
		z = g.Sub(g.Reshape(z, c, pixels), g.Constant(m.bias, 1, c, 1))
		return g.Reshape(g.MatMul(g.Constant(m.inverse, c, c), z), c*pixels), g.Number(-total)
	}
	return f, b
}
