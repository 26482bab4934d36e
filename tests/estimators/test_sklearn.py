"""scikit-learn's own checks on every estimator."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.base import BaseEstimator
from sklearn.utils.estimator_checks import parametrize_with_checks

from pyromix.estimators import GMVAE, VaDE

QUICK: dict[str, Any] = {
    "n_clusters": 3,
    "hidden_dims": (8,),
    "latent_dim": 2,
    "pretrain_epochs": 5,
    "pretrain_neighbours": 3,
    "max_epochs": 2,
    "batch_size": 64,
    "random_state": 0,
    "device": "cpu",
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([VaDE(**QUICK), GMVAE(**QUICK)])
def test_sklearn(estimator: BaseEstimator, check: Any) -> None:
    check(estimator)
