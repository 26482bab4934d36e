"""The default recipes learn: on the digits, over five seeds, beside classical clusterings."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

from pyromix.data import load
from pyromix.estimators import DHVC, GMVAE, AugmentedVaDE, DeepMixture, GamMMVAE, VaDE
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


def accuracy(kind: type[DeepMixture], seeds: Iterable[int]) -> float:
    """Mean accuracy of the default recipe over the seeds."""
    digits = load("digits")
    found = [
        hungarian_accuracy(digits.labels, kind(random_state=seed).fit(digits.x).labels_)
        for seed in seeds
    ]
    print(f"{kind.__name__}: {np.mean(found):.3f} ± {np.std(found):.3f}", classical())
    return float(np.mean(found))


@pytest.mark.slow
@pytest.mark.parametrize("kind", [VaDE, GMVAE])
def test_default_recipe_beats_classical_clusterings(kind: type[DeepMixture]) -> None:
    found = accuracy(kind, SEEDS)
    assert found >= classical()["k-means"]
    assert found >= classical()["mixture"]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "least"), [(GamMMVAE, 0.75), (AugmentedVaDE, 0.75), (DHVC, 0.82)])
def test_the_others_learn(kind: type[DeepMixture], least: float) -> None:
    """On one seed; benchmarks/digits.py has five."""
    assert accuracy(kind, [1]) >= least
