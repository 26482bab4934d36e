"""A fit that diverges says so, under every estimator, soon, and never ends with NaN weights."""

from __future__ import annotations

from contextlib import suppress
from time import perf_counter

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from pyromix.estimators import ESTIMATORS, DeepMixture
from pyromix.inference import TrainingDiverged

pytestmark = pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")
X = load_digits().data[:300] / 16


def absurd(name: str, rate: float, epochs: int) -> DeepMixture:
    estimator = ESTIMATORS[name](random_state=0)
    estimator.set_params(
        training__learning_rate=rate, training__max_epochs=epochs, training__gradient_clip=None
    )
    if estimator.pretraining is not None:
        estimator.set_params(pretraining__epochs=1)
    return estimator


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("rate", [1e9, 1e30])
@pytest.mark.parametrize("epochs", [1, 3])
def test_an_absurd_rate_diverges_or_leaves_numbers(name: str, rate: float, epochs: int) -> None:
    estimator, started = absurd(name, rate, epochs), perf_counter()
    with suppress(TrainingDiverged):
        estimator.fit(X)
        weights = [*estimator.model_.parameters(), *estimator.guide_.parameters()]
        assert all(bool(torch.isfinite(weight).all()) for weight in weights)
        gammas = estimator.predict_proba(X)
        for gamma in gammas if isinstance(gammas, list) else [gammas]:
            assert np.isfinite(gamma).all()
    assert perf_counter() - started < 20


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_can_diverge_and_says_so(name: str) -> None:
    with pytest.raises(TrainingDiverged, match=r"lower learning_rate"):
        absurd(name, 1e30, 3).fit(X)
