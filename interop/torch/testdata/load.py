"""Loads what TestWriteTrained keeps into the demo's classes and compares.

    BIJOU_TORCH_OUT=/tmp/out go test ./interop/torch -run TestWriteTrained
    python3 load.py /tmp/out
"""
import glob
import json
import os
import sys

import torch
from safetensors.torch import load_file

import demo

torch.set_num_threads(1)
failed = False
files = sorted(glob.glob(os.path.join(sys.argv[1], "*.json")))
assert len(files) == 6, files
for file in files:
    with open(file) as f:
        case = json.load(f)
    dtype = torch.float64 if file.endswith("float64.json") else torch.float32
    torch.set_default_dtype(dtype)
    want = case["float64"] or case["float32"]
    v = {k: torch.tensor(t["data"], dtype=dtype).view(t["shape"]) for k, t in case["inputs"].items()}
    if case["source"] == "autoencoder":
        model = demo.Autoencoder(8, (3, 5), 4)
    else:
        context = v["context"].shape[1] if "context" in v else 0
        model = demo.RealNVP(5, context, layers=3, hidden=[8])
    state = load_file(file.replace(".json", ".safetensors"))
    assert all(t.dtype in (dtype, torch.int64) for t in state.values())
    model.load_state_dict(state, strict=True)
    model.eval()
    with torch.no_grad():
        if case["source"] == "autoencoder":
            got = {"z": model.encode(v["x"]), "decoded": model.decode(v["u"])}
        else:
            c = v.get("context")
            z, log_det = model(v["x"], c)
            got = {"z": z, "log_det": log_det, "log_prob": model.log_prob(v["x"], c), "inverse": model.inverse(v["u"], c)}
    assert got.keys() == want.keys()
    line = []
    for k in got:
        w = torch.tensor(want[k], dtype=torch.float64)
        g = got[k].double().flatten()
        assert g.shape == w.shape
        e = ((g - w).abs() / w.abs().clamp(min=1)).max().item()
        failed |= not e <= (1e-10 if dtype == torch.float64 else 1e-5)
        line.append(f"{k} {e:.1e}")
    print(os.path.basename(file)[:-5] + ":", ", ".join(line))
sys.exit(failed)
