// Package bijou is a library of normalizing flows: invertible maps, composed
// into a chain over a base distribution, that learn the density of data and
// draw from it. It trains on the CPU, in Go alone.
//
// This package holds documentation only. A program in brief, of rows of 20
// values, [][]float32:
//
//	x, err := bijector.RowsOfSlices(rows)
//	chain, err := coupling.RealNVP[float32](coupling.Recipe{Dim: 20})
//	f, err := flow.New(chain, distribution.StandardNormal[float32](20))
//	report, err := train.Fit(ctx, f, train.Tensor(x), train.Options{Epochs: 20})
//	logp, err := f.LogProb(x)         // []float64, nats, one a row
//	draws, err := f.Sample(rng, 100)  // *bijector.Rows[float32], shape (100, 20)
//	first := draws.Row(0)             // []float32
//	err = registry.Save("model.safetensors", f)
//
// README.md has it whole, and examples has more programs to copy.
//
// Results are slices and bijector.Rows, whose Row, Values and Data are ordinary
// slices that keep their memory. Of a *tensor.Dense call Float32s or Float64s:
// its own Data makes the slice of an address, which the garbage collector does
// not see.
//
// # Packages
//
//   - bijector: the interfaces; Rows, the batches of values; the gate between
//     tensors and batches (InputOf); Chain, Invert, Part, Given; and the layers
//     beside the couplings: Permute, LU, BatchNorm, ActNorm, Scale, Shift,
//     Standardize, Whiten, Gaussianize, StandardizeContext, Bounds, Logit, Background, Sigmoid, Tanh, Softplus, and Squeeze and Conv1x1 for
//     images. bijector/bijectortest is the conformance suite for layers, ours
//     and yours.
//   - coupling: additive (NICE), affine (Real NVP), spline and circular couplings,
//     masks, conditioners, and recipes that make a whole chain.
//   - autoregressive: masked autoregressive layers, affine (MAF, and inverted
//     IAF), spline and circular, the masked network behind them (MADE), and recipes;
//     Mixed, a base distribution of rows of categories, spikes and numbers.
//   - distribution: base distributions (Normal, Logistic, StudentT, Uniform,
//     Mixture, ClassMixture, Independent). distribution/distributiontest is the
//     conformance suite for them.
//   - flow: Flow, a layer or chain over a base, with densities, draws, contexts
//     and class posteriors; Ensemble, a mixture of flows; Diagnose.
//   - train: Fit, optimisers, schedules, data sources, dequantisation, averages,
//     checkpoints.
//   - auto: a density of rows in one call, chosen on held-out rows.
//   - table: tables of mixed columns, from CSV and NDJSON to densities, scores
//     and draws; cmd/bijou is the command for it.
//   - serve: a model behind HTTP, as an http.Handler.
//   - vi: variational inference, a flow fitted to a density in the place of
//     data, and importance weights.
//   - autoencoder: encoders and decoders, and Latent: a flow on the embeddings
//     of any encoder.
//   - latent: that flow in one call, with a threshold for alarms.
//   - registry: layers by name, models from JSON, and the model file.
//   - interop/torch: flows that were trained in PyTorch, and back.
//   - onnx: flows, encoders and decoders as ONNX models for other runtimes.
//   - mnist: the digits, a reader for their format, image grids; mnist/latentflow
//     is the command that learns to draw them, mnist/nice the one that repeats
//     NICE's experiment on their pixels, mnist/pixelflow a multi-scale Real NVP.
//   - examples: short programs to copy, at github.com/bijou-flow/bijou/examples/parabola
//     (the README's), .../examples/density (in one call), .../examples/anomalies
//     (by density), .../examples/quantiles and .../examples/classes (conditional),
//     .../examples/layer and .../examples/encoder (of one's own), .../examples/server
//     (of scores), .../examples/posterior (one that sbi trained).
//   - benchmarks: go test -bench . ./benchmarks
//
// # Conventions
//
// Direction. Forward maps data to latent, z = f(x); Inverse maps latent to data.
// LogDetJacobian is log|det df/dx| at x. A flow's log-density is
//
//	log p(x) = log p_base(f(x)) + log|det df/dx|,
//
// in nats. A chain applies its members first to last in Forward, last to first
// in Inverse (Dinh et al. 2015, arXiv 1410.8516; Dinh et al. 2017, arXiv
// 1605.08803).
//
// Shape. Tensors are row-major with a sample a row: (n, d). Images are
// (n, channels, height, width). Log-determinants and log-densities are (n).
//
// Context. A conditional model takes a context of shape (n, c), or (1, c) for
// all rows, bound with Given. Unconditional code never mentions it.
//
// Element type. Everything is generic over float32 and float64. Networks run in
// that type; exponentials, scales and sums of log-determinants run in float64.
//
// Randomness. Sources of math/rand/v2 come from the caller, and every spec that
// draws has a Seed. The same seed, data and kind of machine give the same bits,
// whatever GOMAXPROCS is.
//
// Errors. What a user hands in never panics: it returns an error that says what
// was given and what was wanted, and wraps a sentinel such as
// bijector.ErrShape. Panics are for authors of layers who call a pass with
// batches that do not fit. The library never prints and never exits.
//
// # Add a layer in five steps
//
//  1. Copy examples/layer/tails.go and tails_test.go, which are complete and
//     use exported names alone, and change the package clause of both; or write
//     a coupling.Elementwise, if your layer is a coupling with another
//     transform. The type embeds bijector.TensorMethods, which its constructor
//     sets.
//  2. Write the Pass (Forward and Inverse) and the GradPass (Forward and
//     Backward), with the derivation above Backward. Have the compiler check
//     the names, by a line such as
//     var _ bijector.Trainable[float32] = (*Tails[float32])(nil)
//  3. Give the type Params, Buffers and Spec, the spec Values, the number of
//     values that are saved (registry.Sizer), and a constructor that takes the
//     spec.
//  4. Call bijectortest.RunSpec in a test, and run it with go test and with
//     go test -race, which sees what a layer keeps in itself and not in its
//     passes.
//  5. Call registry.Register with a name and the constructor for both element
//     types. The layer can now be saved, loaded and named in JSON. In a flow
//     it goes behind the layer that standardises, and a Raw recipe behind it:
//     chain, err := bijector.NewChain[float32](standardize, layer, recipe)
//
// The files are in the repository's folder, which the go command knows:
//
//	cd $(go list -m -f '{{.Dir}}' github.com/bijou-flow/bijou)
//
// # More to read
//
// docs/guide explains flows from the beginning, in plain words first, and says
// what the classes of other libraries are called here.
//
// docs/design.md has the architecture as it is built, docs/decisions.md why it
// is so, CONTRIBUTING.md how to work on the library, CHANGELOG.md what changed
// and what stays, SECURITY.md how to report a vulnerability.
package bijou
