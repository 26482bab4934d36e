"""Who is near whom among the data, and how well groups agree with it: scores without labels.

A clustering is judged by the graph of nearest neighbours alone: by the share of its edges that stay
within a cluster, or by its modularity, which subtracts what the clusters' sizes would give by
chance (Newman & Girvan 2004, arXiv cond-mat/0308217, equation 5). Soft groups count by the
probability that both ends of an edge are of one cluster.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from ..training import doing

MANY = 20_000  # data above which neighbours are approximate: exact ones cost the square of N
LISTED = 30  # neighbours that the descent keeps: ten would do in ten features, and not in fifty

Graph = csr_array


@contextmanager
def beside_numba() -> Iterator[None]:
    """One thread for torch meanwhile: in one process the two fight over OpenMP's threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def principal_components(x: ArrayLike, n_components: int, seed: int = 0) -> NDArray[Any]:
    """Rows in their leading principal components, or as they are where they have no more features.

    Args:
        x: data, ``(N, ...)``.
        n_components: features to keep at most.
        seed: of the randomised solver that large data have.

    Returns:
        ``(N, min(F, n_components))``.
    """
    from sklearn.decomposition import PCA

    rows = np.asarray(x)
    rows = rows.reshape(len(rows), -1)
    if rows.shape[1] <= n_components or len(rows) <= n_components:
        return rows
    reduced: NDArray[Any] = PCA(n_components, random_state=seed).fit_transform(rows)
    return reduced


def nearest(rows: NDArray[Any], k: int, seed: int = 0) -> NDArray[np.int64]:
    """The nearest other rows of each: exact, or by descent above ``MANY`` rows.

    Args:
        rows: ``(N, F)``.
        k: how many; all others if there are fewer.
        seed: of the descent.

    Returns:
        Their numbers, ``(N, k)``, the nearest first.

    References:
        Dong, Moses & Li (2011). Efficient k-nearest neighbor graph construction. WWW.
    """
    k = min(k, len(rows) - 1)
    with doing(f"neighbours of {len(rows):,} data"):
        return _nearest(rows, k, seed)


def _nearest(rows: NDArray[Any], k: int, seed: int) -> NDArray[np.int64]:
    from sklearn.neighbors import NearestNeighbors

    if len(rows) <= MANY:
        found: NDArray[np.int64] = NearestNeighbors(n_neighbors=k).fit(rows).kneighbors()[1]
        return found
    from pynndescent import NNDescent

    with beside_numba(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Failed to correctly find n_neighbors")  # mended below
        kept = max(k + 1, min(LISTED, rows.shape[1]))
        index = NNDescent(rows, n_neighbors=kept, random_state=seed, n_jobs=1)
        near = index.neighbor_graph[0].astype(np.int64)
    # A row is its own nearest, unless copies of it come first.
    other = near != np.arange(len(rows))[:, None]
    other[other.all(1), -1] = False
    descended: NDArray[np.int64] = near[other].reshape(len(rows), -1)[:, :k]
    lacking = np.flatnonzero((descended < 0).any(1))
    if len(lacking):
        found = NearestNeighbors(n_neighbors=k + 1).fit(rows).kneighbors(rows[lacking])[1]
        for row, all_near in zip(lacking, found, strict=True):
            descended[row] = all_near[all_near != row][:k]
    return descended


def neighbour_graph(x: ArrayLike, k: int = 15, n_components: int = 30, seed: int = 0) -> Graph:
    """The symmetrised graph of nearest neighbours: an edge where either is near the other.

    Args:
        x: data, ``(N, ...)``.
        k: neighbours of each, not counting itself; all others if there are fewer.
        n_components: principal components that distances are measured in, where there are more
            features.
        seed: of what is random where data are many.

    Returns:
        A symmetric ``(N, N)`` matrix of zeros and ones, its diagonal empty.

    Raises:
        ValueError: fewer than two data, or no neighbour asked for.

    Example:
        >>> neighbour_graph([[0.0], [1.0], [5.0]], k=1).toarray()
        array([[0., 1., 0.],
               [1., 0., 1.],
               [0., 1., 0.]])
    """
    rows = principal_components(x, n_components, seed)
    if len(rows) < 2:
        raise ValueError(f"x has {len(rows)} rows: neighbours need at least two")
    if k < 1:
        raise ValueError(f"k is {k}: use 1 or more")
    near = nearest(rows, k, seed)
    starts = np.arange(0, near.size + 1, near.shape[1], dtype=np.int32)
    # Scikit-learn takes no wider indices.
    ends = near.ravel().astype(np.int32)
    directed = csr_array((np.ones(near.size), ends, starts), (len(rows), len(rows)))
    return csr_array(directed.maximum(directed.T))


def shared_neighbours(graph: Graph, groups: ArrayLike) -> float:
    """The share of the edges whose two ends are of one cluster.

    Args:
        graph: of :func:`neighbour_graph`, ``(N, N)``.
        groups: labels ``(N,)``, negative ones of no cluster; or soft groups ``(N, K)``.

    Returns:
        Between 0 and 1; 1 also if all data are of one cluster.

    Raises:
        ValueError: groups of other data.

    Example:
        >>> graph = neighbour_graph([[0.0], [1.0], [8.0], [9.0]], k=2)
        >>> round(shared_neighbours(graph, [0, 0, 1, 1]), 2)
        0.4
    """
    soft = memberships(graph, groups)
    return float((soft * (graph @ soft)).sum() / graph.sum())


def modularity(graph: Graph, groups: ArrayLike) -> float:
    r"""The share of the edges within clusters above that expected of ends drawn by degree.

    .. math::
        Q = \sum_c \Bigl[\frac{e_c}{2m} - \Bigl(\frac{d_c}{2m}\Bigr)^2\Bigr]

    with 2m the sum of all degrees, :math:`e_c` the edge ends within cluster c, and :math:`d_c` the
    degrees of its data.

    Args:
        graph: of :func:`neighbour_graph`, ``(N, N)``.
        groups: labels ``(N,)``, negative ones of no cluster; or soft groups ``(N, K)``.

    Returns:
        At most 1 - 1/K; 0 if all data are of one cluster.

    Raises:
        ValueError: groups of other data.

    Example:
        >>> graph = neighbour_graph([[0.0], [1.0], [8.0], [9.0]], k=1)
        >>> modularity(graph, [0, 0, 1, 1])
        0.5
    """
    soft = memberships(graph, groups)
    degrees = graph.sum(1) @ soft
    return shared_neighbours(graph, soft) - float(((degrees / graph.sum()) ** 2).sum())


def memberships(graph: Graph, groups: ArrayLike) -> NDArray[np.float64]:
    """Soft groups ``(N, K)`` of labels or soft groups, as many as the graph has data."""
    found = np.asarray(groups)
    if len(found) != graph.shape[0]:
        raise ValueError(f"groups are of {len(found)} data, and the graph is of {graph.shape[0]}")
    if found.ndim == 2:
        return found.astype(float)
    numbers, labels = np.unique(found, return_inverse=True)
    one_hot = np.eye(len(numbers))
    if np.issubdtype(found.dtype, np.number):
        one_hot = one_hot[:, numbers >= 0]
    return one_hot[labels]
