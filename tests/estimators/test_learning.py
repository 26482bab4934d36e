"""The default recipes learn: on the digits, over five seeds, beside classical clusterings."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

from pyromix.data import load
from pyromix.estimators import GMVAE, DeepMixture, VaDE
from pyromix.evaluation import hungarian_accuracy

SEEDS = range(5)


@cache
def classical() -> dict[str, float]:
    """Mean accuracy of k-means and of a Gaussian mixture over the seeds."""
    digits = load("digits")
    makers = {
        "k-means": lambda seed: KMeans(10, n_init=10, random_state=seed),
        "mixture": lambda seed: GaussianMixture(10, reg_covar=1e-4, random_state=seed),
    }
    return {
        name: float(
            np.mean(
                [
                    hungarian_accuracy(digits.labels, make(seed).fit_predict(digits.x))
                    for seed in SEEDS
                ]
            )
        )
        for name, make in makers.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("kind", [VaDE, GMVAE])
def test_default_recipe_beats_classical_clusterings(kind: type[DeepMixture]) -> None:
    digits = load("digits")
    accuracies = [
        hungarian_accuracy(digits.labels, kind(random_state=seed).fit(digits.x).labels_)
        for seed in SEEDS
    ]
    print(f"{kind.__name__}: {np.mean(accuracies):.3f} ± {np.std(accuracies):.3f}", classical())
    assert np.mean(accuracies) >= classical()["k-means"]
    assert np.mean(accuracies) >= classical()["mixture"]
