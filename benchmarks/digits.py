"""The digits over several seeds: every estimator's default recipe beside classical clusterings.

Accuracy is Hungarian, K = 10, on all 1,797 images, which are fitted without labels.

    python benchmarks/digits.py
    python benchmarks/digits.py --methods dhvc --seeds 0 1 2
"""

from __future__ import annotations

import argparse
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline

from pyromix.data import load
from pyromix.estimators import ESTIMATORS
from pyromix.evaluation import affiliation_variance, evaluate_clustering

ZOO = [name for name in ESTIMATORS if name != "mfcvae"]


def classical(seed: int) -> dict[str, Any]:
    """What one would try first."""
    return {
        "k-means": KMeans(10, n_init=10, random_state=seed),
        "GaussianMixture": GaussianMixture(10, reg_covar=1e-4, random_state=seed),
        "PCA+GaussianMixture": make_pipeline(
            PCA(30, random_state=seed), GaussianMixture(10, n_init=10, random_state=seed)
        ),
    }


def main() -> None:
    """Parse the command line, fit, and print a row for each method."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", default=[*classical(0), *ZOO])
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(5)))
    options = parser.parse_args()
    digits = load("digits")
    print("| method | accuracy, mean ± sd | best | NMI | affiliation variance | seconds a fit |")
    print("|---|---|---|---|---|---|")
    for method in options.methods:
        rows, seconds = [], []
        for seed in options.seeds:
            model = {**classical(seed), **{name: ESTIMATORS[name]() for name in ZOO}}[method]
            if method in ZOO:
                model.set_params(random_state=seed)
            started = perf_counter()
            model.fit(digits.x.astype(float))
            seconds.append(perf_counter() - started)
            if method == "k-means":
                gamma = np.eye(10)[model.labels_]
            else:
                gamma = model.predict_proba(digits.x.astype(float))
            metrics = evaluate_clustering(digits.labels, gamma)
            rows.append((metrics["accuracy"], metrics["nmi"], affiliation_variance(gamma)))
        (accuracy, nmi, variance), spread = np.mean(rows, 0), np.std(rows, 0)[0]
        print(
            f"| {method} | {accuracy:.3f} ± {spread:.3f} | {max(rows)[0]:.3f} | {nmi:.3f} "
            f"| {variance:.4f} | {np.mean(seconds):.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
