// The parts of the library itself, under the names that specs and files use.

package registry

import (
	"reflect"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/specnames"
)

// global is the table that the package's functions speak of.
var global = builtins()

// Specs with names find them, and their types, in the table.
func init() {
	specnames.NameOf = func(spec any) (string, error) { return nameOf(spec, "a part") }
	specnames.Decode = func(name string, raw []byte) (any, bool) {
		e := global.ofName(name)
		if e == nil {
			return nil, false
		}
		spec := reflect.New(e.spec)
		err := decodeChecked(raw, spec.Interface())
		return spec.Elem().Interface(), err == nil
	}
}

// builtins lists what needs no registration. A name, once released, is in
// files: it stays.
func builtins() *table {
	t := newTable()

	t.add(newEntry(Bijectors, "bijector.chain", bijector.BuildChain[float32], bijector.BuildChain[float64]))
	t.add(newEntry(Bijectors, "bijector.invert", bijector.BuildInvert[float32], bijector.BuildInvert[float64]))
	t.add(newEntry(Bijectors, "bijector.part", bijector.BuildPart[float32], bijector.BuildPart[float64]))
	t.add(newPartEntry(Bijectors, "bijector.permute", bijector.NewPermute[float32], bijector.NewPermute[float64]))
	t.add(newPartEntry(Bijectors, "bijector.batchnorm", bijector.NewBatchNorm[float32], bijector.NewBatchNorm[float64]))
	t.add(newPartEntry(Bijectors, "bijector.actnorm", bijector.NewActNorm[float32], bijector.NewActNorm[float64]))
	t.add(newPartEntry(Bijectors, "bijector.scale", bijector.NewScale[float32], bijector.NewScale[float64]))
	t.add(newPartEntry(Bijectors, "bijector.shift", bijector.NewShift[float32], bijector.NewShift[float64]))
	t.add(newPartEntry(Bijectors, "bijector.lu", bijector.NewLU[float32], bijector.NewLU[float64]))
	t.add(newPartEntry(Bijectors, "bijector.conv1x1", bijector.NewConv1x1[float32], bijector.NewConv1x1[float64]))
	t.add(newPartEntry(Bijectors, "bijector.squeeze", bijector.NewSqueeze[float32], bijector.NewSqueeze[float64]))
	t.add(newPartEntry(Bijectors, "bijector.gaussianize", bijector.NewGaussianize[float32], bijector.NewGaussianize[float64]))
	t.add(newPartEntry(Bijectors, "bijector.standardize", bijector.NewStandardize[float32], bijector.NewStandardize[float64]))
	t.add(newPartEntry(Bijectors, "bijector.whiten", bijector.NewWhiten[float32], bijector.NewWhiten[float64]))
	t.add(newPartEntry(Bijectors, "bijector.bounds", bijector.NewBounds[float32], bijector.NewBounds[float64]))
	t.add(newPartEntry(Networks, "bijector.standardizecontext", bijector.NewStandardizeContext[float32], bijector.NewStandardizeContext[float64]))
	t.add(newPartEntry(Bijectors, "bijector.logit", bijector.NewLogit[float32], bijector.NewLogit[float64]))
	t.add(newPartEntry(Bijectors, "bijector.background", bijector.NewBackground[float32], bijector.NewBackground[float64]))
	t.add(newPartEntry(Bijectors, "bijector.sigmoid", bijector.NewSigmoid[float32], bijector.NewSigmoid[float64]))
	t.add(newPartEntry(Bijectors, "bijector.tanh", bijector.NewTanh[float32], bijector.NewTanh[float64]))
	t.add(newPartEntry(Bijectors, "bijector.softplus", bijector.NewSoftplus[float32], bijector.NewSoftplus[float64]))

	t.add(newEntry(Bijectors, "coupling.additive", coupling.BuildAdditive[float32], coupling.BuildAdditive[float64]))
	t.add(newEntry(Bijectors, "coupling.affine", coupling.BuildAffine[float32], coupling.BuildAffine[float64]))
	t.add(newEntry(Bijectors, "coupling.spline", coupling.BuildSpline[float32], coupling.BuildSpline[float64]))
	t.add(newPartEntry(Bijectors, "coupling.circular", coupling.NewCircular[float32], coupling.NewCircular[float64]))
	t.add(newPartEntry(Networks, "coupling.mlp", coupling.NewMLP[float32], coupling.NewMLP[float64]))
	t.add(newEntry(Networks, "coupling.sequential", coupling.BuildSequential[float32], coupling.BuildSequential[float64]))
	t.add(newPartEntry(Networks, "coupling.residual", coupling.NewResidual[float32], coupling.NewResidual[float64]))
	t.add(newPartEntry(Networks, "coupling.convnet", coupling.NewConvNet[float32], coupling.NewConvNet[float64]))

	t.add(newPartEntry(Bijectors, "autoregressive.affine", autoregressive.NewAffine[float32], autoregressive.NewAffine[float64]))
	t.add(newPartEntry(Bijectors, "autoregressive.spline", autoregressive.NewSpline[float32], autoregressive.NewSpline[float64]))
	t.add(newPartEntry(Bijectors, "autoregressive.circular", autoregressive.NewCircular[float32], autoregressive.NewCircular[float64]))
	t.add(newPartEntry(Networks, "autoregressive.made", autoregressive.NewMADE[float32], autoregressive.NewMADE[float64]))
	t.add(newPartEntry(Networks, "autoregressive.blocks", autoregressive.NewBlocks[float32], autoregressive.NewBlocks[float64]))

	t.add(newPartEntry(Bases, "distribution.normal", distribution.NewNormal[float32], distribution.NewNormal[float64]))
	t.add(newPartEntry(Bases, "distribution.logistic", distribution.NewLogistic[float32], distribution.NewLogistic[float64]))
	t.add(newPartEntry(Bases, "distribution.studentt", distribution.NewStudentT[float32], distribution.NewStudentT[float64]))
	t.add(newPartEntry(Bases, "distribution.uniform", distribution.NewUniform[float32], distribution.NewUniform[float64]))
	t.add(newPartEntry(Bases, "distribution.mixture", distribution.NewMixture[float32], distribution.NewMixture[float64]))
	t.add(newPartEntry(Bases, "distribution.classmixture", distribution.NewClassMixture[float32], distribution.NewClassMixture[float64]))
	t.add(newPartEntry(Bases, "distribution.independent", distribution.NewIndependent[float32], distribution.NewIndependent[float64]))
	t.add(newPartEntry(Bases, "autoregressive.mixed", autoregressive.NewMixed[float32], autoregressive.NewMixed[float64]))
	t.add(flowEntry)

	t.add(newPartEntry(Encoders, "autoencoder.conv", autoencoder.NewConv[float32], autoencoder.NewConv[float64]))
	t.add(newPartEntry(Encoders, "autoencoder.dense", autoencoder.NewDense[float32], autoencoder.NewDense[float64]))
	t.add(newPartEntry(Encoders, "autoencoder.pca", autoencoder.NewPCA[float32], autoencoder.NewPCA[float64]))
	t.add(newPartEntry(Encoders, "autoencoder.identity", autoencoder.NewIdentity[float32], autoencoder.NewIdentity[float64]))
	t.add(newEntry(Encoders, "autoencoder.chain", buildEncoderChain[float32], buildEncoderChain[float64]))
	for _, e := range t.byName {
		e.builtin = true
	}
	return t
}

func buildEncoderChain[T bijector.Float](s autoencoder.ChainSpec, b bijector.Builder[T]) (*autoencoder.Chain[T], error) {
	return autoencoder.BuildChain(s, b.(autoencoder.Builder[T]))
}

// flowEntry is a flow's, as a part of a larger model and as a model.
var flowEntry = newEntry(flows, "distribution.flow", buildFlow[float32], buildFlow[float64])

// buildFlow is flow.Build for the one builder there is, which makes
// all parts.
func buildFlow[T bijector.Float](s flow.Spec, b bijector.Builder[T]) (*flow.Flow[T], error) {
	return flow.Build(s, b.(flow.Builder[T]))
}
