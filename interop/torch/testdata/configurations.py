"""Draws 30 configurations of each class at random, shapes, options and seeds, and
writes them as parity.py does its cases, to be read by

    python3 configurations.py DIR [class ...]
    BIJOU_TORCH_PARITY=DIR go test ./interop/torch -run TestConfigurations -v
"""
import os
import random
import sys

import torch
import zuko

import parity

COUNT = 30
ACTIVATIONS = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}
FUNCTIONS = {"relu": torch.nn.functional.relu, "tanh": torch.tanh}


OTHERS = {"elu": torch.nn.ELU, "leaky_relu": torch.nn.LeakyReLU, "sigmoid": torch.nn.Sigmoid, "softplus": torch.nn.Softplus,
          "silu": torch.nn.SiLU, "gelu": torch.nn.GELU}


def widths(g, layers=(1, 3)):
    return [g.randint(3, 17) for _ in range(g.randint(*layers))]


def zuko_masked(g, flow, options={}, rows=parity.rows, **more):
    dim, context = g.randint(2, 7), g.choice((0, 0, 1, 3))
    activation = g.choice(sorted(ACTIVATIONS))
    args = dict(transforms=g.randint(1, 3), hidden_features=widths(g), activation=ACTIVATIONS[activation],
                randperm=g.random() < 0.5, passes=g.choice((None, None, 2, 3)), **more)
    return "zuko", lambda: flow(dim, context, **args), parity.run_zuko, lambda seed: rows(dim, context, seed), {"activation": activation, **options}


def zuko_activations(g):
    """Perceptrons, masked and plain, with other activations."""
    activation, context = g.choice(sorted(OTHERS)), g.choice((0, 2))
    dim, flow = g.randint(2, 6), g.choice((zuko.flows.MAF, zuko.flows.RealNVP))
    args = dict(transforms=g.randint(1, 3), hidden_features=widths(g), activation=OTHERS[activation])
    return "zuko", lambda: flow(dim, context, **args), parity.run_zuko, lambda seed: parity.rows(dim, context, seed), {"activation": activation}


def nflows_activations(g):
    """Blocks, masked and plain, with other activations."""
    activation = g.choice(sorted(OTHERS))
    dim, context, f = g.randint(2, 6), g.choice((0, 2)), getattr(torch.nn.functional, activation)
    if g.random() < 0.5:
        args = g.randint(1, 3), g.randint(3, 12), g.randint(2, 9), 3.0, g.randint(1, 3), f
        return "nflows", lambda: parity.nflows_spline(dim, *args), parity.run_nflows, lambda seed: parity.rows(dim, 0, seed), {"activation": activation, "tail_bound": 3.0}
    args = g.randint(1, 3), g.randint(2, 14), g.randint(1, 3), g.random() < 0.6, 0, 3.0, f
    return ("nflows", lambda: parity.nflows_masked(dim, context, *args), parity.run_nflows,
            lambda seed: parity.rows(dim, context, seed), {"activation": activation})


def zuko_mixture(g):
    dim, epsilon = g.randint(1, 6), g.choice((1e-6, 1e-2))
    args = dict(components=g.randint(1, 5), covariance_type=g.choice(("full", "full", "diagonal", "spherical")), tied=g.random() < 0.3, epsilon=epsilon)
    return "zuko", lambda: zuko.mixtures.GMM(dim, **args), parity.run_zuko_mixture, lambda seed: parity.rows(dim, 0, seed), {"epsilon": epsilon}


def zuko_maf(g):
    return zuko_masked(g, zuko.flows.MAF)


def zuko_nsf(g):
    slope = g.choice((1e-3, 1e-2, 1e-1))
    return zuko_masked(g, zuko.flows.NSF, {"class": "NSF", "slope": slope}, bins=g.randint(2, 9), slope=slope)


def zuko_ncsf(g):
    slope = g.choice((1e-3, 1e-2, 1e-1))
    return zuko_masked(g, zuko.flows.NCSF, {"class": "NCSF", "slope": slope}, parity.circle, bins=g.randint(2, 9), slope=slope)


def nflows_spline(g):
    dim, bound, activation = g.randint(2, 7), g.choice((2.0, 3.0)), g.choice(sorted(FUNCTIONS))
    args = g.randint(1, 3), g.randint(3, 12), g.randint(2, 9), bound, g.randint(1, 3), FUNCTIONS[activation]
    return "nflows", lambda: parity.nflows_spline(dim, *args), parity.run_nflows, lambda seed: parity.rows(dim, 0, seed), {"activation": activation, "tail_bound": bound}


def nflows_gated(g):
    dim, context, bound, activation = g.randint(2, 7), g.randint(1, 4), g.choice((2.0, 3.0)), g.choice(sorted(FUNCTIONS))
    args = g.randint(1, 3), g.randint(3, 12), g.choice((0, 1, 2, 5, 9)), bound, g.randint(1, 3), FUNCTIONS[activation], context
    return ("nflows", lambda: parity.nflows_spline(dim, *args), parity.run_nflows,
            lambda seed: parity.rows(dim, context, seed), {"activation": activation, "tail_bound": bound})


def nflows_masked(g, bins):
    dim, context, activation, bound = g.randint(1, 6), g.choice((0, 0, 1, 3)), g.choice(sorted(FUNCTIONS)), g.choice((2.0, 3.0))
    args = g.randint(1, 3), g.randint(2, 14), g.randint(1, 3), g.random() < 0.6, bins, bound, FUNCTIONS[activation]
    return ("nflows", lambda: parity.nflows_masked(dim, context, *args), parity.run_nflows,
            lambda seed: parity.rows(dim, context, seed), {"activation": activation, "tail_bound": bound})


def nflows_maf(g):
    return nflows_masked(g, 0)


def nflows_masked_spline(g):
    return nflows_masked(g, g.randint(2, 9))


def normflows_masked(g):
    dim = g.randint(2, 7)
    args = g.randint(1, 4), g.randint(3, 12), g.random() < 0.7
    return "normflows", lambda: parity.normflows_masked(dim, *args), parity.run_normflows, lambda seed: parity.rows(dim, 0, seed), {}


def normflows_splines(g):
    dim, activation, bound = g.randint(2, 6), g.choice(sorted(ACTIVATIONS)), g.choice((2.0, 3.0))
    args = g.randint(1, 3), g.randint(2, 12), g.randint(2, 9), g.randint(1, 3), bound, ACTIVATIONS[activation]
    return ("normflows", lambda: parity.normflows_splines(dim, *args), parity.run_normflows,
            lambda seed: parity.rows(dim, 0, seed), {"activation": activation, "tail_bound": bound})


def normflows_coupled(g):
    dim, activation, bound = g.randint(2, 6), g.choice(sorted(ACTIVATIONS)), g.choice((2.0, 3.0))
    args = g.randint(1, 3), g.randint(2, 12), g.randint(2, 9), g.randint(1, 3), bound, ACTIVATIONS[activation]
    return ("normflows", lambda: parity.normflows_coupled(dim, *args), parity.run_normflows,
            lambda seed: parity.rows(dim, 0, seed), {"activation": activation, "tail_bound": bound})


def freia(g, block):
    dim, context, activation, clamp = g.randint(2, 7), g.choice((0, 0, 1, 3)), g.choice(sorted(ACTIVATIONS)), g.choice((1.0, 1.5, 2.0))
    args = dict(blocks=g.randint(1, 4), hidden=widths(g), clamp=clamp, activation=ACTIVATIONS[activation], split_len=g.randint(1, dim - 1))
    return ("freia", lambda: parity.freia(block, dim, context, **args), parity.run_freia,
            lambda seed: parity.rows(dim, context, seed), {"activation": activation, "clamp": clamp})


def freia_glow(g):
    return freia(g, "GLOW")


def freia_rnvp(g):
    return freia(g, "RNVP")


def sbi(g, build, least=2, options={}, **more):
    dim, context, embedded, activation = g.randint(least, 6), g.randint(2, 5), g.choice(("", "fc", "sequential")), g.choice(sorted(ACTIVATIONS))
    module, out = ACTIVATIONS[activation], g.randint(1, 5)
    embedding = {
        "": None, "fc": parity.fc(context, out, g.randint(2, 4), g.randint(2, 9), activation=module),
        "sequential": lambda: torch.nn.Sequential(torch.nn.Linear(context, 7), module(), torch.nn.Linear(7, out))}[embedded]
    scores = ("independent", "none", "structured")
    args = dict(num_transforms=g.randint(1, 4), hidden_features=g.randint(3, 14), z_score_x=g.choice(scores[:3 if dim > 1 else 2]), z_score_y=g.choice(scores))
    return ("sbi", lambda: parity.sbi_estimator(build, dim, context, embedding, **args, **more), parity.run_sbi,
            lambda seed: parity.rows(dim, context, seed), {"embedding_activation": activation, **options})


def sbi_maf(g):
    return sbi(g, "maf", 1, num_blocks=g.randint(1, 3))


def sbi_nsf(g):
    bound = g.choice((2.0, 3.0))
    return sbi(g, "nsf", 1, {"tail_bound": bound}, num_blocks=g.randint(1, 3), num_bins=g.randint(2, 10), tail_bound=bound,
               hidden_layers_spline_context=g.randint(0, 2))


def sbi_maf_rqs(g):
    bound = g.choice((2.0, 3.0))
    return sbi(g, "maf_rqs", 1, {"tail_bound": bound}, num_blocks=g.randint(1, 3), num_bins=g.randint(2, 10), tail_bound=bound)


def sbi_zuko_maf(g):
    return sbi(g, "zuko_maf", 2, {"activation": "relu"}, randperm=g.random() < 0.5)


def sbi_zuko_nsf(g):
    return sbi(g, "zuko_nsf", 2, {"activation": "relu", "class": "NSF"}, bins=g.randint(2, 9), randperm=g.random() < 0.5)


CLASSES = {f.__name__: f for f in (zuko_mixture, zuko_maf, zuko_nsf, zuko_ncsf, nflows_spline, nflows_gated, nflows_maf, nflows_masked_spline,
                               normflows_masked, normflows_splines, normflows_coupled, sbi_maf, sbi_nsf, sbi_maf_rqs, sbi_zuko_maf, sbi_zuko_nsf,
                               freia_glow, freia_rnvp, zuko_activations, nflows_activations)}


def main(directory, names):
    torch.set_num_threads(1)
    os.makedirs(directory, exist_ok=True)
    for name in names or CLASSES:
        for i in range(COUNT):
            g = random.Random(f"{name} {i}")
            source, make, run, rows, options = CLASSES[name](g)
            case = f"{name}-{i}" + ("-64" if i % 2 else "")
            parity.write(case, source, make, run, rows(100 + i), options, directory)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
