// Mixtures of normal distributions, and other bases that are more than a line.

package onnx

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
)

// gaussians are the log-densities of a mixture's components, weighted within
// their class, (n, components).
func gaussians[T bijector.Float](g *Graph, z Value, d int, params []bijector.Param[T]) (logp Value, components int) {
	var logits, loc, logScale, lower []float64
	within := 1 // components of a class
	for _, p := range params {
		switch v := widen(p.Data); p.Name {
		case "logits":
			logits, within = v, p.Shape[len(p.Shape)-1]
		case "loc":
			loc = v
		case "log_scale":
			logScale = v
		case "lower":
			lower = v
		}
	}
	components = len(loc) / d
	inv, constant := make([]float64, len(loc)), make([]float64, components)
	for i, s := range logScale {
		inv[i] = math.Exp(-s)
		constant[i/d] -= s + math.Log(2*math.Pi)/2
	}
	for i, l := range logits {
		first := i / within * within
		constant[i] += l - floats.LogSumExp(logits[first:first+within])
	}
	if lower != nil {
		columns := make([]Value, components)
		for k := range columns {
			u := g.Linear(g.Sub(z, g.Row(loc[k*d:][:d])), inverseTriangle(inv[k*d:][:d], lower[k*d*(d-1)/2:]), nil, d, d)
			columns[k] = g.Times(g.Sum(g.Mul(u, u), d), -0.5)
		}
		return g.Add(g.Concat(1, columns...), g.Row(constant)), components
	}
	u := g.Mul(g.Sub(g.Reshape(z, 1, d), g.Constant(loc, 1, components, d)), g.Constant(inv, 1, components, d))
	ones := make([]float64, d)
	for i := range ones {
		ones[i] = -0.5
	}
	squares := g.Reshape(g.MatMul(g.Mul(u, u), g.Constant(ones, d, 1)), components)
	return g.Add(squares, g.Row(constant)), components
}

// inverseTriangle is the inverse, (d, d), of the triangle with 1/inv on its diagonal and
// lower, row by row, below it.
func inverseTriangle(inv, lower []float64) []float64 {
	d := len(inv)
	w := make([]float64, d*d)
	for i := range d {
		w[i*d+i] = inv[i]
		for k, l := range lower[i*(i-1)/2:][:i] {
			for j := range k + 1 {
				w[i*d+j] -= l * inv[i] * w[k*d+j]
			}
		}
	}
	return w
}

// logSumExp is log sum_k exp(a_k) over the features, (n, 1), also where all are
// -Inf.
func logSumExp(g *Graph, a Value, components int) Value {
	columns := make([]Value, components)
	for k := range columns {
		columns[k] = g.Slice(a, 1, k, k+1)
	}
	top := columns[0]
	if components > 1 {
		top = g.Op("Max", nil, columns...)
	}
	least := -math.MaxFloat64
	if g.elem == elemFloat {
		least = -math.MaxFloat32
	}
	top = g.Op("Max", nil, top, g.Number(least))
	return g.Add(top, g.Log(g.Sum(g.Exp(g.Sub(a, top)), components)))
}

// classMixture weighs the classes by the context.
func classMixture[T bijector.Float](g *Graph, m *distribution.ClassMixture[T], z, context Value) Value {
	logp, components := gaussians(g, z, m.Dim(), m.Params())
	classes := m.ContextDim()
	of := make([]int, components)
	for i := range of {
		of[i] = i * classes / components
	}
	logp = g.Add(logp, g.Select(g.Log(context), of))
	return g.Sub(logSumExp(g, logp, components), g.Log(g.Sum(context, classes)))
}

// studentT is sum_j -(nu_j+1)/2 log(1 + r_j^2) and constants, r = |u|/sqrt(nu).
// With m = max(r, 1) and q = min(r, 1/m), log(1 + r^2) is 2 log m + log(1+q^2),
// whose squares do not overflow.
func studentT[T bijector.Float](g *Graph, t *distribution.StudentT[T], z Value) Value {
	s := t.Spec().(distribution.StudentTSpec)
	df, half, root := make([]float64, s.Dim), make([]float64, s.Dim), make([]float64, s.Dim)
	var learned []bijector.Param[T]
	for j := range df {
		df[j] = 5
	}
	copy(df, s.DF)
	for _, p := range t.Params() {
		if p.Name != "log_df" {
			learned = append(learned, p)
			continue
		}
		for j, v := range p.Data {
			df[j] = math.Exp(float64(v))
		}
	}
	for j, nu := range df {
		half[j], root[j] = -(nu+1)/2, 1/math.Sqrt(nu)
	}
	// The constants are the log-density at 0 of the same law without scale.
	plain, err := distribution.NewStudentT[float64](distribution.StudentTSpec{Dim: s.Dim, DF: df})
	if err != nil {
		g.Fail(fmt.Errorf("onnx: %w", err))
		return z
	}
	constant := make([]float64, 1)
	plain.NewBasePass(bijector.PassOptions{MaxBatch: 1}).LogProb(bijector.NewMat[float64](s.Dim, 1), bijector.Mat[float64]{}, constant)
	u, logDet := standardise(g, z, distribution.NormalSpec{Dim: s.Dim, Loc: s.Loc, Scale: s.Scale}, learned)
	r := g.Mul(g.Abs(u), g.Row(root))
	m := g.Op("Max", nil, r, g.Number(1))
	q := g.Op("Min", nil, r, g.Div(g.Number(1), m))
	terms := g.Mul(g.Add(g.Times(g.Log(m), 2), g.Log1p(g.Mul(q, q))), g.Row(half))
	return g.Plus(g.Add(g.Sum(terms, s.Dim), logDet), constant[0])
}

// uniform is the log of 1 or 0 for each feature, less that of the box's volume.
func uniform(g *Graph, s distribution.UniformSpec, z Value) Value {
	lo, hi, volume := make([]float64, s.Dim), make([]float64, s.Dim), 0.0
	for j := range hi {
		hi[j] = 1
	}
	copy(lo, s.Lo)
	copy(hi, s.Hi)
	for j := range hi {
		volume += math.Log(hi[j] - lo[j])
		lo[j], hi[j] = g.ceiling(lo[j]), g.floor(hi[j])
	}
	inside := g.Op("And", nil, g.Op("GreaterOrEqual", nil, z, g.Row(lo)), g.Op("GreaterOrEqual", nil, g.Row(hi), z))
	return g.Plus(g.Sum(g.Log(g.Op("Cast", []Attr{{"to", int(g.elem)}}, inside)), s.Dim), -volume)
}
