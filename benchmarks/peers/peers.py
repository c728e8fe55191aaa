#!/usr/bin/env python3
"""Times bijou beside PyTorch, in turns, and prints the ratios as Markdown.

Every round times each workload once in PyTorch and once in bijou, so that
both see the same neighbours; a figure is the median over the rounds. PyTorch
runs with one thread and with all cores, and the faster of the two counts
against bijou on all cores. zuko takes part where it can be imported.

It prints a table, and writes no file.
"""
import argparse
import gzip
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time



def arguments():
    p = argparse.ArgumentParser(
        prog="benchmarks/peers/run", usage="benchmarks/peers/run [job] [flags]", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Exit codes: 0 done, 1 failed, 2 wrong flags, 130 interrupted.")
    p.add_argument("binary", nargs="?", metavar="job", help="compare the main job of mnist/latentflow alone")
    p.add_argument("-rounds", type=positive(int), default=5, help="of each workload (default 5)")
    p.add_argument("-seconds", type=positive(float), default=1.5, help="of each measurement (default 1.5)")
    p.add_argument("-job", help=argparse.SUPPRESS)  # the compiled mnist/latentflow
    return p.parse_args()


def positive(kind):
    def read(text):
        try:
            if 0 < kind(text) < math.inf:
                return kind(text)
        except ValueError:
            pass
        raise argparse.ArgumentTypeError(f"{text}: want {'a whole number, 1 or more' if kind is int else 'a number above 0'}")

    return read


args = arguments()  # before torch, which takes seconds and may be missing
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
try:
    import torch
    from torch import nn
except ImportError as e:
    sys.exit(f"benchmarks/peers/run: {e}; want Python with torch, such as Debian's python3-torch, in PYTHON or as python3")

try:
    import zuko
except Exception as e:  # too old a torch, or not installed
    print("zuko is left out:", e, file=sys.stderr)
    zuko = None

D, C, H, LAYERS, B = 20, 10, 100, 9, 100


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


def autoencoder():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, 2, 1, bias=False), nn.ReLU(), nn.Conv2d(32, 64, 3, 2, 1, bias=False), nn.ReLU(),
        nn.Flatten(), nn.Linear(3136, D), nn.Linear(D, 3136), nn.ReLU(), nn.Unflatten(1, (64, 7, 7)),
        nn.ConvTranspose2d(64, 32, 3, 2, 1, 1, bias=False), nn.ReLU(), nn.ConvTranspose2d(32, 1, 3, 2, 1, 1, bias=False))


def adam(m):
    return torch.optim.Adam(m.parameters(), 1e-4, weight_decay=1e-5)


def flow_train(f, log_prob):
    opt = adam(f)
    x = torch.randn(10000, D)
    c = nn.functional.one_hot(torch.arange(10000) % C, C).float()
    at = [0]

    def step():
        i = at[0]
        at[0] = (i + B) % 10000
        opt.zero_grad()
        (-log_prob(f, x[i:i + B], c[i:i + B]).mean()).backward()
        opt.step()

    return step


def ae_train():
    m, x, loss = autoencoder(), torch.rand(B, 1, 28, 28), nn.BCEWithLogitsLoss()
    opt = adam(m)

    def step():
        opt.zero_grad()
        loss(m(x), x).backward()
        opt.step()

    return step


def without_grad(f):
    def g():
        with torch.no_grad():
            f()

    return g


def workloads():
    """Name, samples of an operation, and what makes PyTorch's operation."""
    flow = Flow().eval()
    data = {n: (torch.randn(n, D), nn.functional.one_hot(torch.arange(n) % C, C).float()) for n in (1, 100, 10000)}
    yield "flow-train", B, flow_train(Flow(), lambda f, x, c: f.log_prob(x, c))
    if zuko:
        z = zuko.flows.RealNVP(D, C, transforms=LAYERS, hidden_features=(H, H))
        yield "plain-train", B, flow_train(z, lambda f, x, c: f(c).log_prob(x))
    yield "ae-train", B, ae_train()
    for n, (x, c) in data.items():
        yield f"logprob-{n}", n, without_grad(lambda x=x, c=c: flow.log_prob(x, c))
    for n, (x, c) in data.items():
        yield f"sample-{n}", n, without_grad(lambda c=c: flow.sample(c))


def mnist():
    """The 60,000 training images, from the files that package mnist embeds."""
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../mnist/data")
    names = os.listdir(folder)

    def read(kind, skip):
        name = next(n for n in names if n.startswith("train-" + kind))
        with gzip.open(os.path.join(folder, name)) as f:
            return torch.frombuffer(bytearray(f.read()[skip:]), dtype=torch.uint8)

    return read("images", 16).view(-1, 1, 28, 28).float() / 255, read("labels", 8).long()


def torch_job():
    """A tenth of the main job in PyTorch, one thread: one epoch of the
    autoencoder, the embeddings, two epochs of the flow. Returns ten times its
    seconds."""
    torch.set_num_threads(1)
    x, y = mnist()
    start = time.perf_counter()
    m, loss = autoencoder(), nn.BCEWithLogitsLoss()
    opt = torch.optim.Adam(m.parameters(), 1e-3, weight_decay=1e-5)
    for i in range(0, len(x), B):
        opt.zero_grad()
        loss(m(x[i:i + B]), x[i:i + B]).backward()
        opt.step()
    with torch.no_grad():
        z = torch.cat([m[:6](x[i:i + 1000]) for i in range(0, len(x), 1000)])
    f, c = Flow(), nn.functional.one_hot(y, C).float()
    opt = adam(f)
    for _ in range(2):
        for i in range(0, len(z), B):
            opt.zero_grad()
            (-f.log_prob(z[i:i + B], c[i:i + B]).mean()).backward()
            opt.step()
    return 10 * (time.perf_counter() - start)


def timed(f, seconds):
    """Median time of f over about so many seconds, the first tenth left out."""
    start, times = time.perf_counter(), []
    while len(times) < 3 or time.perf_counter() - start < seconds:
        t = time.perf_counter()
        f()
        if t - start > seconds / 10 or seconds / 10 < time.perf_counter() - t:
            times.append(time.perf_counter() - t)
    return statistics.median(times)


def ours(binary, work, seconds, cores):
    env = dict(os.environ, GOMAXPROCS=str(cores))
    out = subprocess.run([binary, "-work", work, "-seconds", str(seconds)], env=env, check=True, capture_output=True, text=True)
    return float(out.stdout)


def show(seconds):
    for unit, scale in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def main():
    cores = len(os.sched_getaffinity(0))
    if args.job:
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as out:
            subprocess.run([args.job, "train", "-hidden", "100,100", "-out", out], check=True, capture_output=True)
        took, theirs = time.perf_counter() - start, torch_job()
        print(f"main job: PyTorch {theirs:.0f} s (ten times a tenth, one thread), bijou {took:.0f} s, ratio {theirs / took:.1f}")
        return
    torch.manual_seed(0)
    jobs = list(workloads())
    got = {}
    for r in range(args.rounds):
        for name, _, f in jobs:
            for threads in (1, cores):
                torch.set_num_threads(threads)
                got.setdefault((name, "torch", threads), []).append(timed(f, args.seconds))
                got.setdefault((name, "bijou", threads), []).append(ours(args.binary, name, args.seconds, threads))
        print(f"round {r + 1} of {args.rounds}", file=sys.stderr)
    mid = {k: statistics.median(v) for k, v in got.items()}
    print(f"PyTorch {torch.__version__}" + (f", zuko {zuko.__version__}" if zuko else "") +
          f"; medians of {args.rounds} rounds in turns\n")
    print(f"| work | PyTorch, 1 thread | PyTorch, {cores} threads | bijou, 1 core | bijou, {cores} cores | ratio, 1 core | ratio, {cores} cores |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for name, n, _ in jobs:
        t1, tn = mid[name, "torch", 1], mid[name, "torch", cores]
        b1, bn = mid[name, "bijou", 1], mid[name, "bijou", cores]
        best = min(t1, tn)
        label = name + (" (zuko)" if name == "plain-train" else "")
        print(f"| {label} | {show(t1)} | {show(tn)} | {show(b1)} | {show(bn)} | {t1 / b1:.1f} | {best / bn:.1f} |")


try:
    main()
except KeyboardInterrupt:
    print("benchmarks/peers/run: interrupted", file=sys.stderr)
    sys.exit(130)
