"""Do seeds agree? The likeness of the partitions that several fits of the same data found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from ..evaluation.matching import check_partition
from ..evaluation.style import FloatArray, canvas, figure_of, styled


@dataclass(frozen=True)
class Agreement:
    """The likeness of partitions in pairs: 1 for the same, 0 for what chance would give.

    Attributes:
        ari: adjusted Rand index, ``(M, M)``.
        ami: adjusted mutual information, ``(M, M)``.
        names: of the M partitions.
    """

    ari: FloatArray
    ami: FloatArray
    names: Sequence[str]

    @property
    def table(self) -> pd.DataFrame:
        """A row for each pair: ``one``, ``other``, ``ari``, ``ami``."""
        pairs = list(combinations(range(len(self.names)), 2))
        return pd.DataFrame(
            {
                "one": [self.names[i] for i, _ in pairs],
                "other": [self.names[j] for _, j in pairs],
                "ari": [self.ari[pair] for pair in pairs],
                "ami": [self.ami[pair] for pair in pairs],
            }
        )

    @property
    def mean(self) -> dict[str, float]:
        """The mean over the pairs, of both."""
        return {name: float(self.table[name].mean()) for name in ("ari", "ami")}

    def figure(self, *, ax: Axes | None = None) -> Figure:
        """The adjusted Rand index of every pair.

        Args:
            ax: where to draw; by default in a figure of its own.
        """
        return _draw(self, ax)


def agreement(partitions: Sequence[npt.ArrayLike], names: Sequence[str] = ()) -> Agreement:
    """Compare the partitions of several fits, in pairs.

    Where seeds disagree no single one is to be believed; where they agree the partition may still
    be one that all of them are led to by the same start.

    Args:
        partitions: M of the same data, ``(N,)`` whole numbers each, such as ``labels_``; numbers of
            clusters need not be the same, and mean nothing.
        names: of the fits, such as their seeds.

    Raises:
        ValueError: fewer than two, of different lengths, or names of another number.

    Example:
        >>> agreement([[0, 0, 1, 1], [5, 5, 2, 2], [0, 1, 0, 1]]).table["ari"].round(2).tolist()
        [1.0, -0.5, -0.5]

    References:
        Hubert & Arabie (1985). Comparing partitions. Journal of Classification 2.
        Vinh, Epps & Bailey (2010). Information theoretic measures for clusterings comparison. JMLR.
    """
    found = [check_partition(each, f"partitions[{i}]") for i, each in enumerate(partitions)]
    if len(found) < 2 or len({len(each) for each in found}) > 1:
        raise ValueError(
            f"partitions are of {[len(each) for each in found]} data: give two or more of the same"
        )
    if len(names) not in (0, len(found)):
        raise ValueError(f"{len(names)} names came for {len(found)} partitions")
    ari, ami = np.eye(len(found)), np.eye(len(found))
    for i, j in combinations(range(len(found)), 2):
        ari[i, j] = ari[j, i] = adjusted_rand_score(found[i], found[j])
        ami[i, j] = ami[j, i] = adjusted_mutual_info_score(found[i], found[j])
    return Agreement(ari, ami, [str(n) for n in names] or [f"fit {i}" for i in range(len(found))])


@styled
def _draw(found: Agreement, ax: Axes | None) -> Figure:
    number = len(found.names)
    side = min(10.0, 0.5 * number + 1.9)
    axes = canvas(side + 0.9, side).subplots() if ax is None else ax
    image = axes.imshow(found.ari, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(number), found.names, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(number), found.names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if number <= 20:
        for (row, column), value in np.ndenumerate(found.ari):
            ink = "white" if value > 0.6 else "#333333"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=ink, fontsize=8)
    axes.set_title(f"Agreement of fits, mean {found.mean['ari']:.2f}")
    figure_of(axes).colorbar(image, ax=axes, label="adjusted Rand index", shrink=0.8)
    return figure_of(axes)
