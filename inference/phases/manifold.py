"""Starts that see a manifold, where distances mean something only among neighbours."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from ...parts import Count, Rate
from ..training import doing
from .graph import beside_numba, neighbour_graph, principal_components
from .start import Features, Start
from .starts import gaussian_mixture, spread

WIDE = 50  # features above which UMAP looks for neighbours in principal components


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

            mapper = UMAP(
                n_neighbors=min(self.n_neighbours, len(rows) - 1),
                n_components=min(self.n_components, len(rows) - 2),
                min_dist=self.min_dist,
                random_state=seed,
                n_jobs=1,
            )
            with doing(f"UMAP of {len(rows):,} data"):
                places: Features = mapper.fit_transform(rows).astype(float)
        return places


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
