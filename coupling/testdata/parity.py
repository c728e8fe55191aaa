"""Writes parity.json: a small Real NVP in PyTorch, its outputs and gradients.

Run it here with PyTorch 1.13 or later: python3 parity.py

Three affine couplings keep the odd features; after each come a permutation
and a batch norm with unbiased variance. A conditioner is dense over all
features, with the moved ones zero at its input and the kept ones without
effect at its output, so parity.json holds its live rows and columns only.
"""
import json
import math

import torch

DIM, CONTEXT, HIDDEN, LAYERS, ROWS, EPS = 6, 3, 8, 3, 7, 1e-5
KEPT, MOVED = list(range(1, DIM, 2)), list(range(0, DIM, 2))
COLUMNS = list(range(CONTEXT)) + [CONTEXT + k for k in KEPT]
OUTPUTS = MOVED + [DIM + k for k in MOVED]


def make_state(g):
    """Weights and statistics away from every special value, exact in float32."""
    normal = lambda *shape: torch.randn(*shape, generator=g)
    uniform = lambda *shape: torch.rand(*shape, generator=g)
    state, permutations = [], []
    for _ in range(LAYERS):
        sizes = [CONTEXT + DIM, HIDDEN, HIDDEN, 2 * DIM]
        net = [(normal(b, a) / math.sqrt(a), 0.3 * normal(b)) for a, b in zip(sizes, sizes[1:])]
        state.append({
            "net": net,
            "log_gamma": 0.3 * normal(DIM), "beta": 0.5 * normal(DIM),
            "mean": 0.5 * normal(DIM), "var": 0.5 + uniform(DIM),
        })
        permutations.append(torch.randperm(DIM, generator=g).tolist())
    return state, permutations


def run(state, permutations, x, context, training):
    mask = torch.zeros(DIM, dtype=x.dtype)
    mask[KEPT] = 1
    log_det = torch.zeros(len(x), dtype=x.dtype)
    for layer, order in zip(state, permutations):
        h = torch.cat([context, x * mask], 1)
        for i, (weight, bias) in enumerate(layer["net"]):
            h = h @ weight.T + bias
            if i < 2:
                h = torch.relu(h)
        s, t = h.chunk(2, 1)
        s, t = torch.tanh(s) * (1 - mask), t * (1 - mask)
        x = mask * x + (1 - mask) * (x * torch.exp(s) + t)
        log_det = log_det + s.sum(1)
        x = x[:, order]
        mean, var = (x.mean(0), x.var(0, unbiased=True)) if training else (layer["mean"], layer["var"])
        x = torch.exp(layer["log_gamma"]) * (x - mean) / torch.sqrt(var + EPS) + layer["beta"]
        log_det = log_det + (layer["log_gamma"] - 0.5 * torch.log(var + EPS)).sum()
    return x, log_det


def live(layer, i, weight, bias):
    if i == 0:
        weight = weight[:, COLUMNS]
    if i == 2:
        weight, bias = weight[OUTPUTS], bias[OUTPUTS]
    return weight, bias


def flat(t):
    return t.detach().double().flatten().tolist()


def named(state, get, buffers):
    out = {}
    for k, layer in enumerate(state):
        for i, (weight, bias) in enumerate(layer["net"]):
            weight, bias = live(layer, i, get(weight), get(bias))
            out[f"{3 * k}.net.{i}.weight"], out[f"{3 * k}.net.{i}.bias"] = flat(weight), flat(bias)
        for name in ("log_gamma", "beta") + (("mean", "var") if buffers else ()):
            out[f"{3 * k + 2}.{name}"] = flat(get(layer[name]))
    return out


def results(state, permutations, x, context, dtype):
    cast = lambda t: t.to(dtype).clone()
    own = [{k: [(cast(w).requires_grad_(), cast(b).requires_grad_()) for w, b in v] if k == "net"
            else cast(v).requires_grad_() for k, v in layer.items()} for layer in state]
    x, context = cast(x).requires_grad_(), cast(context).requires_grad_()
    with torch.no_grad():
        z, log_det = run(own, permutations, x, context, False)
    train_z, train_log_det = run(own, permutations, x, context, True)
    log_prob = train_log_det - 0.5 * (train_z ** 2).sum(1) - 0.5 * DIM * math.log(2 * math.pi)
    loss = -log_prob.mean()
    loss.backward()
    grads = named(own, lambda t: t.grad, False)
    grads["x"], grads["context"] = flat(x.grad), flat(context.grad)
    return {"z": flat(z), "log_det": flat(log_det), "train_z": flat(train_z),
            "train_log_det": flat(train_log_det), "loss": loss.item(), "grads": grads}


def main():
    g = torch.Generator().manual_seed(20)
    state, permutations = make_state(g)
    x = 1.5 * torch.randn(ROWS, DIM, generator=g) + 0.3
    context = torch.randn(ROWS, CONTEXT, generator=g)
    out = {
        "dim": DIM, "context_dim": CONTEXT, "layers": LAYERS, "hidden": [HIDDEN, HIDDEN],
        "x": flat(x), "context": flat(context),
        "permutations": permutations, "state": named(state, lambda t: t, True),
        "float64": results(state, permutations, x, context, torch.float64),
        "float32": results(state, permutations, x, context, torch.float32),
    }
    with open("parity.json", "w") as f:
        json.dump(out, f, separators=(",", ":"))
        f.write("\n")


main()
