"""Starts that see a manifold, where distances mean something only among neighbours."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...parts import Count, Rate
from ..training import doing
from .graph import beside_numba, nearest, neighbour_graph, principal_components
from .start import Features, Start
from .starts import gaussian_mixture, spread

WIDE = 50  # features above which UMAP looks for neighbours in principal components
FEW = 4096  # data below which UMAP takes all distances, by a call of Python's for each
SPARE = 5  # neighbours more, since two ways of rounding disagree on who is nearest


@dataclass(frozen=True, repr=False)
class UMAPStart(Start, alias="umap"):
    """Groups of a Gaussian mixture on a UMAP of the data, which draws neighbours close together.

    Equal seeds give equal groups, on one thread. The first use imports UMAP, which takes seconds.

    Args:
        n_neighbours: neighbours that make the manifold, itself among them; all data if they are
            fewer.
        n_components: dimension of the map; less by two than the data at most.
        min_dist: how close points may come in the map; 0 packs clusters densest.
        on: the ``"data"``, or the ``"code"``.

    Raises:
        ValueError: a setting out of range.

    References:
        McInnes, Healy & Melville (2018). UMAP: uniform manifold approximation and projection.
        arXiv 1802.03426.
    """

    n_neighbours: Count = 20
    n_components: Count = 5
    min_dist: Rate = 0.0
    on: str = "data"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_neighbours < 2:
            raise ValueError(f"n_neighbours is {self.n_neighbours}: use 2 or more")

    def groups(self, features: Features, n_clusters: int, seed: int) -> Features:
        """The likeliest component of each datum's place in the map, ``(N,)``.

        Raises:
            ValueError: fewer than five data.
        """
        places = self.embed(features, seed)
        scaled = places / spread(places)
        labels: Features = gaussian_mixture(scaled, n_clusters, "full", seed).predict(scaled)
        return labels

    def embed(self, features: Features, seed: int) -> Features:
        """The map, ``(N, n_components)``."""
        if len(features) < 5:
            raise ValueError(f"there are {len(features)} data: a UMAP needs five at least")
        rows = principal_components(features, WIDE, seed)
        with beside_numba(), warnings.catch_warnings():
            # UMAP says at its import that its parametric variant lacks TensorFlow.
            warnings.filterwarnings("ignore", "Tensorflow not installed", ImportWarning)
            # A graph in several pieces, which clusters far apart make, is laid out well enough.
            warnings.filterwarnings("ignore", "Spectral initialisation failed")
            warnings.filterwarnings("ignore", "Graph is not fully connected")
            from umap import UMAP

            k = min(self.n_neighbours, len(rows) - 1)
            if len(rows) < FEW:
                warnings.filterwarnings("ignore", "precomputed_knn")  # that it places no new data
            mapper = UMAP(
                n_neighbors=k,
                n_components=min(self.n_components, len(rows) - 2),
                min_dist=self.min_dist,
                precomputed_knn=neighbours(rows, k) if len(rows) < FEW else (None, None, None),
                random_state=seed,
                n_jobs=1,
            )
            with doing(f"UMAP of {len(rows):,} data"):
                places: Features = mapper.fit_transform(rows).astype(float)
        return places


def neighbours(rows: Features, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Each row and the ``k - 1`` nearest others: their numbers and distances, ``(N, k)``.

    Distances are by UMAP's own function, rounding and all, and so is the map that it makes.
    """
    from umap.distances import euclidean

    rows = rows.astype(np.float32)
    itself = np.arange(len(rows))[:, None]
    near = np.concatenate([itself, nearest(rows, min(k + SPARE, len(rows)) - 1)], 1)
    pairs = (sorted(pair) for pair in zip(itself.repeat(near.shape[1]), near.flat, strict=True))
    far = np.array([euclidean(rows[i], rows[j]) for i, j in pairs]).reshape(near.shape)
    order = far.argsort(1, kind="stable")[:, :k]
    distances = np.take_along_axis(far, order, 1)
    return np.take_along_axis(near, order, 1), distances.astype(np.float32)


@dataclass(frozen=True, repr=False)
class SpectralStart(Start, alias="spectral"):
    """Groups by the leading eigenvectors of the graph of nearest neighbours.

    They cost memory and time that grow fast with the data: use it for thousands, not for tens of
    thousands.

    Args:
        n_neighbours: neighbours of each datum, not counting itself.
        on: the ``"data"``, or the ``"code"``.

    Raises:
        ValueError: fewer than one neighbour.

    References:
        Ng, Jordan & Weiss (2001). On spectral clustering. NeurIPS.
    """

    n_neighbours: Count = 15
    on: str = "data"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_neighbours < 1:
            raise ValueError(f"n_neighbours is {self.n_neighbours}: use 1 or more")

    def groups(self, features: Features, n_clusters: int, seed: int) -> Features:
        """Labels of k-means on the eigenvectors, ``(N,)``."""
        from sklearn.cluster import SpectralClustering

        graph = neighbour_graph(features, self.n_neighbours, seed=seed)
        spectral = SpectralClustering(n_clusters, affinity="precomputed", random_state=seed)
        with warnings.catch_warnings():
            # Its pieces are clusters, then, and their eigenvectors say so.
            warnings.filterwarnings("ignore", message="Graph is not fully connected")
            with doing(f"eigenvectors of the graph of {len(features):,} data"):
                labels: Features = spectral.fit_predict(graph)
        return labels
