"""Examples of clusters: the most typical data of each, and those on the border of two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from ..evaluation import cluster_grid
from ..evaluation.matching import IntArray, check_responsibilities
from ..evaluation.style import FloatArray, Place
from ..parts import Count, checked


@dataclass(frozen=True)
class Examples:
    """Rows of the data to look at.

    Attributes:
        prototypes: by cluster the rows of its most typical data, the best first; a cluster that
            holds none is left out.
        borderline: the rows of the data that are nearest to a border, ``(n,)``.
        between: the two clusters that each of those lies between, the likelier first, ``(n, 2)``.
        probabilities: of these two, ``(n, 2)``.
    """

    prototypes: dict[int, IntArray]
    borderline: IntArray
    between: IntArray
    probabilities: FloatArray

    @property
    def table(self) -> pd.DataFrame:
        """The borderline data: ``row``, ``cluster``, ``other`` and their probabilities."""
        return pd.DataFrame(
            {
                "row": self.borderline,
                "cluster": self.between[:, 0],
                "probability": self.probabilities[:, 0],
                "other": self.between[:, 1],
                "its_probability": self.probabilities[:, 1],
            }
        )

    def figure(
        self,
        x: npt.ArrayLike,
        *,
        image_shape: Sequence[int] | None = None,
        feature_names: Sequence[str] = (),
        figure: Place | None = None,
    ) -> Figure:
        """The prototypes of each cluster, as pictures or feature by feature.

        Args:
            x: the data, ``(N, *event)``.
            image_shape: (H, W) or (C, H, W) if vectors are flat images.
            feature_names: of a table's features.
            figure: where to draw, an empty one or a part of one; by default one of its own.
        """
        data = np.asarray(x, np.float64)
        n = max(len(rows) for rows in self.prototypes.values())
        # A cluster of fewer shows them again, rather than nothing.
        samples = np.stack([data[np.resize(rows, n)] for rows in self.prototypes.values()])
        names = [str(k) for k in self.prototypes]
        return cluster_grid(
            samples,
            image_shape=image_shape,
            names=names,
            feature_names=feature_names,
            title="Prototypes",
            figure=figure,
        )


@checked
def examples(
    responsibilities: npt.ArrayLike, typicality: npt.ArrayLike | None = None, *, n: Count = 8
) -> Examples:
    """Find prototypes and borderline data.

    Args:
        responsibilities: ``(N, K)``, rows summing to one.
        typicality: how typical each datum is of each cluster, ``(N, K)``, such as log p(z | c) at
            its code; by default the responsibilities, which say how sure the cluster is and not how
            typical the datum, and are often tied at 1.
        n: of each cluster, and at borders.

    Raises:
        ValueError: a typicality of another shape, or a single cluster, which has no border.

    Example:
        >>> found = examples([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]], n=1)
        >>> {k: rows.tolist() for k, rows in found.prototypes.items()}, found.borderline.tolist()
        ({0: [0], 1: [2]}, [1])
    """
    gamma = check_responsibilities(responsibilities)
    if gamma.shape[1] < 2:
        raise ValueError("responsibilities are of one cluster: two have a border")
    scores = gamma if typicality is None else np.asarray(typicality, np.float64)
    if scores.shape != gamma.shape:
        raise ValueError(f"typicality has shape {scores.shape}: use {gamma.shape}")
    cluster = gamma.argmax(1)
    prototypes = {}
    for k in np.unique(cluster).tolist():
        members = np.flatnonzero(cluster == k)
        prototypes[k] = members[np.argsort(-scores[members, k], kind="stable")[:n]]
    order = np.argsort(-gamma, 1, kind="stable")[:, :2]
    top = np.take_along_axis(gamma, order, 1)
    rows = np.argsort(top[:, 0] - top[:, 1], kind="stable")[:n]
    return Examples(prototypes, rows, order[rows], top[rows])
