"""The Hungarian map against brute force over all pairings."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from numpy.typing import ArrayLike

from pyromix.evaluation import contingency, hungarian_accuracy, hungarian_map


def brute_force(counts: np.ndarray) -> int:
    """The best sum over one-to-one pairings of rows and columns."""
    table = counts if counts.shape[0] <= counts.shape[1] else counts.T
    rows = range(table.shape[0])
    return max(
        int(sum(table[r, c] for r, c in zip(rows, chosen, strict=True)))
        for chosen in permutations(range(table.shape[1]), table.shape[0])
    )


@pytest.mark.parametrize(("n_labels", "n_clusters"), [(3, 3), (3, 5), (5, 3), (1, 4), (4, 1)])
def test_accuracy_is_the_best_pairing(n_labels: int, n_clusters: int) -> None:
    rng = np.random.default_rng(n_labels * 10 + n_clusters)
    for _ in range(5):
        y, c = rng.integers(n_labels, size=40), rng.integers(n_clusters, size=40)
        assert hungarian_accuracy(y, c) == pytest.approx(brute_force(contingency(y, c)[0]) / 40)


def test_map_pairs_one_to_one_and_leaves_the_rest() -> None:
    y = np.array([10, 10, 10, 20, 20, 20])
    assert hungarian_map(y, np.array([4, 4, 9, 1, 1, 9])) == {1: 20, 4: 10}
    assert hungarian_map(y, np.zeros(6, int)) == {0: 10}


def test_contingency_by_hand() -> None:
    counts, labels, clusters = contingency([3, 3, 8, 8], [0, 2, 2, 2])
    assert counts.tolist() == [[1, 1], [0, 2]]
    assert (labels.tolist(), clusters.tolist()) == ([3, 8], [0, 2])


@pytest.mark.parametrize(
    ("labels", "clusters", "message"),
    [
        ([0, 1], [0], "as long, got 2 and 1"),
        ([0.5, 1.0], [0, 1], "labels must be a vector of whole numbers"),
        ([[0], [1]], [0, 1], r"labels must be .* shape \(2, 1\)"),
        ([0, 1], np.zeros((2, 2)), "clusters must be a vector"),
        ([], [], "shape"),
    ],
)
def test_bad_partitions(labels: ArrayLike, clusters: ArrayLike, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        contingency(labels, clusters)
