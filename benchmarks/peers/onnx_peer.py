"""ONNX Runtime on models that bijou exported, in the folder of its argument: a peer of peers.py."""
import os
import sys

import numpy as np
import onnxruntime

from peer import *


def session(name):
    o = onnxruntime.SessionOptions()
    o.intra_op_num_threads = len(os.sched_getaffinity(0))
    return onnxruntime.InferenceSession(os.path.join(sys.argv[1], name + ".onnx"), o, providers=["CPUExecutionProvider"])


def density(name, n):
    s, rng = session(name), np.random.default_rng(0)
    feed = {"x": rng.normal(size=(n, D)).astype(np.float32), "context": np.eye(C, dtype=np.float32)[np.arange(n) % C]}
    return lambda: s.run(["log_prob"], feed), 1


def draws(name, n):
    s, rng, c = session(name), np.random.default_rng(0), np.eye(C, dtype=np.float32)[np.arange(n) % C]
    return lambda: s.run(["x"], {"z": rng.standard_normal((n, D), dtype=np.float32), "context": c}), 1


def workloads():
    work = {}
    for n in (1, 100, 10000):
        work[f"logprob-{n}"] = lambda n=n: density("flow", n)
        work[f"sample-{n}"] = lambda n=n: draws("flow-inverse", n)
    for n in (1, 1000):
        work[f"maf-logprob-{n}"] = lambda n=n: density("maf", n)
        work[f"nsf-logprob-{n}"] = lambda n=n: density("nsf", n)
    return work


if __name__ == "__main__":
    print("ONNX Runtime", onnxruntime.__version__, flush=True)
    serve(workloads())
