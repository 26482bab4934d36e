"""A wrong estimator is told which law it breaks."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pytest
import torch
from numpy.typing import ArrayLike
from sklearn.exceptions import NotFittedError

from pyromix import MFCVAE, VaDE
from pyromix.inference import Autoencoder, GaussianMixtureStart, Training
from pyromix.networks import Perceptron
from pyromix.testing import check_estimator
from pyromix.testing import estimators as checks

QUICK: dict[str, Any] = {
    "n_clusters": 2,
    "latent_dim": 2,
    "networks": Perceptron(4),
    "pretraining": Autoencoder(2),
    "start": GaussianMixtureStart(),
    "training": Training(max_epochs=2),
    "random_state": 0,
}


@pytest.mark.slow
def test_an_estimator_that_is_right() -> None:
    check_estimator(VaDE(**QUICK), np.random.default_rng(1).random((40, 3)))


@pytest.mark.slow
def test_an_estimator_of_several_clusterings() -> None:
    """Where a check wants one clustering, it is named with its reason."""
    lists = dict.fromkeys(
        (
            "check_estimators_pickle",
            "check_transformer_data_not_an_array",
            "check_transformer_general",
            "check_clustering",
            "check_fit_idempotent",
            "check_estimator_sparse_matrix",
            "check_estimator_sparse_array",
            "check_sample_weight_equivalence_on_dense_data",
            "check_sample_weight_equivalence_on_sparse_data",
        ),
        "several clusterings answer in a list, or in columns",
    )
    facets = {"n_clusters": (2, 3), "networks": "perceptron-ladder", "pretraining": None}
    check_estimator(MFCVAE(**{**QUICK, **facets}), expected_failed_checks=lists)


class Restless(VaDE):
    """Each fit ends elsewhere."""

    fits = 0

    def fit(self, X: ArrayLike, y: object = None, **more: Any) -> Self:
        super().fit(X, y, **more)
        Restless.fits += 1
        with torch.no_grad():
            self.model_.prior.loc += 0.1 * Restless.fits
        return self


class Unsaved(VaDE):
    """What it learnt besides its weights is not saved."""

    def transform(self, X: ArrayLike, *, site: str = "z", **more: Any) -> Any:
        return super().transform(X, site=site, **more) + getattr(self, "offset_", 0.0)

    def fit(self, X: ArrayLike, y: object = None, **more: Any) -> Self:
        super().fit(X, y, **more)
        self.offset_ = 1.0
        return self


class StartsAnew(VaDE):
    """A checkpoint changes the fit that keeps it."""

    def fit(self, X: ArrayLike, y: object = None, **more: Any) -> Self:
        super().fit(X, y, **more)
        if "checkpoint" in more:
            with torch.no_grad():
                self.model_.prior.loc += 0.1
        return self


class Shy(VaDE):
    """It does not say that it is not fitted."""

    def predict(self, X: ArrayLike, **more: Any) -> Any:
        try:
            return super().predict(X, **more)
        except NotFittedError:
            return np.zeros(len(np.asarray(X)), dtype=int)


@pytest.mark.parametrize(
    ("estimator", "sentence"),
    [
        (
            Restless,
            r"when it is fitted twice with one seed, .* gives the same bits. They are",
        ),
        (Unsaved, r"when it is saved and loaded, transform gives the same bits. .* 1 apart"),
        (StartsAnew, r"when a checkpoint is kept, .* gives the same bits"),
    ],
)
def test_estimators_that_are_wrong(
    estimator: Any, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "sklearn_check", lambda *args, **kwargs: [])
    with pytest.raises(AssertionError, match=sentence) as caught:
        check_estimator(estimator(**QUICK))
    assert estimator.__name__ in str(caught.value)


@pytest.mark.slow
def test_scikit_learn_s_own_checks_are_among_them() -> None:
    with pytest.raises(
        AssertionError, match=r"scikit-learn's checks pass\. Of \d+ \d+ fail: check_"
    ):
        check_estimator(Shy(**QUICK))
