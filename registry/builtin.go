// The parts of the library itself, under the names that specs and files use.

package registry

import (
	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
)

// global is the table that the package's functions speak of.
var global = builtins()

// builtins lists what needs no registration. A name, once released, is in
// files: it stays.
func builtins() *table {
	t := newTable()
	sized := func(e *entry, values func(any) float64) { e.values = values; t.add(e) }

	t.add(layerEntry("bijector.chain", bijector.BuildChain[float32], bijector.BuildChain[float64]))
	t.add(layerEntry("bijector.invert", bijector.BuildInvert[float32], bijector.BuildInvert[float64]))
	t.add(layerEntry("bijector.part", bijector.BuildPart[float32], bijector.BuildPart[float64]))
	sized(leaf("bijector.permute", bijector.NewPermute[float32], bijector.NewPermute[float64]), permuteValues)
	sized(leaf("bijector.batchnorm", bijector.NewBatchNorm[float32], bijector.NewBatchNorm[float64]), batchNormValues)
	sized(leaf("bijector.actnorm", bijector.NewActNorm[float32], bijector.NewActNorm[float64]), actNormValues)
	sized(leaf("bijector.scale", bijector.NewScale[float32], bijector.NewScale[float64]), scaleValues)
	sized(leaf("bijector.shift", bijector.NewShift[float32], bijector.NewShift[float64]), shiftValues)
	sized(leaf("bijector.lu", bijector.NewLU[float32], bijector.NewLU[float64]), luValues)
	sized(leaf("bijector.conv1x1", bijector.NewConv1x1[float32], bijector.NewConv1x1[float64]), conv1x1Values)
	sized(leaf("bijector.squeeze", bijector.NewSqueeze[float32], bijector.NewSqueeze[float64]), noValues)
	sized(leaf("bijector.standardize", bijector.NewStandardize[float32], bijector.NewStandardize[float64]), standardizeValues)
	sized(leaf("bijector.logit", bijector.NewLogit[float32], bijector.NewLogit[float64]), noValues)
	sized(leaf("bijector.sigmoid", bijector.NewSigmoid[float32], bijector.NewSigmoid[float64]), noValues)
	sized(leaf("bijector.tanh", bijector.NewTanh[float32], bijector.NewTanh[float64]), noValues)
	sized(leaf("bijector.softplus", bijector.NewSoftplus[float32], bijector.NewSoftplus[float64]), noValues)

	sized(layerEntry("coupling.additive", coupling.BuildAdditive[float32], coupling.BuildAdditive[float64]), additiveValues)
	sized(layerEntry("coupling.affine", coupling.BuildAffine[float32], coupling.BuildAffine[float64]), affineValues)
	sized(layerEntry("coupling.spline", coupling.BuildSpline[float32], coupling.BuildSpline[float64]), splineValues)
	sized(mapEntry("coupling.mlp", coupling.NewMLP[float32], coupling.NewMLP[float64]), mlpValues)
	sized(mapEntry("coupling.residual", coupling.NewResidual[float32], coupling.NewResidual[float64]), residualValues)
	sized(mapEntry("coupling.convnet", coupling.NewConvNet[float32], coupling.NewConvNet[float64]), convNetValues)

	sized(leaf("autoregressive.affine", autoregressive.NewAffine[float32], autoregressive.NewAffine[float64]), maskedAffineValues)
	sized(leaf("autoregressive.spline", autoregressive.NewSpline[float32], autoregressive.NewSpline[float64]), maskedSplineValues)
	sized(mapEntry("autoregressive.made", autoregressive.NewMADE[float32], autoregressive.NewMADE[float64]), madeValues)

	t.add(baseEntry("distribution.normal", distribution.NewNormal[float32], distribution.NewNormal[float64]))
	t.add(baseEntry("distribution.logistic", distribution.NewLogistic[float32], distribution.NewLogistic[float64]))
	sized(baseEntry("distribution.studentt", distribution.NewStudentT[float32], distribution.NewStudentT[float64]), studentTValues)
	sized(baseEntry("distribution.uniform", distribution.NewUniform[float32], distribution.NewUniform[float64]), noValues)
	sized(baseEntry("distribution.mixture", distribution.NewMixture[float32], distribution.NewMixture[float64]), mixtureValues)
	sized(baseEntry("distribution.classmixture", distribution.NewClassMixture[float32], distribution.NewClassMixture[float64]), classMixtureValues)
	sized(baseEntry("distribution.independent", distribution.NewIndependent[float32], distribution.NewIndependent[float64]), noValues)
	t.add(newEntry[distribution.FlowSpec, *distribution.Flow[float32], *distribution.Flow[float64]](flows, "distribution.flow", flowOf[float32], flowOf[float64]))

	sized(encoderEntry("autoencoder.conv", autoencoder.NewConv[float32], autoencoder.NewConv[float64]), convValues)
	sized(encoderEntry("autoencoder.dense", autoencoder.NewDense[float32], autoencoder.NewDense[float64]), denseValues)
	sized(encoderEntry("autoencoder.pca", autoencoder.NewPCA[float32], autoencoder.NewPCA[float64]), pcaValues)
	t.add(encoderEntry("autoencoder.identity", autoencoder.NewIdentity[float32], autoencoder.NewIdentity[float64]))
	return t
}

// flowOf is distribution.BuildFlow for the one builder there is, which also
// makes bases.
func flowOf[T bijector.Float](s distribution.FlowSpec, b bijector.Builder[T]) (*distribution.Flow[T], error) {
	return distribution.BuildFlow(s, b.(distribution.Builder[T]))
}

func leaf[S any, A bijector.Layer[float32], B bijector.Layer[float64]](name string, new32 func(S) (A, error), new64 func(S) (B, error)) *entry {
	return layerEntry(name, alone[S, A, float32](new32), alone[S, B, float64](new64))
}
