"""Starts on the graph of neighbours: clusters that are no blobs, and laws of order and seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import make_circles
from sklearn.metrics import adjusted_rand_score

from pyromix.inference import KMeansStart, SpectralStart, UMAPStart
from pyromix.inference.phases import manifold

Array = NDArray[Any]


@pytest.fixture(scope="module")
def rings() -> tuple[Array, Array]:
    """Two rings, one in the other, which no mixture of two Gaussians tells apart."""
    x, truth = make_circles(300, noise=0.03, factor=0.4, random_state=0)
    return x, truth


@pytest.mark.slow  # numba compiles
def test_umap_sees_rings_and_is_the_same_each_time(
    rings: tuple[Array, Array], monkeypatch: pytest.MonkeyPatch
) -> None:
    x, truth = rings
    start = UMAPStart(n_components=2)
    before = torch.get_num_threads()
    found = start.groups(x, 2, seed=0)
    assert torch.get_num_threads() == before
    assert adjusted_rand_score(truth, found) == 1.0
    np.testing.assert_array_equal(start.groups(x, 2, seed=0), found)
    few = x[:40]
    usual = start.embed(few, 0)
    assert usual.shape == (40, 2)
    assert start.embed(few[:5], 0).shape == (5, 2)
    with monkeypatch.context() as without:
        without.setattr(manifold, "FEW", 0)  # UMAP takes all distances itself
        np.testing.assert_array_equal(start.embed(few, 0), usual)
    for other in (UMAPStart(5, 2), UMAPStart(n_components=2, min_dist=0.5)):
        assert not np.array_equal(other.embed(few, 0), usual)
    wide = np.random.default_rng(0).normal(size=(60, 70)) + 9 * _halves()
    found = UMAPStart(n_components=80).groups(wide, 2, 0)  # more than there are data
    assert adjusted_rand_score(np.arange(60) % 2, found) == 1.0
    with pytest.raises(ValueError, match="there are 4 data: a UMAP needs five"):
        start.groups(x[:4], 2, 0)


def _halves() -> Array:
    """A step in the first feature for every other datum."""
    return np.outer(np.arange(60) % 2, np.eye(70)[0])


def test_eigenvectors_see_rings_in_any_order_and_scale(rings: tuple[Array, Array]) -> None:
    x, truth = rings
    order = np.random.default_rng(0).permutation(300)
    assert adjusted_rand_score(truth, KMeansStart(on="data").groups(x, 2, 0)) < 0.1
    for rows, expected in ((x, truth), (x[order], truth[order]), (1e3 * x + 7, truth)):
        found = SpectralStart().groups(rows, 2, seed=0)
        assert adjusted_rand_score(expected, found) == 1.0
    np.testing.assert_array_equal(SpectralStart().groups(x, 3, 5), SpectralStart().groups(x, 3, 5))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: UMAPStart(1), "n_neighbours is 1: use 2 or more"),
        (lambda: UMAPStart(n_components=0), "n_components is 0: UMAPStart takes int from 1"),
        (
            lambda: UMAPStart(min_dist=-0.1),
            "min_dist is -0.1: UMAPStart takes float from 0",
        ),
        (
            lambda: UMAPStart(min_dist=1.5),
            "min_dist is 1.5: UMAPStart takes float from 0",
        ),
        (lambda: SpectralStart(0), "n_neighbours is 0: SpectralStart takes int from 1"),
    ],
)
def test_settings_out_of_range(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
