"""How good and how sure a clustering is: scores against labels, and scores without."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from .matching import (
    FloatArray,
    check_partition,
    check_responsibilities,
    contingency,
    matched,
)


def hungarian_accuracy(labels: npt.ArrayLike, clusters: npt.ArrayLike) -> float:
    r"""Share of the data whose cluster stands for their label, one cluster to one label.

    .. math:: \max_{\pi} \frac1N \sum_n [\pi(c_n) = y_n]

    Clusters beyond the number of labels stand for none, so all their data count as errors.

    Args:
        labels: ``(N,)`` whole numbers.
        clusters: ``(N,)`` whole numbers.

    Example:
        >>> hungarian_accuracy([0, 0, 1, 1], [1, 1, 0, 2])
        0.75
    """
    return float(matched(labels, clusters).mean())


def purity(labels: npt.ArrayLike, clusters: npt.ArrayLike) -> float:
    r"""Share of the data that belong to the majority label of their cluster.

    .. math:: \frac1N \sum_c \max_y |\{n: c_n = c,\ y_n = y\}|

    It rises with K and is 1 when every datum is a cluster: print K beside it.

    Args:
        labels: ``(N,)`` whole numbers.
        clusters: ``(N,)`` whole numbers.

    Example:
        >>> purity([0, 0, 1, 1], [1, 1, 0, 2])
        1.0
    """
    counts = contingency(labels, clusters)[0]
    return float(counts.max(0).sum() / counts.sum())


def most_confident_accuracy(labels: npt.ArrayLike, responsibilities: npt.ArrayLike) -> float:
    r"""Accuracy when each cluster takes the label of its most confident example.

    .. math:: \hat y(c) = y_{n(c)}, \qquad
        n(c) = \arg\max_n \log \frac{\gamma_{nc}}{\sum_{k \ne c} \gamma_{nk}}

    The odds rank as the probabilities do, and still do so where those are rounded to exactly 1.
    Examples that tie all the same each name their cluster once, and the accuracy is the mean: the
    order of the data does not matter.

    Args:
        labels: ``(N,)`` whole numbers.
        responsibilities: ``(N, K)``, rows summing to one.

    References:
        Dilokthanakul et al. (2016). arXiv 1611.02648, §4.2; Makhzani et al. (2015).
    """
    y = check_partition(labels, "labels")
    gamma = check_responsibilities(responsibilities, len(y))
    # What stands left and right of c: its own γ must not be added and taken away again.
    left, right = np.cumsum(gamma, 1), np.cumsum(gamma[:, ::-1], 1)[:, ::-1]
    others = np.zeros_like(gamma)
    others[:, 1:] += left[:, :-1]
    others[:, :-1] += right[:, 1:]
    with np.errstate(divide="ignore"):
        log_odds = np.log(gamma) - np.log(others)
    tied = log_odds == log_odds.max(0)  # (N, K)
    classes, of = np.unique(y, return_inverse=True)
    named = np.stack([tied[y == label].sum(0) for label in classes]) / tied.sum(0)  # (L, K)
    return float(named[of, gamma.argmax(1)].mean())


def balanced_accuracy(labels: npt.ArrayLike, clusters: npt.ArrayLike) -> float:
    """Mean over the labels of the share recovered, under the Hungarian map.

    Args:
        labels: ``(N,)`` whole numbers.
        clusters: ``(N,)`` whole numbers.

    Example:
        >>> balanced_accuracy([0, 0, 0, 1], [0, 0, 0, 0])
        0.5
    """
    y = check_partition(labels, "labels")
    agree = matched(y, clusters)
    return float(np.mean([agree[y == label].mean() for label in np.unique(y)]))


def occupied_clusters(responsibilities: npt.ArrayLike) -> int:
    """Count the clusters that are the likeliest of at least one datum, of ``(N, K)``."""
    return len(np.unique(check_responsibilities(responsibilities).argmax(1)))


def mean_confidence(responsibilities: npt.ArrayLike) -> float:
    r"""Mean of the largest responsibility, :math:`\frac1N \sum_n \max_c \gamma_{nc}`."""
    return float(check_responsibilities(responsibilities).max(1).mean())


def affiliation_variance(responsibilities: npt.ArrayLike) -> float:
    r"""Mean variance of the cluster probabilities: how strongly each datum is affiliated.

    .. math:: \frac1N \sum_n \operatorname{Var}_c \gamma_{nc}
        = \frac1N \sum_n \Bigl(\frac1K \sum_c \gamma_{nc}^2 - \frac1{K^2}\Bigr) \le \frac{K-1}{K^2}

    Args:
        responsibilities: ``(N, K)``, rows summing to one.

    Example:
        >>> affiliation_variance([[1.0, 0.0], [0.5, 0.5]])
        0.125

    References:
        Na, Lee & Kim (2024). Neurocomputing, 10.1016/j.neucom.2024.128795.
    """
    return float(check_responsibilities(responsibilities).var(1).mean())


def calibration(
    labels: npt.ArrayLike, responsibilities: npt.ArrayLike, n_bins: int = 15
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Compare confidence with accuracy in equal bins of the largest responsibility.

    Args:
        labels: ``(N,)`` whole numbers.
        responsibilities: ``(N, K)``, rows summing to one.
        n_bins: bins of [0, 1].

    Returns:
        mean confidence, accuracy under the Hungarian map and share of the data, each
        ``(n_bins,)``; the first two are NaN where a bin is empty.

    References:
        Guo et al. (2017). On calibration of modern neural networks. ICML.
    """
    y = check_partition(labels, "labels")
    gamma = check_responsibilities(responsibilities, len(y))
    return reliability(gamma.max(1), matched(y, gamma.argmax(1)), n_bins)


def reliability(
    confidence: FloatArray, correct: npt.NDArray[np.bool_], n_bins: int = 15
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Compare confidence ``(N,)`` with what came true ``(N,)``, in equal bins of [0, 1].

    Returns:
        mean confidence, share that came true and share of the data, each ``(n_bins,)``; the first
        two are NaN where a bin is empty.
    """
    bins = np.minimum((confidence * n_bins).astype(np.int64), n_bins - 1)
    counts = np.bincount(bins, minlength=n_bins).astype(np.float64)
    with np.errstate(invalid="ignore"):
        means = np.bincount(bins, confidence, n_bins) / counts
        rates = np.bincount(bins, correct, n_bins) / counts
    return means, rates, counts / len(confidence)


def expected_calibration_error(
    labels: npt.ArrayLike, responsibilities: npt.ArrayLike, n_bins: int = 15
) -> float:
    r"""Mean distance of confidence from accuracy, :math:`\sum_b \frac{N_b}{N} |a_b - m_b|`.

    Accuracy is counted under the Hungarian map. Arguments as in :func:`calibration`.
    """
    means, rates, shares = calibration(labels, responsibilities, n_bins)
    return float(np.nansum(shares * np.abs(means - rates)))


def evaluate_clustering(
    labels: npt.ArrayLike | None, responsibilities: npt.ArrayLike
) -> dict[str, float]:
    """Compute every score of one clustering; those that need labels only where there are any.

    Args:
        labels: ``(N,)`` whole numbers, or None.
        responsibilities: ``(N, K)``, rows summing to one; the cluster is the largest.

    Returns:
        ``accuracy`` (Hungarian), ``nmi``, ``ari``, ``purity``, ``most_confident_accuracy``,
        ``balanced_accuracy``, ``calibration_error``; and always ``n_clusters`` (K),
        ``occupied_clusters``, ``confidence`` (mean of the largest responsibility) and
        ``affiliation_variance``.

    Raises:
        ValueError: on shapes that do not go together or rows that are no probabilities.

    Example:
        >>> evaluate_clustering([0, 1], [[0.1, 0.9], [0.8, 0.2]])["accuracy"]
        1.0
    """
    gamma = check_responsibilities(responsibilities)
    unsupervised = {
        "n_clusters": float(gamma.shape[1]),
        "occupied_clusters": float(occupied_clusters(gamma)),
        "confidence": mean_confidence(gamma),
        "affiliation_variance": affiliation_variance(gamma),
    }
    if labels is None:
        return unsupervised
    y, c = check_partition(labels, "labels"), gamma.argmax(1)
    check_responsibilities(gamma, len(y))
    return {
        "accuracy": hungarian_accuracy(y, c),
        "nmi": float(normalized_mutual_info_score(y, c)),
        "ari": float(adjusted_rand_score(y, c)),
        "purity": purity(y, c),
        "most_confident_accuracy": most_confident_accuracy(y, gamma),
        "balanced_accuracy": balanced_accuracy(y, c),
        "calibration_error": expected_calibration_error(y, gamma),
        **unsupervised,
    }
