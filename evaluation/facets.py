"""Scores of several clusterings of one data set against several labels, and against each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.metrics import adjusted_mutual_info_score, normalized_mutual_info_score

from .matching import FloatArray, IntArray, check_responsibilities
from .metrics import evaluate_clustering, hungarian_accuracy, purity


def facet_matrices(labels: npt.ArrayLike, clusters: npt.ArrayLike) -> dict[str, FloatArray]:
    """Score every facet against every label.

    Args:
        labels: ``(N, F)`` whole numbers, one column a label; ``(N,)`` is one column.
        clusters: ``(N, J)`` whole numbers, one column a facet.

    Returns:
        ``accuracy`` (Hungarian), ``purity`` and ``nmi``, each ``(J, F)``.

    Example:
        >>> both = [[0, 0], [0, 1], [1, 0], [1, 1]]
        >>> facet_matrices(both, both)["nmi"].round(2).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    y, c = check_table(labels, "labels"), check_table(clusters, "clusters")
    if len(y) != len(c):
        raise ValueError(f"labels and clusters must be as long, got {len(y)} and {len(c)}")
    scores = {
        "accuracy": hungarian_accuracy,
        "purity": purity,
        "nmi": normalized_mutual_info_score,
    }
    return {
        name: np.array([[float(score(label, facet)) for label in y.T] for facet in c.T])
        for name, score in scores.items()
    }


def best_facets(labels: npt.ArrayLike, clusters: npt.ArrayLike) -> IntArray:
    """Find the facet that tells most about each label, by normalised mutual information.

    Purity would favour the facet with more clusters.

    Args:
        labels: ``(N, F)`` whole numbers.
        clusters: ``(N, J)`` whole numbers.

    Returns:
        ``(F,)`` numbers of facets.

    Example:
        >>> best_facets([[0, 0], [0, 1], [1, 0], [1, 1]], [[5, 2], [4, 2], [5, 3], [4, 3]]).tolist()
        [1, 0]
    """
    return np.asarray(facet_matrices(labels, clusters)["nmi"].argmax(0), np.int64)


def facet_dependence(clusters: npt.ArrayLike) -> FloatArray:
    """Measure how much the facets repeat each other.

    Args:
        clusters: ``(N, J)`` whole numbers, one column a facet.

    Returns:
        ``(J, J)`` adjusted mutual information: 0 between independent facets, 1 between equal ones.

    References:
        Vinh, Epps & Bailey (2010). Information theoretic measures for clusterings comparison.

    Example:
        >>> facet_dependence([[0, 1], [0, 1], [1, 0], [1, 0]]).round(2).tolist()
        [[1.0, 1.0], [1.0, 1.0]]
    """
    c = check_table(clusters, "clusters")
    table = np.eye(c.shape[1])
    for i, j in zip(*np.triu_indices(c.shape[1], 1), strict=True):
        table[i, j] = table[j, i] = adjusted_mutual_info_score(c[:, i], c[:, j])
    return table


def evaluate_facets(
    labels: npt.ArrayLike | None,
    responsibilities: Sequence[npt.ArrayLike],
    label_names: Sequence[str] = (),
) -> dict[str, float]:
    """Compute every score of J clusterings of one data set, in one flat table.

    Args:
        labels: ``(N, F)`` whole numbers, or None.
        responsibilities: J arrays ``(N, K_j)``, rows summing to one.
        label_names: F names; by default ``label_0``, …

    Returns:
        for each facet j ``facet_j/…``: what :func:`evaluate_clustering` says without labels, and
        ``facet_j/NAME/accuracy``, ``…/purity``, ``…/nmi`` for each label; ``best_facet/NAME``, the
        number of the label's best facet; ``dependence/i-j``, adjusted mutual information of two
        facets.

    Raises:
        ValueError: on shapes that do not go together or rows that are no probabilities.

    Example:
        >>> scores = evaluate_facets([[0], [1]], [[[1, 0], [0, 1]]], ["side"])
        >>> scores["facet_0/side/accuracy"]
        1.0
    """
    if len(responsibilities) == 0:
        raise ValueError("responsibilities must hold an array (N, K_j) for each facet, got none")
    gammas = [check_responsibilities(gamma) for gamma in responsibilities]
    if len({len(gamma) for gamma in gammas}) > 1:
        lengths = ", ".join(str(len(gamma)) for gamma in gammas)
        raise ValueError(f"responsibilities of all facets must be as long, got {lengths}")
    clusters = np.stack([gamma.argmax(1) for gamma in gammas], -1)
    scores: dict[str, float] = {}
    for j, gamma in enumerate(gammas):
        for name, value in evaluate_clustering(None, gamma).items():
            scores[f"facet_{j}/{name}"] = value
    if labels is not None:
        y = check_table(labels, "labels")
        names = name_labels(y.shape[1], label_names)
        matrices = facet_matrices(y, clusters)
        for j in range(len(gammas)):
            for f, label in enumerate(names):
                for name, matrix in matrices.items():
                    scores[f"facet_{j}/{label}/{name}"] = float(matrix[j, f])
        for label, best in zip(names, matrices["nmi"].argmax(0), strict=True):
            scores[f"best_facet/{label}"] = float(best)
    for (i, j), value in np.ndenumerate(facet_dependence(clusters)):
        if i < j:
            scores[f"dependence/{i}-{j}"] = float(value)
    return scores


def check_table(values: npt.ArrayLike, name: str) -> IntArray:
    """Return a table of whole numbers ``(N, F)``, a vector as one column, or say what came."""
    array = np.asarray(values)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or array.size == 0 or array.dtype.kind not in "biu":
        raise ValueError(
            f"{name} must be a table of whole numbers, one row a datum, "
            f"got shape {np.shape(values)} of {array.dtype}"
        )
    return array.astype(np.int64)


def name_labels(n: int, names: Sequence[str]) -> list[str]:
    """Return n names, the given ones or ``label_0``, …"""
    if names and len(names) != n:
        raise ValueError(f"label_names must hold {n} names, got {len(names)}")
    return list(names) or [f"label_{i}" for i in range(n)]
