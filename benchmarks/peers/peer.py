"""What the peers share: the clock, and a loop that measures what it is told to.

A peer is a process that reads lines of a workload's name and seconds, and
answers each with the median seconds of one operation, or with "none" for a
workload that it does not have.
"""
import statistics
import sys
import time

# Sizes of the demonstrations' flow: features, classes, width, couplings; rows a step.
D, C, H, LAYERS, B = 20, 10, 100, 9, 100
# Masked autoregressive flow: layers and width.
MAF_LAYERS, MAF_WIDTH = 5, 256
# Coupling neural spline flow: layers, width, bins, bound.
NSF_LAYERS, NSF_WIDTH, NSF_BINS, NSF_BOUND = 6, 100, 8, 5
# NICE on 784 pixels: couplings, hidden layers, width.
NICE_D, NICE_LAYERS, NICE_DEPTH, NICE_WIDTH = 784, 4, 5, 1000


def timed(f, seconds):
    """Median time of f over about so many seconds, the first tenth left out."""
    start, times = time.perf_counter(), []
    while len(times) < 3 or time.perf_counter() - start < seconds:
        t = time.perf_counter()
        f()
        if t - start > seconds / 10 or seconds / 10 < time.perf_counter() - t:
            times.append(time.perf_counter() - t)
    return statistics.median(times)


def serve(workloads):
    """Measures until standard input ends. Of each workload there is a function
    that returns one to time, and how many operations a call of it is."""
    made = {}
    print("ready", flush=True)
    for line in sys.stdin:
        work, seconds = line.split()
        if work not in workloads:
            print("none", flush=True)
            continue
        if work not in made:
            made[work] = workloads[work]()
            made[work][0]()  # compiled, or loaded
        f, operations = made[work]
        print(timed(f, float(seconds)) / operations, flush=True)
