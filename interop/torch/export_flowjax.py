"""Writes a coupling_flow or a masked_autoregressive_flow of FlowJAX as a safetensors
file: the arrays of its tree by their paths, what its transformer starts from, and as
metadata its class, its settings, and a few rows with their log-densities, which the
reader must come to as well.

    import export_flowjax
    export_flowjax.save(flow, "flow.safetensors", x=rows, condition=conditions)

and in Go

    state, err := torch.Open("flow.safetensors")
    flow, err := torch.Load[float64](state)

It needs FlowJAX and what that needs. x are a handful of typical rows, and condition as
many, for a flow that has one.
"""
import contextlib
import json
import struct

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import paramax
from flowjax.bijections import Affine, Chain, Coupling, Invert, RationalQuadraticSpline
from flowjax.utils import get_ravelled_pytree_constructor

DTYPES = {"float32": "F32", "float64": "F64", "int64": "I64", "bool": "BOOL"}


def layer(flow):
    """The Coupling or MaskedAutoregressive of all layers, which one Scan goes through."""
    bijection = flow.bijection.bijection if isinstance(flow.bijection, Invert) else flow.bijection
    one = bijection.bijection
    return one.bijections[0] if isinstance(one, Chain) else one


def transformer(flow):
    """The transformer whose parameters the networks' outputs are added to."""
    one = layer(flow)
    net = one.conditioner if isinstance(one, Coupling) else one.masked_autoregressive_mlp
    moved = one.dim - one.untransformed_dim if isinstance(one, Coupling) else one.shape[0]
    return one.transformer_constructor(jnp.zeros(net.layers[-1].bias.shape[-1] // moved))


def tensors(flow):
    """The arrays by their paths."""
    of = lambda tree: jax.tree_util.tree_leaves_with_path(tree)
    at = next(path for path, leaf in of(flow) if leaf is layer(flow).transformer_constructor)
    leaves = of(flow) + [(at + path, leaf) for path, leaf in of(transformer(flow))]
    arrays = {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves if eqx.is_array(leaf)}
    return {name: v.astype(np.int64) if v.dtype.kind == "i" else v for name, v in arrays.items()}


@contextlib.contextmanager
def float64():
    """Computes in float64."""
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", before)


@float64()
def options(flow):
    """The settings that the arrays do not have."""
    one, t = layer(flow), transformer(flow)
    net = one.conditioner if isinstance(one, Coupling) else one.masked_autoregressive_mlp
    least = lambda f: float(f(jnp.float64(-1e4)))  # of softplus(v) + least
    out = {"activation": getattr(net.activation, "__name__", str(net.activation))}
    if out["activation"] == "gelu":  # of jax.nn, an approximation unless it is told
        raise ValueError("the activation gelu, which jax.nn approximates by tanh")
    if isinstance(t, RationalQuadraticSpline):
        lo, hi = t.interval
        if lo != -hi or t.x_pos.min_width != t.y_pos.min_width:
            raise ValueError(f"a spline on {t.interval}, want an interval around 0")
        return out | {"interval": float(hi), "min_width": t.x_pos.min_width, "min_derivative": least(t.derivatives.fn)}
    if isinstance(t, Affine):
        return out | {"min_scale": max(least(t.scale.fn), 1e-30)}
    raise ValueError(f"the transformer {type(t).__name__}, want Affine or RationalQuadraticSpline")


def cast(flow, dtype):
    """The flow in another type, its transformer included."""
    to = lambda tree: jax.tree_util.tree_map(
        lambda v: jnp.asarray(np.asarray(v), dtype) if eqx.is_inexact_array(v) else v, tree)
    constructor = get_ravelled_pytree_constructor(
        to(transformer(flow)), filter_spec=eqx.is_inexact_array, is_leaf=lambda v: isinstance(v, paramax.NonTrainable))[0]
    return eqx.tree_at(lambda f: layer(f).transformer_constructor, to(flow), constructor)


@float64()
def log_prob(flow, x, condition):
    """The log-densities of rows."""
    wide = lambda v: None if v is None else jnp.asarray(np.asarray(v), jnp.float64)
    return np.asarray(cast(flow, jnp.float64).log_prob(wide(x), wide(condition)))


def save(flow, path, x, condition=None):
    """Writes the file. x are rows of data, and condition as many rows."""
    p = log_prob(flow, x, condition)
    if not np.isfinite(p).all():
        raise ValueError("a row has no finite log-density: give typical rows of the data")
    rows = lambda v: None if v is None else np.asarray(v, np.float64).tolist()
    header = {"__metadata__": {
        "bijou.class": f"{type(layer(flow)).__module__}.{type(layer(flow)).__name__}",
        "bijou.options": json.dumps(options(flow)),
        "bijou.proof": json.dumps({"x": rows(x), "context": rows(condition), "log_prob": p.tolist()}),
    }}
    data, at = [], 0
    for name, v in tensors(flow).items():
        data.append(np.ascontiguousarray(v).tobytes())
        header[name] = {"dtype": DTYPES[v.dtype.name], "shape": list(v.shape), "data_offsets": [at, at + len(data[-1])]}
        at += len(data[-1])
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        f.writelines(data)
