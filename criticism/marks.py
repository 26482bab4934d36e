"""What marks a cluster: the features by which it differs from all the others, and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import rankdata

from ..evaluation.matching import check_partition
from ..evaluation.style import BLUE, GREY, ORANGE, FloatArray, Place, figure_of, place, styled
from .replicates import feature_names

COLUMNS = 10


@dataclass(frozen=True)
class Marks:
    """The shift of every feature in every cluster against the rest.

    Attributes:
        table: a row for each cluster and feature, the largest shift of a cluster first:
            ``cluster``, ``feature``, ``mean`` in the cluster, ``mean_rest``, ``effect`` (Cohen's d:
            the difference in standard deviations within both) and ``auc``, the probability that a
            datum of the cluster has a larger value than one of the rest, ties a half.
        effects: Cohen's d by cluster and feature, ``(K, X)``.
        clusters: their numbers, ``(K,)``.
        names: of the features.
    """

    table: pd.DataFrame
    effects: FloatArray
    clusters: npt.NDArray[np.int64]
    names: Sequence[str]

    def of(self, cluster: int, n: int = 10) -> pd.DataFrame:
        """The n features that mark a cluster most.

        Raises:
            ValueError: there is no such cluster.
        """
        if cluster not in self.clusters:
            raise ValueError(f"cluster is {cluster}: there are {self.clusters.tolist()}")
        return self.table[self.table["cluster"] == cluster].head(n).reset_index(drop=True)

    def figure(
        self,
        n: int = 8,
        *,
        image_shape: Sequence[int] | None = None,
        figure: Place | None = None,
    ) -> Figure:
        """The features that mark each cluster, as bars, or the effects as pictures.

        Args:
            n: features of each cluster.
            image_shape: (H, W) or (C, H, W) where features are pixels.
            figure: where to draw, an empty one or a part of one; by default one of its own.
        """
        if image_shape is None:
            return _bars(self, n, figure)
        return _pictures(self, image_shape, figure)


def cluster_marks(x: npt.ArrayLike, clusters: npt.ArrayLike, *, names: Sequence[str] = ()) -> Marks:
    r"""Rank the features of each cluster by their shift against all other data.

    .. math:: d_{cj} = \frac{\bar x_{cj} - \bar x_{\neg c, j}}{s_{cj}}, \qquad
        s_{cj}^2 = \frac{n_c\, v_{cj} + (N - n_c)\, v_{\neg c, j}}{N - 2}

    With draws of the story, clusters among them (:func:`pyromix.inference.prior_predictive`), that
    is the shift between p(x | c) and p(x | not c); with data and their labels, what was found.
    Features are ranked by \|d\|, which knows of shifts alone: the AUC beside it is the same after
    any monotone transformation.

    Args:
        x: ``(N, *event)``, flattened.
        clusters: ``(N,)`` whole numbers.
        names: of the features.

    Raises:
        ValueError: fewer than two clusters, or as many of them as data do not have.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> clusters = np.repeat([0, 1], 50)
        >>> x = rng.normal(size=(100, 3)) + 3 * np.outer(clusters, [0, 1, 0])
        >>> cluster_marks(x, clusters, names=["a", "b", "c"]).of(1, n=1)["feature"].item()
        'b'

    References:
        Cohen (1988). Statistical Power Analysis for the Behavioral Sciences, ch. 2.
        McGraw & Wong (1992). A common language effect size statistic. Psychological Bulletin 111.
    """
    data = np.asarray(x, np.float64)
    data = data.reshape(len(data), -1)
    partition = check_partition(clusters, "clusters")
    present = np.unique(partition)
    if len(partition) != len(data) or len(present) < 2:
        raise ValueError(
            f"{len(data)} data came with {len(partition)} of {len(present)} cluster(s): give one "
            "for each, of two or more"
        )
    labels = feature_names(names, data.shape[1])
    ranks = rankdata(data, axis=0)
    found, effects = [], []
    for k in present:
        inside = partition == k
        n, rest = int(inside.sum()), int((~inside).sum())
        mean, mean_rest = data[inside].mean(0), data[~inside].mean(0)
        squares = n * data[inside].var(0) + rest * data[~inside].var(0)
        spread = np.sqrt(squares / max(1, n + rest - 2))
        shift = mean - mean_rest
        with np.errstate(divide="ignore", invalid="ignore"):
            effect = np.where(shift == 0, 0.0, shift / spread)
        auc = (ranks[inside].sum(0) - n * (n + 1) / 2) / (n * rest)
        order = np.argsort(-np.abs(effect), kind="stable")
        effects.append(effect)
        found.append(
            pd.DataFrame(
                {
                    "cluster": int(k),
                    "feature": [labels[j] for j in order],
                    "mean": mean[order],
                    "mean_rest": mean_rest[order],
                    "effect": effect[order],
                    "auc": auc[order],
                }
            )
        )
    return Marks(pd.concat(found, ignore_index=True), np.stack(effects), present, labels)


@styled
def _bars(marks: Marks, n: int, figure: Place | None) -> Figure:
    n = min(n, len(marks.names))
    columns = min(3, len(marks.clusters))
    n_rows = -(-len(marks.clusters) // columns)
    letters = max(len(name) for name in marks.table.groupby("cluster").head(n)["feature"])
    wide = 2.2 + 0.07 * min(letters, 30)
    size = wide * columns + 0.2, (0.2 * n + 0.6) * n_rows + 0.6
    drawn = place(*size, "What marks each cluster", figure)
    panels = drawn.subplots(n_rows, columns, squeeze=False, sharex=True).ravel()
    finite = marks.effects[np.isfinite(marks.effects)]
    limit = 1.1 * max(1.0, float(np.abs(finite).max(initial=0.0)))
    for axes, k in zip(panels, marks.clusters, strict=False):
        top = marks.of(int(k), n)[::-1]
        effect = top["effect"].clip(-limit, limit).to_numpy()
        colours = [BLUE if each >= 0 else ORANGE for each in effect]
        axes.barh(np.arange(n), effect, color=colours, height=0.7)
        axes.axvline(0, color=GREY, linewidth=0.8)
        names = [name if len(name) <= 30 else f"{name[:29]}…" for name in top["feature"]]
        axes.set_yticks(np.arange(n), names, fontsize=8)
        axes.tick_params(axis="y", length=0)
        axes.tick_params(axis="x", labelsize=8)
        axes.set_xlim(-limit, limit)
        axes.set_title(f"cluster {k}", fontsize=9)
    for axes in panels[len(marks.clusters) :]:
        axes.set_visible(False)
    for axes in panels[max(0, len(marks.clusters) - columns) : len(marks.clusters)]:
        axes.tick_params(labelbottom=True)
    drawn.supxlabel("shift against the rest, in standard deviations", fontsize=9)
    return figure_of(drawn)


@styled
def _pictures(marks: Marks, image_shape: Sequence[int], figure: Place | None) -> Figure:
    """Effects as grey pictures, one a cluster: middle grey is none, dark is more."""
    finite = np.where(np.isfinite(marks.effects), marks.effects, 0.0)
    shape = (1, *image_shape) if len(image_shape) == 2 else tuple(image_shape)
    pictures = finite.reshape(len(finite), *shape).mean(1)  # of channels their mean
    limit = max(1e-12, float(np.abs(pictures).max()))
    columns = min(COLUMNS, len(pictures))
    n_rows = -(-len(pictures) // columns)
    size = 0.8 * columns + 1.3, 1.05 * n_rows + 0.5
    drawn = place(*size, "What marks each cluster", figure)
    panels = drawn.subplots(n_rows, columns, squeeze=False).ravel()
    for axes, picture, k in zip(panels, pictures, marks.clusters, strict=False):
        image = axes.imshow(picture, cmap="Greys", vmin=-limit, vmax=limit)
        axes.set_title(f"cluster {k}", fontsize=8)
        axes.set_xticks([])
        axes.set_yticks([])
    for axes in panels[len(pictures) :]:
        axes.set_visible(False)
    drawn.colorbar(image, ax=list(panels), label="shift, in sd", shrink=0.9)
    return figure_of(drawn)
