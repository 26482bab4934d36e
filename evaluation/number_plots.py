"""The picture of how many clusters there are: what is known of each K, and the K taken."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .style import BLUE, GREEN, GREY, ORANGE, Place, figure_of, place, styled

COUNTS = {"separate": "that stand apart", "occupied": "occupied"}
SCORES = {"modularity": "modularity", "agreement": "agreement of seeds"}
COLOURS = {
    "separate": BLUE,
    "occupied": ORANGE,
    "modularity": GREEN,
    "agreement": ORANGE,
    "held_out_bound": BLUE,
}


@styled
def number_picture(table: pd.DataFrame, best_k: int, *, figure: Place | None = None) -> Figure:
    """Draw the curves over K.

    Args:
        table: a row for each K, with ``n_clusters`` and some of ``separate``, ``occupied``,
            ``modularity``, ``agreement`` and ``held_out_bound``.
        best_k: the K taken, which is marked.
        figure: where to draw, an empty one or a part of one; by default one of its own.

    Example:
        >>> table = pd.DataFrame({"n_clusters": [2, 3, 4], "separate": [2, 3, 3]})
        >>> figure = number_picture(table, best_k=3)
    """
    panels = [names for names in (COUNTS, SCORES, ["held_out_bound"]) if set(names) & set(table)]
    title = f"How many clusters: {best_k}"
    drawn = place(3.6 * len(panels) + 0.4, 3.2, title, figure)
    for axes, names in zip(drawn.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        if names is COUNTS:
            draw_counts(axes, table, best_k)
            continue
        for name in names:
            label = SCORES.get(name)
            _line(axes, table, name, label)
        axes.axvline(best_k, color=GREY, linestyle=":", linewidth=1.2)
        axes.set_xlabel("K")
        axes.set_ylabel("score" if names is SCORES else "nats per datum")
        axes.set_title("Partitions" if names is SCORES else "Held-out bound")
        if names is SCORES:
            axes.legend(fontsize=8)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    return figure_of(drawn)


def draw_counts(axes: Axes, table: pd.DataFrame, best_k: int) -> None:
    """Draw how many of K clusters stand apart, and are occupied, into axes of one's own.

    Args:
        axes: to draw into.
        table: as for :func:`number_picture`.
        best_k: the K taken, which is marked.
    """
    k = np.asarray(table["n_clusters"])
    axes.plot(k, k, color=GREY, linestyle="--", linewidth=1.2, label="all K")
    for name, label in COUNTS.items():
        _line(axes, table, name, label)
    axes.axvline(best_k, color=GREY, linestyle=":", linewidth=1.2)
    axes.set_xlabel("K")
    axes.set_ylabel("clusters")
    axes.set_title("Clusters")
    axes.legend(fontsize=8)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, integer=True))


def _line(axes: Axes, table: pd.DataFrame, name: str, label: str | None) -> None:
    if name in table:
        first = name in ("separate", "modularity")
        axes.plot(
            table["n_clusters"],
            table[name],
            color=COLOURS[name],
            linestyle="-" if first else "--",
            marker="o" if first else "s",
            markersize=4,
            label=label,
        )
