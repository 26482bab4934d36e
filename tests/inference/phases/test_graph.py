"""The graph of neighbours and its two scores, against distances and double sums written out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.datasets import load_digits, make_blobs
from sklearn.neighbors import NearestNeighbors

from pyromix.inference.phases import graph as module
from pyromix.inference.phases import modularity, neighbour_graph, shared_neighbours
from pyromix.inference.phases.graph import beside_numba, nearest, principal_components

Array = NDArray[Any]


def by_distances(x: Array, k: int) -> Array:
    """The symmetrised adjacency by sorting all distances."""
    distances = np.linalg.norm(x[:, None] - x[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    directed = np.zeros((len(x), len(x)))
    for i, row in enumerate(distances):
        directed[i, np.argsort(row)[:k]] = 1
    return np.maximum(directed, directed.T)


def written_out(adjacency: Array, soft: Array) -> tuple[float, float]:
    """Share and modularity by the double sum over data of the definition."""
    total, degrees = adjacency.sum(), adjacency.sum(1)
    share = quality = 0.0
    for i in range(len(soft)):
        for j in range(len(soft)):
            together = float(soft[i] @ soft[j])
            share += adjacency[i, j] * together / total
            quality += (adjacency[i, j] - degrees[i] * degrees[j] / total) * together / total
    return share, quality


@pytest.fixture(scope="module")
def x() -> Array:
    return np.random.default_rng(0).normal(size=(40, 3))


@pytest.mark.parametrize("k", [1, 4, 15, 39, 60])
def test_the_graph_is_that_of_all_distances(x: Array, k: int) -> None:
    found = neighbour_graph(x, k)
    np.testing.assert_array_equal(found.toarray(), by_distances(x, min(k, 39)))
    assert (found - found.T).nnz == 0
    assert found.diagonal().sum() == 0


def test_copies_of_a_datum_are_neighbours_and_no_datum_is_its_own() -> None:
    graph = neighbour_graph(np.repeat([[0.0], [1.0]], 4, 0), k=3).toarray()
    np.testing.assert_array_equal(graph, np.kron(np.eye(2), 1 - np.eye(4)))


def test_distances_are_in_the_leading_components() -> None:
    """Forty directions of noise of less variance are left out; the rows are images."""
    generator = np.random.default_rng(1)
    clean = generator.normal(size=(60, 2)) * 10
    turned = np.linalg.qr(generator.normal(size=(48, 48)))[0]
    wide = np.concatenate([clean, generator.normal(size=(60, 46)) * 0.5], 1) @ turned
    found = neighbour_graph(wide.reshape(60, 3, 4, 4), k=5, n_components=2).toarray()
    ours = by_distances(clean, 5)
    assert (found * ours).sum() / ours.sum() > 0.8
    np.testing.assert_array_equal(principal_components(wide, 48), wide)


@pytest.mark.parametrize("soft", [False, True])
def test_the_scores_are_those_of_the_double_sum(x: Array, soft: bool) -> None:
    generator = np.random.default_rng(2)
    labels = generator.integers(4, size=40)
    weights = generator.dirichlet(np.ones(4), 40) if soft else np.eye(4)[labels]
    graph = neighbour_graph(x, 5)
    share, quality = written_out(by_distances(x, 5), weights)
    given = weights if soft else labels
    assert shared_neighbours(graph, given) == pytest.approx(share, abs=1e-12)
    assert modularity(graph, given) == pytest.approx(quality, abs=1e-12)


def test_two_triangles_and_a_bridge_by_hand() -> None:
    """Seven edges, of which six within; degrees 7 and 7 of 14: 6/7 and 6/7 - 1/2."""
    adjacency = np.kron(np.eye(2), 1 - np.eye(3))
    adjacency[2, 3] = adjacency[3, 2] = 1
    graph = csr_array(adjacency)
    labels = np.array([0, 0, 0, 1, 1, 1])
    assert shared_neighbours(graph, labels) == pytest.approx(6 / 7)
    assert modularity(graph, labels) == pytest.approx(6 / 7 - 1 / 2)


def test_blobs_apart_share_all_and_random_labels_one_in_k() -> None:
    x, labels = make_blobs([200] * 4, centers=np.eye(4) * 50, random_state=0)
    graph = neighbour_graph(x)
    assert shared_neighbours(graph, labels) == 1.0
    assert modularity(graph, labels) == pytest.approx(3 / 4, abs=1e-3)
    random = np.random.default_rng(0).integers(4, size=800)
    # Near 6,500 edges: a standard deviation is .005.
    assert shared_neighbours(graph, random) == pytest.approx(1 / 4, abs=0.025)
    assert modularity(graph, random) == pytest.approx(0, abs=0.025)
    assert shared_neighbours(graph, np.zeros(800)) == 1.0
    assert modularity(graph, np.zeros(800)) == pytest.approx(0, abs=1e-12)
    half = np.full((800, 4), 1 / 4)
    assert shared_neighbours(graph, half) == pytest.approx(1 / 4)
    assert modularity(graph, half) == pytest.approx(0, abs=1e-12)


def test_order_names_place_scale_and_turning_do_not_matter(x: Array) -> None:
    generator = np.random.default_rng(3)
    order, names = generator.permutation(40), generator.permutation(4)
    turned = np.linalg.qr(generator.normal(size=(3, 3)))[0]
    labels = generator.integers(4, size=40)
    for score in (shared_neighbours, modularity):
        plain = score(neighbour_graph(x, 5), labels)
        other = score(neighbour_graph(7 + 1e3 * x[order] @ turned, 5), names[labels][order])
        assert other == pytest.approx(plain, abs=1e-12)
        words = np.array(["a", "b", "c", "d"])[labels]
        assert score(neighbour_graph(x, 5), words) == pytest.approx(plain, abs=1e-12)


def test_noise_is_of_no_cluster(x: Array) -> None:
    graph = neighbour_graph(x, 5)
    labels = np.random.default_rng(4).integers(-1, 3, size=40)
    soft = np.concatenate([np.zeros((1, 3)), np.eye(3)])[labels + 1]
    assert shared_neighbours(graph, labels) == pytest.approx(shared_neighbours(graph, soft))
    assert modularity(graph, labels) == pytest.approx(modularity(graph, soft))
    assert shared_neighbours(graph, np.full(40, -1)) == 0


def test_what_does_not_fit_is_refused(x: Array) -> None:
    with pytest.raises(ValueError, match="k is 0: use 1 or more"):
        neighbour_graph(x, 0)
    with pytest.raises(ValueError, match="x has 1 rows: neighbours need at least two"):
        neighbour_graph(x[:1])
    for score in (shared_neighbours, modularity):
        with pytest.raises(ValueError, match="groups are of 39 data, and the graph is of 40"):
            score(neighbour_graph(x), np.zeros(39))


@pytest.mark.slow  # numba compiles
def test_many_rows_have_neighbours_by_descent_which_are_nearly_all_of_the_true_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = np.random.default_rng(5).normal(size=(3000, 10))
    rows[:60] = rows[0]  # more copies than neighbours
    exact = NearestNeighbors(n_neighbors=15).fit(rows).kneighbors()[1]
    np.testing.assert_array_equal(nearest(rows, 15), exact)
    monkeypatch.setattr(module, "MANY", 2000)
    found = nearest(rows, 15, seed=3)
    np.testing.assert_array_equal(nearest(rows, 15, seed=3), found)
    assert found.shape == (3000, 15)
    assert not (found == np.arange(3000)[:, None]).any()
    assert np.isin(found[:60], np.arange(60)).all()
    recall = np.mean([np.isin(a, b).mean() for a, b in zip(found[60:], exact[60:], strict=True)])
    assert recall > 0.95


@pytest.mark.slow  # numba compiles
def test_the_descent_finds_the_neighbours_of_digits_and_of_what_has_no_structure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MANY", 1000)
    digits = load_digits().data
    noise = np.random.default_rng(6).normal(size=(4000, 40))
    for rows, least in ((digits, 0.99), (noise, 0.9)):
        exact = NearestNeighbors(n_neighbors=10).fit(rows).kneighbors()[1]
        found = nearest(rows, 10)
        recall = [np.isin(a, b).mean() for a, b in zip(found, exact, strict=True)]
        assert np.mean(recall) >= least


def test_neighbours_that_the_descent_lacks_are_found_exactly(
    x: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = nearest(x, 5)
    listed = np.concatenate([np.arange(40)[:, None], nearest(x, 30)], 1)
    listed[7, 3:] = -1

    def lacking(rows: Array, **settings: int) -> SimpleNamespace:
        return SimpleNamespace(neighbor_graph=(listed, None))

    monkeypatch.setattr(module, "MANY", 10)
    monkeypatch.setattr("pynndescent.NNDescent", lacking)
    np.testing.assert_array_equal(nearest(x, 5), exact)


def test_torch_has_its_threads_back() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with beside_numba():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
