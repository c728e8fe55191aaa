"""Compiled JAX: a peer of peers.py. Training steps are scanned within one call,
data on the device; only live features are computed, as bijou does."""
import math
import os
import sys

os.environ.setdefault("JAX_PLATFORMS", "cpu")
if len(os.sched_getaffinity(0)) == 1:
    os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from peer import *

rng = np.random.default_rng(0)
LOG_2PI = math.log(2 * math.pi)


def array(*shape, scale=1.0):
    return jnp.asarray(rng.uniform(-scale, scale, shape).astype(np.float32))


def normal(*shape):
    return rng.normal(size=shape).astype(np.float32)


def labels(n):
    return np.eye(C, dtype=np.float32)[np.arange(n) % C]


def perceptron(*sizes):
    return [(array(i, o, scale=i ** -0.5), array(o, scale=i ** -0.5)) for i, o in zip(sizes, sizes[1:])]


def apply(layers, h, masks=None):
    for i, (w, b) in enumerate(layers):
        h = h @ (w if masks is None else w * masks[i]) + b
        if i + 1 < len(layers):
            h = jax.nn.relu(h)
    return h


def gaussian(z):
    return -0.5 * (z * z).sum(1) - 0.5 * z.shape[1] * LOG_2PI


class RealNVP:
    """Affine couplings; with norm, a permutation and a batch norm behind each."""

    keep, move = np.arange(0, D, 2), np.arange(1, D, 2)

    def __init__(self, norm):
        self.norm = norm
        self.orders = [rng.permutation(D) for _ in range(LAYERS)]
        self.params = [dict(net=perceptron(C + D // 2, H, H, D), g=jnp.zeros(D), b=jnp.zeros(D)) for _ in range(LAYERS)]

    def halves(self, i):
        return (self.keep, self.move) if self.norm or i % 2 == 0 else (self.move, self.keep)

    def affine(self, p, kept, c):
        s, t = jnp.split(apply(p["net"], jnp.concatenate([c, kept], 1)), 2, 1)
        return jnp.tanh(s), t

    def log_prob(self, params, x, c, training=False):
        total = 0.0
        for i, p in enumerate(params):
            keep, move = self.halves(i)
            s, t = self.affine(p, x[:, keep], c)
            x = x.at[:, move].set(x[:, move] * jnp.exp(s) + t)
            total = total + s.sum(1)
            if self.norm:
                x = x[:, self.orders[i]]
                mean, var = (x.mean(0), x.var(0)) if training else (jnp.zeros(D), jnp.ones(D))
                var = var + 1e-5
                x = (x - mean) / jnp.sqrt(var) * jnp.exp(p["g"]) + p["b"]
                total = total + (p["g"] - 0.5 * jnp.log(var)).sum()
        return total + gaussian(x)

    def sample(self, params, key, c):
        z = jax.random.normal(key, (len(c), D))
        for i, p in reversed(list(enumerate(params))):
            z = (z - p["b"]) * jnp.exp(-p["g"]) * math.sqrt(1 + 1e-5)
            z = z[:, np.argsort(self.orders[i])]
            keep, move = self.halves(i)
            s, t = self.affine(p, z[:, keep], c)
            z = z.at[:, move].set((z[:, move] - t) * jnp.exp(-s))
        return z


class MAF:
    def __init__(self):
        self.masks = []
        for i in range(MAF_LAYERS):
            degree = np.arange(1, D + 1) if i % 2 == 0 else np.arange(D, 0, -1)
            seen, degrees = np.concatenate([np.zeros(C, int), degree]), np.arange(MAF_WIDTH) % (D - 1) + 1
            self.masks.append([np.float32(a) for a in (degrees >= seen[:, None], degrees >= degrees[:, None], np.tile(degree, 2) > degrees[:, None])])
        self.params = [perceptron(C + D, MAF_WIDTH, MAF_WIDTH, 2 * D) for _ in range(MAF_LAYERS)]

    def log_prob(self, params, x, c, training=False):
        total = 0.0
        for p, masks in zip(params, self.masks):
            s, t = jnp.split(apply(p, jnp.concatenate([c, x], 1), masks), 2, 1)
            s = jnp.tanh(s)
            x = x * jnp.exp(s) + t
            total = total + s.sum(1)
        return total + gaussian(x)


def rational_quadratic(x, theta):
    """Monotone splines of NSF_BINS bins in [-NSF_BOUND, NSF_BOUND], the identity beyond."""
    K, bound = NSF_BINS, NSF_BOUND
    widths = 1e-3 + (1 - 1e-3 * K) * jax.nn.softmax(theta[..., :K])
    heights = 1e-3 + (1 - 1e-3 * K) * jax.nn.softmax(theta[..., K:2 * K])
    one = jnp.ones_like(x)[..., None]
    slopes = jnp.concatenate([one, 1e-3 + jax.nn.softplus(theta[..., 2 * K:] + math.log(math.e - 1)), one], -1)
    knots = lambda w: bound * (2 * jnp.concatenate([0 * one, jnp.cumsum(w, -1)], -1) - 1)
    xs, ys = knots(widths), knots(heights)
    inside = (x > -bound) & (x < bound)
    v = jnp.where(inside, x, 0.0)
    bin = jnp.clip((v[..., None] >= xs).sum(-1) - 1, 0, K - 1)[..., None]
    at = lambda a: jnp.take_along_axis(a, bin, -1)[..., 0]
    next = lambda a: jnp.take_along_axis(a, bin + 1, -1)[..., 0]
    w, h, d0, d1 = next(xs) - at(xs), next(ys) - at(ys), at(slopes), next(slopes)
    s, u = h / w, (v - at(xs)) / w
    q = u * (1 - u)
    bottom = s + (d0 + d1 - 2 * s) * q
    y = at(ys) + h * (s * u * u + d0 * q) / bottom
    log_slope = 2 * jnp.log(s) + jnp.log(d1 * u * u + 2 * s * q + d0 * (1 - u) ** 2) - 2 * jnp.log(bottom)
    return jnp.where(inside, y, x), jnp.where(inside, log_slope, 0.0)


class NSF:
    """Spline couplings, with a linear map of all features before each."""

    def __init__(self):
        self.params = [dict(net=perceptron(C + D // 2, NSF_WIDTH, NSF_WIDTH, D // 2 * (3 * NSF_BINS - 1)),
                            low=array(D, D, scale=0.1), up=array(D, D, scale=0.1), log_scale=jnp.zeros(D), b=jnp.zeros(D)) for _ in range(NSF_LAYERS)]

    def log_prob(self, params, x, c, training=False):
        total = 0.0
        for p in params:
            upper = jnp.triu(p["up"], 1) + jnp.diag(jnp.exp(p["log_scale"]))
            x = x @ (jnp.tril(p["low"], -1) + jnp.eye(D)) @ upper + p["b"]
            kept, moved = x[:, 0::2], x[:, 1::2]
            theta = apply(p["net"], jnp.concatenate([c, kept], 1)).reshape(len(x), D // 2, -1)
            moved, log_slope = rational_quadratic(moved, theta)
            x = jnp.concatenate([kept, moved], 1)
            total = total + log_slope.sum(1) + p["log_scale"].sum()
        return total + gaussian(x)


class NICE:
    def __init__(self):
        half = NICE_D // 2
        nets = [perceptron(half, *[NICE_WIDTH] * NICE_DEPTH, half) for _ in range(NICE_LAYERS)]
        self.params = dict(nets=nets, log_scale=jnp.zeros(NICE_D))

    def log_prob(self, params, x, _, training=False):
        a, b = x[:, 0::2], x[:, 1::2]
        for net in params["nets"]:
            a, b = b + apply(net, a), a
        z = jnp.concatenate([a, b], 1) * jnp.exp(params["log_scale"])
        return (-jax.nn.softplus(z) - jax.nn.softplus(-z)).sum(1) + params["log_scale"].sum()


def scanned(params, loss, rows, steps):
    """Adam on steps batches of B rows, in one compiled call. rows is a tuple of arrays."""
    rows, opt = tuple(map(jnp.asarray, rows)), optax.adam(1e-4)

    def step(carry, i):
        params, state = carry
        batch = (lax.dynamic_slice_in_dim(r, i * B, B) for r in rows)
        value, g = jax.value_and_grad(loss)(params, *batch)
        update, state = opt.update(g, state)
        return (optax.apply_updates(params, update), state), value

    epoch = jax.jit(lambda carry: lax.scan(step, carry, jnp.arange(steps)))
    box = [(params, opt.init(params))]

    def f():
        box[0], values = epoch(box[0])
        values.block_until_ready()

    return f, steps


def training(make, d=D, steps=100):
    m = make()
    return scanned(m.params, lambda p, x, c: -m.log_prob(p, x, c, True).mean(), (normal(steps * B, d), labels(steps * B)), steps)


def density(make, n):
    m, x, c = make(), normal(n, D), labels(n)
    f = jax.jit(m.log_prob)
    return lambda: np.asarray(f(m.params, x, c)), 1


def density_in_loop(make):
    """Rows one by one within one compiled call."""
    m, n = make(), 1000
    x, c = jnp.asarray(normal(n, 1, D)), jnp.asarray(labels(n)[:, None])
    f = jax.jit(lambda p: lax.map(lambda r: m.log_prob(p, *r)[0], (x, c)))
    return lambda: np.asarray(f(m.params)), n


def draws(n):
    m, c, key = RealNVP(True), labels(n), jax.random.PRNGKey(0)
    f = jax.jit(m.sample)
    return lambda: np.asarray(f(m.params, key, c)), 1


def patches(x, stride, before, after, dilate=1):
    """The 3 x 3 patches of (rows, h, w, channels), as (rows, h', w', 9 channels)."""
    if dilate == 2:
        n, h, w, ch = x.shape
        x = jnp.zeros((n, 2 * h - 1, 2 * w - 1, ch), x.dtype).at[:, ::2, ::2].set(x)
    x = jnp.pad(x, ((0, 0), (before, after), (before, after), (0, 0)))
    h, w = (x.shape[1] - 3) // stride + 1, (x.shape[2] - 3) // stride + 1
    return jnp.concatenate([x[:, i:i + stride * (h - 1) + 1:stride, j:j + stride * (w - 1) + 1:stride] for i in range(3) for j in range(3)], -1)


def convolution(x, w, stride, before, after, dilate=1):
    return lax.conv_general_dilated(x, w.reshape(3, 3, -1, w.shape[-1]), (stride, stride), ((before, after),) * 2,
                                    lhs_dilation=(dilate, dilate), dimension_numbers=("NHWC", "HWIO", "NHWC"))


def by_products(x, w, *how):
    return patches(x, *how) @ w


def ae_training(convolve):
    w = lambda i, o: array(9 * i, o, scale=(9 * i) ** -0.5)
    params = dict(a=w(1, 32), b=w(32, 64), down=perceptron(3136, D), up=perceptron(D, 3136), c=w(64, 32), d=w(32, 1))

    def loss(p, x):
        h = jax.nn.relu(convolve(x, p["a"], 2, 1, 1))
        h = jax.nn.relu(convolve(h, p["b"], 2, 1, 1))
        z = apply(p["down"], h.reshape(len(h), -1))
        h = jax.nn.relu(apply(p["up"], z)).reshape(h.shape)
        h = jax.nn.relu(convolve(h, p["c"], 1, 1, 2, 2))
        o = convolve(h, p["d"], 1, 1, 2, 2)
        return (jax.nn.softplus(o) - o * x).mean()

    return scanned(params, loss, (rng.uniform(size=(10 * B, 28, 28, 1)).astype(np.float32),), 10)


def workloads():
    work = {
        "flow-train": lambda: training(lambda: RealNVP(True)),
        "plain-train": lambda: training(lambda: RealNVP(False)),
        "maf-train": lambda: training(MAF),
        "nsf-train": lambda: training(NSF),
        "nice-train": lambda: training(NICE, NICE_D, 10),
        "ae-train": lambda: ae_training(convolution),
        "ae-train/products": lambda: ae_training(by_products),
        "logprob-1/loop": lambda: density_in_loop(lambda: RealNVP(True)),
    }
    for n in (1, 100, 10000):
        work[f"logprob-{n}"] = lambda n=n: density(lambda: RealNVP(True), n)
        work[f"sample-{n}"] = lambda n=n: draws(n)
    for n in (1, 1000):
        work[f"maf-logprob-{n}"] = lambda n=n: density(MAF, n)
        work[f"nsf-logprob-{n}"] = lambda n=n: density(NSF, n)
    return work


if __name__ == "__main__":
    print("JAX", jax.__version__, flush=True)
    serve(workloads())
