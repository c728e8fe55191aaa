#!/usr/bin/env python3
"""Draws beside real rows: can a classifier tell them apart?

DATA holds tables as CSV. Each is shuffled and split 70/30. Every method is fitted
to the training rows and draws as many rows as are held out; scikit-learn's
HistGradientBoosting, cross-validated in five folds, tells draws from held-out rows.
Its AUC is 0.5 for perfect draws. "training rows" is the score of rows of the
training table in place of draws. Copies are draws that are equal to a row of the
training table in every cell; the first line says how many of the held-out rows are.

bijou is the command itself, fit and sample, with its defaults. The Gaussian mixture
has 16 components of full covariances on numbers and one-hot categories, its
draws rounded to each column's decimals and to the likeliest category. SDV's
synthesizers take part where sdv can be imported, for -epochs epochs at most.
"""
import argparse
import glob
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.preprocessing import StandardScaler

warnings.filterwarnings("ignore")


def arguments():
    p = argparse.ArgumentParser(prog="benchmarks/tables/twosample/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("binary", help=argparse.SUPPRESS)
    p.add_argument("data", metavar="DATA", help="directory of CSV files")
    p.add_argument("-only", default="diamonds,penguins,titanic,taxis", help="tables, with commas between")
    p.add_argument("-rows", type=int, default=10000, help="most rows of a table (default 10000)")
    p.add_argument("-epochs", type=int, default=100, help="of CTGAN and TVAE (default 100; SDV's own default is 300)")
    p.add_argument("-methods", default="training rows,bijou,mixture,GaussianCopula,CTGAN,TVAE", help="with commas between (default all)")
    p.add_argument("-name", default="bijou", help="what bijou is called, to compare its flags")
    p.add_argument("-flags", default="", help="further flags of bijou fit")
    p.add_argument("-out", default="twosample.jsonl", help="file of results; what is there is not computed again")
    p.add_argument("-seed", type=int, default=0)
    return p.parse_args()


def features(*tables):
    """Numbers for the classifier: categories by the codes of all tables, times in seconds."""
    all = pd.concat(tables, ignore_index=True)
    out = {}
    for c in all.columns:
        v = all[c]
        n = pd.to_numeric(v, errors="coerce")
        if n.notna().sum() == v.notna().sum():
            out[c] = n
            continue
        t = pd.to_datetime(v, errors="coerce", format="%Y-%m-%d %H:%M:%S")
        if t.notna().sum() == v.notna().sum():
            out[c] = (t - pd.Timestamp(0)).dt.total_seconds()
        else:
            codes = pd.Series(pd.factorize(v.astype("object"), sort=False)[0], dtype=float)
            out[c] = codes.where(codes >= 0)
    return pd.DataFrame(out)


def score(real, draws, seed):
    X = features(real, draws).to_numpy(float)
    y = np.r_[np.zeros(len(real)), np.ones(len(draws))]
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    p = cross_val_predict(HistGradientBoostingClassifier(random_state=seed), X, y, cv=folds, method="predict_proba")[:, 1]
    return roc_auc_score(y, p)


def texts(t):
    """Rows as they are compared for copies: numbers by value."""
    f = t.copy()
    for c in f.columns:
        n = pd.to_numeric(f[c], errors="coerce")
        f[c] = np.where(n.notna(), n.map(lambda v: f"{v:.10g}"), f[c].astype("object").where(f[c].notna(), "").astype(str))
    return f.agg("\x1f".join, axis=1)


def bijou(o, train, n, work):
    at = lambda name: os.path.join(work, name)
    train.to_csv(at("train.csv"), index=False)
    run = lambda *a: subprocess.run([o.binary, *a], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        run("fit", at("train.csv"), "-out", at("m.safetensors"), "-quiet", *o.flags.split())
        run("sample", "-model", at("m.safetensors"), "-n", str(n), "-seed", str(o.seed + 1), "-out", at("draws.csv"), "-quiet")
    except subprocess.CalledProcessError as e:
        raise RuntimeError(e.stderr.strip()) from None
    return pd.read_csv(at("draws.csv"), dtype=str, keep_default_na=False, na_values=[""]).reindex(columns=train.columns)


def mixture(o, train, n, _):
    numbers, parts, decimals = {}, [], {}
    for c in train.columns:
        v = pd.to_numeric(train[c], errors="coerce")
        t = pd.to_datetime(train[c], errors="coerce", format="%Y-%m-%d %H:%M:%S")
        if v.notna().sum() == train[c].notna().sum():
            numbers[c] = None
            decimals[c] = train[c].dropna().astype(str).str.partition(".")[2].str.rstrip("0").str.len().max()
        elif t.notna().sum() == train[c].notna().sum():
            numbers[c], decimals[c] = "time", 0
            v = (t - pd.Timestamp(0)).dt.total_seconds()
        if c in numbers:
            parts.append(pd.DataFrame({(c, "value"): v.fillna(v.mean()), (c, "missing"): v.isna().astype(float)}))
        else:
            hot = pd.get_dummies(train[c].fillna("")).astype(float)
            hot.columns = pd.MultiIndex.from_product([[c], hot.columns])
            parts.append(hot)
    X = pd.concat(parts, axis=1)
    scale = StandardScaler().fit(X.to_numpy())
    k = 16 if len(train) > 2000 else 4
    g = GaussianMixture(k, reg_covar=1e-4, random_state=o.seed).fit(scale.transform(X.to_numpy()))
    Z = pd.DataFrame(scale.inverse_transform(g.sample(n)[0]), columns=pd.MultiIndex.from_tuples(list(X.columns)))
    out = {}
    for c in train.columns:
        if c in numbers:
            v = Z[c]["value"].round(int(decimals[c]))
            if numbers[c] == "time":
                v = pd.to_datetime(v, unit="s").dt.strftime("%Y-%m-%d %H:%M:%S")
            out[c] = v.where(Z[c]["missing"] < 0.5)
        else:
            out[c] = Z[c].idxmax(axis=1).replace("", np.nan)
    return pd.DataFrame(out)


def sdv(o, train, n, kind):
    from sdv.metadata import Metadata
    from sdv.single_table import CTGANSynthesizer, GaussianCopulaSynthesizer, TVAESynthesizer
    train = train.copy()
    for c in train.columns:
        v = pd.to_numeric(train[c], errors="coerce")
        if v.notna().sum() == train[c].notna().sum():
            train[c] = v
    m = Metadata.detect_from_dataframes({"table": train})
    make = {"GaussianCopula": lambda: GaussianCopulaSynthesizer(m), "CTGAN": lambda: CTGANSynthesizer(m, epochs=o.epochs), "TVAE": lambda: TVAESynthesizer(m, epochs=o.epochs)}[kind]
    s = make()
    s.fit({"table": train})
    draws = s.sample(n)
    return draws["table"] if isinstance(draws, dict) else draws


def main():
    o = arguments()
    done = {}
    if os.path.exists(o.out):
        for line in open(o.out):
            r = json.loads(line)
            done[r["table"], r["method"]] = r
    with open(o.out, "a") as out:
        for name in o.only.split(","):
            path = glob.glob(os.path.join(o.data, name + ".csv"))
            if not path:
                sys.exit(f"there is no {name}.csv in {o.data}")
            t = pd.read_csv(path[0], dtype=str, keep_default_na=False, na_values=[""])
            t = t.sample(frac=1, random_state=o.seed).iloc[: o.rows].reset_index(drop=True)
            cut = int(0.7 * len(t))
            train, held = t.iloc[:cut].reset_index(drop=True), t.iloc[cut:].reset_index(drop=True)
            known = set(texts(train))
            for method in o.methods.split(","):
                called = o.name if method == "bijou" else method
                if (name, called) in done:
                    continue
                start, r = time.time(), {"table": name, "method": called, "train": len(train), "held": len(held)}
                try:
                    with tempfile.TemporaryDirectory() as work:
                        if method == "training rows":
                            draws = train.sample(len(held), random_state=o.seed)
                        elif method in ("bijou", "mixture"):
                            draws = {"bijou": bijou, "mixture": mixture}[method](o, train, len(held), work)
                        else:
                            draws = sdv(o, train, len(held), method)
                    r["seconds"] = round(time.time() - start, 1)
                    both = [c for c in t.columns if draws[c].notna().any()]
                    r["columns"] = len(both)
                    r["auc"] = round(float(score(held[both], draws[both], o.seed)), 4)
                    r["copies"] = int(texts(draws).isin(known).sum())
                except Exception as e:  # a peer that cannot is said to be so
                    r["error"] = f"{type(e).__name__}: {e}"[-300:]
                r["copies_held"] = int(texts(held).isin(known).sum())
                done[name, called] = r
                print(json.dumps(r), file=out, flush=True)
                print(json.dumps(r), file=sys.stderr, flush=True)
    report(done)


def report(done):
    print("| table | method | AUC | copies of training rows | seconds |\n|---|---|--:|--:|--:|")
    for (name, method), r in done.items():
        if "auc" in r:
            print(f"| {name} | {method} | {r['auc']:.3f} | {r['copies']} of {r['held']} (held-out rows: {r['copies_held']}) | {r['seconds']:.0f} |")
        else:
            print(f"| {name} | {method} | {r.get('error', '')[:60]} | | |")


if __name__ == "__main__":
    main()
