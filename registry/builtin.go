// The parts of the library itself, under the names that specs and files use.

package registry

import (
	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
)

// global is the table that the package's functions speak of.
var global = builtins()

// builtins lists what needs no registration. A name, once released, is in
// files: it stays.
func builtins() *table {
	t := newTable()

	t.add(layerEntry("bijector.chain", bijector.BuildChain[float32], bijector.BuildChain[float64]))
	t.add(layerEntry("bijector.invert", bijector.BuildInvert[float32], bijector.BuildInvert[float64]))
	t.add(layerEntry("bijector.part", bijector.BuildPart[float32], bijector.BuildPart[float64]))
	t.add(leaf("bijector.permute", bijector.NewPermute[float32], bijector.NewPermute[float64]))
	t.add(leaf("bijector.batchnorm", bijector.NewBatchNorm[float32], bijector.NewBatchNorm[float64]))
	t.add(leaf("bijector.actnorm", bijector.NewActNorm[float32], bijector.NewActNorm[float64]))
	t.add(leaf("bijector.scale", bijector.NewScale[float32], bijector.NewScale[float64]))
	t.add(leaf("bijector.shift", bijector.NewShift[float32], bijector.NewShift[float64]))
	t.add(leaf("bijector.lu", bijector.NewLU[float32], bijector.NewLU[float64]))
	t.add(leaf("bijector.conv1x1", bijector.NewConv1x1[float32], bijector.NewConv1x1[float64]))
	t.add(leaf("bijector.squeeze", bijector.NewSqueeze[float32], bijector.NewSqueeze[float64]))
	t.add(leaf("bijector.standardize", bijector.NewStandardize[float32], bijector.NewStandardize[float64]))
	t.add(leaf("bijector.logit", bijector.NewLogit[float32], bijector.NewLogit[float64]))
	t.add(leaf("bijector.sigmoid", bijector.NewSigmoid[float32], bijector.NewSigmoid[float64]))
	t.add(leaf("bijector.tanh", bijector.NewTanh[float32], bijector.NewTanh[float64]))
	t.add(leaf("bijector.softplus", bijector.NewSoftplus[float32], bijector.NewSoftplus[float64]))

	t.add(layerEntry("coupling.additive", coupling.BuildAdditive[float32], coupling.BuildAdditive[float64]))
	t.add(layerEntry("coupling.affine", coupling.BuildAffine[float32], coupling.BuildAffine[float64]))
	t.add(layerEntry("coupling.spline", coupling.BuildSpline[float32], coupling.BuildSpline[float64]))
	t.add(mapEntry("coupling.mlp", coupling.NewMLP[float32], coupling.NewMLP[float64]))
	t.add(mapEntry("coupling.residual", coupling.NewResidual[float32], coupling.NewResidual[float64]))
	t.add(mapEntry("coupling.convnet", coupling.NewConvNet[float32], coupling.NewConvNet[float64]))

	t.add(leaf("autoregressive.affine", autoregressive.NewAffine[float32], autoregressive.NewAffine[float64]))
	t.add(leaf("autoregressive.spline", autoregressive.NewSpline[float32], autoregressive.NewSpline[float64]))
	t.add(mapEntry("autoregressive.made", autoregressive.NewMADE[float32], autoregressive.NewMADE[float64]))

	t.add(baseEntry("distribution.normal", distribution.NewNormal[float32], distribution.NewNormal[float64]))
	t.add(baseEntry("distribution.logistic", distribution.NewLogistic[float32], distribution.NewLogistic[float64]))
	t.add(baseEntry("distribution.studentt", distribution.NewStudentT[float32], distribution.NewStudentT[float64]))
	t.add(baseEntry("distribution.uniform", distribution.NewUniform[float32], distribution.NewUniform[float64]))
	t.add(baseEntry("distribution.mixture", distribution.NewMixture[float32], distribution.NewMixture[float64]))
	t.add(baseEntry("distribution.classmixture", distribution.NewClassMixture[float32], distribution.NewClassMixture[float64]))
	t.add(baseEntry("distribution.independent", distribution.NewIndependent[float32], distribution.NewIndependent[float64]))
	t.add(newEntry[flow.Spec, *flow.Flow[float32], *flow.Flow[float64]](flows, "distribution.flow", flowOf[float32], flowOf[float64]))

	t.add(encoderEntry("autoencoder.conv", autoencoder.NewConv[float32], autoencoder.NewConv[float64]))
	t.add(encoderEntry("autoencoder.dense", autoencoder.NewDense[float32], autoencoder.NewDense[float64]))
	t.add(encoderEntry("autoencoder.pca", autoencoder.NewPCA[float32], autoencoder.NewPCA[float64]))
	t.add(encoderEntry("autoencoder.identity", autoencoder.NewIdentity[float32], autoencoder.NewIdentity[float64]))
	return t
}

// flowOf is flow.Build for the one builder there is, which also
// makes bases.
func flowOf[T bijector.Float](s flow.Spec, b bijector.Builder[T]) (*flow.Flow[T], error) {
	return flow.Build(s, b.(flow.Builder[T]))
}

func leaf[S any, A bijector.Layer[float32], B bijector.Layer[float64]](name string, new32 func(S) (A, error), new64 func(S) (B, error)) *entry {
	return layerEntry(name, alone[S, A, float32](new32), alone[S, B, float64](new64))
}
