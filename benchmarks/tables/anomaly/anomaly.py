#!/usr/bin/env python3
"""Anomalies: bijou beside the detectors that people use, on labelled tables.

DATA holds tables as ADBench has them: .npz files with X (rows, columns) and y
(1: anomaly), or .csv files whose last column is y. Each is shuffled, cut to
-rows, and split 70/30, stratified by y. Every method learns from all training
rows ("all"), and from those with y = 0 ("normal"), and scores the test rows:
AUROC and average precision. bijou is the command itself, fit and score
-by surprise, on the rows as CSV; its log-density is listed, too. PyOD's detectors have
their default options, on standardised columns; without PyOD scikit-learn's IsolationForest, LocalOutlierFactor and
NearestNeighbors take their place, and ECOD is left out. The Gaussian mixture
has full covariances and 1, 4 or 16 components, by the density of a fifth of the
rows.

Tables at even places of the list are those that defaults were chosen on, the
others those that they are reported on. Results are kept in -out, one JSON line
each, and what is there is not computed again.
"""
import argparse
import glob
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import warnings

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np
import pandas as pd
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.preprocessing import StandardScaler

try:
    from pyod.models.ecod import ECOD
    from pyod.models.iforest import IForest
    from pyod.models.knn import KNN
    from pyod.models.lof import LOF
except ImportError:
    IForest = None

warnings.filterwarnings("ignore")
SETTINGS = ("all", "normal")


def arguments():
    p = argparse.ArgumentParser(prog="benchmarks/tables/anomaly/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("binary", help=argparse.SUPPRESS)
    p.add_argument("data", metavar="DATA", help="directory of tables")
    p.add_argument("-rows", type=int, default=4000, help="most rows of a table (default 4000)")
    p.add_argument("-seeds", type=int, default=1, help="how many splits (default 1)")
    p.add_argument("-out", default="anomaly.jsonl", help="file of results (default anomaly.jsonl)")
    p.add_argument("-only", default="", help="regular expression of tables")
    p.add_argument("-half", choices=("choose", "report", "both"), default="both", help="which half of the tables")
    p.add_argument("-methods", default="bijou,IForest,ECOD,KNN,LOF,GMM", help="with commas between (default all)")
    p.add_argument("-settings", default="all,normal", help="rows to learn from, with a comma between (default all,normal)")
    p.add_argument("-name", default="bijou", help="what bijou is called in the results, to compare its flags")
    p.add_argument("-flags", default="", help="further flags of bijou fit")
    return p.parse_args()


def tables(o):
    paths = glob.glob(os.path.join(o.data, "*.npz")) + glob.glob(os.path.join(o.data, "*.csv"))
    def place(path):
        digits = re.match(r"\d+", os.path.basename(path))
        return (int(digits.group()) if digits else 0, path)
    for i, path in enumerate(sorted(paths, key=place)):
        name = re.sub(r"^\d+_", "", os.path.splitext(os.path.basename(path))[0])
        half = "choose" if i % 2 == 0 else "report"
        if re.search(o.only, name) and o.half in (half, "both"):
            yield name, half, path


def read(path):
    if path.endswith(".npz"):
        with np.load(path) as z:
            return z["X"].astype(float), z["y"].astype(int).ravel()
    t = pd.read_csv(path)
    return t.iloc[:, :-1].to_numpy(float), t.iloc[:, -1].to_numpy(int)


def split(y, rows, seed):
    """Indices of training and test rows, as many of each class as there are to 70 %."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))[:rows]
    train, test = [], []
    for label in (0, 1):
        of = order[y[order] == label]
        k = int(round(0.7 * len(of)))
        train.append(of[:k])
        test.append(of[k:])
    return rng.permutation(np.concatenate(train)), rng.permutation(np.concatenate(test))


def write(path, X):
    """Rows as CSV, whole columns without a point."""
    t = pd.DataFrame(X, columns=[f"c{j}" for j in range(X.shape[1])])
    for c in t.columns:
        if (t[c] == np.round(t[c])).all() and t[c].abs().max() < 1e15:
            t[c] = t[c].astype("int64")
    t.to_csv(path, index=False)


def bijou(o, train, test, seed):
    with tempfile.TemporaryDirectory() as work:
        at = lambda name: os.path.join(work, name)
        write(at("train.csv"), train)
        write(at("test.csv"), test)
        flags = o.flags.split()
        run = lambda *a: subprocess.run([o.binary, *a], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            run("fit", at("train.csv"), "-out", at("m.safetensors"), "-quiet", "-unknown", "missing", "-seed", str(seed + 1), *flags)
            run("score", "-model", at("m.safetensors"), at("test.csv"), "-out", at("scored.csv"), "-quiet", "-unknown", "missing", "-extra", "-by", "surprise")
        except subprocess.CalledProcessError as e:
            raise RuntimeError(e.stderr.strip()) from None
        scored = pd.read_csv(at("scored.csv"))
        return {"bijou": scored["surprise"].to_numpy(float), "bijou log-density": -scored["log_density"].to_numpy(float)}


def mixture(train, test, seed):
    n, d = train.shape
    cut = max(int(0.8 * n), 1)
    best = None
    for k in (1, 4, 16):
        if k > 1 and cut < 20 * k:
            break
        g = GaussianMixture(k, covariance_type="full" if d <= 400 else "diag", reg_covar=1e-3, random_state=seed).fit(train[:cut])
        held = g.score(train[cut:])
        if best is None or held > best[0]:
            best = (held, k)
    g = GaussianMixture(best[1], covariance_type="full" if d <= 400 else "diag", reg_covar=1e-3, random_state=seed).fit(train)
    return -g.score_samples(test)


def peer(method, train, test, seed):
    scale = StandardScaler().fit(train)
    train, test = scale.transform(train), scale.transform(test)
    if method == "GMM":
        return mixture(train, test, seed)
    if IForest is None:
        if method == "IForest":
            return -IsolationForest(random_state=seed).fit(train).score_samples(test)
        if method == "KNN":
            return NearestNeighbors(n_neighbors=5).fit(train).kneighbors(test)[0][:, -1]
        return -LocalOutlierFactor(novelty=True).fit(train).score_samples(test)
    detector = {"IForest": lambda: IForest(random_state=seed), "ECOD": ECOD, "KNN": KNN, "LOF": LOF}[method]()
    return detector.fit(train).decision_function(test)


def measure(o, method, X, y, seed, setting, train, test):
    kept = train if setting == "all" else train[y[train] == 0]
    start = time.time()
    called = [o.name, o.name + " log-density"] if method == "bijou" else [method]
    all = [{"method": c} for c in called]
    try:
        scores = list(bijou(o, X[kept], X[test], seed).values()) if method == "bijou" else [peer(method, X[kept], X[test], seed)]
        for r, score in zip(all, scores):
            score = np.nan_to_num(score, nan=np.inf)
            score = np.unique(score, return_inverse=True)[1].astype(float)  # ranks: infinities are the last
            r["auroc"] = round(roc_auc_score(y[test], score), 4)
            r["ap"] = round(average_precision_score(y[test], score), 4)
    except (RuntimeError, ValueError) as e:
        for r in all:
            r["error"] = str(e)[-300:]
    for r in all:
        r["seconds"] = round(time.time() - start, 1)
    return all


def main():
    o = arguments()
    methods = [m for m in o.methods.split(",") if not (m == "ECOD" and IForest is None)]
    done = {}
    if os.path.exists(o.out):
        for line in open(o.out):
            r = json.loads(line)
            done[r["table"], r["seed"], r["setting"], r["method"]] = r
    with open(o.out, "a") as out:
        for name, half, path in tables(o):
            X, y = read(path)
            for seed in range(o.seeds):
                train, test = split(y, o.rows, seed)
                if len(set(y[test])) < 2:
                    print(f"{name}: no anomaly among the test rows of seed {seed}, left out", file=sys.stderr)
                    continue
                for setting in o.settings.split(","):
                    for method in methods:
                        called = o.name if method == "bijou" else method
                        if (name, seed, setting, called) in done:
                            continue
                        for r in measure(o, method, X, y, seed, setting, train, test):
                            r = {"table": name, "half": half, "seed": seed, "setting": setting, **r}
                            done[name, seed, setting, r["method"]] = r
                            print(json.dumps(r), file=out, flush=True)
                            print(json.dumps(r), file=sys.stderr, flush=True)
    report(list(done.values()))


def report(results):
    """Means and mean ranks as Markdown, of both halves apart, and every table."""
    t = pd.DataFrame(results)
    t["failed"] = t["auroc"].isna()
    t[["auroc", "ap"]] = t[["auroc", "ap"]].fillna(0)
    for setting in SETTINGS:
        one = t[t.setting == setting]
        for half in ("choose", "report"):
            part = one[one.half == half]
            if part.empty:
                continue
            by = {m: part.pivot_table(index="table", columns="method", values=m) for m in ("auroc", "ap")}
            by = {m: v.dropna() for m, v in by.items()}  # tables that all methods have
            print(f"\nTrained on {setting} rows; tables to {half} on ({len(by['auroc'])})\n")
            print("| method | mean AUROC | mean rank | mean AP | mean rank | refused |\n|---|--:|--:|--:|--:|--:|")
            ranks = {m: v.rank(axis=1, ascending=False).mean() for m, v in by.items()}
            for method in ranks["auroc"].sort_values().index:
                failed = int(part[part.method == method].failed.sum())
                print(f"| {method} | {by['auroc'][method].mean():.3f} | {ranks['auroc'][method]:.2f} | {by['ap'][method].mean():.3f} | {ranks['ap'][method]:.2f} | {failed} |")
        wide = one.pivot_table(index=["half", "table"], columns="method", values="auroc").round(3)
        print(f"\nAUROC by table, trained on {setting} rows\n\n| half | table | " + " | ".join(wide.columns) + " |")
        print("|---|---|" + "--:|" * len(wide.columns))
        for (half, name), row in wide.iterrows():
            print(f"| {half} | {name} | " + " | ".join("" if np.isnan(v) else f"{v:.3f}" for v in row) + " |")


if __name__ == "__main__":
    main()
