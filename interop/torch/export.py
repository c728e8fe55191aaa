"""Writes a flow of zuko, nflows, normflows or FrEIA, or a posterior of sbi, as a safetensors file that says what
it is: its state_dict, and as metadata its class, the activation of its networks,
settings that leave no trace in a state, and a few rows with their log-densities,
which the reader must come to as well.

    import export
    export.save(flow, "flow.safetensors", x=rows, context=contexts)

and in Go

    state, err := torch.Open("flow.safetensors")
    flow, err := torch.Load[float64](state)

It needs the standard library and PyTorch alone. x are a handful of typical rows, and
context as many, for a flow that has one. What it cannot find in the model it asks
for: activation="relu".

Of sbi it takes a DirectPosterior, with its prior's bounds where that is uniform in a
box, or a density estimator by itself, which NLE has too. x are rows of what the density
is of, and context of what it is given: parameters and data by NPE, the other way around
by NLE.
"""
import copy
import json
import math
import struct

import torch

DTYPES = {torch.float32: "F32", torch.float64: "F64", torch.int64: "I64", torch.bool: "BOOL"}


SPLINES = {"MonotonicRQSTransform": "NSF", "CircularRQSTransform": "NCSF"}


def is_from(model, source):
    return type(model).__module__.startswith(source + ".")


def activations(modules):
    """The names of the activations among the modules of a model's networks."""
    found = set()
    for m in modules:
        f = getattr(m, "activation", None)
        if callable(f) and not isinstance(f, torch.nn.Module):  # nflows' are functions
            found.add(f.__name__)
        if type(m).__module__ == "torch.nn.modules.activation":
            name = type(m).__name__.lower()
            if name == "leakyrelu":
                name = {0: "relu", 0.01: "leaky_relu"}.get(m.negative_slope, f"leaky_relu({m.negative_slope})")
            if getattr(m, "alpha", 1) != 1 or getattr(m, "beta", 1) != 1 or getattr(m, "approximate", "none") != "none":
                name = str(m)
            found.add(name)
    return found


def options(model, activation=None):
    """The settings of a model that its state does not have."""
    embedding = list(model.embedding_net.modules()) if is_from(model, "sbi") else []
    modules = [m for m in model.modules() if not any(m is e for e in embedding)]
    found = {activation} if activation else activations(modules)
    networks = any(isinstance(m, torch.nn.Linear) for m in modules)
    if len(found) != 1 and networks:
        raise ValueError(f"activations {sorted(found)}, want one: name it, activation='relu'")
    out = {"activation": found.pop()} if networks else {}
    if type(model).__name__ == "GMM":
        out["epsilon"] = float(model.epsilon)
    found = activations(embedding)
    if len(found) > 1:
        raise ValueError(f"activations {sorted(found)} in the embedding, want one")
    if found:
        out["embedding_activation"] = found.pop()
    for m in modules:
        if is_from(model, "sbi") and hasattr(m, "univariate"):
            name = getattr(m.univariate, "func", m.univariate).__name__
            out["class"] = SPLINES.get(name, name)
        for name, v in (("slope", getattr(getattr(m, "univariate", None), "keywords", {}).get("slope")),
                        ("tail_bound", getattr(m, "tail_bound", None))):
            if v is None:
                continue
            if out.setdefault(name, float(v)) != float(v):
                raise ValueError(f"{name} is {out[name]} in one transform and {v} in another")
        if is_from(m, "FrEIA") and hasattr(m, "f_clamp"):
            if abs(float(m.f_clamp(torch.tensor(1.0))) - 0.636 * math.pi / 4) > 1e-6:
                raise ValueError(f'a {type(m).__name__} with another clamp_activation than "ATAN"')
            if out.setdefault("clamp", float(m.clamp)) != float(m.clamp):
                raise ValueError(f"clamp is {out['clamp']} in one block and {m.clamp} in another")
    if is_from(model, "normflows"):
        out["flows"] = len(model.flows)
    return out


def log_prob(model, x, context):
    """The log-densities of rows, in float64."""
    model = copy.deepcopy(model).double().eval()
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad():
            if is_from(model, "sbi"):
                for m in model.modules():
                    if hasattr(m, "_log_z"):  # of a normal, which sbi rounds to float32
                        m._log_z = torch.tensor(math.prod(m._shape) * math.log(2 * math.pi) / 2)
                return model.log_prob(x[None], context)[0]
            if is_from(model, "FrEIA"):
                z, log_det = model(x, c=None if context is None else [context])
                return log_det - (z.square() + math.log(2 * math.pi)).sum(1) / 2
            if is_from(model, "zuko"):
                return model(context).log_prob(x)
            return model.log_prob(x) if context is None else model.log_prob(x, context)
    finally:
        torch.set_default_dtype(default)


def bounds(prior):
    """Those of a prior that is uniform in a box, None of one without bounds."""
    support = prior.support
    while hasattr(support, "base_constraint"):
        support = support.base_constraint
    if support is torch.distributions.constraints.real:
        return None
    if not hasattr(support, "lower_bound") or not hasattr(support, "upper_bound"):
        raise ValueError(f"the prior has the support {support}, want a box, such as BoxUniform's: save the density estimator alone")
    lo, hi = (torch.as_tensor(b).double().reshape(-1).tolist() for b in (support.lower_bound, support.upper_bound))
    return {"lo": lo, "hi": hi}


def save(model, path, x, context=None, activation=None):
    """Writes the file. x are rows of data, and context as many contexts."""
    prior = None
    if hasattr(model, "posterior_estimator"):
        model, prior = model.posterior_estimator, bounds(model.prior)
    x = x.double()
    context = None if context is None else context.double()
    p = log_prob(model, x, context)
    if not torch.isfinite(p).all():
        raise ValueError("a row has no finite log-density: give typical rows of the data")
    proof = {"x": x.tolist(), "context": None if context is None else context.tolist(), "log_prob": p.tolist()}
    header = {"__metadata__": {
        "bijou.class": f"{type(model).__module__}.{type(model).__name__}",
        "bijou.options": json.dumps(options(model, activation)),
        "bijou.proof": json.dumps(proof),
    }}
    if prior:
        header["__metadata__"]["bijou.prior"] = json.dumps(prior)
    data, at = [], 0
    for name, v in model.state_dict().items():
        v = v.detach().cpu().contiguous()
        raw = bytes(v.reshape(-1).view(torch.uint8).tolist())
        header[name] = {"dtype": DTYPES[v.dtype], "shape": list(v.shape), "data_offsets": [at, at + len(raw)]}
        data.append(raw)
        at += len(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        f.writelines(data)
