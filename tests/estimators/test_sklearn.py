"""scikit-learn's own checks on every estimator: no failure is expected of any."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.base import BaseEstimator
from sklearn.utils.estimator_checks import parametrize_with_checks

from pyromix import DHVC, GMVAE, MFCVAE, AugmentedVaDE, GamMMVAE, VaDE
from pyromix.inference import (
    BestHead,
    GaussianMixtureStart,
    KMeansStart,
    Neighbours,
    PseudoLabels,
    Training,
    TwoView,
)
from pyromix.networks import Perceptron, PerceptronLadder

QUICK: dict[str, Any] = {
    "n_clusters": 4,  # as many as the classes of the checks' labels
    "networks": Perceptron(8, batch_norm=True),
    "latent_dim": 2,
    "start": PseudoLabels(KMeansStart(on="data"), epochs=20),
    "training": Training(max_epochs=2, batch_size=64),
    "random_state": 0,
    "device": "cpu",
}
ON_CODES = {"pretraining": Neighbours(3, epochs=5), "start": GaussianMixtureStart()}
BY_HEADS = {"pretraining": TwoView(n_heads=2, epochs=20), "start": BestHead()}
# scikit-learn's clusterers have one clustering: of several it would ask for one row of labels.
ONE_FACET = {"networks": PerceptronLadder(8, batch_norm=True)}
ignored = (
    "ignore::pyromix.inference.CollapseWarning",
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore::pyromix.estimators.UnscaledWarning",
    "ignore:y holds .* classes:UserWarning",  # a check's own labels
)


@pytest.mark.slow
@pytest.mark.filterwarnings(*ignored)
@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [VaDE(**QUICK), GMVAE(**{**QUICK, **ON_CODES})]
)
def test_sklearn(estimator: BaseEstimator, check: Any) -> None:
    check(estimator)


@pytest.mark.long
@pytest.mark.filterwarnings(*ignored)
@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [
        MFCVAE(**{**QUICK, **ONE_FACET}),
        GamMMVAE(**QUICK),
        AugmentedVaDE(**QUICK),
        DHVC(**{**QUICK, **BY_HEADS}),
    ]
)
def test_sklearn_on_all_others(estimator: BaseEstimator, check: Any) -> None:
    check(estimator)
