"""The density of each feature against that of replicates: which features the story misses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from ..evaluation.predictive import histogram_edges, outlines
from ..evaluation.style import BLUE, FloatArray, Place, figure_of, place, styled
from .replicates import Replicated, data_sets, feature_names

MAX_ROWS = 2000
MAX_DRAWS = 50
SHOWN = 6


@dataclass(frozen=True)
class DensityCheck:
    """How far the law of each feature is from the replicates'.

    Attributes:
        table: a row for each feature, the furthest first: ``feature``, ``distance`` (that of
            Kolmogorov and Smirnov, the largest gap between distribution functions), ``usual`` (the
            same between one replicate and the others, its 95th percentile) and ``p_value``.
        x: the data compared, ``(n, X)``.
        draws: the replicates, ``(S, n, X)``.
        position: of each row's feature in the data, ``(X,)``.
    """

    table: pd.DataFrame
    x: FloatArray
    draws: FloatArray
    position: npt.NDArray[np.int64]

    def figure(self, n_shown: int = SHOWN, *, figure: Place | None = None) -> Figure:
        """The densities of the features that are furthest off.

        Args:
            n_shown: how many features.
            figure: where to draw, an empty one or a part of one; by default one of its own.
        """
        return _densities(self, n_shown, figure)


def density_check(
    x: npt.ArrayLike, replicated: Replicated, *, names: Sequence[str] = (), seed: int = 0
) -> DensityCheck:
    """Compare the law of every feature with that of replicated data sets.

    A replicate's distance from the others is what a right story would show, so that
    ``distance`` far above ``usual`` means another law. At most 2,000 rows, drawn at random, and 50
    replicates are looked at.

    Args:
        x: data, ``(N, *event)``, flattened; NaN is left out.
        replicated: ``(S, N, *event)``, or an iterable of S arrays ``(N, *event)``, two or more.
        names: of the features.
        seed: of the rows drawn.

    Raises:
        ValueError: replicates of another shape, or fewer than two.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(200, 2)) + [0.0, 1.0]
        >>> found = density_check(x, rng.normal(size=(20, 200, 2)), names=["right", "wrong"])
        >>> found.table["feature"][0]
        'wrong'
    """
    data = np.asarray(x, np.float64)
    rows = np.random.default_rng(seed).permutation(len(data))[:MAX_ROWS]
    some = data[rows].reshape(len(rows), -1)
    draws = np.stack(
        [
            draw[rows].reshape(some.shape)
            for draw, _ in zip(data_sets(replicated, data.shape), range(MAX_DRAWS), strict=False)
        ]
    )
    if len(draws) < 2:
        raise ValueError("replicated holds one data set: give two or more, to compare them too")
    found = []
    for j, name in enumerate(feature_names(names, some.shape[1])):
        observed = some[~np.isnan(some[:, j]), j]
        distance, others = _distances(observed, draws[:, :, j])
        above = (others >= distance).sum()
        found.append(
            {
                "feature": name,
                "distance": distance,
                "usual": float(np.quantile(others, 0.95)),
                "p_value": (above + 1) / (len(others) + 1),
            }
        )
    table = pd.DataFrame(found)
    excess = (table["distance"] - table["usual"]).to_numpy()
    order = np.argsort(-excess, kind="stable")
    return DensityCheck(table.iloc[order].reset_index(drop=True), some, draws, order)


def _distances(observed: FloatArray, draws: FloatArray) -> tuple[float, FloatArray]:
    """From the data ``(n,)`` to all draws ``(S, n)``, and from each draw to the others."""
    if len(observed) == 0:
        return 0.0, np.zeros(len(draws))
    grid = np.unique(np.quantile(np.concatenate([observed, draws.ravel()]), np.linspace(0, 1, 257)))
    below = np.stack([np.searchsorted(np.sort(draw), grid, "right") for draw in draws])
    shares = below / draws.shape[1]  # (S, G)
    mean = shares.mean(0)
    own = np.searchsorted(np.sort(observed), grid, "right") / len(observed)
    rest = (mean * len(draws) - shares) / (len(draws) - 1)
    return float(np.abs(own - mean).max()), np.abs(shares - rest).max(1)


@styled
def _densities(check: DensityCheck, n_shown: int, figure: Place | None) -> Figure:
    some = check.table.head(n_shown)
    columns = min(3, len(some))
    n_rows = -(-len(some) // columns)
    title = "Data and replicates"
    drawn = place(3.0 * columns + 0.3, 2.2 * n_rows + 0.7, title, figure)
    panels = drawn.subplots(n_rows, columns, squeeze=False).ravel()
    for axes, (rank, row) in zip(panels, some.iterrows(), strict=False):
        j = check.position[int(str(rank))]
        observed = check.x[~np.isnan(check.x[:, j]), j]
        draws = check.draws[:20, :, j]
        edges = histogram_edges(observed, draws.ravel())
        axes.hist(observed, edges.tolist(), density=True, color=BLUE, alpha=0.35, label="data")
        outlines(axes, edges, draws)
        axes.set_title(f"{row['feature']}\ndistance {row['distance']:.2f}", fontsize=9)
        axes.tick_params(labelsize=8)
        axes.locator_params(axis="x", nbins=4)
    for axes in panels[len(some) :]:
        axes.set_visible(False)
    panels[0].legend(fontsize=8)
    drawn.supxlabel("value of the feature, in its units", fontsize=9)
    drawn.supylabel("density", fontsize=9)
    return figure_of(drawn)
