"""Fits and predictions in several threads of one process find what they find one by one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import joblib  # type: ignore[import-untyped]
import numpy as np
import pyro
import pytest
import torch
from pyro.infer.util import is_validation_enabled
from sklearn.model_selection import GridSearchCV
from torch import nn

from pyromix import DHVC, GMVAE, MFCVAE, VaDE
from pyromix.estimators import DeepMixture
from pyromix.inference import GaussianMixtureStart, Training
from pyromix.networks import Perceptron, PerceptronLadder

pytestmark = pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")

X = np.random.RandomState(0).rand(120, 6).astype(np.float32)
SMALL: dict[str, Any] = {
    "latent_dim": 2,
    "pretraining": None,
    "start": GaussianMixtureStart(),
    "training": Training(max_epochs=2),
    "random_state": 0,
}
FLAT: dict[str, Any] = {"n_clusters": 3, "networks": Perceptron(16, batch_norm=True), **SMALL}
LADDER = PerceptronLadder((16, 16))
ESTIMATORS: list[DeepMixture] = [
    VaDE(**FLAT),
    GMVAE(**FLAT),
    DHVC(**{**FLAT, "start": None}),
    MFCVAE(n_clusters=(3, 2), networks=LADDER, **{**SMALL, "start": None}),
]
Answer = Callable[[], Any]


def answers(fitted: DeepMixture) -> list[Answer]:
    return [
        partial(fitted.predict_proba, X),
        partial(fitted.predict_proba, X[::2], num_samples=40),
        partial(fitted.score_samples, X, num_samples=20),
        partial(fitted.reconstruct, X),
        partial(fitted.transform, X),
        partial(fitted.sample, 30, seed=3),
        partial(fitted.posterior_predictive, X, 2, seed=4),
    ]


def flat(answer: Any) -> list[bytes]:
    """All arrays of an answer, bit for bit."""
    if isinstance(answer, list | tuple):
        return [each for part in answer for each in flat(part)]
    return [np.asarray(answer).tobytes()]


def state(fitted: DeepMixture) -> list[bytes]:
    tensors = [*fitted.model_.state_dict().values(), *fitted.guide_.state_dict().values()]
    return [tensor.numpy().tobytes() for tensor in tensors if isinstance(tensor, torch.Tensor)]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: type(each).__name__)
def test_four_threads_find_the_rows_that_one_finds(estimator: DeepMixture) -> None:
    """BatchNorm's statistics, a user's parameters and Pyro's flags are left alone, too."""
    fitted = estimator.fit(X)
    expected = [flat(answer()) for answer in answers(fitted)]
    before = state(fitted)
    pyro.param("mine", torch.ones(2))
    checked = is_validation_enabled()
    with ThreadPoolExecutor(4) as threads:
        waiting = [
            [threads.submit(answer) for answer in answers(fitted)[shift:] + answers(fitted)[:shift]]
            for shift in range(4)
        ]
        for shift, found in enumerate(waiting):
            rows = [flat(each.result()) for each in found]
            assert rows == expected[shift:] + expected[:shift]
    assert state(fitted) == before
    assert list(pyro.get_param_store().keys()) == ["mine"]
    assert is_validation_enabled() == checked


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: type(each).__name__)
def test_prediction_never_switches_the_mode_of_a_fitted_model(
    estimator: DeepMixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = estimator.fit(X)
    modules = [*fitted.model_.modules(), *fitted.guide_.modules()]
    assert not any(module.training for module in modules)

    def refuse(self: nn.Module, name: str, value: Any, put: Any = nn.Module.__setattr__) -> None:
        assert name != "training", type(self)
        put(self, name, value)

    monkeypatch.setattr(nn.Module, "__setattr__", refuse)
    for answer in answers(fitted):
        answer()


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: type(each).__name__)
def test_fits_at_once_end_as_fits_one_by_one(estimator: DeepMixture) -> None:
    def weights(seed: int) -> list[bytes]:
        fresh = type(estimator)(**estimator.get_params(deep=False)).set_params(random_state=seed)
        return state(fresh.fit(X))

    expected = [weights(seed) for seed in range(3)]
    assert expected[0] != expected[1]
    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(weights, range(3))) == expected


def test_a_search_in_threads_scores_as_one_without() -> None:
    def scores() -> Any:
        grid = {"n_clusters": [2, 3], "training__learning_rate": [1e-3, 1e-2]}
        search = GridSearchCV(ESTIMATORS[0], grid, cv=2, error_score="raise").fit(X)
        return search.cv_results_["mean_test_score"]

    alone = scores()
    with joblib.parallel_config("threading", n_jobs=3):
        assert (scores() == alone).all()
