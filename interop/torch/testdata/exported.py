"""Writes the files of export.py that the tests read: one of each source, and one
whose networks have an activation that the reader does not know.

    python3 exported.py
"""
import os
import sys

import torch
import zuko

import parity

sys.path.insert(0, os.path.join(parity.HERE, ".."))
import export  # noqa: E402


def main():
    torch.set_num_threads(1)
    os.makedirs(os.path.join(parity.HERE, "exported"), exist_ok=True)
    for name, make, rows in (
            ("zuko_nsf", lambda: zuko.flows.NSF(3, 2, bins=4, transforms=1, hidden_features=(6,), slope=1e-2), parity.rows(3, 2)),
            ("zuko_maf_elu", lambda: zuko.flows.MAF(2, transforms=2, hidden_features=(6,), activation=torch.nn.ELU), parity.rows(2)),
            ("nflows_spline", lambda: parity.nflows_spline(3, 2, 5, 4, 3.0, activation=torch.tanh), parity.rows(3)),
            ("normflows", lambda: parity.normflows_stack(3, 2), parity.rows(3))):
        torch.manual_seed(1)
        model = make().eval()
        parity.perturb(model, torch.Generator().manual_seed(2))
        export.save(model, os.path.join(parity.HERE, "exported", name + ".safetensors"), rows["x"], rows.get("context"))


main()
