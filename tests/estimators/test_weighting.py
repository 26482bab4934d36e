"""Weights of rows: two is twice the row, in the fit's bits and in the expected gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pyromix import DeepMixture
from pyromix.estimators.weighting import repeated
from pyromix.inference import ClosedFormELBO, GroupsOf, Training
from pyromix.networks import Perceptron

pytestmark = pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")
X = np.random.RandomState(0).rand(30, 4).astype(np.float32)


def quick(**arguments: Any) -> DeepMixture:
    usual: dict[str, Any] = {
        "n_clusters": 2,
        "latent_dim": 2,
        "networks": Perceptron(8),
        "pretraining": None,
        "start": None,
        "training": Training(max_epochs=2, batch_size=10),
        "random_state": 0,
    }
    return DeepMixture(**{**usual, **arguments})


def test_a_weight_of_two_is_the_row_twice() -> None:
    weights = np.ones(30)
    weights[[3, 7]], weights[5] = 2, 0
    start = GroupsOf(np.arange(30) % 2)
    by_weight = quick(start=start).fit(X, sample_weight=weights)
    rows = np.arange(30).repeat(weights.astype(int))
    twice = quick(start=GroupsOf(rows % 2)).fit(X[rows])
    np.testing.assert_array_equal(by_weight.predict_proba(X), twice.predict_proba(X))
    assert by_weight.labels_.shape == (30,)


def test_fractional_weights_give_the_weighted_gradient_in_expectation() -> None:
    """The mean over draws is nearer to it than the unweighted gradient is, by far."""
    weights = np.random.RandomState(1).exponential(size=30)
    model, guide = quick().build((4,))
    rows = torch.from_numpy(X)
    each, _ = ClosedFormELBO().per_datum(model, guide, rows)
    parameters = list(model.likelihood.parameters())

    def gradient(shares: torch.Tensor) -> torch.Tensor:
        slopes = torch.autograd.grad((shares * each).sum(), parameters, retain_graph=True)
        return torch.cat([slope.flatten() for slope in slopes])

    exact = gradient(torch.from_numpy(weights / weights.sum()).float())
    drawn = [
        gradient(torch.bincount(repeated(weights, seed), minlength=30) / 30) for seed in range(300)
    ]
    error = (torch.stack(drawn).mean(0) - exact).norm()
    assert float(error) < 0.15 * float((gradient(torch.full((30,), 1 / 30)) - exact).norm())


def test_rows_are_there_as_often_as_weights_say() -> None:
    weights = np.random.RandomState(1).exponential(size=50)
    wanted = 50 * weights / weights.sum()
    times = np.stack([np.bincount(repeated(weights, s), minlength=50) for s in range(500)])
    assert (times.sum(1) == 50).all()
    assert (times >= np.floor(wanted)).all()
    assert (times <= np.ceil(wanted)).all()
    assert np.abs(times.mean(0) - wanted).max() < 4 * 0.5 / np.sqrt(500)
    assert repeated(np.array([2.0, 0.0, 3.0]), 0).tolist() == [0, 0, 2, 2, 2]


def test_scores_are_weighted_means() -> None:
    fitted = quick().fit(X)
    weights = np.arange(30.0)
    mean = np.average(fitted.score_samples(X), weights=weights)
    assert fitted.score(X, sample_weight=weights) == pytest.approx(mean)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(29), r"shape \(29,\), and X has 30 rows"),
        (np.ones((30, 1)), r"shape \(30, 1\)"),
        (np.full(30, -1.0), "holds -1 in row 0"),
        (np.where(np.arange(30) == 4, np.nan, 1.0), "holds nan in row 4"),
        (np.zeros(30), "zero in every row"),
        (np.full(30, "a"), "holds str"),
    ],
)
def test_what_is_no_weight_is_refused(weights: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        quick().fit(X, sample_weight=weights)


def test_a_fit_of_one_batch_does_not_know_the_order_of_rows() -> None:
    """Labels and groups to start from go with their rows, and scaling and gaps heed weights."""
    table = X * [1.0, 100.0, 1e-3, 1.0] - 0.3
    table[4, 1] = np.nan
    weights = np.arange(30.0) % 3
    y = np.where(np.arange(30) < 10, np.arange(30) % 2, -1)
    order = np.random.RandomState(1).permutation(30)
    rows = order.repeat(weights[order].astype(int))

    def fitted(of: Any, **given: Any) -> DeepMixture:
        start = GroupsOf((np.arange(30) % 2)[of])
        training = Training(max_epochs=2, batch_size=40)
        mixture = quick(start=start, training=training, standardise=True, likelihood="normal")
        return mixture.fit(table[of], y[of], **given)

    by_weight = fitted(slice(None), sample_weight=weights)
    for other in (fitted(order, sample_weight=weights[order]), fitted(rows)):
        np.testing.assert_array_equal(by_weight.predict_proba(table), other.predict_proba(table))
    np.testing.assert_array_equal(fitted(rows).labels_, by_weight.labels_[rows])


def test_a_column_seen_in_rows_without_weight_alone_is_refused() -> None:
    table = X.copy()
    table[1:, 2] = np.nan
    with pytest.raises(ValueError, match="observed values in rows of sample_weight 0 alone"):
        quick().fit(table, sample_weight=np.arange(30) > 0)
