"""Mixed tables: clusters found in one of known laws, and in bundled sets whose columns are binned.

The synthetic table has four clusters and a real, a positive, a count, a yes-or-no and three
category columns, whose laws given the cluster are known: so are the best clustering there is, and
the marginal of each column, which draws of the fit are held against by their PIT. Scikit-learn's
wine and breast cancer have no text: every second column is kept as a real, and the others are made,
in turn, whole numbers, four named quarters, and above the median or not. Peers see one-hot and
standardised columns. One JSON for each set, method and seed; what is there is not measured again.

    OMP_NUM_THREADS=1 python benchmarks/tables.py
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import stats
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from pyromix import DeepMixture, VaDE
from pyromix.data import schema_of
from pyromix.evaluation import hungarian_accuracy

RESULTS = Path(__file__).parent / "results" / "tables"
Labels = NDArray[np.int64]

HEIGHT = np.array([150.0, 165.0, 180.0, 165.0]), 4.0
INCOME = np.array([2.0, 3.2, 2.0, 3.6]), 0.3
VISITS = np.array([1.0, 4.0, 12.0, 14.0])
MEMBER = np.array([0.05, 0.9, 0.5, 0.1])
COLOURS = ["blue", "green", "red"]
COLOUR = np.array([[0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.05, 0.05, 0.9], [0.34, 0.33, 0.33]])
REGIONS = ["east", "north", "south", "west"]
REGION = np.full((4, 4), 0.05) + 0.8 * np.eye(4)
WEIGHTS = np.array([0.4, 0.3, 0.2, 0.1])


def synthetic(n: int = 1500, seed: int = 0) -> tuple[pd.DataFrame, Labels]:
    """A table of known laws, and the cluster of each row."""
    rng = np.random.RandomState(seed)
    c = rng.choice(4, n, p=WEIGHTS)

    def choice(names: list[str], shares: NDArray[np.float64]) -> NDArray[Any]:
        return np.array(names)[[rng.choice(len(names), p=shares[k]) for k in c]]

    frame = pd.DataFrame(
        {
            "height": rng.normal(HEIGHT[0][c], HEIGHT[1]),
            "income": np.exp(rng.normal(INCOME[0][c], INCOME[1])),
            "visits": rng.poisson(VISITS[c]),
            "member": rng.rand(n) < MEMBER[c],
            "colour": choice(COLOURS, COLOUR),
            "region": pd.Categorical(choice(REGIONS, REGION), REGIONS),
        }
    )
    return frame, c.astype(np.int64)


def best_labels(frame: pd.DataFrame) -> Labels:
    """The likeliest cluster under the laws that made the table: no method does better."""
    score = np.log(WEIGHTS) + stats.norm(*HEIGHT).logpdf(frame[["height"]].to_numpy())
    score = score + stats.norm(*INCOME).logpdf(np.log(frame[["income"]].to_numpy()))
    score = score + stats.poisson(VISITS).logpmf(frame[["visits"]].to_numpy())
    score = score + stats.bernoulli(MEMBER).logpmf(frame[["member"]].to_numpy())
    score = score + np.log(COLOUR.T[[COLOURS.index(each) for each in frame["colour"]]])
    score = score + np.log(REGION.T[frame["region"].cat.codes])
    found: Labels = score.argmax(1).astype(np.int64)
    return found


def marginals() -> dict[str, Callable[[NDArray[Any]], NDArray[np.float64]]]:
    """The distribution function of each column, of values or codes."""

    def mixed(law: Any) -> Callable[[NDArray[Any]], NDArray[np.float64]]:
        return lambda values: law.cdf(values[:, None]) @ WEIGHTS

    def of_shares(shares: NDArray[np.float64]) -> Callable[[NDArray[Any]], NDArray[np.float64]]:
        cumulated = np.concatenate([[0.0], (WEIGHTS @ shares).cumsum()])
        return lambda codes: cumulated[codes.astype(int) + 1]

    return {
        "height": mixed(stats.norm(*HEIGHT)),
        "income": mixed(stats.lognorm(INCOME[1], scale=np.exp(INCOME[0]))),
        "visits": mixed(stats.poisson(VISITS)),
        "member": of_shares(np.stack([1 - MEMBER, MEMBER], 1)),
        "colour": of_shares(COLOUR),
        "region": of_shares(REGION),
    }


def pit_distances(drawn: pd.DataFrame, seed: int) -> dict[str, float]:
    """How far the randomised PIT of each column of draws is from uniform, by Kolmogorov-Smirnov.

    That is the largest difference of two distribution functions: 0 is the truth.
    """
    codes = schema_of(drawn).encode(drawn)
    u = np.random.RandomState(1000 + seed).rand(len(drawn))
    found = {}
    for (name, cdf), values in zip(marginals().items(), codes.T, strict=True):
        discrete = name not in ("height", "income")
        below = cdf(values - 1) if discrete else cdf(values)
        pit = below + u * (cdf(values) - below)
        found[name] = float(stats.kstest(pit, "uniform").statistic)
    return found


def binned(load: Callable[..., Any]) -> tuple[pd.DataFrame, Labels]:
    """A set of scikit-learn's with columns of every kind, and its labels."""
    x, y = load(return_X_y=True, as_frame=True)
    frame = x.copy()
    for j, name in enumerate(x.columns[1::2]):
        values = x[name]
        if j % 3 == 0:
            spread = (values - values.min()) / values.std()
            frame[name] = (4 * spread).round().astype(int)
        elif j % 3 == 1:
            frame[name] = pd.qcut(values, 4, labels=["low", "middle", "high", "top"]).astype(str)
        else:
            frame[name] = values > values.median()
    return frame, y.to_numpy(np.int64)


def encoded(frame: pd.DataFrame) -> NDArray[np.float64]:
    """One-hot and standardised columns, for the peers."""
    numbers = frame.select_dtypes("number")
    others = frame.drop(columns=numbers.columns).astype(str)
    one_hot = OneHotEncoder(sparse_output=False).fit_transform(others)
    return np.hstack([StandardScaler().fit_transform(numbers), one_hot])


SETS: dict[str, tuple[Callable[[], tuple[pd.DataFrame, Labels]], dict[str, str]]] = {
    "synthetic": (synthetic, {"income": "log-normal"}),
    "wine, binned": (lambda: binned(load_wine), {}),
    "breast cancer, binned": (lambda: binned(load_breast_cancer), {}),
}
METHODS: dict[str, Callable[[pd.DataFrame, int, int, dict[str, str]], Any]] = {
    "k-means": lambda X, k, seed, laws: KMeans(k, n_init=10, random_state=seed),
    "GaussianMixture": lambda X, k, seed, laws: GaussianMixture(
        k, covariance_type="diag", n_init=5, random_state=seed
    ),
    "DeepMixture": lambda X, k, seed, laws: DeepMixture(
        n_clusters=k, columns=laws or "auto", random_state=seed
    ),
    "VaDE": lambda X, k, seed, laws: VaDE(n_clusters=k, columns=laws or "auto", random_state=seed),
}


def measure(data: str, method: str, seed: int) -> dict[str, Any]:
    """How well a method finds the groups, and of ours how near its draws are to the truth."""
    load, laws = SETS[data]
    X, truth = load()
    k = len(np.unique(truth))
    estimator = METHODS[method](X, k, seed, laws)
    ours = isinstance(estimator, DeepMixture)
    started = process_time()
    found = estimator.fit_predict(X if ours else encoded(X))
    result: dict[str, Any] = {
        "CPU s": process_time() - started,
        "ARI": float(adjusted_rand_score(truth, found)),
        "accuracy": float(hungarian_accuracy(truth, found)),
    }
    if data == "synthetic":
        result["ARI of the true laws"] = float(adjusted_rand_score(truth, best_labels(X)))
    if data == "synthetic" and ours:
        result["PIT"] = pit_distances(estimator.sample(20_000, seed=seed)[0], seed)
        result["PIT of the rows themselves"] = pit_distances(X, seed)
    return result


def table(results: Path = RESULTS) -> str:
    """Means and standard deviations over the seeds that are there."""
    lines = ["| table | method | seeds | ARI | accuracy | CPU s |", "|---|---|---|---|---|---|"]
    for data in SETS:
        for method in METHODS:
            paths = sorted(results.glob(f"{slug(data)}-{slug(method)}-*.json"))
            rows = [json.loads(path.read_text()) for path in paths]
            if rows:
                ari, accuracy, seconds = (
                    [row[name] for row in rows] for name in ("ARI", "accuracy", "CPU s")
                )
                lines.append(
                    f"| {data} | {method} | {len(rows)} | {np.mean(ari):.3f} ± {np.std(ari):.3f} | "
                    f"{np.mean(accuracy):.3f} ± {np.std(accuracy):.3f} | {np.mean(seconds):.0f} |"
                )
    return "\n".join(lines)


def slug(name: str) -> str:
    """A name for a file."""
    return name.lower().replace(",", "").replace(" ", "-")


def main() -> None:
    """Measure what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--data", nargs="+", default=list(SETS))
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    RESULTS.mkdir(parents=True, exist_ok=True)
    for seed in options.seeds:
        for data in options.data:
            for method in options.methods:
                path = RESULTS / f"{slug(data)}-{slug(method)}-{seed}.json"
                if not path.exists():
                    found = measure(data, method, seed)
                    path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
                    print(data, method, seed, found, flush=True)
    print(table())


if __name__ == "__main__":
    main()
