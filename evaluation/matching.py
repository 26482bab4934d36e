"""Which cluster stands for which label: contingency tables and the Hungarian map."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


def contingency(labels: npt.ArrayLike, clusters: npt.ArrayLike) -> tuple[IntArray, ...]:
    """Count the data of each label in each cluster.

    Args:
        labels: ``(N,)`` whole numbers.
        clusters: ``(N,)`` whole numbers.

    Returns:
        counts ``(L, K)``, the L distinct labels and the K distinct clusters, both sorted.

    Raises:
        ValueError: the two have different lengths, are empty or are no vectors of whole numbers.

    Example:
        >>> contingency([0, 0, 1], [5, 5, 2])[0].tolist()
        [[0, 2], [1, 0]]
    """
    y, c = check_partition(labels, "labels"), check_partition(clusters, "clusters")
    if len(y) != len(c):
        raise ValueError(f"labels and clusters must be as long, got {len(y)} and {len(c)}")
    classes, rows = np.unique(y, return_inverse=True)
    groups, columns = np.unique(c, return_inverse=True)
    counts = np.zeros((len(classes), len(groups)), np.int64)
    np.add.at(counts, (rows, columns), 1)
    return counts, classes, groups


def hungarian_map(labels: npt.ArrayLike, clusters: npt.ArrayLike) -> dict[int, int]:
    """Pair clusters with labels one to one so that most data agree.

    Args:
        labels: ``(N,)`` whole numbers.
        clusters: ``(N,)`` whole numbers; more or fewer distinct ones than labels.

    Returns:
        cluster → label for the min(K, L) pairs; the other clusters stand for no label.

    Example:
        >>> hungarian_map([0, 0, 1, 1], [7, 7, 3, 5])
        {3: 1, 7: 0}

    References:
        Kuhn (1955). The Hungarian method for the assignment problem.
    """
    counts, classes, groups = contingency(labels, clusters)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    pairs = sorted(zip(groups[columns].tolist(), classes[rows].tolist(), strict=True))
    return dict(pairs)


def matched(labels: npt.ArrayLike, clusters: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Say for each datum whether its cluster stands for its label: ``(N,)``."""
    y, c = check_partition(labels, "labels"), check_partition(clusters, "clusters")
    agree = np.zeros(len(y), np.bool_)
    for cluster, label in hungarian_map(y, c).items():
        agree |= (c == cluster) & (y == label)
    return agree


def check_partition(values: npt.ArrayLike, name: str) -> IntArray:
    """Return a vector of whole numbers, or say what came instead."""
    array = np.asarray(values)
    if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "biu":
        raise ValueError(
            f"{name} must be a vector of whole numbers, one a datum, "
            f"got shape {array.shape} of {array.dtype}"
        )
    return array.astype(np.int64)


def check_responsibilities(values: npt.ArrayLike, n: int | None = None) -> FloatArray:
    """Return ``(N, K)`` cluster probabilities, or say what came instead.

    Args:
        values: rows that are non-negative and sum to one within 1e-3.
        n: the number of labels they go with, if any.
    """
    array = np.asarray(values, np.float64)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"responsibilities must have shape (N, K), got {array.shape}")
    if n is not None and len(array) != n:
        raise ValueError(f"labels and responsibilities must be as long, got {n} and {len(array)}")
    bad = ~(np.isclose(array.sum(1), 1, atol=1e-3) & (array >= 0).all(1))
    if bad.any():
        row = int(bad.argmax())
        raise ValueError(
            f"responsibilities must be non-negative and sum to one in each row; row {row} sums "
            f"to {array[row].sum():.4g} with least value {array[row].min():.4g}"
        )
    return array
