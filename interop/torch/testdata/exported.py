"""Writes the files of export.py that the tests read: one of each source, and one
with networks of ELU.

    python3 exported.py
"""
import os
import sys

import torch
import zuko
from sbi.inference import DirectPosterior
from sbi.utils import BoxUniform

import parity

sys.path.insert(0, os.path.join(parity.HERE, ".."))
import export  # noqa: E402


def sbi_posterior(*args, **more):
    """A posterior of parameters from 0 to 2 and 3."""
    prior = BoxUniform(torch.zeros(2), torch.tensor([2.0, 3.0]))
    return DirectPosterior(parity.sbi_estimator(*args, **more), prior)


def main(only):
    torch.set_num_threads(1)
    os.makedirs(os.path.join(parity.HERE, "exported"), exist_ok=True)
    for name, make, rows in (
            ("zuko_nsf", lambda: zuko.flows.NSF(3, 2, bins=4, transforms=1, hidden_features=(6,), slope=1e-2), parity.rows(3, 2)),
            ("zuko_maf_elu", lambda: zuko.flows.MAF(2, transforms=2, hidden_features=(6,), activation=torch.nn.ELU), parity.rows(2)),
            ("nflows_spline", lambda: parity.nflows_spline(3, 2, 5, 4, 3.0, activation=torch.tanh), parity.rows(3)),
            ("normflows", lambda: parity.normflows_stack(3, 2), parity.rows(3)),
            ("sbi_nsf", lambda: sbi_posterior("nsf", 2, 3, parity.fc(3, 2, num_hiddens=4, activation=torch.nn.Tanh),
                                              num_transforms=2, hidden_features=4, num_bins=3), parity.rows(2, 3)),
            ("sbi_zuko_nsf", lambda: parity.sbi_estimator("zuko_nsf", 2, 2, num_transforms=1, hidden_features=4, bins=3), parity.rows(2, 2))):
        if only and name not in only:
            continue
        torch.manual_seed(1)
        model = make()
        network = getattr(model, "posterior_estimator", model).eval()
        parity.perturb(network, torch.Generator().manual_seed(2))
        export.save(model, os.path.join(parity.HERE, "exported", name + ".safetensors"), rows["x"], rows.get("context"))


main(sys.argv[1:])
