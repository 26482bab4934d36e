"""The classical clusterings that every fit is shown beside, from scikit-learn."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline

from ..data import Dataset
from .fits import responsibilities, timed_fit

MAX_ROWS = 20_000
EXPLAINED = 0.9


class Baseline(NamedTuple):
    """A fitted baseline.

    Attributes:
        name: what tables call it.
        responsibilities: of the data it was asked about, ``(N, K)``.
        seconds: of fitting.
    """

    name: str
    responsibilities: NDArray[np.float64]
    seconds: float


def fit_baselines(train: Dataset, data: Dataset, n_clusters: int, seed: int) -> Iterator[Baseline]:
    """Fit k-means, a Gaussian mixture, and one on principal components, to flattened data.

    The Gaussian mixture on the data has diagonal covariances, since full ones take minutes on
    images; the one on the components, which hold 90 % of the variance, has full ones. One that
    cannot be fitted to such data is warned of and left out.

    Args:
        train: what they are fitted to; above ``MAX_ROWS`` rows, to a random subset of so many.
        data: what they are asked about.
        n_clusters: number of clusters, K.
        seed: of the subset and of scikit-learn.
    """
    rows = train.x.reshape(len(train), -1)
    if len(rows) > MAX_ROWS:
        rows = rows[np.random.default_rng(seed).choice(len(rows), MAX_ROWS, replace=False)]
    asked = data.x.reshape(len(data), -1)
    diagonal = GaussianMixture(n_clusters, covariance_type="diag", random_state=seed)
    full = GaussianMixture(n_clusters, random_state=seed)
    components = PCA(EXPLAINED, random_state=seed)
    models: dict[str, Any] = {
        "k-means": KMeans(n_clusters, n_init=10, random_state=seed),
        "GaussianMixture": diagonal,
        "PCA+GaussianMixture": make_pipeline(components, full),
    }
    for name, model in models.items():
        # In single precision a mixture's probabilities miss one by more than rounding.
        dtype = np.float32 if isinstance(model, KMeans) else np.float64
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                warnings.simplefilter("ignore", RuntimeWarning)
                seconds = timed_fit(model, rows.astype(dtype))
        except ValueError as error:
            warnings.warn(f"no {name} beside it: {error}", UserWarning, stacklevel=2)
            continue
        yield Baseline(name, responsibilities(model, asked.astype(dtype))[0], seconds)
