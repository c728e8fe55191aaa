"""Loads what TestUpdate keeps, states of parity.py's cases after training in Go, into the
sources' classes and compares.

    BIJOU_TORCH_OUT=/tmp/out go test ./interop/torch -run TestUpdate
    python3 back.py /tmp/out
"""
import json
import os
import sys

import torch
from safetensors.torch import load_file

import parity


def compare(name, source, make, run, inputs, options=None, directory=None, only=()):
    """In the place of parity.write: the model is made as there, and its state is Go's."""
    path = os.path.join(sys.argv[1], name)
    if source == "autoencoder" or not os.path.exists(path + ".json"):
        return
    dtype = torch.float64 if name.endswith("64") else torch.float32
    with open(path + ".json") as f:
        want = json.load(f)[str(dtype).removeprefix("torch.")]
    torch.manual_seed(1)
    torch.set_default_dtype(dtype)
    model = make().eval()
    model.load_state_dict(load_file(path + ".safetensors"), strict=True)
    parity.constants(model, dtype)
    got = parity.in_dtype(dtype, lambda: run(model, {k: v.to(dtype) for k, v in inputs.items()}))
    errors = {k: max(abs(a - b) / max(1, abs(b)) for a, b in zip(got[k], want[k], strict=True)) for k in want}
    seen.append(max(errors.values()) <= (1e-10 if dtype == torch.float64 else 1e-5))
    print(f"{name}:", ", ".join(f"{k} {e:.1e}" for k, e in errors.items()), "" if seen[-1] else "FAILED", flush=True)


seen = []
parity.write = compare
parity.main(())
print(sum(seen), "of", len(seen))
sys.exit(not all(seen) or not seen)
