#!/usr/bin/env python3
"""Times bijou beside PyTorch, zuko, compiled JAX and ONNX Runtime, in turns, and
prints the ratios as Markdown.

Every round times each workload once in each of them, so that all see the same
neighbours; a figure is the median over the rounds. Each peer is a process with
one core, and with all cores a second one; the faster of the two counts against
bijou on all cores. Of ways to write one workload ("ae-train/products") the
fastest counts. A peer that cannot be started is left out.

It prints a table, and writes no file.
"""
import argparse
import fnmatch
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time


def arguments():
    p = argparse.ArgumentParser(
        prog="benchmarks/peers/run", usage="benchmarks/peers/run [job] [flags]", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Exit codes: 0 done, 1 failed, 2 wrong flags, 130 interrupted.")
    p.add_argument("binary", nargs="?", metavar="job", help="compare the main job of mnist/latentflow alone")
    p.add_argument("-rounds", type=positive(int), default=5, help="of each workload (default 5)")
    p.add_argument("-seconds", type=positive(float), default=1.5, help="of each measurement (default 1.5)")
    p.add_argument("-only", default="*", help="workloads, with * and ?, such as '*-train' (default all)")
    p.add_argument("-job", help=argparse.SUPPRESS)  # the compiled mnist/latentflow
    return p.parse_args()


def positive(kind):
    def read(text):
        try:
            if 0 < kind(text) < math.inf:
                return kind(text)
        except ValueError:
            pass
        raise argparse.ArgumentTypeError(f"{text}: want {'a whole number, 1 or more' if kind is int else 'a number above 0'}")

    return read


# Workloads, and the other ways that peers have to write them.
WORK = {
    "flow-train": [], "plain-train": [], "maf-train": [], "nsf-train": [], "nice-train": [], "image-train": [],
    "ae-train": ["ae-train/channels-last", "ae-train/products"],
    "logprob-1": [], "logprob-1/loop": [], "logprob-100": [], "logprob-10000": [],
    "sample-1": [], "sample-100": [], "sample-10000": [],
    "maf-logprob-1": [], "maf-logprob-1000": [], "nsf-logprob-1": [], "nsf-logprob-1000": [],
}
LONG = {"image-train": 20, "nice-train": 5}  # times as long in bijou, which finds the number of workers first
HERE = os.path.dirname(os.path.abspath(__file__))


class Peer:
    """A process of one of the peers on some cores."""

    def __init__(self, script, python, cores, *args):
        self.process = subprocess.Popen([python, os.path.join(HERE, script), *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, preexec_fn=lambda: os.sched_setaffinity(0, cores))
        self.name = self.process.stdout.readline().strip()
        if self.process.stdout.readline().strip() != "ready":
            raise OSError(f"{script} did not start")

    def time(self, work, seconds):
        """Seconds of an operation, the best of the ways to write it; None where there is none."""
        best = None
        for way in [work] + WORK[work]:
            self.process.stdin.write(f"{way} {seconds}\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline().strip()
            if not answer:
                raise OSError(f"{self.name} ended in {way}")
            if answer != "none":
                best = min(best or math.inf, float(answer))
        return best


def ours(binary, work, seconds, cores):
    out = subprocess.run([binary, "-work", work.split("/")[0], "-seconds", str(seconds * LONG.get(work, 1))], env=dict(os.environ, GOMAXPROCS=str(len(cores))),
                         preexec_fn=lambda: os.sched_setaffinity(0, cores), check=True, capture_output=True, text=True)
    return float(out.stdout)


def show(seconds):
    if seconds is None:
        return ""
    for unit, scale in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def job(args):
    from torch_job import torch_job
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as out:
        subprocess.run([args.job, "train", "-hidden", "100,100", "-out", out], check=True, capture_output=True)
    took, theirs = time.perf_counter() - start, torch_job()
    print(f"main job: PyTorch {theirs:.0f} s (ten times a tenth, one thread), bijou {took:.0f} s, ratio {theirs / took:.1f}")


def start(cores, models):
    """The peers that can be started on these cores."""
    for kind, script, variable in (("PyTorch", "torch_peer.py", "PYTHON"), ("JAX", "jax_peer.py", "JAX_PYTHON"), ("ONNX Runtime", "onnx_peer.py", "JAX_PYTHON")):
        try:
            yield kind, Peer(script, os.environ.get(variable, sys.executable), cores, models)
        except OSError as e:
            print(f"{kind} is left out: {e}", file=sys.stderr)


def table(kinds, mid, names, cores):
    """Rows of one number of cores: times, and the best peer's over bijou's."""
    print(f"\n| {cores} core{'s' if cores > 1 else ''} | " + " | ".join(kinds) + " | bijou | best peer over bijou |")
    print("|---|" + "--:|" * (len(kinds) + 2))
    for work in names:
        theirs = [mid.get((work, k, cores)) for k in kinds]
        if cores > 1:  # with whichever number of threads is faster
            theirs = [t and min(t, mid[work, k, 1]) for t, k in zip(theirs, kinds)]
        own = mid[work, "bijou", cores]
        best = min((t for t in theirs if t), default=None)
        print(f"| {work} | " + " | ".join(map(show, theirs)) + f" | {show(own)} | " + (f"{best / own:.1f} |" if best else "|"))


def main():
    args = arguments()
    if args.job:
        return job(args)
    every = sorted(os.sched_getaffinity(0))
    names = [w for w in WORK if fnmatch.fnmatch(w, args.only)]
    with tempfile.TemporaryDirectory() as models:
        subprocess.run([args.binary, "-onnx", models], check=True)
        sets = [every[:1]] + ([every] if len(every) > 1 else [])
        peers = [(kind, cores, p) for cores in sets for kind, p in start(cores, models)]
        got = {}
        for r in range(args.rounds):
            for work in names:
                for kind, cores, peer in peers:
                    seconds = peer.time(work, args.seconds)
                    if seconds:
                        got.setdefault((work, kind, len(cores)), []).append(seconds)
                for cores in sets:
                    got.setdefault((work, "bijou", len(cores)), []).append(ours(args.binary, work, args.seconds, cores))
            print(f"round {r + 1} of {args.rounds}", file=sys.stderr)
        for _, _, peer in peers:
            peer.process.stdin.close()
    mid = {k: statistics.median(v) for k, v in got.items()}
    print(", ".join(dict.fromkeys(p.name for _, _, p in peers)) + f"; medians of {args.rounds} rounds in turns")
    kinds = list(dict.fromkeys(k for k, _, _ in peers))
    for cores in sets:
        table(kinds, mid, names, len(cores))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("benchmarks/peers/run: interrupted", file=sys.stderr)
        sys.exit(130)
