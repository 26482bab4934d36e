"""Zeros: does the story make as many of them as the data have, feature by feature?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..evaluation.style import BLUE, GREY, ORANGE, canvas, figure_of, styled
from .replicates import Replicated, data_sets, feature_names, in_gaps


@dataclass(frozen=True)
class ZeroFractions:
    """The share of zeros of each feature, in data and replicates.

    Attributes:
        table: ``feature``, ``observed``, the replicates' ``mean``, ``lower`` and ``upper`` (of the
            central 90 %), and ``p_value``, the share of replicates with more zeros, of ties a half.
    """

    table: pd.DataFrame

    def figure(self, *, ax: Axes | None = None) -> Figure:
        """The shares of the data against those of the replicates.

        Args:
            ax: where to draw; by default in a figure of its own.
        """
        return _draw(self.table, ax)


def zero_fraction(
    x: npt.ArrayLike, replicated: Replicated, *, names: Sequence[str] = ()
) -> ZeroFractions:
    """Compare the share of zeros of every feature with that of replicated data sets.

    Args:
        x: data, ``(N, *event)``, flattened; NaN is left out.
        replicated: ``(S, N, *event)``, or an iterable of S arrays ``(N, *event)``.
        names: of the features.

    Raises:
        ValueError: replicates of another shape, or none.

    Example:
        >>> x, replicated = np.array([[0, 1], [0, 2]]), np.ones((20, 2, 2))
        >>> zero_fraction(x, replicated).table["observed"].tolist()
        [1.0, 0.0]
    """
    data = np.asarray(x, np.float64)
    observed = _shares(data)
    drawn = np.stack([_shares(in_gaps(draw, data)) for draw in data_sets(replicated, data.shape)])
    above, ties = (drawn > observed).sum(0), (drawn == observed).sum(0)
    return ZeroFractions(
        pd.DataFrame(
            {
                "feature": feature_names(names, len(observed)),
                "observed": observed,
                "mean": drawn.mean(0),
                "lower": np.quantile(drawn, 0.05, 0),
                "upper": np.quantile(drawn, 0.95, 0),
                "p_value": (above + 0.5 * (ties + 1)) / (len(drawn) + 1),
            }
        )
    )


def _shares(data: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    flat = data.reshape(len(data), -1)
    known = ~np.isnan(flat)
    shares: npt.NDArray[np.float64] = (flat == 0).sum(0) / np.maximum(known.sum(0), 1)
    return shares


@styled
def _draw(table: pd.DataFrame, ax: Axes | None) -> Figure:
    axes = canvas(4.2, 4.2).subplots() if ax is None else ax
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1.2)
    apart = (table["p_value"] < 0.025) | (table["p_value"] > 0.975)
    for some, colour, marker, label in (
        (table[~apart], BLUE, "o", "as replicated"),
        (table[apart], ORANGE, "^", "outside of 95 % of replicates"),
    ):
        axes.vlines(
            some["observed"], some["lower"], some["upper"], colour, linewidth=0.8, alpha=0.6
        )
        axes.scatter(some["observed"], some["mean"], s=14, color=colour, marker=marker, label=label)
    largest = table[["observed", "upper"]].to_numpy().max(initial=0.0)
    axes.set_xlim(0, max(0.02, 1.15 * largest))
    axes.set_ylim(0, max(0.02, 1.15 * largest))
    axes.set_xlabel("share of zeros in the data")
    axes.set_ylabel("share of zeros in replicates")
    axes.set_title("Zeros of each feature")
    axes.legend(fontsize=8)
    return figure_of(axes)
