"""Writes optimizers.json: PyTorch's Adam, AdamW and SGD, parameter by
parameter and step by step, on gradients drawn in advance. Run in this
directory, with PyTorch 1.13 or later."""

import json

import torch

STEPS, VALUES = 7, 6
RATES = [0.1, 0.1, 0.05, 0.05, 0.2, 0.01, 0.01]

RUNS = {
    "adam": (torch.optim.Adam, {}),
    "adam, settings": (torch.optim.Adam, dict(betas=(0.5, 0.75), eps=1e-3)),
    "adam, decay": (torch.optim.Adam, dict(weight_decay=0.3)),
    "adamw": (torch.optim.AdamW, dict(weight_decay=0.3)),
    "sgd": (torch.optim.SGD, {}),
    "sgd, momentum": (torch.optim.SGD, dict(momentum=0.7)),
    "sgd, momentum, decay": (torch.optim.SGD, dict(momentum=0.7, weight_decay=0.3)),
}


def run(make, settings, start, grads, dtype):
    p = torch.nn.Parameter(start.to(dtype).clone())
    opt = make([p], lr=1.0, **settings)
    trace = []
    for rate, g in zip(RATES, grads):
        opt.param_groups[0]["lr"] = rate
        p.grad = g.to(dtype).clone()
        opt.step()
        trace.append(p.detach().double().tolist())
    return trace


torch.manual_seed(1)
# Values that float32 holds exactly, of sizes from 1e-3 to 1e2.
scale = torch.tensor([1.0, 1e-3, 1e2, 1.0, 0.1, 10.0])
start = torch.randn(VALUES)
grads = [torch.randn(VALUES) * scale for _ in range(STEPS)]
grads[3][0] = 0.0

out = {
    "rates": RATES,
    "start": start.double().tolist(),
    "grads": [g.double().tolist() for g in grads],
    "runs": {
        name: {
            "float64": run(make, settings, start, grads, torch.float64),
            "float32": run(make, settings, start, grads, torch.float32),
        }
        for name, (make, settings) in RUNS.items()
    },
}
with open("optimizers.json", "w") as f:
    json.dump(out, f)
    f.write("\n")
