// Models of every kind that onnx exports, with weights that are no start
// values, and what the library computes for a few rows.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/onnx"
	"github.com/bijou-flow/bijou/train"
)

// array is a tensor as JSON.
type array struct {
	Shape []int   `json:"shape"`
	Data  numbers `json:"data"`
}

// numbers have JSON for infinities and NaN too: strings that JavaScript reads.
type numbers []float64

func (n numbers) MarshalJSON() ([]byte, error) {
	all := make([]any, len(n))
	for i, v := range n {
		all[i] = v
		if math.IsInf(v, 0) || math.IsNaN(v) {
			all[i] = strings.Replace(fmt.Sprint(v), "Inf", "Infinity", 1)
		}
	}
	return json.Marshal(all)
}

// vectors is a model, rows to run it on, and the results to compare with.
type vectors struct {
	Name  string           `json:"name"`
	DType string           `json:"dtype"`
	In    map[string]array `json:"in"`
	Out   map[string]array `json:"out"`
	// Floor is how large a value is taken to be at least, when an error is
	// relative to it; 1 where an output has none.
	Floor map[string]float64 `json:"floor,omitempty"`
	model []byte
}

const (
	dim     = 5
	classes = 3
	rows    = 7
)

// cases makes the vectors of every model in T.
func cases[T bijector.Float]() (all []vectors, err error) {
	defer func() {
		if e, ok := recover().(failure); ok {
			err = e.error
		}
	}()
	for _, c := range flows[T]() {
		all = append(all, flowVectors(c.name, c.flow, rowsFor(c.flow, 3, rows))...)
	}
	all = append(all, heavyVectors[T]()...)
	all = append(all, coderVectors[T]()...)
	return append(all, edgeVectors[T]()...), nil
}

// failure carries an error out of must.
type failure struct{ error }

func must[V any](v V, err error) V {
	if err != nil {
		panic(failure{err})
	}
	return v
}

type namedFlow[T bijector.Float] struct {
	name string
	flow *flow.Flow[T]
}

// flows are trained a little, so that batch norm has statistics, actnorm is
// initialised, and nothing is zero.
func flows[T bijector.Float]() []namedFlow[T] {
	trained := func(f *flow.Flow[T]) *flow.Flow[T] {
		src := train.Tensor(rowsFor[T](f, 1, 200))
		if f.ContextDim() > 0 {
			src = src.Given(uniform[T](2, 200, classes))
		}
		must(train.Fit(context.Background(), f, src, train.Options{Epochs: 2, ValidationFraction: train.NoValidation}))
		return f
	}
	over := func(l bijector.Layer[T], base distribution.Base[T]) *flow.Flow[T] {
		return trained(must(flow.New(l, base)))
	}
	standard := distribution.StandardNormal[T](dim)
	recipe := coupling.Recipe{Dim: dim, ContextDim: classes, Layers: 3, Hidden: []int{8, 8}, Seed: 1}
	var all []namedFlow[T]
	for _, scale := range []string{"learned-tanh", "tanh", "softclamp", "softsign", "sigmoid", "exp"} {
		r := recipe
		r.Scale = scale
		all = append(all, namedFlow[T]{"realnvp-" + scale, over(must(coupling.RealNVP[T](r)), standard)})
	}
	masked := autoregressive.Recipe{Dim: dim, ContextDim: classes, Layers: 2, Hidden: []int{8, 8}, Seed: 1}
	free := recipe
	free.ContextDim, free.Activation = 0, "tanh"
	learned := must(distribution.NewNormal[T](distribution.NormalSpec{Dim: dim, Learned: true}))
	all = append(
		all,
		namedFlow[T]{"nice", over(must(coupling.NICE[T](free)), must(distribution.NewLogistic[T](distribution.LogisticSpec{Dim: dim})))},
		namedFlow[T]{"nsf", over(must(coupling.NSF[T](recipe)), standard)},
		namedFlow[T]{"glow", over(must(coupling.Glow[T](recipe)), must(distribution.NewMixture[T](distribution.MixtureSpec{Dim: dim, Components: 3})))},
		namedFlow[T]{"full-mixture", over(must(coupling.NICE[T](free)), must(distribution.NewMixture[T](distribution.MixtureSpec{Dim: dim, Components: 3, Full: true})))},
		namedFlow[T]{"layers", over(layers[T](), learned)},
		namedFlow[T]{"maf", over(must(autoregressive.MAF[T](masked)), must(distribution.NewClassMixture[T](distribution.ClassMixtureSpec{Dim: dim, Classes: classes, Components: 2})))},
		namedFlow[T]{"autoregressive-nsf", over(must(autoregressive.NSF[T](masked)), must(distribution.NewStudentT[T](distribution.StudentTSpec{Dim: dim, LearnedDF: true})))},
		namedFlow[T]{"image", over(image[T](), distribution.StandardNormal[T](64))},
		namedFlow[T]{"box", over(must(bijector.NewSigmoid[T](bijector.SigmoidSpec{Dim: dim})), must(distribution.NewUniform[T](distribution.UniformSpec{Dim: dim, Hi: []float64{1, 2, 1, 2, 0.7}})))},
	)
	for name, s := range map[string]autoregressive.SplineSpec{
		"exponential-knots": {Dim: dim, Bins: 4, Bound: 3, Knots: "exponential", Hidden: []int{8}, Seed: 3},
		"free-ends":         {Dim: dim, Bins: 4, Bound: 3, FreeEnds: true, Hidden: []int{8}, Seed: 3},
		"half-turn":         {Dim: dim, Bins: 4, Bound: 3, HalfTurn: true, Hidden: []int{8}, Seed: 3},
	} {
		all = append(all, namedFlow[T]{name, over(must(autoregressive.NewSpline[T](s)), standard)})
	}
	for name, b := range map[string]autoregressive.BlocksOf{"masked-blocks": {Hidden: 9}, "masked-blocks-plain": {Hidden: 9, Plain: true}} {
		s := autoregressive.AffineSpec{Dim: dim, ContextDim: classes, Scale: "softplus", Blocks: &b, Activation: "tanh", Seed: 3}
		all = append(all, namedFlow[T]{name, over(must(autoregressive.NewAffine[T](s)), standard)})
	}
	embedding := must(coupling.NewMLP[T](coupling.MLPSpec{In: classes, Out: 2, Hidden: []int{6}}))
	seen := recipe
	seen.ContextDim = 2
	all = append(all, namedFlow[T]{"embedding", trained(must(flow.NewWithEmbedding[T](must(coupling.RealNVP[T](seen)), standard, embedding)))})
	activations := []string{"relu", "tanh", "elu", "leaky_relu", "sigmoid", "softplus", "silu"}
	if _, single := any(*new(T)).(float32); single {
		activations = append(activations, "gelu")
	}
	for _, activation := range activations {
		net := coupling.Residual[T](coupling.ResidualSpec{Hidden: 8, Activation: activation, Seed: 5})
		c := must(coupling.NewAffineWith(coupling.AffineSpec{Dim: dim, Scale: "exp", Reverse: true}, net))
		all = append(all, namedFlow[T]{"residual-reverse-" + activation, over(c, standard)})
	}
	gated := coupling.Residual[T](coupling.ResidualSpec{Hidden: 8, ContextDim: classes, Seed: 5})
	c := must(coupling.NewAffineWith(coupling.AffineSpec{Dim: dim, ContextDim: classes}, gated))
	all = append(all, namedFlow[T]{"residual-gated", over(c, standard)})
	return all
}

// layers is a chain of everything that is no coupling.
func layers[T bijector.Float]() bijector.Layer[T] {
	inner := must(bijector.NewLU[T](bijector.LUSpec{Dim: 2, Seed: 3}))
	half := must(bijector.NewScale[T](bijector.ScaleSpec{Dim: dim}))
	half.Params()[0].Data[0] = 0.5
	return must(bijector.NewChain[T](
		must(bijector.NewWhiten[T](bijector.WhitenSpec{Dim: dim})),
		must(bijector.NewStandardize[T](bijector.StandardizeSpec{Dim: dim})),
		must(bijector.NewSigmoid[T](bijector.SigmoidSpec{Dim: dim})),
		must(bijector.NewLogit[T](bijector.LogitSpec{Dim: dim, Alpha: 0.01})),
		must(bijector.NewLU[T](bijector.LUSpec{Dim: dim, Seed: 1})),
		must(bijector.NewActNorm[T](bijector.ActNormSpec{Dim: dim})),
		must(bijector.NewPart[T](dim, 1, 3, inner)),
		must(bijector.NewTanh[T](bijector.TanhSpec{Dim: dim})),
		half,
		must(bijector.NewPermute[T](bijector.PermuteSpec{Dim: dim, Seed: 2})),
		must(bijector.NewSoftplus[T](bijector.SoftplusSpec{Dim: dim})),
		must(bijector.NewShift[T](bijector.ShiftSpec{Dim: dim, FromData: true})),
		must(bijector.NewBatchNorm[T](bijector.BatchNormSpec{Dim: dim})),
	))
}

// image is a multi-scale Real NVP behind a 1x1 convolution.
func image[T bijector.Float]() bijector.Layer[T] {
	r := must(coupling.RealNVPImage[T](coupling.ImageRecipe{
		Channels: 4, Height: 4, Width: 4, ContextDim: classes, Scales: 2, Hidden: 6, Blocks: 1, Alpha: -1, Norm: "act", OutScale: 1, Seed: 1,
	}))
	return must(bijector.NewChain[T](must(bijector.NewConv1x1[T](bijector.Conv1x1Spec{Channels: 4, Height: 4, Width: 4, Seed: 1})), r))
}

// rowsFor are standard normal rows for a flow.
func rowsFor[T bijector.Float](f *flow.Flow[T], seed uint64, n int) *bijector.Rows[T] {
	return normal[T](seed, n, f.Dim())
}

// flowVectors runs a flow in both directions. The inverse starts at the
// forward's results, so that every row is in the domain.
func flowVectors[T bijector.Float](name string, f *flow.Flow[T], x *bijector.Rows[T]) []vectors {
	if name == "nsf" {
		x.Set(0, T(30)) // outside of a spline's box
	}
	in := map[string]array{"x": arrayOf[T](x)}
	back := map[string]array{}
	given := f
	if c := f.ContextDim(); c > 0 {
		labels := uniform[T](4, x.Len(), c)
		given = f.Given(labels)
		in["context"], back["context"] = arrayOf[T](labels), arrayOf[T](labels)
	}
	z := must(given.Forward(x))
	back["z"] = arrayOf[T](z)
	return []vectors{
		{
			Name: name + "-forward", DType: dtype[T](), In: in, model: export(f, onnx.Forward),
			Out: map[string]array{"z": arrayOf[T](z), "log_prob": {Shape: []int{x.Len()}, Data: must(given.LogProb(x))}},
		},
		{
			Name: name + "-inverse", DType: dtype[T](), In: back, model: export(f, onnx.Inverse),
			Out: map[string]array{"x": arrayOf[T](must(given.Inverse(z)))},
		},
	}
}

func export[T bijector.Float](f *flow.Flow[T], d onnx.Direction) []byte {
	var b bytes.Buffer
	must(0, onnx.Export(&b, f, d))
	return b.Bytes()
}

// coder is an encoder with its decoder.
type coder[T bijector.Float] interface {
	autoencoder.Encoder[T]
	autoencoder.Decoder[T]
}

func coderVectors[T bijector.Float]() (all []vectors) {
	pca := must(autoencoder.NewPCA[T](autoencoder.PCASpec{In: 12, Embedding: 4, Whiten: true}))
	must(0, pca.Fit(uniform[T](5, 50, 12)))
	residual := must(autoencoder.NewPCA[T](autoencoder.PCASpec{In: 12, Embedding: 4, Whiten: true, Residual: true}))
	must(0, residual.Fit(uniform[T](5, 50, 12)))
	for _, c := range []struct {
		name  string
		coder coder[T]
		dim   int
	}{
		{"conv", must(autoencoder.NewConv[T](autoencoder.ConvSpec{Height: 9, Width: 12, InChannels: 2, Channels: []int{3, 5}, Embedding: 4, Bias: true, Seed: 1})), 216},
		{"conv-decoder-bias", must(autoencoder.NewConv[T](autoencoder.ConvSpec{Height: 8, Channels: []int{3, 5}, Embedding: 4, DecoderBias: true, Seed: 2})), 64},
		{"dense", must(autoencoder.NewDense[T](autoencoder.DenseSpec{In: 12, Hidden: []int{9}, Embedding: 4, Seed: 1})), 12},
		{"dense-variational", must(autoencoder.NewDense[T](autoencoder.DenseSpec{In: 12, Hidden: []int{9}, Embedding: 4, Loss: "gaussian", Variational: true, Seed: 1})), 12},
		{"pca", pca, 12},
		{"pca-residual", residual, 12},
		{"identity", must(autoencoder.NewIdentity[T](autoencoder.IdentitySpec{Dim: 4})), 4},
	} {
		x := uniform[T](6, rows, c.dim)
		z := must(c.coder.Encode(x))
		var encoder, decoder bytes.Buffer
		must(0, onnx.ExportEncoder[T](&encoder, c.coder))
		must(0, onnx.ExportDecoder[T](&decoder, c.coder))
		all = append(
			all,
			vectors{
				Name: c.name + "-encoder", DType: dtype[T](), model: encoder.Bytes(),
				In: map[string]array{"x": arrayOf[T](x)}, Out: map[string]array{"z": arrayOf[T](z)},
			},
			vectors{
				Name: c.name + "-decoder", DType: dtype[T](), model: decoder.Bytes(),
				In: map[string]array{"z": arrayOf[T](z)}, Out: map[string]array{"x": arrayOf[T](must(c.coder.Decode(z)))},
			},
		)
	}
	return all
}

func normal[T bijector.Float](seed uint64, n, d int) *bijector.Rows[T] {
	rng := rand.New(rand.NewPCG(seed, 0))
	return fill(n, d, func() T { return T(rng.NormFloat64()) })
}

func uniform[T bijector.Float](seed uint64, n, d int) *bijector.Rows[T] {
	rng := rand.New(rand.NewPCG(seed, 0))
	return fill(n, d, func() T { return T(rng.Float64()) })
}

func fill[T bijector.Float](n, d int, draw func() T) *bijector.Rows[T] {
	x := bijector.NewRows[T](n, d)
	for i := range x.Values() {
		x.Values()[i] = draw()
	}
	return x
}

func arrayOf[T bijector.Float](r *bijector.Rows[T]) array {
	a := array{Shape: r.Shape().Clone()}
	for _, v := range r.Values() {
		a.Data = append(a.Data, float64(v))
	}
	return a
}

func dtype[T bijector.Float]() string { return fmt.Sprintf("%T", *new(T)) }
