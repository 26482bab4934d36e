"""scikit-learn's own checks on every estimator."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.base import BaseEstimator
from sklearn.utils.estimator_checks import parametrize_with_checks

from pyromix import GMVAE, VaDE
from pyromix.inference import GaussianMixtureStart, Neighbours, PseudoLabels, Training
from pyromix.networks import Perceptron
from pyromix.testing.estimators import EXPECTED_FAILURES

QUICK: dict[str, Any] = {
    "n_clusters": 3,
    "networks": Perceptron(8, batch_norm=True),
    "latent_dim": 2,
    "start": PseudoLabels(epochs=20),
    "training": Training(max_epochs=2, batch_size=64),
    "random_state": 0,
    "device": "cpu",
}
ON_CODES = {"pretraining": Neighbours(3, epochs=5), "start": GaussianMixtureStart()}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::pyromix.estimators.UnscaledWarning")
@pytest.mark.filterwarnings("ignore:y holds .* classes:UserWarning")  # a check's own labels
@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [VaDE(**QUICK), GMVAE(**{**QUICK, **ON_CODES})],
    expected_failed_checks=lambda _: EXPECTED_FAILURES,
)
def test_sklearn(estimator: BaseEstimator, check: Any) -> None:
    check(estimator)
