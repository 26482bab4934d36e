"""Clusters of unlike sizes: two Gaussian groups 50:50, 90:10 and 99:1, which a mixture tells apart.

900 data in five dimensions, means seven standard deviations apart, K = 2 given, defaults otherwise.
At 99:1 one cluster for all data has an accuracy of .99, so the mean of both groups' own accuracies
stands beside it. One JSON for each method, shares and seed; what is there is not measured again.

    python benchmarks/imbalance.py
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

from pyromix import DHVC
from pyromix.estimators import ESTIMATORS
from pyromix.evaluation import balanced_accuracy, hungarian_accuracy
from pyromix.inference import MutualInformation, TwoView

RESULTS = Path(__file__).parent / "results" / "imbalance"
SHARES = (50, 90, 99)
N, DIM, APART = 900, 5, 7.0


def told(share: int, seed: int) -> DHVC:
    """DHVC that is told the clusters' shares."""
    shares = (share / 100, 1 - share / 100)
    return DHVC(
        n_clusters=2,
        random_state=seed,
        pretraining=TwoView(shares=shares),
        terms=[MutualInformation(5.0, views="auto", shares=shares)],
    )


def zoo(name: str, share: int, seed: int) -> Any:
    """An estimator with its defaults."""
    return ESTIMATORS[name](n_clusters=2, random_state=seed)


METHODS: dict[str, Callable[[int, int], Any]] = {
    "k-means": lambda share, seed: KMeans(2, n_init=10, random_state=seed),
    "GaussianMixture": lambda share, seed: GaussianMixture(2, n_init=10, random_state=seed),
    **{name: partial(zoo, name) for name in ESTIMATORS},
    "dhvc, shares given": told,
}


def groups(share: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Data ``(N, 5)`` and which group each is of; ``share`` per cent are of the first."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(N) >= N * share // 100).astype(np.int64)
    direction = rng.standard_normal(DIM)
    direction /= np.linalg.norm(direction)
    return rng.standard_normal((N, DIM)) + APART * np.outer(labels, direction), labels


def measure(method: str, share: int, seed: int) -> dict[str, float]:
    """Accuracies, the share of the smaller cluster found, and the CPU seconds of the fit."""
    x, labels = groups(share, seed)
    started = process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        found = np.asarray(METHODS[method](share, seed).fit(x).predict(x)).reshape(N)
    return {
        "accuracy": hungarian_accuracy(labels, found),
        "balanced": balanced_accuracy(labels, found),
        "smaller": float(np.bincount(found, minlength=2).min() / N),
        "warned": float(len(caught) > 0),
        "cpu_seconds": process_time() - started,
    }


def table(results: Path = RESULTS) -> str:
    """Means over the seeds that are there: accuracy, and that of both groups alike."""
    lines = ["| method | seeds | " + " | ".join(f"{s}:{100 - s}" for s in SHARES) + " |"]
    lines.append("|" + "---|" * (2 + len(SHARES)))
    for method in METHODS:
        cells, seeds = [], set()
        for share in SHARES:
            paths = sorted(results.glob(f"{method.replace(', ', '-').replace(' ', '-')}-{share}-*"))
            rows = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
            seeds.add(len(rows))
            if not rows:
                cells.append("")
                continue
            means = [np.mean([row[name] for row in rows]) for name in ("accuracy", "balanced")]
            cells.append(f"{means[0]:.3f} ({means[1]:.3f})")
        if seeds != {0}:
            lines.append(f"| {method} | {max(seeds)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--shares", nargs="+", type=int, default=list(SHARES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    options = parser.parse_args()
    torch.set_num_threads(1)
    RESULTS.mkdir(parents=True, exist_ok=True)
    for seed in options.seeds:
        for method in options.methods:
            for share in options.shares:
                name = method.replace(", ", "-").replace(" ", "-")
                path = RESULTS / f"{name}-{share}-{seed}.json"
                if not path.exists():
                    found = measure(method, share, seed)
                    path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
                    print(method, share, seed, found, flush=True)
    print(table())


if __name__ == "__main__":
    main()
