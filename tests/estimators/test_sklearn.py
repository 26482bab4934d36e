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


def expected_failures(estimator: BaseEstimator) -> dict[str, str]:
    """Checks that cannot pass, each with its reason."""
    noise = "score_samples is a Monte Carlo bound, whose noise goes with the row's place; "
    rest = "test_surface.py holds the other methods to it"
    return {
        "check_methods_sample_order_invariance": noise + rest,
        "check_methods_subset_invariance": noise + rest,
    }


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([VaDE(**QUICK), GMVAE(**QUICK)], expected_failed_checks=expected_failures)
def test_sklearn(estimator: BaseEstimator, check: Any) -> None:
    check(estimator)
