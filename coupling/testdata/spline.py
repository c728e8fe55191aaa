"""Writes spline.json: a spline coupling in PyTorch, its outputs and gradients.

Run it here with PyTorch 1.13 or later: python3 spline.py

Of two features the second is kept and the first moved. The conditioner is
linear, so that its weights reach every kind of raw parameter. Values are
drawn inside the box, in its tails and far outside.
"""
import json
import math

import torch

DIM, CONTEXT, ROWS = 2, 2, 24
CASES = [
    {"bins": 5, "bound": 3.0, "min_width": 1e-2, "min_height": 2e-2, "min_slope": 1e-2, "size": 0.7},
    {"bins": 8, "bound": 5.0, "min_width": 1e-3, "min_height": 1e-3, "min_slope": 1e-3, "size": 2.0},
    {"bins": 2, "bound": 1.5, "min_width": 1e-1, "min_height": 1e-3, "min_slope": 1e-1, "size": 9.0},
]


def knots(raw, least, bound):
    """Sizes from raw ones by a softmax, and where the bins begin and end."""
    share = least + (1 - least * raw.shape[1]) * torch.softmax(raw, 1)
    end = torch.cumsum(share, 1)
    edge = torch.cat([torch.zeros_like(end[:, :1]), end], 1)
    return bound * (2 * edge - 1)


def spline(x, raw, c):
    k, bound = c["bins"], c["bound"]
    kx = knots(raw[:, :k], c["min_width"], bound)
    ky = knots(raw[:, k:2 * k], c["min_height"], bound)
    shift = math.log(math.expm1(1 - c["min_slope"]))
    inner = c["min_slope"] + torch.nn.functional.softplus(raw[:, 2 * k:].clamp(max=1 / c["min_slope"]) + shift, threshold=700)
    one = torch.ones_like(inner[:, :1])
    slope = torch.cat([one, inner, one], 1)
    inside = (x >= -bound) & (x <= bound)
    v = torch.where(inside, x, torch.zeros_like(x))
    b = torch.searchsorted(kx[:, 1:-1].detach().contiguous(), v.detach()[:, None], right=True)
    at = lambda t, i: t.gather(1, i)[:, 0]
    x0, x1, y0, y1, d0, d1 = at(kx, b), at(kx, b + 1), at(ky, b), at(ky, b + 1), at(slope, b), at(slope, b + 1)
    s = (y1 - y0) / (x1 - x0)
    q = (v - x0) / (x1 - x0)
    t = q * (1 - q)
    d = s + (d1 + d0 - 2 * s) * t
    y = y0 + (y1 - y0) * (s * q ** 2 + d0 * t) / d
    g = 2 * torch.log(s) + torch.log(d1 * q ** 2 + 2 * s * t + d0 * (1 - q) ** 2) - 2 * torch.log(d)
    return torch.where(inside, y, x), torch.where(inside, g, torch.zeros_like(g))


def flat(t):
    return t.detach().flatten().tolist()


def result(c, g):
    normal = lambda *shape: torch.randn(*shape, generator=g, dtype=torch.float64)
    out = 3 * c["bins"] - 1
    weight, bias = c["size"] * normal(out, CONTEXT + 1), c["size"] * normal(out)
    x, context = normal(ROWS, DIM), normal(ROWS, CONTEXT)
    x[:, 0] *= 0.6 * c["bound"]
    x[0, 0], x[1, 0], x[2, 0] = 1e3, -1.01 * c["bound"], 0.999 * c["bound"]
    dz, dlog_det = normal(ROWS, DIM), normal(ROWS)
    leaves = [t.requires_grad_() for t in (weight, bias, x, context)]
    raw = torch.cat([context, x[:, 1:]], 1) @ weight.T + bias
    y, log_det = spline(x[:, 0], raw, c)
    z = torch.stack([y, x[:, 1]], 1)
    ((z * dz).sum() + (log_det * dlog_det).sum()).backward()
    names = ("net.0.weight", "net.0.bias", "x", "context")
    return {
        "spec": {k: v for k, v in c.items() if k != "size"},
        "weight": flat(weight), "bias": flat(bias), "x": flat(x), "context": flat(context),
        "dz": flat(dz), "dlog_det": flat(dlog_det), "z": flat(z), "log_det": flat(log_det),
        "grads": {n: flat(t.grad) for n, t in zip(names, leaves)},
    }


def main():
    g = torch.Generator().manual_seed(21)
    with open("spline.json", "w") as f:
        json.dump([result(c, g) for c in CASES], f, separators=(",", ":"))
        f.write("\n")


main()
