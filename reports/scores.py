"""Numbers about the clusterings of a data set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from numpy.typing import ArrayLike, NDArray

from ..data import Dataset
from ..estimators import DeepMixture
from ..evaluation import evaluate_clustering, evaluate_facets
from ..inference import bound

SUPERVISED = ("accuracy", "nmi", "ari")
UNSUPERVISED = ("occupied_clusters", "confidence", "affiliation_variance")
OF_FACETS = ("accuracy", "purity", "nmi")

Scores = dict[str, float]
Gammas = list[NDArray[Any]]


class Label(NamedTuple):
    """One label of all data.

    Attributes:
        name: what it is of.
        values: ``(N,)``.
        classes: what 0, 1, … stand for, where they have names.
    """

    name: str
    values: NDArray[Any]
    classes: tuple[str, ...]


def label_columns(data: Dataset) -> Iterator[Label]:
    """Each label of a datum: none, one, or several where data have several factors."""
    if data.labels is None:
        return
    columns = data.labels[:, None] if data.labels.ndim == 1 else data.labels
    names: Sequence[str] = data.label_names or [f"label_{i}" for i in range(columns.shape[1])]
    classes = data.class_names or ((),) * columns.shape[1]
    yield from map(Label, names, columns.T, classes)


def scored(data: Dataset, gammas: Gammas) -> Scores:
    """All metrics of one clustering or of several facets.

    Of several labels the metrics are ``"label/metric"``; of several facets, those of
    :func:`pyromix.evaluation.evaluate_facets`.

    Args:
        data: what was clustered.
        gammas: for each facet ``(N, K_j)``.

    Example:
        >>> import numpy as np
        >>> sides = Dataset(np.zeros((2, 1)), np.array([[0, 1], [1, 1]]), "toy", ("side", "size"))
        >>> found = scored(sides, [np.eye(2)])
        >>> found["side/accuracy"], found["size/accuracy"]
        (1.0, 0.5)
    """
    if len(gammas) > 1:
        return evaluate_facets(data.labels, gammas, data.label_names)
    if data.labels is None or data.labels.ndim == 1:
        return evaluate_clustering(data.labels, gammas[0])
    found: Scores = {}
    without = evaluate_clustering(None, gammas[0])
    for label in label_columns(data):
        metrics = evaluate_clustering(label.values, gammas[0])
        found |= {f"{label.name}/{key}": metrics[key] for key in metrics if key not in without}
    return found | without


def main_scores(data: Dataset, n_facets: int) -> list[tuple[str, ...]]:
    """The metrics that a comparison on such data shows, table by table.

    Example:
        >>> import numpy as np
        >>> sides = Dataset(np.zeros((2, 1)), np.array([[0, 1], [1, 1]]), "toy", ("side", "size"))
        >>> main_scores(sides, 2)[0]
        ('side/accuracy', 'size/accuracy')
    """
    if data.labels is None:
        return [UNSUPERVISED]
    if data.labels.ndim == 1:
        return [SUPERVISED if n_facets == 1 else OF_FACETS]
    metrics = OF_FACETS[:1] if n_facets == 1 else OF_FACETS
    names = [label.name for label in label_columns(data)]
    return [tuple(f"{name}/{metric}" for name in names) for metric in metrics]


def mean_bound(estimator: DeepMixture, x: ArrayLike) -> float:
    """The evidence lower bound in nats per datum, the mean over ``x`` ``(N, *event)``."""
    return float(bound(*estimator._given(x, None, None)).mean())
