"""The digits over several seeds: every estimator's default recipe beside classical clusterings.

Accuracy is Hungarian, K = 10, on all 1,797 images, which are fitted without labels.

    python benchmarks/digits.py
    python benchmarks/digits.py --methods dhvc --seeds 0 1 2
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline

from pyromix.data import load
from pyromix.estimators import ESTIMATORS
from pyromix.reports import responsibilities, scored, table_head, table_row, timed_fit

ZOO = [name for name in ESTIMATORS if name not in ("mfcvae", "deep-mixture")]


def classical(seed: int) -> dict[str, Any]:
    """What one would try first; on so few data it can afford full covariances and restarts."""
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
    x = digits.x.astype(float)
    columns = ("accuracy, mean ± sd", "best", "NMI", "affiliation variance", "seconds a fit")
    print(table_head("method", *columns))
    for method in options.methods:
        rows, seconds = [], []
        for seed in options.seeds:
            model = {**classical(seed), **{name: ESTIMATORS[name]() for name in ZOO}}[method]
            if method in ZOO:
                model.set_params(random_state=seed)
            seconds.append(timed_fit(model, x))
            scores = scored(digits, responsibilities(model, x))
            rows.append([scores[name] for name in ("accuracy", "nmi", "affiliation_variance")])
        (accuracy, nmi, variance), spread = np.mean(rows, 0), np.std(rows, 0)[0]
        cells = (f"{accuracy:.3f} ± {spread:.3f}", max(rows)[0], nmi, f"{variance:.4f}")
        print(table_row(method, *cells, f"{np.mean(seconds):.1f}"), flush=True)


if __name__ == "__main__":
    main()
