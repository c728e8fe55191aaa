"""Trains posteriors of tasks of sbibm with sbi, and exports them for the Go program
beside it.

    pip install sbi sbibm                    # the latter with --no-deps, and pyro-ppl and pandas
    python3 train.py small two_moons.safetensors            # the one that the program has
    python3 train.py train DIR [task ...]                   # full ones, into DIR
    sh DIR/draw.sh                                          # draws of the Go program, from the repository
    python3 train.py compare DIR [rows]                     # both draws and the reference, by C2ST
    python3 train.py time DIR                               # draws of sbi, from the files

For each task DIR gets the posterior, and for the first three observations draws of
sbi's own. draw.sh says what the Go program's draws cost.
"""
import pathlib
import statistics
import sys
import time

import numpy as np
import sbibm
import torch
from safetensors.torch import load_file
from sbi.inference import NPE, DirectPosterior
from sbi.neural_nets import posterior_nn
from sbi.utils import BoxUniform

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "interop" / "torch"), str(ROOT / "benchmarks" / "posteriors")]
import export  # noqa: E402

TASKS = ("two_moons", "gaussian_linear_uniform")
SIMULATIONS, DRAWS, OBSERVATIONS = 10000, 10000, 3


def train(name, simulations=SIMULATIONS, **network):
    task = sbibm.get_task(name)
    torch.manual_seed(1)
    prior = BoxUniform(task.prior_params["low"], task.prior_params["high"])
    theta = prior.sample((simulations,))
    x = task.get_simulator()(theta)
    inference = NPE(prior, density_estimator=posterior_nn("nsf", **network)).append_simulations(theta, x)
    estimator = inference.train(training_batch_size=500, learning_rate=1e-3, max_num_epochs=60)
    return task, inference.build_posterior(estimator), theta, x


def save(posterior, path, theta, x):
    """With proof rows, ten pairs of the simulator, and one under the other's data."""
    export.save(posterior, path, theta[:10], x[[1, *range(1, 10)]])


def seconds(f, repeat):
    """The median of a few calls."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        f()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def csv(path, rows):
    np.savetxt(path, rows, delimiter=",", fmt="%.9g")


def train_all(directory, names):
    directory.mkdir(parents=True, exist_ok=True)
    commands = []
    for name in names or TASKS:
        start = time.perf_counter()
        task, posterior, theta, x = train(name)
        print(f"{name}: {SIMULATIONS} simulations, {time.perf_counter() - start:.0f} s")
        save(posterior, directory / f"{name}.safetensors", theta, x)
        for k in range(1, OBSERVATIONS + 1):
            observation = task.get_observation(k)
            csv(directory / f"{name}-sbi-{k}.csv", posterior.sample((DRAWS,), x=observation, show_progress_bars=False))
            csv(directory / f"{name}-reference-{k}.csv", task.get_reference_posterior_samples(k)[:DRAWS])
            values = ",".join(repr(v) for v in observation[0].tolist())
            commands.append(f'"$go" -model "$here/{name}.safetensors" -observation={values} -draws {DRAWS} > "$here/{name}-go-{k}.csv"')
    script = 'here=$(dirname "$0") go=$(mktemp) && go build -o "$go" ./examples/posterior || exit 1\n'
    (directory / "draw.sh").write_text(script + "\n".join(commands) + "\n")


def measure(directory):
    for path in sorted(directory.glob("*.safetensors")):
        task = sbibm.get_task(path.stem)
        prior = BoxUniform(task.prior_params["low"], task.prior_params["high"])
        theta = prior.sample((100,))
        estimator = posterior_nn("nsf")(theta, task.get_simulator()(theta))
        estimator.load_state_dict(load_file(path))
        posterior, observation = DirectPosterior(estimator, prior), task.get_observation(1)
        draw = lambda n: posterior.sample((n,), x=observation, show_progress_bars=False)
        one, many = seconds(lambda: draw(1), 20), seconds(lambda: draw(DRAWS), 5)
        print(f"{path.stem}: 1 draw in {1e3 * one:.2f} ms, {DRAWS} in {1e3 * many:.0f} ms", flush=True)


def compare(directory, rows=DRAWS):
    from c2st import c2st
    print("| task | observation | Go and sbi | sbi and reference | Go and reference |\n|---|--:|--:|--:|--:|")
    for path in sorted(directory.glob("*-go-*.csv")):
        name, _, k = path.stem.split("-")
        go, sbi, reference = (np.loadtxt(directory / f"{name}-{who}-{k}.csv", delimiter=",")[:int(rows)] for who in ("go", "sbi", "reference"))
        print(f"| {name} | {k} | {c2st(sbi, go):.3f} | {c2st(reference, sbi):.3f} | {c2st(reference, go):.3f} |", flush=True)


def main(command, path, *names):
    torch.set_num_threads(1)
    path = pathlib.Path(path)
    if command == "small":
        _, posterior, theta, x = train("two_moons", hidden_features=8, num_transforms=3, num_bins=5)
        save(posterior, path, theta, x)
    elif command == "train":
        train_all(path, names)
    elif command == "time":
        measure(path)
    else:
        compare(path, *names)


if __name__ == "__main__":
    main(*sys.argv[1:])
