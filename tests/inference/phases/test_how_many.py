"""The number of clusters: valleys as densities say, curves written out, K where it is known."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from pyromix.inference import ClusterCurves, cluster_curves, modularity, neighbour_graph
from pyromix.inference.phases.how_many import largest_apart, partition
from pyromix.inference.phases.manifold import UMAPStart
from pyromix.inference.phases.valleys import THIN, doubt, separate_clusters, valley

rng = np.random.default_rng(0)


@pytest.mark.parametrize("distance", [3.0, 4.0, 5.0])
def test_a_valley_is_that_of_the_density(distance: float) -> None:
    """Of two Gaussians smoothed as a kernel smooths them."""
    n = 4000
    first = rng.standard_normal((n, 3)) * [1, 0.2, 0.2]
    second = rng.standard_normal((n, 3)) * [1, 0.2, 0.2] + [distance, 0, 0]
    spread = math.sqrt(1 + (2 * THIN) ** (-2 / 5) * (1 + distance**2 / 4))
    places = np.linspace(-1, distance + 1, 1000)
    density = norm.pdf(places, 0, spread) + norm.pdf(places, distance, spread)
    expected = density[np.abs(places - distance / 2).argmin()] / density.max()
    assert valley(first, second) == pytest.approx(expected, abs=0.1)
    assert valley(second, first) == pytest.approx(valley(first, second), abs=0.02)


def test_halves_of_one_cluster_have_no_valley() -> None:
    whole = rng.standard_normal((1000, 2))
    left = whole[:, 0] < 0
    assert valley(whole[left], whole[~left]) > 0.9
    assert valley(whole[:500], whole[500:] + 1e-9) > 0.9


def test_a_large_cluster_does_not_hide_a_small_one() -> None:
    large, small = rng.standard_normal((2000, 2)), rng.standard_normal((20, 2)) * 0.5 + [9, 0]
    assert valley(large, small) < 0.3
    assert valley(large, small[:4]) == 1.0  # too few to tell


def test_copies_of_a_datum_are_one_cluster() -> None:
    assert valley(np.ones((10, 2)), np.ones((10, 2))) == 1.0


def test_parts_of_a_cluster_are_counted_once() -> None:
    x, labels = make_blobs(600, centers=[[0, 0], [9, 0], [0, 9]], random_state=0)
    assert separate_clusters(x, labels) == 3
    split = 2 * labels + (x.sum(1) > np.array([0, 9, 9])[labels])  # each in halves
    assert len(np.unique(split)) == 6
    assert separate_clusters(x, split) == 3
    assert separate_clusters(x, np.minimum(labels, 1)) == 2


@pytest.mark.parametrize("true_k", [2, 5, 10])
@pytest.mark.parametrize("dim", [2, 10])
def test_the_true_number_raises_no_doubt(true_k: int, dim: int) -> None:
    """Of clusters six deviations apart; and one more, or one less, raises it."""
    centres = [6.0 * np.array([i // 5, i % 5, *[0] * (dim - 2)]) for i in range(true_k)]
    for seed in range(5):
        x, labels = make_blobs(100 * true_k, dim, centers=centres, random_state=seed)
        assert doubt(x, labels) == ""
        split = np.where((labels == 0) & (x[:, 0] > 0), true_k, labels)
        assert doubt(x, split).startswith(f"too many: of {true_k + 1} clusters {true_k} stand")
        assert doubt(x, np.maximum(labels, 1)).startswith("too few: the data of cluster 1 are two")


def test_the_largest_k_of_which_all_stand_apart() -> None:
    ks = [2, 3, 4, 5]
    assert largest_apart(ks, [2, 1, 4, 4], [0.9, 0.9, 0.9, 0.9]) == 4
    assert largest_apart(ks, [2, 1, 4, 4], [0.9, 1.0, 0.8, 1.0]) == 2  # seeds agree on 2
    assert largest_apart(ks, [2, 1, 4, 4], [0.9, 0.9, 0.86, 0.9]) == 4  # as well as on 4
    assert largest_apart(ks, [2, 1, 4, 4], [np.nan] * 4) == 4
    assert largest_apart(ks, [1, 1, 2, 2], [1.0] * 4) == 2
    assert largest_apart([1, *ks], [1, 1, 3, 3, 3], [1.0, 0.5, 0.8, 0.9, 0.9]) == 3


def test_the_curves_are_those_of_partitions_by_hand() -> None:
    x, _ = make_blobs(200, n_features=4, centers=4, cluster_std=0.5, random_state=1)
    ks, seeds = (2, 4, 6), (0, 5)
    curves = cluster_curves(x, ks, seeds)
    graph = neighbour_graph(x)
    maps = [UMAPStart(n_neighbours=15, n_components=2).embed(x, seed) for seed in seeds]
    for i, k in enumerate(ks):
        groups = [partition(each, k, seed) for each, seed in zip(maps, seeds, strict=True)]
        pairs = [adjusted_rand_score(*pair) for pair in combinations(groups, 2)]
        assert curves.agreement[i] == pytest.approx(np.mean(pairs))
        assert curves.modularity[:, i] == pytest.approx([modularity(graph, g) for g in groups])
        found = [separate_clusters(each, g) for each, g in zip(maps, groups, strict=True)]
        assert curves.separate[:, i].tolist() == found
    assert curves.best_k == 4
    assert curves.remarks == ()
    assert [row["n_clusters"] for row in curves.rows()] == [2, 4, 6]


def curves_of(separate: list[list[int]], modularity: list[float]) -> ClusterCurves:
    ks = tuple(range(1, len(modularity) + 1))
    scores = np.array([modularity] * len(separate))
    return ClusterCurves(ks, np.array(separate), scores, np.ones(len(ks)))


def test_one_seed_that_errs_does_not_decide() -> None:
    curves = curves_of([[1, 2, 3, 3, 3], [1, 1, 3, 3, 3], [1, 2, 2, 2, 2]], [0, 0.5, 0.6, 0.6, 0.5])
    assert curves.best_k == 3
    assert curves.remarks == ()
    assert curves.flat == (3, 4)


@pytest.mark.parametrize(
    ("separate", "words"),
    [
        ([[1, 2, 3, 4]], "the largest tried: try more"),
        ([[1, 1, 1, 1]], "the data look like one"),
        ([[1, 2, 2, 2], [1, 2, 2, 2], [1, 2, 3, 4]], "seeds disagree: they give K from 2 to 4"),
    ],
)
def test_what_makes_k_doubtful_is_said(separate: list[list[int]], words: str) -> None:
    assert words in "; ".join(curves_of(separate, [0.0, 0.1, 0.2, 0.3]).remarks)


def test_a_single_gaussian_is_one_cluster() -> None:
    curves = cluster_curves(rng.standard_normal((300, 5)), range(1, 9), seeds=(0,))
    assert curves.best_k == 1
    assert "look like one" in curves.remarks[0]
    assert np.isnan(curves.agreement).all()


def test_what_cannot_be_asked_is_refused() -> None:
    x = rng.standard_normal((30, 2))
    with pytest.raises(ValueError, match="there are 19 data"):
        cluster_curves(x[:19])
    with pytest.raises(ValueError, match="ks is \\[0, 2\\]: give numbers of clusters from 1 to 30"):
        cluster_curves(x, [2, 0])
    with pytest.raises(ValueError, match="ks is \\[\\]"):
        cluster_curves(x, [])
    with pytest.raises(ValueError, match="seeds is empty"):
        cluster_curves(x, [2], [])
