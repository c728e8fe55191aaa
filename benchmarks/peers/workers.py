#!/usr/bin/env python3
"""The number of workers that bijou chooses beside the best fixed one.

Every round times each workload with 1, 2, 4 ... workers and with the number that
bijou chooses, in turns: on the machine as it is, beside a process that keeps the
last core busy, and under a quota of one CPU, where control groups (v1 or v2) can be
made, which root can. A figure is the median over the rounds of the mean time of an
operation, pauses of a process that has used up its quota included.

It prints a table, and writes no file.
"""
import argparse
import os
import statistics
import subprocess
import sys

WORK = ["flow-train", "plain-train", "maf-train", "nsf-train", "ae-train", "nice-train", "image-train",
        "logprob-100", "logprob-10000", "sample-10000", "maf-logprob-1000", "nsf-logprob-1000"]
LONG = {"image-train": 20, "nice-train": 5}  # times as long a measurement, most of it to find the number of workers


class Busy:
    """A process that keeps a core busy."""

    def __enter__(self):
        core = max(os.sched_getaffinity(0))
        self.process = subprocess.Popen([sys.executable, "-c", "while True: pass"], preexec_fn=lambda: os.sched_setaffinity(0, {core}))
        return lambda: None

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Quota:
    """A control group that is granted one CPU."""

    def __enter__(self):
        v2 = os.path.exists("/sys/fs/cgroup/cgroup.controllers")
        self.group = os.path.join("/sys/fs/cgroup" if v2 else "/sys/fs/cgroup/cpu", "bijou-workers")
        os.mkdir(self.group)
        for name, value in [("cpu.max", "100000 100000")] if v2 else [("cpu.cfs_period_us", "100000"), ("cpu.cfs_quota_us", "100000")]:
            self.write(name, value)
        return lambda: self.write("cgroup.procs", str(os.getpid()))

    def write(self, name, value):
        with open(os.path.join(self.group, name), "w") as f:
            f.write(value)

    def __exit__(self, *_):
        os.rmdir(self.group)


class Alone:
    def __enter__(self):
        return lambda: None

    def __exit__(self, *_):
        pass


def seconds(binary, work, workers, join, duration):
    if workers == 0:  # to be chosen
        duration *= LONG.get(work, 1)
    elif work == "image-train":  # a step takes half a second
        duration *= LONG[work] / 4
    out = subprocess.run([binary, "-work", work, "-seconds", str(duration), "-workers", str(workers), "-mean"],
                         preexec_fn=join, check=True, capture_output=True, text=True)
    return float(out.stdout)


def main():
    p = argparse.ArgumentParser(prog="benchmarks/peers/run workers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("binary", help=argparse.SUPPRESS)
    p.add_argument("-rounds", type=int, default=3, help="of each workload (default 3)")
    p.add_argument("-seconds", type=float, default=3, help="of each measurement (default 3)")
    args = p.parse_args()
    cores = len(os.sched_getaffinity(0))
    fixed = [1 << i for i in range(cores.bit_length()) if 1 << i < cores] + [cores]
    print("| where | work | " + " | ".join(f"{n} worker{'s' if n > 1 else ''}" for n in fixed) + " | chosen | over the best |")
    print("|---|---|" + "--:|" * (len(fixed) + 2))
    for where, place in (("alone", Alone()), ("a core busy", Busy()), ("one CPU granted", Quota())):
        try:
            with place as join:
                for work in WORK:
                    got = {n: [] for n in fixed + [0]}
                    for _ in range(args.rounds):
                        for n in got:
                            got[n].append(seconds(args.binary, work, n, join, args.seconds))
                    mid = {n: statistics.median(v) for n, v in got.items()}
                    best = min(mid[n] for n in fixed)
                    print(f"| {where} | {work} | " + " | ".join(f"{1e3 * mid[n]:.3g} ms" for n in fixed + [0]) + f" | {mid[0] / best:.2f} |", flush=True)
        except OSError as e:
            print(f"{where}: left out: {e}", file=sys.stderr)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("benchmarks/peers/run: interrupted", file=sys.stderr)
        sys.exit(130)
