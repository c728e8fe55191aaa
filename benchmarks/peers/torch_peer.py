"""PyTorch, and zuko where it can be imported: a peer of peers.py."""
import math
import os
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import torch
from torch import nn

from peer import *
from torch_image import Image

try:
    import zuko
except Exception as e:  # too old a torch, or not installed
    print("zuko is left out:", e, file=sys.stderr)
    zuko = None


class Coupling(nn.Module):
    """Real NVP's affine coupling as demonstrations write it: one net over all
    features, masked on the way in and out."""

    def __init__(self):
        super().__init__()
        mask = torch.zeros(D)
        mask[1::2] = 1
        self.register_buffer("mask", mask)
        self.net = nn.Sequential(nn.Linear(C + D, H), nn.ReLU(), nn.Linear(H, H), nn.ReLU(), nn.Linear(H, 2 * D))

    def params(self, x, c):
        s, t = self.net(torch.cat([c, x * self.mask], 1)).chunk(2, 1)
        return torch.tanh(s) * (1 - self.mask), t * (1 - self.mask)

    def forward(self, x, c):
        s, t = self.params(x, c)
        return x * torch.exp(s) + t, s.sum(1)

    def inverse(self, z, c):
        s, t = self.params(z, c)
        return (z - t) * torch.exp(-s)


class Permute(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("p", torch.randperm(D))
        self.register_buffer("inv", torch.argsort(self.p))

    def forward(self, x, c):
        return x[:, self.p], 0

    def inverse(self, z, c):
        return z[:, self.inv]


class BatchNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.g = nn.Parameter(torch.zeros(D))
        self.b = nn.Parameter(torch.zeros(D))
        self.register_buffer("m", torch.zeros(D))
        self.register_buffer("v", torch.ones(D))

    def forward(self, x, c):
        if self.training:
            m, v = x.mean(0), x.var(0)
            self.m.mul_(0.9).add_(m.detach(), alpha=0.1)
            self.v.mul_(0.9).add_(v.detach(), alpha=0.1)
        else:
            m, v = self.m, self.v
        v = v + 1e-5
        return (x - m) / v.sqrt() * torch.exp(self.g) + self.b, (self.g - 0.5 * torch.log(v)).sum()

    def inverse(self, z, c):
        return (z - self.b) * torch.exp(-self.g) * (self.v + 1e-5).sqrt() + self.m


class Flow(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(m for _ in range(LAYERS) for m in (Coupling(), Permute(), BatchNorm()))

    def log_prob(self, x, c):
        total = 0
        for m in self.layers:
            x, d = m(x, c)
            total = total + d
        return total - 0.5 * (x * x).sum(1) - 0.5 * D * math.log(2 * math.pi)

    def sample(self, c):
        x = torch.randn(len(c), D)
        for m in reversed(self.layers):
            x = m.inverse(x, c)
        return x


class NICE(nn.Module):
    """Additive couplings of the two halves of the pixels, and scales, under a
    logistic base."""

    def __init__(self):
        super().__init__()
        half = NICE_D // 2
        sizes = [half] + [NICE_WIDTH] * NICE_DEPTH

        def net():
            layers = [m for a, b in zip(sizes, sizes[1:]) for m in (nn.Linear(a, b), nn.ReLU())]
            return nn.Sequential(*layers, nn.Linear(NICE_WIDTH, half))

        self.nets = nn.ModuleList(net() for _ in range(NICE_LAYERS))
        self.log_scale = nn.Parameter(torch.zeros(NICE_D))

    def log_prob(self, x, _):
        a, b = x[:, 0::2], x[:, 1::2]
        for net in self.nets:
            a, b = b + net(a), a
        z = torch.cat([a, b], 1) * self.log_scale.exp()
        return (-nn.functional.softplus(z) - nn.functional.softplus(-z)).sum(1) + self.log_scale.sum()


def autoencoder():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, 2, 1, bias=False), nn.ReLU(), nn.Conv2d(32, 64, 3, 2, 1, bias=False), nn.ReLU(),
        nn.Flatten(), nn.Linear(3136, D), nn.Linear(D, 3136), nn.ReLU(), nn.Unflatten(1, (64, 7, 7)),
        nn.ConvTranspose2d(64, 32, 3, 2, 1, 1, bias=False), nn.ReLU(), nn.ConvTranspose2d(32, 1, 3, 2, 1, 1, bias=False))


def adam(m):
    return torch.optim.Adam(m.parameters(), 1e-4, weight_decay=1e-5)


def one_hot(n):
    return nn.functional.one_hot(torch.arange(n) % C, C).float()


def training(f, log_prob, d=D, context=True, rows=10000):
    """Steps of B rows: gradient and optimiser."""
    opt = adam(f)
    x, c = torch.randn(rows, d), one_hot(rows)
    at = [0]

    def step():
        i = at[0]
        at[0] = (i + B) % rows
        opt.zero_grad()
        (-log_prob(f, x[i:i + B], c[i:i + B] if context else None).mean()).backward()
        opt.step()

    return step, 1


def of_zuko(f, x, c):
    return f(c).log_prob(x)


def ae_training(layout):
    m, x, loss = autoencoder().to(memory_format=layout), torch.rand(B, 1, 28, 28).to(memory_format=layout), nn.BCEWithLogitsLoss()
    opt = adam(m)

    def step():
        opt.zero_grad()
        loss(m(x), x).backward()
        opt.step()

    return step, 1


def without_grad(f):
    def g():
        with torch.no_grad():
            f()

    return g, 1


def density(f, log_prob, n):
    x, c = torch.randn(n, D), one_hot(n)
    return without_grad(lambda: log_prob(f, x, c))


def workloads():
    work = {
        "flow-train": lambda: training(Flow(), Flow.log_prob),
        "nice-train": lambda: training(NICE(), NICE.log_prob, NICE_D, context=False, rows=1000),
        "image-train": lambda: training(Image(), Image.log_prob, 784, context=False, rows=1000),
        "ae-train": lambda: ae_training(torch.contiguous_format),
        "ae-train/channels-last": lambda: ae_training(torch.channels_last),
    }
    for n in (1, 100, 10000):
        work[f"logprob-{n}"] = lambda n=n: density(Flow().eval(), Flow.log_prob, n)
        work[f"sample-{n}"] = lambda n=n: without_grad(lambda f=Flow().eval(), c=one_hot(n): f.sample(c))
    if zuko:
        maf = lambda: zuko.flows.MAF(D, C, transforms=MAF_LAYERS, hidden_features=(MAF_WIDTH,) * 2)
        nsf = lambda: zuko.flows.NSF(D, C, bins=NSF_BINS, transforms=NSF_LAYERS, passes=2, hidden_features=(NSF_WIDTH,) * 2)
        work["plain-train"] = lambda: training(zuko.flows.RealNVP(D, C, transforms=LAYERS, hidden_features=(H, H)), of_zuko)
        work["maf-train"] = lambda: training(maf(), of_zuko)
        work["nsf-train"] = lambda: training(nsf(), of_zuko)
        for n in (1, 1000):
            work[f"maf-logprob-{n}"] = lambda n=n: density(maf(), of_zuko, n)
            work[f"nsf-logprob-{n}"] = lambda n=n: density(nsf(), of_zuko, n)
    return work


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    print("PyTorch", torch.__version__ + (f", zuko {zuko.__version__}" if zuko else ""), flush=True)
    serve(workloads())
