// Layers and bases where formulas lose digits: near 0, far out, and at the ends
// of their domains.

package main

import (
	"errors"
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/onnx"
)

// flat is a base of log-density 0, so that log_prob is the layer's log-det.
type flat[T bijector.Float] struct{ *distribution.Uniform[T] }

type flatPass[T bijector.Float] struct{ distribution.BasePass[T] }

func (flatPass[T]) LogProb(_, _ bijector.Mat[T], _ []float64) {}

func (f flat[T]) NewBasePass(o bijector.PassOptions) distribution.BasePass[T] {
	return flatPass[T]{f.Uniform.NewBasePass(o)}
}

func (f flat[T]) ExportLogProb(g *onnx.Graph, z, _ onnx.Value) onnx.Value {
	return g.Sum(g.Op("Min", nil, g.Abs(z), g.Number(0)), f.Dim())
}

func flatBase[T bijector.Float](dim int) flat[T] {
	return flat[T]{must(distribution.NewUniform[T](distribution.UniformSpec{Dim: dim}))}
}

// edgeVectors are the cases. Unless floors say otherwise, errors are relative
// to the values, far down.
func edgeVectors[T bijector.Float]() (all []vectors) {
	all = append(all, curveEdges[T]()...)
	all = append(all, boundsEdges[T]()...)
	all = append(all, scaleEdges[T]()...)
	all = append(all, splineEdges[T](3)...)
	all = append(all, diagonalEdges[T]()...)
	all = append(all, marginEdges[T]()...)
	return append(all, baseEdges[T]()...)
}

// curveEdges runs every function of one value, and its inverse, through the
// points of its domain.
func curveEdges[T bijector.Float]() (all []vectors) {
	const most = 1e4
	both := func(v ...float64) (all []float64) {
		for _, x := range v {
			all = append(all, x, -x)
		}
		return all
	}
	below := 1 - float64(epsilon[T]())/2 // the last number before 1
	line := append(both(1e-8, 1e-4, 0.05, 0.2, 0.5, 3, 30, most), 0)
	positive := []float64{1e-8, 1e-4, 0.05, 0.5, 0.69, 0.7, 30, most, 0}
	unit := []float64{1e-8, 1e-4, 0.05, 0.3, 0.5, 0.95, below, 0, 1}
	open := append(both(1e-8, 1e-4, 0.05, 0.3, 0.95, below, 1), 0)
	// Where y and 1-y of a logit are alike, it is their difference; the
	// log-slope of a tanh is that of numbers of size 1; x of a logit with an
	// alpha is known to so much of alpha.
	for _, c := range []struct {
		name    string
		layer   bijector.Layer[T]
		there   []float64 // the domain
		back    []float64 // the image
		z, logp float64   // floors there
		x, logx float64   // and back
	}{
		{"softplus", must(bijector.NewSoftplus[T](bijector.SoftplusSpec{Dim: 1})), line, positive, 0, 0, 0.1, 0},
		{"sigmoid", must(bijector.NewSigmoid[T](bijector.SigmoidSpec{Dim: 1})), line, unit, 0, 0, 1, 0},
		{"tanh", must(bijector.NewTanh[T](bijector.TanhSpec{Dim: 1})), line, open, 0, 1, 0, 1e-3},
		{"logit", must(bijector.NewLogit[T](bijector.LogitSpec{Dim: 1})), unit, line, 1, 0, 0, 0},
		{"logit-1e-6", must(bijector.NewLogit[T](bijector.LogitSpec{Dim: 1, Alpha: 1e-6})), unit, line, 1, 0, 1e-2, 0},
		{"logit-0.05", must(bijector.NewLogit[T](bijector.LogitSpec{Dim: 1, Alpha: 0.05})), unit, line, 1, 0, 1, 0},
		{"logit-0.05-clamp", must(bijector.NewLogit[T](bijector.LogitSpec{Dim: 1, Alpha: 0.05, Clamp: true})), unit, line, 1, 0, 1, 0},
	} {
		all = append(all,
			edge("edge-"+c.name, c.layer, flatBase[T](1), column[T](c.there), c.z, c.logp),
			edge("edge-"+c.name+"-inverted", bijector.Layer[T](bijector.Invert(c.layer)), flatBase[T](1), column[T](c.back), c.x, c.logx))
	}
	return all
}

// boundsEdges runs each kind of bounds up to its ends and beyond, and latents that
// are taken to them.
func boundsEdges[T bijector.Float]() (all []vectors) {
	epsilon := float64(epsilon[T]())
	far := []float64{0, 1e-8, -1e-8, 1e-4, 0.5, -3, 3, 8, -8, 60, -60, 1e4, -1e4}
	for _, c := range []struct {
		name           string
		lo, hi, margin float64
	}{
		{"interval", 2, 6, 0},
		{"above", -1, math.Inf(1), 0},
		{"below", math.Inf(-1), 0.5, 0},
		{"closed-interval", 2, 6, 0.01},
		{"closed-above", -1, math.Inf(1), 0.25},
		{"closed-below", math.Inf(-1), 0.5, 0.25},
	} {
		b := bijector.Between(0, c.lo, c.hi)
		b.Margin = c.margin
		l := must(bijector.NewBounds[T](bijector.BoundsSpec{Dim: 2, Features: []bijector.FeatureBounds{b}}))
		var x, z []float64
		for _, v := range []float64{c.lo, c.hi} {
			if math.IsInf(v, 0) {
				v = math.Copysign(1e4, v)
			}
			for _, d := range []float64{0, 2 * epsilon * math.Abs(v), 1e-4, 0.5, 30} {
				x = append(x, v+d, 0, v-d, 1)
			}
		}
		for _, v := range far {
			z = append(z, v, -2)
		}
		all = append(all,
			edge("edge-bounds-"+c.name, l, flatBase[T](2), rowsOf[T](2, x), 1, 1),
			edge("edge-bounds-"+c.name+"-inverted", bijector.Layer[T](bijector.Invert[T](l)), flatBase[T](2), rowsOf[T](2, z), 1, 1))
	}
	return all
}

// scaleEdges gives an affine coupling one r after the other, from a net of
// biases alone.
func scaleEdges[T bijector.Float]() (all []vectors) {
	for _, scale := range []string{"learned-tanh", "tanh", "softclamp", "softsign", "sigmoid", "exp"} {
		for i, r := range []float64{1e-8, -1e-8, 1e-4, -1e-4, 30, -30, 1e4, -1e4} {
			if scale == "exp" && math.Abs(r) > 30 {
				continue // beyond what T holds
			}
			c := must(coupling.NewAffine[T](coupling.AffineSpec{Dim: 2, Scale: scale, Hidden: []int{1}}))
			for _, p := range c.Params() {
				if p.Name != "shared" {
					clear(p.Data)
				}
				if p.Name == "net.1.bias" {
					p.Data[0] = T(r)
				}
			}
			c.Invalidate()
			x := rowsOf[T](2, []float64{1, 1, 1e-8, 1e-8, 1e4, 1e4})
			all = append(all, edge(fmt.Sprintf("edge-%s-%d", scale, i), c, flatBase[T](2), x, 0, 0))
		}
	}
	return all
}

// splineEdges walks through the boxes of n splines, some of which T does not
// hold.
func splineEdges[T bijector.Float](n int) (all []vectors) {
	for i := range n {
		bound := []float64{3, 0.1, 0.7}[i%3]
		s := coupling.SplineSpec{Dim: 2, Bound: bound, Hidden: []int{4}, Seed: uint64(i + 1), MinWidth: 1e-2, MinHeight: 1e-2}
		c := must(coupling.NewSpline[T](s))
		last := T(bound)
		if float64(last) > bound {
			last *= 1 - epsilon[T]()/2
		}
		points := []float64{1e-8, 1e-4, 30, 1e4, bound, float64(last), 0.3 * bound, 0.99 * bound}
		for k := range 4 {
			points = append(points, float64(last*(1-T(k+1)*epsilon[T]())))
		}
		var x []float64
		for _, v := range points {
			x = append(x, v, v, -v, -v) // one of the two features moves
		}
		batch := rowsOf[T](2, x)
		for _, l := range []bijector.Layer[T]{c, bijector.Invert[T](c)} {
			name := fmt.Sprintf("edge-spline-%d", i)
			if l != bijector.Layer[T](c) {
				name += "-inverted"
			}
			all = append(all, edge(name, l, flatBase[T](2), batch, bound, 1))
		}
	}
	return all
}

// diagonalEdges are affine maps of data far from 0.
func diagonalEdges[T bijector.Float]() (all []vectors) {
	const mean, scale = 1e4 + 0.3, 0.25 // a variance for batch norm
	s := must(bijector.NewStandardize[T](bijector.StandardizeSpec{Dim: 1}))
	b := must(bijector.NewBatchNorm[T](bijector.BatchNormSpec{Dim: 1}))
	for _, l := range []bijector.Stateful[T]{s, b} {
		l.Buffers()[0].Data.([]float64)[0], l.Buffers()[1].Data.([]float64)[0] = mean, scale
	}
	s.Buffers()[2].Data.([]int64)[0] = 1
	x, z := column[T]([]float64{1e4, 1e4 + 0.25, 1e4 + 0.3, 1e4 + 1, -1e4, 1e-8, 30}), column[T]([]float64{1e-8, 1e-4, -1, 30, 1e4})
	for _, c := range []struct {
		name      string
		layer     bijector.Layer[T]
		deviation float64
	}{{"standardize", s, scale}, {"batchnorm", b, math.Sqrt(scale + 1e-5)}} {
		there := edge("edge-"+c.name, c.layer, flatBase[T](1), x, 10, 0)
		back := edge("edge-"+c.name+"-inverted", bijector.Layer[T](bijector.Invert(c.layer)), flatBase[T](1), z, 10, 0)
		// The library itself rounds a product and a sum; these are the values.
		for i, v := range there.In["x"].Data {
			there.Out["z"].Data[i] = (v - mean) / c.deviation
		}
		for i, v := range back.In["x"].Data {
			back.Out["z"].Data[i] = v*c.deviation + mean
		}
		all = append(all, there, back)
	}
	return all
}

// baseEdges score points in the middle and far out.
func baseEdges[T bijector.Float]() (all []vectors) {
	one := must(bijector.NewShift[T](bijector.ShiftSpec{Dim: 1}))
	far := []float64{0, 1e-8, 1e-4, 0.1, 1, 30, 1e4, -30, -1e4, 1e20}
	mixture := must(distribution.NewMixture[T](distribution.MixtureSpec{Dim: 1, Components: 3}))
	for _, p := range mixture.Params() {
		if p.Name == "logits" {
			copy(p.Data, []T{800, 0, -800})
		}
	}
	located := distribution.NormalSpec{Dim: 1, Loc: []float64{1e4 + 0.3}, Scale: []float64{0.01}}
	for _, c := range []struct {
		name   string
		base   distribution.Base[T]
		points []float64
		floor  float64
	}{
		{"normal", distribution.StandardNormal[T](1), far, 0},
		{"normal-far", must(distribution.NewNormal[T](located)), []float64{1e4, 1e4 + 0.3, 1e4 + 0.4, 0}, 0},
		{"logistic", must(distribution.NewLogistic[T](distribution.LogisticSpec{Dim: 1})), far, 0},
		{"studentt", must(distribution.NewStudentT[T](distribution.StudentTSpec{Dim: 1})), far, 0},
		{"studentt-light", must(distribution.NewStudentT[T](distribution.StudentTSpec{Dim: 1, DF: []float64{math.Exp(20)}})), far, 0},
		{"studentt-heavy", must(distribution.NewStudentT[T](distribution.StudentTSpec{Dim: 1, DF: []float64{1e-4}})), far, 0},
		{"mixture", mixture, far, 0},
		{"uniform", must(distribution.NewUniform[T](distribution.UniformSpec{Dim: 1, Lo: []float64{-0.7}, Hi: []float64{0.1}})), []float64{
			0, 0.1, -0.7, 0.1 * (1 - float64(epsilon[T]())), -0.7 * (1 + float64(epsilon[T]())), 30, -1e4,
		}, 0},
	} {
		all = append(all, edge("edge-base-"+c.name, bijector.Layer[T](one), c.base, column[T](c.points), 0, c.floor))
	}
	return all
}

// edge is a flow's vectors; below the floors, errors are absolute. A row outside
// the domain has a log_prob of -Inf and a z of NaN.
func edge[T bijector.Float](name string, l bijector.Layer[T], base distribution.Base[T], x *bijector.Rows[T], floorZ, floorLogp float64) vectors {
	f := must(flow.New(l, base))
	t := bijector.Given(l, nil)
	logp, err := t.LogDetJacobian(x)
	if _, ok := base.(flat[T]); !ok {
		logp, err = f.LogProb(x)
	}
	return vectors{
		Name: name, DType: dtype[T](), model: export(f, onnx.Forward),
		In:    map[string]array{"x": arrayOf[T](x)},
		Out:   map[string]array{"z": arrayOf[T](some(t.Forward(x))), "log_prob": {Shape: []int{x.Len()}, Data: roundedTo[T](some(logp, err))}},
		Floor: map[string]float64{"z": max(floorZ, smallest[T]()), "log_prob": max(floorLogp, smallest[T]())},
	}
}

// roundedTo is what T holds of the values: a log-density of -5e39 is -Inf in
// float32.
func roundedTo[T bijector.Float](values []float64) []float64 {
	for i, v := range values {
		values[i] = float64(T(v))
	}
	return values
}

// smallest is the floor of errors that are relative: runtimes' exponentials end
// at the smallest normal number, an error of that size.
func smallest[T bijector.Float]() float64 {
	if dtype[T]() == "float32" {
		return 1e-30
	}
	return 1e-290
}

// some is must, but for rows that are not finite, as they are at the ends of a
// domain.
func some[V any](v V, err error) V {
	var rows *bijector.RowError
	if errors.As(err, &rows) && rows.What == "result" {
		err = nil
	}
	return must(v, err)
}

// epsilon is the distance from 1 to the next T.
func epsilon[T bijector.Float]() T {
	if dtype[T]() == "float32" {
		return 0x1p-23
	}
	return T(math.Nextafter(1, 2) - 1)
}

func rowsOf[T bijector.Float](d int, values []float64) *bijector.Rows[T] {
	x := bijector.NewRows[T](len(values)/d, d)
	for i, v := range values {
		x.Values()[i] = T(v)
	}
	return x
}

func column[T bijector.Float](values []float64) *bijector.Rows[T] { return rowsOf[T](1, values) }
