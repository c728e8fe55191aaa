// Package torch reads flows that were trained in PyTorch, and FlowJAX's, number for
// number, and writes flows that PyTorch reads. It needs no PyTorch: what travels is a
// safetensors file of a model's state_dict,
//
//	safetensors.torch.save_file(model.state_dict(), "model.safetensors")
//
// in Python, and here
//
//	state, err := torch.Open("model.safetensors")
//	flow, err := torch.Zuko[float32](state, torch.ZukoOptions{Activation: "relu"})
//
// after which the flow is like any other: it scores, draws, trains on, and
// registry.Save keeps it in the library's own format.
//
// A file of export.py, beside this package, says the rest as well, and [Load] finds
// its mapping:
//
//	flow, err := torch.Load[float32](state)
//
// # Mappings
//
// A state_dict has names, shapes and numbers. What a mapping cannot read from
// them, its options say, with the source's own defaults for zero values but for
// the activation, which is asked for.
//
//   - [Demo] and [DemoAutoencoder]: the Real NVP on MNIST embeddings, and the
//     autoencoder, that mnist/latentflow follows; [SaveDemo] and
//     [SaveDemoAutoencoder] write their files.
//   - [Zuko]: zuko.flows.NICE, RealNVP, MAF, NSF and NCSF, and zuko.mixtures.GMM.
//   - [NFlows]: nflows.flows.Flow of affine, additive and rational-quadratic
//     couplings, masked autoregressive transforms, LU maps, permutations and batch
//     norm: SimpleRealNVP among them.
//   - [NormFlows]: normflows.NormalizingFlow of AffineCouplingBlocks,
//     MaskedAffineFlows, CoupledRationalQuadraticSplines and
//     AutoregressiveRationalQuadraticSplines.
//   - [SBI]: the density estimators of sbi, by NPE and NLE: maf, nsf, maf_rqs,
//     zuko_maf and zuko_nsf, with their standardisation and embedding.
//   - [FrEIA]: FrEIA.framework.SequenceINN of GLOWCouplingBlocks, RNVPCouplingBlocks and
//     PermuteRandoms.
//   - [FlowJAX]: flowjax.flows.coupling_flow and masked_autoregressive_flow, affine
//     and of splines, from a file of export_flowjax.py.
//
// A flow that was read and trained on goes back: [Update] makes the state with its
// numbers, which load_state_dict takes, by the mapping that read it.
//
// Weights are put in the order that couplings here have: context before kept
// features, scales before shifts, nothing for what a mask makes zero.
//
// # Exactness
//
// A mapping accounts for every tensor. One that is missing, left over or of
// another shape or type than the model has is a [TensorError] with its name.
// Values are read as float64 and kept as T. Against PyTorch, z, log-det,
// log-density and inverse agree to 1e-10 in float64 and to 1e-5 in float32:
// docs/interop.md has the figures and how to make them again.
//
// Models are read as they are in evaluation (model.eval()). Batch norm keeps
// the running statistics of the file until training sets its own.
package torch
