"""How good a clustering is: against labels where there are any, and by its own certainty.

Cluster names are arbitrary, so nothing here compares them with labels index by index.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

Array = NDArray[np.float64]
Labels = NDArray[np.int64]


def _encode(values: ArrayLike) -> tuple[NDArray[np.generic], Labels]:
    names, codes = np.unique(np.asarray(values), return_inverse=True)
    return names, codes.astype(np.int64)


def hungarian_map(labels: ArrayLike, clusters: ArrayLike) -> dict[int, int]:
    """The best one-to-one map from clusters to labels; clusters beyond the labels have none.

    Args:
        labels: ``(N,)``.
        clusters: ``(N,)``.

    Example:
        >>> hungarian_map([0, 0, 1, 1], [5, 5, 3, 3])
        {3: 1, 5: 0}
    """
    table = contingency_matrix(labels, clusters)
    rows, columns = linear_sum_assignment(-table)
    label_names, _ = _encode(labels)
    cluster_names, _ = _encode(clusters)
    pairs = sorted(zip(columns, rows, strict=True))
    return {int(cluster_names[column]): int(label_names[row]) for column, row in pairs}


def _mapped(labels: ArrayLike, clusters: ArrayLike) -> Labels:
    """Each datum's cluster as a label by the Hungarian map, -1 where the cluster has none."""
    found = hungarian_map(labels, clusters)
    return np.array([found.get(int(cluster), -1) for cluster in np.asarray(clusters)])


def hungarian_accuracy(labels: ArrayLike, clusters: ArrayLike) -> float:
    """Share of data whose cluster is mapped to their label, one to one.

    Example:
        >>> hungarian_accuracy([0, 0, 1, 1], [1, 1, 0, 2])
        0.75
    """
    return float((_mapped(labels, clusters) == np.asarray(labels)).mean())


def balanced_accuracy(labels: ArrayLike, clusters: ArrayLike) -> float:
    """The mean over labels of the share of their data that the Hungarian map gets right."""
    right = _mapped(labels, clusters) == np.asarray(labels)
    _, codes = _encode(labels)
    return float((np.bincount(codes, right) / np.bincount(codes)).mean())


def purity(labels: ArrayLike, clusters: ArrayLike) -> float:
    """Share of data that carry their cluster's majority label; rises with the number of clusters.

    Example:
        >>> purity([0, 0, 1, 1], [0, 1, 2, 3])
        1.0
    """
    table = contingency_matrix(labels, clusters)
    return float(table.max(0).sum() / table.sum())


def most_confident_accuracy(labels: ArrayLike, responsibilities: ArrayLike) -> float:
    """Accuracy when each cluster takes the label of its most confident datum.

    Args:
        labels: ``(N,)``.
        responsibilities: ``(N, K)``.

    References:
        Dilokthanakul et al. (2016). arXiv 1611.02648, section 4.2.
    """
    gamma, truth = np.asarray(responsibilities), np.asarray(labels)
    return float((truth[gamma.argmax(0)][gamma.argmax(1)] == truth).mean())


def occupied_clusters(responsibilities: ArrayLike) -> int:
    """How many clusters are some datum's likeliest."""
    return len(np.unique(np.asarray(responsibilities).argmax(1)))


def mean_confidence(responsibilities: ArrayLike) -> float:
    """The mean over data of the largest responsibility."""
    return float(np.asarray(responsibilities).max(1).mean())


def affiliation_variance(responsibilities: ArrayLike) -> float:
    """The mean over data of the variance over clusters of q(c | x), at most (K−1)/K².

    Example:
        >>> affiliation_variance(np.eye(4))
        0.1875

    References:
        Na, Lee & Kim (2024). Neurocomputing 10.1016/j.neucom.2024.128795.
    """
    return float(np.asarray(responsibilities).var(1).mean())


def calibration_curve(
    labels: ArrayLike, responsibilities: ArrayLike, n_bins: int = 15
) -> tuple[Array, Array, Array]:
    """Mean confidence, accuracy under the Hungarian map, and share of the data, for each bin.

    Args:
        labels: ``(N,)``.
        responsibilities: ``(N, K)``.
        n_bins: bins of equal width over [0, 1]; empty ones are left out.
    """
    gamma = np.asarray(responsibilities, dtype=np.float64)
    confidence, right = gamma.max(1), _mapped(labels, gamma.argmax(1)) == np.asarray(labels)
    bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    counts = np.bincount(bins, minlength=n_bins)
    used = counts > 0
    mean_confidence = np.bincount(bins, confidence, n_bins)[used] / counts[used]
    accuracy = np.bincount(bins, right, n_bins)[used] / counts[used]
    return mean_confidence, accuracy, counts[used] / len(confidence)


def expected_calibration_error(
    labels: ArrayLike, responsibilities: ArrayLike, n_bins: int = 15
) -> float:
    """The mean distance of confidence from accuracy under the Hungarian map, over bins.

    References:
        Guo et al. (2017). On calibration of modern neural networks. arXiv 1706.04599, equation 3.
    """
    confidence, accuracy, share = calibration_curve(labels, responsibilities, n_bins)
    return float((share * np.abs(confidence - accuracy)).sum())


def evaluate_clustering(labels: ArrayLike | None, responsibilities: ArrayLike) -> dict[str, float]:
    """All metrics of a clustering by name; without labels those that need none.

    Args:
        labels: ``(N,)`` or ``None``.
        responsibilities: ``(N, K)``, rows summing to one.

    Raises:
        ValueError: shapes that do not belong together.

    Example:
        >>> evaluate_clustering([0, 0, 1, 1], np.eye(2)[[1, 1, 0, 0]])["accuracy"]
        1.0
    """
    gamma = np.asarray(responsibilities, dtype=np.float64)
    if gamma.ndim != 2 or (labels is not None and np.shape(labels) != gamma.shape[:1]):
        raise ValueError(
            f"responsibilities have shape {gamma.shape} and labels {np.shape(labels)}: "
            "use (N, K) and (N,)"
        )
    found = {
        "occupied_clusters": float(occupied_clusters(gamma)),
        "mean_confidence": mean_confidence(gamma),
        "affiliation_variance": affiliation_variance(gamma),
    }
    if labels is None:
        return found
    clusters = gamma.argmax(1)
    return {
        "accuracy": hungarian_accuracy(labels, clusters),
        "balanced_accuracy": balanced_accuracy(labels, clusters),
        "most_confident_accuracy": most_confident_accuracy(labels, gamma),
        "purity": purity(labels, clusters),
        "nmi": float(normalized_mutual_info_score(labels, clusters)),
        "ari": float(adjusted_rand_score(labels, clusters)),
        "calibration_error": expected_calibration_error(labels, gamma),
        **found,
    }
