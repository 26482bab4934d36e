"""The baselines are scikit-learn's, on flattened data, with the K and seed asked for."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

from pyromix.data import Dataset, load
from pyromix.reports import baselines as module
from pyromix.reports import fit_baselines

NAMES = ["k-means", "GaussianMixture", "PCA+GaussianMixture"]


def test_each_gives_probabilities_of_the_data_it_is_asked_about() -> None:
    images = load("digits").x.reshape(-1, 1, 8, 8)
    train = Dataset(images[:500], None, "train")
    test = Dataset(images[500:600], None, "test")
    found = list(fit_baselines(train, test, 10, 3))
    assert [each.name for each in found] == NAMES
    for each in found:
        assert each.responsibilities.shape == (100, 10)
        np.testing.assert_allclose(each.responsibilities.sum(1), 1, atol=1e-6)
        assert each.seconds > 0
    kmeans = KMeans(10, n_init=10, random_state=3).fit(train.x.reshape(500, -1))
    clusters = kmeans.predict(test.x.reshape(100, -1))
    assert (found[0].responsibilities.argmax(1) == clusters).all()


def test_much_data_is_thinned_at_random(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.repeat([[0.0, 0.0], [9.0, 9.0]], 200, 0) + np.random.default_rng(0).random((400, 2))
    data = Dataset(x.astype(np.float32), None, "sorted")
    seen = []
    fit = KMeans.fit

    def noted(self: KMeans, rows: np.ndarray) -> KMeans:
        seen.append(rows)
        return fit(self, rows)

    monkeypatch.setattr(KMeans, "fit", noted)
    monkeypatch.setattr(module, "MAX_ROWS", 100)
    found = list(fit_baselines(data, data, 2, 0))
    assert seen[0].shape == (100, 2)
    assert 20 < (seen[0][:, 0] > 5).sum() < 80
    assert found[0].responsibilities.shape == (400, 2)


def test_one_that_cannot_be_fitted_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise ValueError("ill-defined empirical covariance")

    monkeypatch.setattr(GaussianMixture, "fit", fail)
    data = load("digits")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        names = [each.name for each in fit_baselines(data, data, 10, 0)]
    assert names == ["k-means"]
    assert [str(each.message) for each in told] == [
        "no GaussianMixture beside it: ill-defined empirical covariance",
        "no PCA+GaussianMixture beside it: ill-defined empirical covariance",
    ]
