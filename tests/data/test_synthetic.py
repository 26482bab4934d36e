"""The synthetic sets: their stated laws, seeds, and clusters that are really apart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from sklearn.neighbors import KNeighborsClassifier

from pyromix.data import Dataset, arcs, pinwheel

SETS = pytest.mark.parametrize("draw", [pinwheel, arcs])


@SETS
def test_seeds(draw: Callable[..., Dataset]) -> None:
    first, again, other = draw(500, seed=3), draw(500, seed=3), draw(500, seed=4)
    np.testing.assert_array_equal(first.x, again.x)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert not np.array_equal(first.x, other.x)
    assert first.x.dtype == np.float32
    assert first.label_names == ("arm",)


@SETS
def test_no_global_random_state_is_touched(draw: Callable[..., Dataset]) -> None:
    before = np.random.get_state(legacy=False)  # noqa: NPY002
    draw(10)
    np.testing.assert_equal(np.random.get_state(legacy=False), before)  # noqa: NPY002


@SETS
def test_arms_are_apart(draw: Callable[..., Dataset]) -> None:
    train, test = draw(4_000, seed=0), draw(2_000, seed=1)
    neighbours = KNeighborsClassifier(5).fit(train.x, train.labels)
    assert neighbours.score(test.x, test.labels) > 0.99


@SETS
def test_arms_are_equally_likely(draw: Callable[..., Dataset]) -> None:
    labels = draw(10_000).labels
    assert labels is not None
    counts = np.bincount(labels, minlength=5)
    assert stats.chisquare(counts).pvalue > 1e-3


def test_pinwheel_has_the_stated_radius_and_width() -> None:
    data = pinwheel(20_000)
    assert data.labels is not None
    angle = -0.25 * np.exp(np.linalg.norm(data.x, axis=1) / 0.7)
    turn = -(2 * np.pi * data.labels / 5 + angle)
    x, y = data.x.T / 0.7
    radius = np.cos(turn) * x - np.sin(turn) * y
    tangent = np.sin(turn) * x + np.cos(turn) * y
    assert radius.mean() == pytest.approx(1, abs=0.01)
    assert radius.std() == pytest.approx(0.23, rel=0.03)
    assert tangent.std() == pytest.approx(0.042, rel=0.05)


def test_arcs_lie_on_their_circles() -> None:
    data = arcs(5_000)
    assert data.labels is not None
    centre = 1.4 * np.exp(2j * np.pi * data.labels / 5)
    radius = np.abs(data.x[:, 0] + 1j * data.x[:, 1] - centre)
    assert stats.kstest((radius - 1) / 0.04, "norm").pvalue > 1e-3
