"""Numbers about a clustering of a data set, and how tables show them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from numpy.typing import NDArray

from ..data import Dataset
from ..estimators import DeepMixture
from ..evaluation import evaluate_clustering
from ..inference import bound

SUPERVISED = ("accuracy", "nmi", "ari")
UNSUPERVISED = ("occupied_clusters", "confidence", "affiliation_variance")

Scores = dict[str, float]


def label_columns(data: Dataset) -> Iterator[tuple[str, NDArray[Any]]]:
    """Each label of a datum by name: none, one, or several where data have several factors."""
    if data.labels is None:
        return
    columns = data.labels[:, None] if data.labels.ndim == 1 else data.labels
    names: Sequence[str] = data.label_names or [str(i) for i in range(columns.shape[1])]
    yield from zip(names, columns.T, strict=True)


def scored(data: Dataset, responsibilities: NDArray[Any]) -> Scores:
    """All metrics of a clustering; with several labels, those of each as ``"label: metric"``.

    Args:
        data: what was clustered.
        responsibilities: ``(N, K)``.

    Example:
        >>> import numpy as np
        >>> sides = Dataset(np.zeros((2, 1)), np.array([[0, 1], [1, 1]]), "toy", ("side", "size"))
        >>> found = scored(sides, np.eye(2))
        >>> found["side: accuracy"], found["size: accuracy"]
        (1.0, 0.5)
    """
    if data.labels is None or data.labels.ndim == 1:
        return evaluate_clustering(data.labels, responsibilities)
    found: Scores = {}
    without = evaluate_clustering(None, responsibilities)
    for name, labels in label_columns(data):
        metrics = evaluate_clustering(labels, responsibilities)
        found |= {f"{name}: {key}": metrics[key] for key in metrics if key not in without}
    return found | without


def main_scores(data: Dataset) -> tuple[str, ...]:
    """The metrics that a comparison on such data shows."""
    if data.labels is None:
        return UNSUPERVISED
    if data.labels.ndim == 1:
        return SUPERVISED
    return tuple(f"{name}: accuracy" for name, _ in label_columns(data))


def mean_bound(estimator: DeepMixture, x: NDArray[Any]) -> float:
    """The evidence lower bound in nats per datum, the mean over ``x`` ``(N, *event)``."""
    dtype = next(estimator.model_.parameters()).dtype
    rows = torch.as_tensor(x).to(dtype)
    return float(bound(estimator.model_, estimator.guide_, rows).mean())


def heading(name: str) -> str:
    """A metric's name as a table shows it.

    Example:
        >>> heading("nmi"), heading("occupied_clusters")
        ('NMI', 'occupied clusters')
    """
    return name.upper() if name in ("nmi", "ari") else name.replace("_", " ")


def shown(value: float) -> str:
    """A metric as a table shows it.

    Example:
        >>> shown(0.79312), shown(10.0), shown(-123.456)
        ('0.793', '10', '-123.5')
    """
    if float(value).is_integer() and abs(value) > 1:
        return f"{value:.0f}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
