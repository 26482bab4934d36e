"""A fit and what it says of data, the same for estimators of the zoo and of scikit-learn."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.cluster import KMeans


def timed_fit(model: Any, x: ArrayLike) -> float:
    """Fit, and tell the seconds of it all.

    Args:
        model: an estimator.
        x: data, ``(N, *event)``.
    """
    started = perf_counter()
    model.fit(x)
    return perf_counter() - started


def responsibilities(model: Any, x: ArrayLike) -> list[NDArray[Any]]:
    """The probabilities of the clusters, for each facet ``(N, K_j)``; those of k-means are 0 and 1.

    Args:
        model: a fitted estimator.
        x: data, ``(N, *event)``.

    Example:
        >>> kmeans = KMeans(2, n_init=1, random_state=0).fit([[0.0], [0.1], [5.0]])
        >>> responsibilities(kmeans, [[0.0], [5.0]])[0].sum(0)
        array([1., 1.])
    """
    if isinstance(model, KMeans):
        return [np.eye(model.n_clusters)[model.predict(x)]]
    return by_facet(model.predict_proba(x))


def by_facet(found: Any) -> list[NDArray[Any]]:
    """What an estimator says of each facet: it gives a list of several and a lone array of one."""
    return found if isinstance(found, list) else [found]
