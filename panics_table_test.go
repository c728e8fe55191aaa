// What TestNoPanics calls: the functions, and what methods are called on.

package bijou_test

import (
	"bytes"
	"image"
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"
	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/auto"
	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/interop/torch"
	"github.com/bijou-flow/bijou/latent"
	"github.com/bijou-flow/bijou/mnist"
	"github.com/bijou-flow/bijou/onnx"
	"github.com/bijou-flow/bijou/posterior"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/serve"
	"github.com/bijou-flow/bijou/table"
	"github.com/bijou-flow/bijou/train"
	"github.com/bijou-flow/bijou/vi"
)

// innerTypes are what the inner loop works with: passes, and those who write
// them, for layers and for their exporters. A mistake there is the program's,
// and panics as a wrong index does, so that neither their methods nor what takes
// one of them is called.
var innerTypes = map[string]string{
	"bijector.Mat":           "the batch that a pass is given",
	"bijector.PassOptions":   "what a pass is made with",
	"bijector.Workers":       "the goroutines that a training pass is given",
	"bijector.BatchWeights":  "the weights that a training pass is given",
	"coupling.TransformArgs": "what the pass of a transform is given",

	"autoregressive.MixedPass": "the pass of a base distribution",
	"onnx.Graph":               "what the exporter of a layer is given",
	"onnx.Value":               "a value of that graph",
}

// exceptions are exported and not called, for a reason.
var exceptions = map[string]string{
	"bijector.Activations":                "pass level: makes a Mat",
	"bijector.Transient":                  "pass level: makes a Mat",
	"bijector.HandOver":                   "pass level: of gradients",
	"bijector.IsHandedOver":               "pass level: of gradients",
	"bijector.Zeroing.Zero":               "pass level: of gradients",
	"bijector.Zeroing.Settle":             "pass level: of gradients",
	"bijector.ZeroingOwner.First":         "pass level: of gradients",
	"bijector.CalibrateWeighted":          "pass level: takes a Mat",
	"bijector.NewMat":                     "pass level: makes a Mat",
	"bijector.NewWorkers":                 "pass level: makes Workers, which are to be closed",
	"bijector.Input.Gather":               "pass level: fills a slice row by row",
	"bijector.ActNorm.Coefficients":       "pass level: indexes a feature",
	"bijector.BatchNorm.Coefficients":     "pass level: indexes a feature",
	"bijector.Scale.Coefficients":         "pass level: indexes a feature",
	"bijector.Shift.Coefficients":         "pass level: indexes a feature",
	"bijector.Standardize.Coefficients":   "pass level: indexes a feature",
	"bijector.StandardizeContext.Moments": "pass level: indexes a feature",
	"bijector.NewRows":                    "panics for a negative number as make does, as documented",
	"bijector.Rows.Row":                   "indexes as a slice does, as documented",
	"mnist.Set.Image":                     "indexes as a slice does, as documented",
	"mnist.Set.Label":                     "indexes as a slice does, as documented",
	"mnist.Load":                          "takes no argument, and reads all of MNIST",
	"flow.RandLogProber.LogProb":          "panics as gonum's distributions do, as documented",
	"flow.RandLogProber.Rand":             "panics as gonum's distributions do, as documented",
	"registry.Register":                   "called as a program starts; panics on what cannot be registered, as documented",
	"registry.RegisterBase":               "as Register",
	"registry.RegisterContainer":          "as Register",
	"registry.RegisterDecoder":            "as Register",
	"registry.RegisterEncoder":            "as Register",
	"registry.RegisterNetwork":            "as Register",
	"serve.Run":                           "serves until its context ends",
}

// publicFunctions are the functions of the public packages.
func publicFunctions[T bijector.Float]() map[string]any {
	return map[string]any{
		"bijector.Invert":                 bijector.Invert[T],
		"bijector.NewActNorm":             bijector.NewActNorm[T],
		"bijector.NewBatchNorm":           bijector.NewBatchNorm[T],
		"bijector.NewBounds":              bijector.NewBounds[T],
		"bijector.Between":                bijector.Between,
		"bijector.Above":                  bijector.Above,
		"bijector.Below":                  bijector.Below,
		"bijector.NewChain":               bijector.NewChain[T],
		"bijector.NewConditionalChain":    bijector.NewConditionalChain[T],
		"bijector.NewStandardizeContext":  bijector.NewStandardizeContext[T],
		"coupling.NewSequential":          coupling.NewSequential[T],
		"coupling.BuildSequential":        coupling.BuildSequential[T],
		"bijector.BuildChain":             bijector.BuildChain[T],
		"bijector.CheckTrainable":         bijector.CheckTrainable[T],
		"bijector.MinBatch":               bijector.MinBatch[T],
		"bijector.NamedSpecOf":            bijector.NamedSpecOf[T],
		"bijector.NewConv1x1":             bijector.NewConv1x1[T],
		"bijector.NewRowError":            bijector.NewRowError,
		"bijector.InputOf":                bijector.InputOf[T],
		"bijector.DenseOf":                bijector.DenseOf,
		"bijector.InputOfSlice":           bijector.InputOfSlice[T],
		"bijector.MatOf":                  bijector.MatOf[T],
		"bijector.ContextOf":              bijector.ContextOf[T],
		"bijector.ContextOfSlice":         bijector.ContextOfSlice[T],
		"bijector.BuildInvert":            bijector.BuildInvert[T],
		"bijector.NewLogit":               bijector.NewLogit[T],
		"bijector.NewBackground":          bijector.NewBackground[T],
		"bijector.NewLU":                  bijector.NewLU[T],
		"bijector.NewPart":                bijector.NewPart[T],
		"bijector.BuildPart":              bijector.BuildPart[T],
		"bijector.NewPermute":             bijector.NewPermute[T],
		"bijector.RowsOf":                 bijector.RowsOf[T],
		"bijector.RowsOfStrided":          bijector.RowsOfStrided[T],
		"bijector.RowsOfMatrix":           bijector.RowsOfMatrix,
		"bijector.RowsOfSlices":           bijector.RowsOfSlices[T],
		"bijector.NewScale":               bijector.NewScale[T],
		"bijector.NewShift":               bijector.NewShift[T],
		"bijector.NewSigmoid":             bijector.NewSigmoid[T],
		"bijector.NewSoftplus":            bijector.NewSoftplus[T],
		"bijector.NewSqueeze":             bijector.NewSqueeze[T],
		"bijector.NewStandardize":         bijector.NewStandardize[T],
		"bijector.NewGaussianize":         bijector.NewGaussianize[T],
		"bijector.NewWhiten":              bijector.NewWhiten[T],
		"bijector.NewTanh":                bijector.NewTanh[T],
		"bijector.NewTensorMethods":       bijector.NewTensorMethods[T],
		"bijector.Given":                  bijector.Given[T],
		"coupling.NewAdditive":            coupling.NewAdditive[T],
		"coupling.BuildAdditive":          coupling.BuildAdditive[T],
		"coupling.NewAdditiveWith":        coupling.NewAdditiveWith[T],
		"coupling.NewAffine":              coupling.NewAffine[T],
		"coupling.BuildAffine":            coupling.BuildAffine[T],
		"coupling.NewAffineWith":          coupling.NewAffineWith[T],
		"coupling.ScaleShift":             coupling.ScaleShift[T],
		"coupling.NewCircular":            coupling.NewCircular[T],
		"coupling.CircularNSF":            coupling.CircularNSF[T],
		"coupling.CircularBase":           coupling.CircularBase[T],
		"coupling.CircularTransforms":     coupling.CircularTransforms[T],
		"coupling.AllCircles":             coupling.AllCircles,
		"autoregressive.NewCircular":      autoregressive.NewCircular[T],
		"coupling.NewMLP":                 coupling.NewMLP[T],
		"coupling.NewResidual":            coupling.NewResidual[T],
		"coupling.Residual":               coupling.Residual[T],
		"coupling.NewConvNet":             coupling.NewConvNet[T],
		"coupling.ConvNet":                coupling.ConvNet[T],
		"coupling.New":                    coupling.New[T],
		"coupling.Glow":                   coupling.Glow[T],
		"coupling.NICE":                   coupling.NICE[T],
		"coupling.NSF":                    coupling.NSF[T],
		"coupling.RealNVP":                coupling.RealNVP[T],
		"coupling.RealNVPImage":           coupling.RealNVPImage[T],
		"coupling.GlowImage":              coupling.GlowImage[T],
		"coupling.NewSpline":              coupling.NewSpline[T],
		"coupling.BuildSpline":            coupling.BuildSpline[T],
		"coupling.NewSplineWith":          coupling.NewSplineWith[T],
		"coupling.RationalQuadratic":      coupling.RationalQuadratic[T],
		"autoregressive.NewAffine":        autoregressive.NewAffine[T],
		"autoregressive.New":              autoregressive.New[T],
		"autoregressive.NewBlocks":        autoregressive.NewBlocks[T],
		"autoregressive.NewMADE":          autoregressive.NewMADE[T],
		"autoregressive.NewMixed":         autoregressive.NewMixed[T],
		"autoregressive.FitMixedColumn":   autoregressive.FitMixedColumn,
		"autoregressive.MAF":              autoregressive.MAF[T],
		"autoregressive.NSF":              autoregressive.NSF[T],
		"autoregressive.NewSpline":        autoregressive.NewSpline[T],
		"distribution.NewClassMixture":    distribution.NewClassMixture[T],
		"distribution.NewIndependent":     distribution.NewIndependent[T],
		"distribution.IndependentOf":      distribution.IndependentOf[T],
		"distribution.NewLogistic":        distribution.NewLogistic[T],
		"distribution.NewMixture":         distribution.NewMixture[T],
		"distribution.NewNormal":          distribution.NewNormal[T],
		"distribution.StandardNormal":     distribution.StandardNormal[T],
		"distribution.NewStudentT":        distribution.NewStudentT[T],
		"distribution.NewUniform":         distribution.NewUniform[T],
		"flow.BitsPerDim":                 flow.BitsPerDim,
		"flow.Diagnose":                   flow.Diagnose[T],
		"flow.NewCalibration":             flow.NewCalibration,
		"flow.Threshold":                  flow.Threshold,
		"flow.NewEnsemble":                flow.NewEnsemble[T],
		"flow.BuildEnsemble":              flow.BuildEnsemble[T],
		"flow.New":                        flow.New[T],
		"flow.NewWithEmbedding":           flow.NewWithEmbedding[T],
		"flow.Build":                      flow.Build[T],
		"vi.TargetFunc":                   vi.TargetFunc,
		"vi.Fit":                          vi.Fit[T],
		"vi.ImportanceWeights":            vi.ImportanceWeights[T],
		"train.TiesOf":                    train.TiesOf[T],
		"auto.Fit":                        auto.Fit[T],
		"posterior.Check":                 posterior.Check[T],
		"posterior.NewTruncated":          posterior.NewTruncated[T],
		"train.Dequantize":                train.Dequantize,
		"train.Evaluate":                  train.Evaluate[T],
		"train.Fit":                       train.Fit[T],
		"train.EachBatch":                 train.EachBatch[T],
		"train.Tensor":                    train.Tensor,
		"autoencoder.New":                 autoencoder.New[T],
		"autoencoder.NewConv":             autoencoder.NewConv[T],
		"autoencoder.NewDense":            autoencoder.NewDense[T],
		"autoencoder.NewIdentity":         autoencoder.NewIdentity[T],
		"autoencoder.NewLatent":           autoencoder.NewLatent[T],
		"autoencoder.NewVariational":      autoencoder.NewVariational[T],
		"autoencoder.NewLatentEnsemble":   autoencoder.NewLatentEnsemble[T],
		"autoencoder.NewChain":            autoencoder.NewChain[T],
		"autoencoder.BuildChain":          autoencoder.BuildChain[T],
		"latent.Fit":                      latent.Fit[T],
		"autoencoder.BuildLatent":         autoencoder.BuildLatent[T],
		"autoencoder.NewPCA":              autoencoder.NewPCA[T],
		"registry.LoadFlow":               registry.LoadFlow[T],
		"registry.Save":                   registry.Save,
		"registry.Write":                  registry.Write,
		"registry.Names":                  registry.Names,
		"registry.New":                    registry.New[T],
		"registry.NewBase":                registry.NewBase[T],
		"registry.NewNetwork":             registry.NewNetwork[T],
		"registry.NewEncoder":             registry.NewEncoder[T],
		"registry.NewFlow":                registry.NewFlow[T],
		"registry.NewEnsemble":            registry.NewEnsemble[T],
		"registry.NewLatent":              registry.NewLatent[T],
		"registry.NewNamed":               registry.NewNamed[T],
		"registry.Load":                   registry.Load[bijector.Layer[T]],
		"registry.Read of a flow":         registry.Read[*flow.Flow[T]],
		"registry.Read of an ensemble":    registry.Read[*flow.Ensemble[T]],
		"registry.Read of a latent model": registry.Read[*autoencoder.Latent[T]],
		"registry.Read of a layer":        registry.Read[bijector.Layer[T]],
		"registry.Read of an encoder":     registry.Read[autoencoder.Encoder[T]],
		"registry.Read of no model":       registry.Read[any],
		"registry.MarshalSpec":            registry.MarshalSpec,
		"onnx.Export":                     onnx.Export[T],
		"onnx.ExportEncoder":              onnx.ExportEncoder[T],
		"onnx.ExportDecoder":              onnx.ExportDecoder[T],
		"torch.Demo":                      torch.Demo[T],
		"torch.DemoAutoencoder":           torch.DemoAutoencoder[T],
		"torch.SaveDemoAutoencoder":       torch.SaveDemoAutoencoder[T],
		"torch.WriteDemoAutoencoder":      torch.WriteDemoAutoencoder[T],
		"torch.SaveDemo":                  torch.SaveDemo[T],
		"torch.WriteDemo":                 torch.WriteDemo[T],
		"torch.FlowJAX":                   torch.FlowJAX[T],
		"torch.FrEIA":                     torch.FrEIA[T],
		"torch.Load":                      torch.Load[T],
		"torch.NFlows":                    torch.NFlows[T],
		"torch.NormFlows":                 torch.NormFlows[T],
		"torch.Open":                      torch.Open,
		"torch.Read":                      torch.Read,
		"torch.SBI":                       torch.SBI[T],
		"torch.Update":                    torch.Update[T],
		"torch.Zuko":                      torch.Zuko[T],
		"mnist.DrawValues":                mnist.DrawValues[T],
		"mnist.ReadImages":                mnist.ReadImages,
		"mnist.ReadLabels":                mnist.ReadLabels,
		"mnist.LoadDir":                   mnist.LoadDir,
		"mnist.LoadFS":                    mnist.LoadFS,
		"mnist.WritePNG":                  mnist.WritePNG,
		"mnist.NewSet":                    mnist.NewSet,
		"mnist.Pixels":                    mnist.Pixels[T],
		"mnist.Dequantize":                mnist.Dequantize[T],
		"mnist.OneHot":                    mnist.OneHot[T],
		"serve.Arrays":                    serve.Arrays[T],
		"serve.New":                       serve.New,
		"serve.Table":                     serve.Table[T],
		"table.BuildModel":                table.BuildModel[T],
		"table.Fit":                       table.Fit[T],
		"table.MemoryRows":                table.MemoryRows,
		"table.NewModel":                  table.NewModel[T],
		"table.DefaultMissing":            table.DefaultMissing,
		"table.Infer":                     table.Infer,
		"table.Layouts":                   table.Layouts,
		"table.NewInference":              table.NewInference,
		"table.NewReader":                 table.NewReader,
		"table.NewWriter":                 table.NewWriter,
		"table.ParseSchema":               table.ParseSchema,
		"table.Start":                     table.Start[T],
	}
}

// samples are a value of each type that has methods, and of each kind of
// argument, new at each call: some of the methods change them.
func samples[T bijector.Float]() []any {
	x, c := testkit.Gauss[T](8, 4, 1), testkit.Gauss[T](8, 2, 2)
	nan := testkit.Gauss[T](8, 4, 1)
	nan.Values()[3] = T(math.NaN())
	lu := testkit.Must(bijector.NewLU[T](bijector.LUSpec{Dim: 4}))
	normal := distribution.StandardNormal[T](4)
	nvp := testkit.Must(coupling.RealNVP[T](coupling.Recipe{Dim: 4, Layers: 2, Hidden: []int{3}}))
	conditional := testkit.Must(coupling.RealNVP[T](coupling.Recipe{Dim: 4, ContextDim: 2, Layers: 2, Hidden: []int{3}}))
	f := testkit.Must(flow.New[T](nvp, normal))
	fc := testkit.Must(flow.New[T](conditional, distribution.StandardNormal[T](4)))
	mlp := testkit.Must(coupling.NewMLP[T](coupling.MLPSpec{In: 4, Out: 2, Hidden: []int{3}}))
	back := testkit.Must(coupling.NewMLP[T](coupling.MLPSpec{In: 2, Out: 4, Hidden: []int{3}}))
	ae := testkit.Must(autoencoder.New(mlp, back))
	drawn := testkit.Must(autoencoder.NewDense[T](autoencoder.DenseSpec{In: 4, Embedding: 4, Loss: "gaussian", Variational: true}))
	identity := testkit.Must(autoencoder.NewIdentity[T](autoencoder.IdentitySpec{Dim: 4}))
	fitted := testkit.Must(autoencoder.NewPCA[T](autoencoder.PCASpec{In: 4, Embedding: 2}))
	if err := fitted.Fit(x); err != nil {
		panic(err)
	}
	set := testkit.Must(mnist.NewSet(mnist.Images{Height: 2, Width: 2, Pixels: make([]uint8, 16)}, []uint8{0, 1, 2, 1}))
	dense := make([]T, 4)
	var file bytes.Buffer
	if err := registry.Write(&file, f); err != nil {
		panic(err)
	}
	state := testkit.Must(torch.Read(bytes.NewReader(file.Bytes()), int64(file.Len())))
	mlpOf := func(in, out int) (bijector.Network[T], error) {
		return coupling.NewMLP[T](coupling.MLPSpec{In: in, Out: out, Hidden: []int{3}})
	}
	return append(append(append(tableSamples(), tableModel[T]()), servers[T]()...), []any{
		// Layers.
		nvp, lu, conditional,
		testkit.Must(bijector.NewActNorm[T](bijector.ActNormSpec{Dim: 4})),
		testkit.Must(bijector.NewBatchNorm[T](bijector.BatchNormSpec{Dim: 4})),
		testkit.Must(bijector.NewPermute[T](bijector.PermuteSpec{Dim: 4})),
		testkit.Must(bijector.NewSqueeze[T](bijector.SqueezeSpec{Channels: 1, Height: 2, Width: 2})),
		testkit.Must(bijector.NewConv1x1[T](bijector.Conv1x1Spec{Channels: 2, Height: 1, Width: 2})),
		testkit.Must(bijector.NewScale[T](bijector.ScaleSpec{Dim: 4})),
		testkit.Must(bijector.NewShift[T](bijector.ShiftSpec{Dim: 4})),
		testkit.Must(bijector.NewStandardize[T](bijector.StandardizeSpec{Dim: 4})),
		testkit.Must(coupling.NewCircular[T](coupling.CircularSpec{Dim: 4, Circles: coupling.AllCircles(4)})),
		testkit.Must(autoregressive.NewCircular[T](autoregressive.CircularSpec{Dim: 4, Circles: coupling.AllCircles(4)})),
		testkit.Must(bijector.NewBounds[T](bijector.BoundsSpec{Dim: 4, Features: []bijector.FeatureBounds{bijector.Between(0, 0, 1)}})),
		testkit.Must(bijector.NewGaussianize[T](bijector.GaussianizeSpec{Dim: 4})),
		testkit.Must(bijector.NewWhiten[T](bijector.WhitenSpec{Dim: 4})),
		testkit.Must(bijector.NewLogit[T](bijector.LogitSpec{Dim: 4})),
		testkit.Must(bijector.NewBackground[T](bijector.BackgroundSpec{Dim: 4})),
		testkit.Must(bijector.NewSigmoid[T](bijector.SigmoidSpec{Dim: 4})),
		testkit.Must(bijector.NewTanh[T](bijector.TanhSpec{Dim: 4})),
		testkit.Must(bijector.NewSoftplus[T](bijector.SoftplusSpec{Dim: 4})),
		testkit.Must(bijector.NewPart[T](6, 1, 5, testkit.Must(bijector.NewLU[T](bijector.LUSpec{Dim: 4})))),
		bijector.Invert[T](testkit.Must(bijector.NewLU[T](bijector.LUSpec{Dim: 4}))),
		testkit.Must(coupling.NewAffine[T](coupling.AffineSpec{Dim: 4})),
		testkit.Must(coupling.NewAdditive[T](coupling.AdditiveSpec{Dim: 4})),
		testkit.Must(coupling.NewSpline[T](coupling.SplineSpec{Dim: 4})),
		testkit.Must(coupling.New(coupling.Config[T]{Dim: 4, Transform: testkit.Must(coupling.ScaleShift[T]("", 0)), Conditioner: mlpOf})),
		testkit.Must(autoregressive.NewAffine[T](autoregressive.AffineSpec{Dim: 4})),
		testkit.Must(autoregressive.NewSpline[T](autoregressive.SplineSpec{Dim: 4})),
		testkit.Must(autoregressive.NewMixed[T](autoregressive.MixedSpec{Columns: []autoregressive.MixedColumn{{Atoms: []float64{0, 1}}, {Continuous: true}}})),
		testkit.Must(autoregressive.New(autoregressive.Parts[T]{Dim: 4, Transform: testkit.Must(coupling.ScaleShift[T]("", 0))})),
		testkit.Must(coupling.ScaleShift[T]("", 0)), testkit.Must(coupling.RationalQuadratic[T](coupling.SplineSpec{Dim: 4})),
		bijector.Invert[T](nil), testkit.Must(bijector.InputOf[T](x, 4)), testkit.Must(bijector.ContextOf[T](c, 8, 2)),
		bijector.Children[T]{{Name: "0", Part: (*bijector.LU[T])(nil)}},
		bijector.NewTensorMethods[T](lu),
		bijector.TensorMethods[T]{},
		bijector.NewTensorMethods[T](nil),
		bijector.Given[T](conditional, c), bijector.Given[T](lu, x), bijector.Given[T](nil, nil), bijector.Given[T](bijector.Invert[T](nil), nil),
		bijector.Children[T]{{Name: "0", Part: lu}, {}},
		// Networks, base distributions, flows, autoencoders.
		testkit.Must(bijector.NewStandardizeContext[T](bijector.StandardizeContextSpec{Dim: 2})), testkit.Must(coupling.NewSequential[T](mlp)),
		mlp, testkit.Must(coupling.NewResidual[T](coupling.ResidualSpec{In: 2, Out: 4, Hidden: 3})),
		testkit.Must(coupling.NewConvNet[T](coupling.ConvNetSpec{InChannels: 1, OutChannels: 2, Height: 2, Width: 2, Hidden: 2})),
		testkit.Must(autoregressive.NewMADE[T](autoregressive.MADESpec{Features: 4, Params: 2, Hidden: []int{4}})),
		testkit.Must(autoregressive.NewBlocks[T](autoregressive.BlocksSpec{Features: 4, Params: 2, Hidden: 4})),
		normal, testkit.Must(distribution.NewLogistic[T](distribution.LogisticSpec{Dim: 4})),
		testkit.Must(distribution.NewStudentT[T](distribution.StudentTSpec{Dim: 4})),
		testkit.Must(distribution.NewUniform[T](distribution.UniformSpec{Dim: 4})),
		testkit.Must(distribution.NewMixture[T](distribution.MixtureSpec{Dim: 4, Components: 2})),
		testkit.Must(distribution.NewClassMixture[T](distribution.ClassMixtureSpec{Dim: 4, Classes: 2})),
		testkit.Must(distribution.IndependentOf[T](distuv.UnitNormal, distuv.UnitNormal)), distuv.UnitNormal,
		f, fc, fc.Given(c), fc.Given(x), f.Given(c), f.WithTemperature(math.NaN()).WithRedraws(math.MinInt),
		testkit.Must(flow.NewEnsemble(flow.Mixing{}, testkit.Must(flow.New[T](lu, distribution.StandardNormal[T](4))))),
		ae, drawn, testkit.Must(autoencoder.NewVariational(drawn, f)), identity, fitted, testkit.Must(autoencoder.NewPCA[T](autoencoder.PCASpec{In: 4, Embedding: 2})),
		testkit.Must(autoencoder.NewLatent[T](identity, identity, f)), testkit.Must(autoencoder.NewLatent[T](identity, nil, fc)),
		testkit.Must(autoencoder.NewLatentEnsemble[T](identity, nil, testkit.Must(flow.NewEnsemble(flow.Mixing{}, testkit.Must(flow.New[T](conditional, distribution.StandardNormal[T](4))))))), testkit.Must(autoencoder.NewChain[T](identity, fitted)),
		// Tensors.
		x, c, nan, x.Dense(), testkit.Must(bijector.RowsOf(dense, 1, 4)), &bijector.Rows[T]{}, &tensor.Dense{},
		tensor.New(tensor.WithShape(4), tensor.WithBacking([]float32{1, 2, 3, 4})),
		tensor.New(tensor.WithShape(2, 2), tensor.WithBacking([]int{1, 2, 3, 4})),
		tensor.New(tensor.WithShape(2, 2, 2), tensor.WithBacking(make([]float64, 8))),
		tensor.New(tensor.FromScalar(float32(1))),
		mat.NewDense(4, 2, nil), &mat.Dense{}, mat.NewSymDense(2, nil), &mat.SymDense{}, mat.NewDense(2, 4, nil).T(),
		testkit.Gauss[float32](8, 4, 1), testkit.Gauss[float64](8, 4, 1),
		// Sources, targets, sets and options.
		train.Tensor(x), train.Tensor(x).Given(c), train.Tensor(x.Dense()).Given(nan), train.Dequantize(set, 256, 1), set, set.Conditional(), &mnist.Set{},
		train.Options{ValidationFraction: train.NoValidation, Epochs: 1, Batch: 4},
		auto.Options{Steps: 2, Workers: 1},
		&auto.Report{},
		latent.Options{Auto: auto.Options{Steps: 2, Workers: 1}},
		&latent.Report{},
		latent.Reduction{},
		train.Adam{},
		train.SGD{},
		train.Constant{},
		train.StepDecay{},
		train.Cosine{},
		train.Warmup{},
		&train.Report{}, &posterior.Report{},
		testkit.Must(posterior.NewTruncated[T](fc, []float64{-9, -9, -9, -9}, []float64{9, 9, 9, 9})),
		posterior.Ranks{},
		posterior.Ranks{Draws: 3, Of: []int{-1, 3, 7}},
		vi.TargetFunc(4, func(gradient, x []float64) float64 { clear(gradient); return 0 }),
		vi.TargetFunc(4, nil), vi.TargetFunc(math.MaxInt, nil), vi.TargetFunc(-1, func([]float64, []float64) float64 { return 0 }),
		mnist.Grid{},
		mnist.Images{Height: 2, Width: 2, Pixels: make([]uint8, 16)},
		mnist.Images{},
		coupling.Recipe{Dim: 4, Layers: 2, Hidden: []int{3}},
		coupling.ImageRecipe{Channels: 1, Height: 4, Width: 4, Hidden: 2, Scales: 1, Couplings: 1, Blocks: 1},
		coupling.GlowImageRecipe{Channels: 1, Height: 4, Width: 4, Hidden: []int{2}, Steps: []int{1}},
		autoregressive.Recipe{Dim: 4, Layers: 2, Hidden: []int{4}},
		bijector.ActNormSpec{Dim: 4},
		bijector.BatchNormSpec{Dim: 4},
		bijector.Conv1x1Spec{Channels: 2, Height: 1, Width: 2},
		bijector.LogitSpec{Dim: 4},
		bijector.BackgroundSpec{Dim: 4},
		bijector.LUSpec{Dim: 4},
		bijector.PermuteSpec{Dim: 4},
		bijector.ScaleSpec{Dim: 4},
		bijector.ShiftSpec{Dim: 4},
		bijector.SigmoidSpec{Dim: 4},
		bijector.SoftplusSpec{Dim: 4},
		bijector.SqueezeSpec{Channels: 1, Height: 2, Width: 2},
		bijector.StandardizeSpec{Dim: 4},
		coupling.Circle{Hi: 24},
		coupling.CircularSpec{Dim: 4, Circles: coupling.AllCircles(4)},
		autoregressive.CircularSpec{Dim: 4, Circles: coupling.AllCircles(4)},
		bijector.StandardizeContextSpec{Dim: 2},
		bijector.BoundsSpec{Dim: 4, Features: []bijector.FeatureBounds{bijector.Between(0, 0, 1)}},
		bijector.GaussianizeSpec{Dim: 4},
		bijector.WhitenSpec{Dim: 4},
		bijector.TanhSpec{Dim: 4},
		coupling.AdditiveSpec{Dim: 4},
		coupling.AffineSpec{Dim: 4},
		coupling.MLPSpec{In: 4, Out: 2, Hidden: []int{3}},
		coupling.ResidualSpec{In: 4, Out: 2, Hidden: 3},
		coupling.ConvNetSpec{InChannels: 1, OutChannels: 2, Height: 2, Width: 2, Hidden: 2},
		coupling.SplineSpec{Dim: 4},
		autoregressive.AffineSpec{Dim: 4},
		autoregressive.MADESpec{Features: 4, Params: 2, Hidden: []int{4}},
		autoregressive.BlocksSpec{Features: 4, Params: 2, Hidden: 4},
		autoregressive.SplineSpec{Dim: 4},
		autoregressive.MixedSpec{Columns: []autoregressive.MixedColumn{{Atoms: []float64{0, 1}}, {Continuous: true}}},
		distribution.ClassMixtureSpec{Dim: 4, Classes: 2},
		distribution.IndependentSpec{Dim: 4},
		distribution.MixtureSpec{Dim: 4},
		distribution.StudentTSpec{Dim: 4},
		distribution.UniformSpec{Dim: 4},
		autoencoder.ConvSpec{Height: 4, Width: 4, Channels: []int{2}, Embedding: 2},
		autoencoder.DenseSpec{In: 4, Hidden: []int{3}, Embedding: 2},
		autoencoder.PCASpec{In: 4, Embedding: 2},
		autoencoder.LatentSpec{Scores: 3},
		distribution.NormalSpec{Dim: 4},
		distribution.LogisticSpec{Dim: 4},
		bytes.NewReader([]byte("{}")), new(bytes.Buffer), image.NewGray(image.Rect(0, 0, 2, 2)),
		testkit.Must(f.Gonum(nil)), state, &torch.State{}, &torch.TensorError{}, &bijector.RowError{}, &registry.FormatError{}, &bijector.DomainError{}, &bijector.NamedSpec{}, registry.Bijectors, registry.Kind(-1), onnx.Direction(-1),
		builder[T]{},
		flow.Classes{Contexts: c},
		&flow.Diagnosis{},
		flow.Conditioning{Observed: []int{1}, Sweeps: 4, Proposals: 256, MinEffective: 1},
		testkit.Must(testkit.Must(flow.New[T](testkit.Must(bijector.NewScale[T](bijector.ScaleSpec{Dim: 4})), distribution.StandardNormal[T](4))).Condition(flow.Conditioning{Observed: []int{1}})),
		testkit.Must(flow.NewCalibration([]float64{1, 2, 3})),
		[]uint8(`{"dim": 4}`),
		[]uint8{},
	}...)
}

// builder makes nothing, and says nothing about it.
type builder[T bijector.Float] struct{}

func (builder[T]) Layer(bijector.NamedSpec) (bijector.Layer[T], error)        { return nil, nil }
func (builder[T]) Network(bijector.NamedSpec) (bijector.Network[T], error)    { return nil, nil }
func (builder[T]) Base(bijector.NamedSpec) (distribution.Base[T], error)      { return nil, nil }
func (builder[T]) Encoder(bijector.NamedSpec) (autoencoder.Encoder[T], error) { return nil, nil }
func (builder[T]) Decoder(bijector.NamedSpec) (autoencoder.Decoder[T], error) { return nil, nil }
func (builder[T]) Flow(bijector.NamedSpec) (*flow.Flow[T], error)             { return nil, nil }
