// Base distributions: their log-density as a graph.

package onnx

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
)

// Base is an optional interface of base distributions of other modules: z is
// (n, Dim), logp is (n, 1), in nats.
type Base interface {
	ExportLogProb(g *Graph, z, context Value) (logp Value)
}

func baseLogProb[T bijector.Float](g *Graph, b distribution.Base[T], z, context Value) Value {
	if b.ContextDim() == 0 {
		context = Value{}
	}
	switch b := b.(type) {
	case Base:
		return b.ExportLogProb(g, z, context)
	case *distribution.Normal[T]:
		u, logDet := standardise(g, z, b.Spec().(distribution.NormalSpec), b.Params())
		terms := g.Plus(g.Times(g.Mul(u, u), -0.5), -math.Log(2*math.Pi)/2)
		return g.Add(g.Sum(terms, b.Dim()), logDet)
	case *distribution.Logistic[T]:
		u, logDet := standardise(g, z, distribution.NormalSpec(b.Spec().(distribution.LogisticSpec)), b.Params())
		_, terms := sigmoid(g, u) // the logistic density is the sigmoid's slope
		return g.Add(g.Sum(terms, b.Dim()), logDet)
	case *distribution.StudentT[T]:
		return studentT(g, b, z)
	case *distribution.Uniform[T]:
		return uniform(g, b.Spec().(distribution.UniformSpec), z)
	case *distribution.Mixture[T]:
		logp, components := gaussians(g, z, b.Dim(), b.Params())
		return logSumExp(g, logp, components)
	case *distribution.ClassMixture[T]:
		return classMixture(g, b, z, context)
	}
	g.Fail(fmt.Errorf("onnx: a %T has no form in ONNX; give it ExportLogProb: %w", b, ErrUnsupported))
	return z
}

// standardise is u = (z - loc)/scale and its log-det.
func standardise[T bijector.Float](g *Graph, z Value, s distribution.NormalSpec, learned []bijector.Param[T]) (u, logDet Value) {
	scale, centre := make([]float64, s.Dim), make([]float64, s.Dim)
	total := 0.0
	for j := range s.Dim {
		loc, sd := 0.0, 1.0
		if len(s.Loc) > 0 {
			loc = s.Loc[j]
		}
		if len(s.Scale) > 0 {
			sd = s.Scale[j]
		}
		if len(learned) > 0 {
			loc, sd = float64(learned[0].Data[j]), math.Exp(float64(learned[1].Data[j]))
		}
		scale[j], centre[j] = 1/sd, loc
		total -= math.Log(sd)
	}
	return scaleShiftFunc(scale, centre, total)(g, z, Value{})
}
