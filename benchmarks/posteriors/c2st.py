"""Compares draws with the reference posteriors of sbibm, by the accuracy of a
classifier (C2ST; 0.5: not told apart).

    python3 c2st.py TASKS DRAWS [OBSERVATIONS]

TASKS is the folder sbibm/tasks of the package, DRAWS what
"go run ./benchmarks/posteriors" wrote, OBSERVATIONS how many of the ten to
compare, from the first. It needs numpy and scikit-learn. The
classifier is sbibm's (metrics/c2st.py): a perceptron with two layers of ten units
a parameter, five folds, columns scaled by the reference. Prints a line for each
task and number of simulations: the mean over the observations.
"""

import collections
import pathlib
import sys
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neural_network import MLPClassifier

warnings.simplefilter("ignore", ConvergenceWarning)


def c2st(reference, draws, seed=1):
    mean, deviation = reference.mean(0), reference.std(0, ddof=1)
    rows = np.concatenate([(reference - mean) / deviation, (draws - mean) / deviation])
    labels = np.concatenate([np.zeros(len(reference)), np.ones(len(draws))])
    width = 10 * rows.shape[1]
    net = MLPClassifier(hidden_layer_sizes=(width, width), max_iter=10000, random_state=seed)
    folds = KFold(n_splits=5, shuffle=True, random_state=seed)
    return cross_val_score(net, rows, labels, cv=folds, scoring="accuracy").mean()


def main(tasks, folder, observations=10):
    groups = collections.defaultdict(list)
    for path in sorted(pathlib.Path(folder).glob("*.csv")):
        task, recipe, simulations, seed, observation = path.stem.split("-")
        if int(observation) > int(observations):
            continue
        groups[task, int(simulations), recipe, int(seed)].append((int(observation), path))
    print("| task | simulations | recipe | seed | observations | C2ST | least, most |")
    print("|---|--:|---|--:|--:|--:|--:|")
    for (task, simulations, recipe, seed), files in sorted(groups.items()):
        values = []
        for observation, path in sorted(files):
            reference = np.loadtxt(
                pathlib.Path(tasks) / task / "files" / f"num_observation_{observation}" / "reference_posterior_samples.csv.bz2",
                delimiter=",",
                skiprows=1,
            )
            values.append(c2st(reference, np.loadtxt(path, delimiter=",", ndmin=2)))
        print(
            f"| {task} | {simulations} | {recipe} | {seed} | {len(values)} | {np.mean(values):.3f} | {min(values):.3f}, {max(values):.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
