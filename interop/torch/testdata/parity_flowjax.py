"""Writes the parity vectors of FlowJAX's flows, as parity.py does for PyTorch's: the
file of export_flowjax.py, and what the flow computes in float64 and in float32.

    pip install flowjax==19.1.2 && python3 parity_flowjax.py
    python3 parity_flowjax.py DIR [COUNT]    # configurations of each class at random, 30
"""
import json
import os
import random
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from flowjax.bijections import Affine, RationalQuadraticSpline
from flowjax.distributions import Normal, StandardNormal
from flowjax.flows import coupling_flow, masked_autoregressive_flow
from paramax import non_trainable, unwrap

HERE, ROWS = os.path.dirname(os.path.abspath(__file__)), 5
sys.path.insert(0, os.path.join(HERE, ".."))
import export_flowjax  # noqa: E402

ACTIVATIONS = {"relu": jax.nn.relu, "tanh": jnp.tanh}


def perturb(flow, g):
    """Puts every weight away from what a constructor gives."""
    normal = lambda v: (g.normal(size=v.shape) / np.sqrt(v.shape[-1]) if v.ndim == 3 else 0.3 * g.normal(size=v.shape))
    return jax.tree_util.tree_map(lambda v: jnp.asarray(normal(v), v.dtype) if eqx.is_inexact_array(v) else v, flow)


@eqx.filter_jit
def compute(flow, x, u, c):
    each = lambda f, v: jax.vmap(f)(v) if c is None else jax.vmap(f)(v, c)
    bijection = unwrap(flow).bijection
    z, log_det = each(bijection.inverse_and_log_det, x)
    return {"z": z, "log_det": log_det, "log_prob": flow.log_prob(x, c), "inverse": each(bijection.transform, u)}


def run(flow, inputs, dtype):
    """What a flow computes in a type."""
    jax.config.update("jax_enable_x64", dtype == jnp.float64)
    x, u, c = (jnp.asarray(inputs[k], dtype) if k in inputs else None for k in ("x", "u", "context"))
    out = compute(export_flowjax.cast(flow, dtype), x, u, c)
    return {k: np.asarray(v, np.float64).ravel().tolist() for k, v in out.items()}


def write(name, make, dim, context=0, fixed=False, seed=3, directory=HERE):
    """make(base) is a flow. One that ends in 64 has its state in float64."""
    dtype = jnp.float64 if name.endswith("64") else jnp.float32
    g = np.random.default_rng(seed)
    jax.config.update("jax_enable_x64", dtype == jnp.float64)
    base = StandardNormal((dim,)) if fixed is None else Normal(jnp.zeros(dim))
    flow = perturb(make(base), g)
    if fixed:
        flow = eqx.tree_at(lambda f: f.base_dist, flow, replace_fn=non_trainable)
    inputs = {"x": 1.2 * g.normal(size=(ROWS, dim)) + 0.2, "u": g.normal(size=(ROWS, dim))}
    if context:
        inputs["context"] = g.normal(size=(ROWS, context))
    inputs = {k: v.astype(np.float32).astype(np.float64) for k, v in inputs.items()}
    export_flowjax.save(flow, os.path.join(directory, name + ".safetensors"), inputs["x"], inputs.get("context"))
    out = {"source": "flowjax", "options": export_flowjax.options(flow),
           "inputs": {k: {"shape": list(v.shape), "data": v.ravel().tolist()} for k, v in inputs.items()}}
    for dtype, key in ((jnp.float64, "float64"), (jnp.float32, "float32")):
        out[key] = run(flow, inputs, dtype)
    with open(os.path.join(directory, name + ".json"), "w") as f:
        json.dump(out, f, separators=(",", ":"))
        f.write("\n")


def spline(knots, interval=4, **more):
    return RationalQuadraticSpline(knots=knots, interval=interval, **more)


def draw(kind, splines, i, directory):
    """A configuration at random."""
    name = f"flowjax_{kind}{'_spline' if splines else ''}"
    g = random.Random(f"{name} {i}")
    dim, context = g.randint(2, 6), g.choice((0, 0, 1, 3))
    transformer = g.choice((None, Affine(), Affine(0.5, 2.0)))
    if splines:
        transformer = spline(g.randint(1, 8), g.choice((2, 4, 2.5)), min_derivative=g.choice((1e-3, 1e-2)), min_width=g.choice((1e-3, 1e-2)))
    args = dict(transformer=transformer, cond_dim=context or None, flow_layers=g.randint(1, 3), nn_width=g.randint(3, 14),
                nn_depth=g.randint(1, 3), nn_activation=ACTIVATIONS[g.choice(sorted(ACTIVATIONS))], invert=g.random() < 0.6)
    flow = coupling_flow if kind == "coupling" else masked_autoregressive_flow
    write(f"{name}-{i}" + ("-64" if i % 2 else ""), lambda base: flow(jr.key(i), base_dist=base, **args),
          dim, context, g.choice((True, False, None)), 100 + i, directory)


def main(directory=None, count=30):
    if directory:
        os.makedirs(directory, exist_ok=True)
        for i in range(int(count)):
            for kind in ("coupling", "masked"):
                for splines in (False, True):
                    draw(kind, splines, i, directory)
        return
    key = jr.key(1)
    write("flowjax_coupling", lambda b: coupling_flow(key, base_dist=b, flow_layers=2, nn_width=6), 4)
    write("flowjax_coupling_spline_64", lambda b: coupling_flow(
        key, base_dist=b, transformer=spline(3), cond_dim=2, flow_layers=2, nn_width=5, nn_activation=jnp.tanh), 3, 2, True, seed=5)
    write("flowjax_masked_64", lambda b: masked_autoregressive_flow(
        key, base_dist=b, cond_dim=1, flow_layers=2, nn_width=6, nn_depth=2), 3, 1, None)
    write("flowjax_masked_spline", lambda b: masked_autoregressive_flow(
        key, base_dist=b, transformer=spline(3), flow_layers=2, nn_width=5, invert=False), 2)


if __name__ == "__main__":
    main(*sys.argv[1:])
