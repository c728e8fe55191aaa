"""Writes the parity vectors: for each source a small model with weights that
are no start values, its state_dict as <case>.safetensors, and what it computes
in evaluation, in float64 and float32, as <case>.json.

    pip install -r requirements.txt && python3 parity.py [name ...]

A name that ends in 64 has a state in float64, the others in float32. With names,
only those cases are written.
"""
import json
import math
import os
import sys

import nflows.distributions
import nflows.flows
import nflows.nn.nets
import nflows.transforms
import normflows as nf
import sbi.neural_nets.embedding_nets
import sbi.neural_nets.net_builders.flow as sbi_flow
import torch
import zuko
import zuko.mixtures
from safetensors.torch import save_file

import demo

HERE, ROWS = os.path.dirname(os.path.abspath(__file__)), 5


def perturb(model, g):
    """Puts every number away from what a constructor gives."""
    normal = lambda v: torch.randn(v.shape, generator=g, dtype=v.dtype)
    with torch.no_grad():
        for name, v in model.state_dict().items():
            leaf = name.split(".")[-1]
            if not v.is_floating_point() or leaf in ("mask", "b", "data_dep_init_done"):
                continue
            if leaf in ("lower", "upper"):
                continue
            if leaf in ("running_var", "prior_var", "scale", "_scale", "_std"):
                v.copy_(0.5 + normal(v).abs())
            elif v.ndim >= 2 and leaf == "weight":
                v.copy_(normal(v) / math.sqrt(v[0].numel()))
            else:
                v.copy_(0.3 * normal(v))


def in_dtype(dtype, run):
    """Some sources make tensors of the default type within a computation."""
    torch.set_default_dtype(dtype)
    with torch.no_grad():
        out = run()
    torch.set_default_dtype(torch.float32)
    return {k: v.double().flatten().tolist() for k, v in out.items()}


def write(name, source, make, run, inputs, options=None, directory=HERE, only=()):
    """make() is a model, run(model, inputs) its results."""
    if only and name not in only:
        return
    state_dtype = torch.float64 if name.endswith("64") else torch.float32
    torch.manual_seed(1)
    torch.set_default_dtype(state_dtype)
    model = make().eval()
    perturb(model, torch.Generator().manual_seed(2))
    torch.set_default_dtype(torch.float32)
    save_file({k: v.contiguous().clone() for k, v in model.state_dict().items()}, os.path.join(directory, name + ".safetensors"))
    out = {"source": source, "options": options or {},
           "inputs": {k: {"shape": list(v.shape), "data": v.double().flatten().tolist()} for k, v in inputs.items()}}
    for dtype, key in ((torch.float64, "float64"), (torch.float32, "float32")):
        model.to(dtype)
        constants(model, dtype)
        cast = {k: v.to(dtype) for k, v in inputs.items()}
        out[key] = in_dtype(dtype, lambda: run(model, cast))
    with open(os.path.join(directory, name + ".json"), "w") as f:
        json.dump(out, f, separators=(",", ":"))
        f.write("\n")


def constants(model, dtype):
    """sbi rounds d/2 log(2 pi) to float32."""
    for m in model.modules():
        if isinstance(m, nflows.distributions.StandardNormal):
            m._log_z = torch.tensor(0.5 * math.prod(m._shape) * math.log(2 * math.pi), dtype=dtype)


def rows(dim, context=0, seed=3):
    g = torch.Generator().manual_seed(seed)
    out = {"x": 1.2 * torch.randn(ROWS, dim, generator=g) + 0.2, "u": torch.randn(ROWS, dim, generator=g)}
    if context:
        out["context"] = torch.randn(ROWS, context, generator=g)
    return out


def circle(dim, context=0, seed=3):
    """Rows on the circle from -pi to pi."""
    out, g = rows(dim, context, seed), torch.Generator().manual_seed(seed)
    return out | {k: 3.1 * (2 * torch.rand(ROWS, dim, generator=g) - 1) for k in ("x", "u")}


def run_demo(m, v):
    c = v.get("context")
    z, log_det = m(v["x"], c)
    return {"z": z, "log_det": log_det, "log_prob": m.log_prob(v["x"], c), "inverse": m.inverse(v["u"], c)}


def run_autoencoder(m, v):
    z = m.encode(v["x"])
    return {"z": z, "decoded": m.decode(v["u"])}


def run_zuko(m, v):
    flow = m(v.get("context"))
    z, log_det = flow.transform.call_and_ladj(v["x"])
    return {"z": z, "log_det": log_det, "log_prob": flow.log_prob(v["x"]), "inverse": flow.transform.inv(v["u"])}


def run_zuko_mixture(m, v):
    return {"z": v["x"], "log_det": torch.zeros(len(v["x"])), "log_prob": m().log_prob(v["x"]), "inverse": v["u"]}


def run_nflows(m, v):
    c = v.get("context")
    z, log_det = m._transform(v["x"], c)
    return {"z": z, "log_det": log_det, "log_prob": m.log_prob(v["x"], c), "inverse": m._transform.inverse(v["u"], c)[0]}


def run_normflows(m, v):
    z, log_det = m.inverse_and_log_det(v["x"])
    return {"z": z, "log_det": log_det, "log_prob": m.log_prob(v["x"]), "inverse": m.forward(v["u"])}


def run_freia(m, v):
    c = [v["context"]] if "context" in v else None
    z, log_det = m(v["x"], c=c)
    log_prob = log_det - (z.square() + math.log(2 * math.pi)).sum(1) / 2
    return {"z": z, "log_det": log_det, "log_prob": log_prob, "inverse": m(v["u"], c=c, rev=True)[0]}


def normflows_coupled(dim, layers, hidden, bins, blocks=1, bound=3, activation=torch.nn.ReLU):
    flows = []
    for k in range(layers):
        flows.append(nf.flows.CoupledRationalQuadraticSpline(
            dim, blocks, hidden, num_bins=bins, tail_bound=bound, activation=activation, reverse_mask=k % 2 == 1))
        flows.append(nf.flows.LULinearPermute(dim))
    return nf.NormalizingFlow(nf.distributions.DiagGaussian(dim), flows)


def freia(block, dim, context, blocks, hidden, clamp=2.0, activation=torch.nn.ReLU, **more):
    """A SequenceINN of "GLOW" or "RNVP" blocks and permutations; of these packages, FrEIA
    is needed here alone."""
    import FrEIA.framework
    import FrEIA.modules

    def net(i, o):
        widths = [i, *hidden, o]
        layers = [m for k in range(len(hidden)) for m in (torch.nn.Linear(widths[k], widths[k + 1]), activation())]
        return torch.nn.Sequential(*layers, torch.nn.Linear(widths[-2], o))

    model = FrEIA.framework.SequenceINN(dim)
    for k in range(blocks):
        if k:
            model.append(FrEIA.modules.PermuteRandom, seed=k)
        condition = dict(cond=0, cond_shape=(context,)) if context else {}
        model.append(getattr(FrEIA.modules, block + "CouplingBlock"), subnet_constructor=net, clamp=clamp, **condition, **more)
    return model


def run_sbi(m, v):
    x, c, u = v["x"], v["context"], v["u"]
    log_prob = m.log_prob(x, c)[0]
    if isinstance(m.net, nflows.flows.Flow):
        e = m.embedding_net(c)
        z, log_det = m.net._transform(x, e)
        return {"z": z, "log_det": log_det, "log_prob": log_prob, "inverse": m.net._transform.inverse(u, e)[0]}
    flow = m.net(m.embedding_net(c))
    z, log_det = flow.transform.call_and_ladj(x)
    return {"z": z, "log_det": log_det, "log_prob": log_prob, "inverse": flow.transform.inv(u)}


def sbi_estimator(build, dim, context, embedding=None, **more):
    """A density estimator of sbi's builders, of parameters under data or the other way
    around."""
    g = torch.Generator().manual_seed(4)
    x, c = (torch.randn(50, n, generator=g, dtype=torch.get_default_dtype()) for n in (dim, context))
    return getattr(sbi_flow, "build_" + build)(x, c, embedding_net=embedding() if embedding else torch.nn.Identity(), **more)


def fc(*args, **more):
    return lambda: sbi.neural_nets.embedding_nets.FCEmbedding(*args, **more)


def normflows_stack(dim, layers, scale=True, between="swap", target=None):
    kept = (dim + 1) // 2
    flows = []
    for _ in range(layers):
        net = nf.nets.MLP([kept, 8, 8, (2 if scale else 1) * (dim - kept)])
        flows.append(nf.flows.AffineCouplingBlock(net, scale=scale))
        flows.append(nf.flows.Permute(dim, mode=between))
        if between == "shuffle":
            flows.append(nf.flows.ActNorm(dim))
            flows[-1].data_dep_init_done = torch.tensor(1.0)
    return nf.NormalizingFlow(nf.distributions.DiagGaussian(dim), flows, target)


def nflows_spline(dim, steps, hidden, bins, bound, blocks=2, activation=torch.nn.functional.relu, context=0):
    """The coupling flow of Durkan et al. (2019): a permutation, an LU map and a
    coupling of splines in each step, or of 0 bins an affine one and of 1 an additive one."""
    t, flow = nflows.transforms, []
    for k in range(steps):
        mask = nflows.utils.create_alternating_binary_mask(dim, even=k % 2 == 0)
        net = lambda i, o: nflows.nn.nets.ResidualNet(i, o, hidden, context or None, num_blocks=blocks, activation=activation)
        if bins > 1:
            coupling = t.PiecewiseRationalQuadraticCouplingTransform(mask, net, num_bins=bins, tails="linear", tail_bound=bound)
        else:
            coupling = (t.AdditiveCouplingTransform if bins else t.AffineCouplingTransform)(mask, net)
        flow.append(t.CompositeTransform([t.RandomPermutation(dim), t.LULinear(dim), coupling]))
    return nflows.flows.Flow(t.CompositeTransform(flow), nflows.distributions.StandardNormal([dim]))


def nflows_masked(dim, context, steps, hidden, blocks=2, residual=True, bins=0, bound=1.0, activation=torch.nn.functional.relu):
    """Masked autoregressive transforms, affine or of splines, with permutations."""
    t, flow = nflows.transforms, []
    net = dict(features=dim, hidden_features=hidden, context_features=context or None, num_blocks=blocks,
               use_residual_blocks=residual, activation=activation)
    for _ in range(steps):
        flow.append(t.ReversePermutation(dim))
        flow.append(t.MaskedPiecewiseRationalQuadraticAutoregressiveTransform(num_bins=bins, tails="linear", tail_bound=bound, **net)
                    if bins else t.MaskedAffineAutoregressiveTransform(**net))
    return nflows.flows.Flow(t.CompositeTransform(flow), nflows.distributions.StandardNormal([dim]))


def normflows_masked(dim, layers, hidden, scale=True):
    flows = []
    for k in range(layers):
        b = torch.tensor([float((i + k) % 2) for i in range(dim)])
        net = lambda: nf.nets.MLP([dim, hidden, hidden, dim])
        flows.append(nf.flows.MaskedAffineFlow(b, net(), net() if scale else None))
    return nf.NormalizingFlow(nf.distributions.DiagGaussian(dim), flows)


def normflows_splines(dim, layers, hidden, bins, blocks=2, bound=3, activation=torch.nn.ReLU):
    flows = []
    for _ in range(layers):
        flows.append(nf.flows.AutoregressiveRationalQuadraticSpline(
            dim, blocks, hidden, num_bins=bins, tail_bound=bound, activation=activation))
        flows.append(nf.flows.LULinearPermute(dim))
    return nf.NormalizingFlow(nf.distributions.DiagGaussian(dim), flows)


def main(only):
    torch.set_num_threads(1)
    write = lambda *a: globals()["write"](*a, only=only)
    write("demo", "demo", lambda: demo.RealNVP(5, layers=2, hidden=[8]), run_demo, rows(5))
    write("demo_context_64", "demo", lambda: demo.RealNVP(6, 3, layers=3, hidden=[8]), run_demo, rows(6, 3))
    write("demo_two_networks", "demo", lambda: demo.RealNVP(5, 2, layers=2, hidden=[8, 8], single=False), run_demo, rows(5, 2))
    images = torch.rand(3, 64, generator=torch.Generator().manual_seed(4)).view(3, 1, 8, 8)
    codes = torch.randn(3, 4, generator=torch.Generator().manual_seed(5))
    # The demo's own, and with biases that it has not.
    for name, biases in (("autoencoder", (False, True)), ("autoencoder_64", (False, True)),
                         ("autoencoder_biased", (True, True)), ("autoencoder_plain_64", (False, False))):
        write(name, "autoencoder", lambda: demo.Autoencoder(8, (3, 5), 4, *biases), run_autoencoder, {"x": images, "u": codes})
    write("zuko", "zuko", lambda: zuko.flows.RealNVP(5, transforms=3, randmask=True, hidden_features=(8, 7)), run_zuko, rows(5))
    write("zuko_context_64", "zuko", lambda: zuko.flows.NICE(4, 2, transforms=2, hidden_features=(8, 8), activation=torch.nn.Tanh),
          run_zuko, rows(4, 2), {"activation": "tanh"})
    write("zuko_additive", "zuko", lambda: zuko.flows.NICE(
        4, 2, transforms=2, hidden_features=(8,), univariate=zuko.transforms.AdditiveTransform, shapes=[()]), run_zuko, rows(4, 2))
    write("zuko_plain", "zuko", lambda: zuko.flows.RealNVP(4, transforms=2, hidden_features=(8, 7), bias=False), run_zuko, rows(4))
    write("nflows", "nflows", lambda: nflows.flows.SimpleRealNVP(5, 8, 3, 2), run_nflows, rows(5))
    write("nflows_norm_64", "nflows", lambda: nflows.flows.SimpleRealNVP(
        4, 8, 2, 1, activation=torch.tanh, batch_norm_between_layers=True), run_nflows, rows(4), {"activation": "tanh"})
    write("nflows_additive", "nflows", lambda: nflows.flows.SimpleRealNVP(3, 8, 2, 1, use_volume_preserving=True), run_nflows, rows(3))
    write("zuko_maf", "zuko", lambda: zuko.flows.MAF(4, 2, transforms=2, hidden_features=(10, 7)), run_zuko, rows(4, 2))
    write("zuko_maf_passes_64", "zuko", lambda: zuko.flows.MAF(
        5, transforms=2, randperm=True, passes=2, hidden_features=(8,), activation=torch.nn.Tanh), run_zuko, rows(5), {"activation": "tanh"})
    write("zuko_nsf", "zuko", lambda: zuko.flows.NSF(3, 2, bins=4, transforms=2, hidden_features=(8,)), run_zuko, rows(3, 2), {"class": "NSF"})
    write("zuko_ncsf_64", "zuko", lambda: zuko.flows.NCSF(
        2, bins=5, transforms=2, hidden_features=(7,), slope=1e-2), run_zuko, circle(2), {"class": "NCSF", "slope": 1e-2})
    write("zuko_mixture", "zuko", lambda: zuko.mixtures.GMM(3, components=3), run_zuko_mixture, rows(3))
    write("zuko_mixture_tied_64", "zuko", lambda: zuko.mixtures.GMM(
        3, components=2, covariance_type="spherical", tied=True, epsilon=1e-2), run_zuko_mixture, rows(3), {"epsilon": 1e-2})
    write("nflows_spline", "nflows", lambda: nflows_spline(4, 2, 6, 4, 3.0), run_nflows, rows(4), {"tail_bound": 3})
    write("nflows_maf", "nflows", lambda: nflows_masked(3, 2, 1, 6), run_nflows, rows(3, 2))
    write("nflows_maf_plain_64", "nflows", lambda: nflows_masked(
        3, 2, 1, 6, residual=False, activation=torch.tanh), run_nflows, rows(3, 2), {"activation": "tanh"})
    write("nflows_masked_spline", "nflows", lambda: nflows_masked(
        3, 0, 1, 6, blocks=1, bins=4, bound=3.0), run_nflows, rows(3), {"tail_bound": 3})
    write("normflows", "normflows", lambda: normflows_stack(5, 3), run_normflows, rows(5))
    write("normflows_shuffle_64", "normflows", lambda: normflows_stack(4, 2, between="shuffle"), run_normflows, rows(4))
    write("normflows_target", "normflows", lambda: normflows_stack(2, 2, target=nf.distributions.TwoMoons()), run_normflows, rows(2))
    write("normflows_additive", "normflows", lambda: normflows_stack(3, 2, scale=False), run_normflows, rows(3))

    write("normflows_coupled", "normflows", lambda: normflows_coupled(3, 1, 5, 4), run_normflows, rows(3))
    write("freia_glow", "freia", lambda: freia("GLOW", 5, 2, 2, [6]), run_freia, rows(5, 2), {"clamp": 2})
    write("freia_rnvp_64", "freia", lambda: freia("RNVP", 3, 0, 1, [5, 4], 1.5, torch.nn.Tanh), run_freia, rows(3), {"clamp": 1.5, "activation": "tanh"})

    write("normflows_masked_64", "normflows", lambda: normflows_masked(4, 2, 6), run_normflows, rows(4))
    write("normflows_masked_additive", "normflows", lambda: normflows_masked(3, 2, 6, scale=False), run_normflows, rows(3))
    write("normflows_splines", "normflows", lambda: normflows_splines(3, 1, 6, 4, blocks=1), run_normflows, rows(3))
    write("sbi_maf", "sbi", lambda: sbi_estimator("maf", 3, 2, num_transforms=2, hidden_features=5), run_sbi, rows(3, 2))
    write("sbi_nsf", "sbi", lambda: sbi_estimator(
        "nsf", 3, 2, fc(2, 3, num_hiddens=4), num_transforms=2, hidden_features=4, num_bins=3), run_sbi, rows(3, 2))
    write("sbi_nsf_lone_64", "sbi", lambda: sbi_estimator(
        "nsf", 1, 2, num_transforms=1, hidden_features=4, num_bins=3), run_sbi, rows(1, 2))
    write("sbi_maf_rqs_64", "sbi", lambda: sbi_estimator(
        "maf_rqs", 2, 3, num_transforms=1, hidden_features=4, num_bins=3, z_score_x="structured", z_score_y="none"), run_sbi, rows(2, 3))
    write("sbi_zuko_maf", "sbi", lambda: sbi_estimator("zuko_maf", 3, 2, num_transforms=1, hidden_features=4), run_sbi, rows(3, 2), {"activation": "relu"})
    write("sbi_zuko_nsf", "sbi", lambda: sbi_estimator("zuko_nsf", 2, 2, num_transforms=1, hidden_features=4, num_bins=4), run_sbi, rows(2, 2),
          {"activation": "relu", "class": "NSF"})


if __name__ == "__main__":
    main(sys.argv[1:])
