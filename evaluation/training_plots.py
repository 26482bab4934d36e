"""Pictures of a fit on its way: the loss and its parts, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .style import BLUE, ORANGE, PALETTE, Place, figure_of, place, styled

Rows = Sequence[Mapping[str, Any]]

NOT_A_PART = ("phase", "epoch", "loss", "validation", "seconds", "held_out_bound")
# What is no part of the loss has another unit than nats.
UNITS = {
    "occupied_clusters": "clusters",
    "affiliation_variance": "variance",
    "alpha": "weight",
    "beta": "weight",
    "refitted": "0: no, 1: yes",
}
NO_TRAINING = ("n_clusters", "initialise")
WHOLE = ("occupied_clusters", "refitted")
STEPS = [1, 2, 5, 10]
PANEL = 3.6
INCH_PER_LETTER = 0.075


@styled
def curves(history: Rows, *, figure: Place | None = None) -> Figure:
    """Draw the loss and each named part over the epochs, with the phases marked.

    Parts whose names end in the number of a facet, such as ``kl_z_0`` and ``kl_z_1``, share a
    panel. A line ends with its phase, since another phase has another loss. Rows of starts and of
    the search for K are left out.

    Args:
        history: rows with ``phase``, ``loss`` and further named numbers, losses in nats per datum,
            one an epoch; ``validation`` is drawn with the loss; ``epoch`` and ``seconds`` are not
            drawn.
        figure: where to draw, an empty one or a part of one; by default one of its own.

    Example:
        >>> figure = curves([{"phase": "train", "epoch": 1, "loss": 90.0, "kl_z": 10.0}])
    """
    # The curves of K are not over epochs, and what a start tells is no loss.
    history = [row for row in history if not str(row["phase"]).startswith(NO_TRAINING)]
    if not history:
        raise ValueError("history is empty: train for at least one epoch")
    lines_of: dict[str, dict[str, str]] = {"loss": {"loss": "trained"}}
    if any("validation" in row for row in history):
        lines_of["loss"]["validation"] = "held out"
    for name in dict.fromkeys(key for row in history for key in row if key not in NOT_A_PART):
        stem, _, facet = name.rpartition("_")
        part = stem if facet.isdigit() else name
        lines_of.setdefault(part, {})[name] = f"facet {facet}"
    n_columns = min(3, len(lines_of))
    n_rows = -(-len(lines_of) // n_columns)
    title = "Training, losses in nats per datum"
    drawn = place(PANEL * n_columns + 0.4, 2.5 * n_rows + 0.6, title, figure)
    panels = drawn.subplots(n_rows, n_columns, sharex=True, squeeze=False).ravel()
    starts = _starts([str(row["phase"]) for row in history])
    for axes, (part, lines) in zip(panels, lines_of.items(), strict=False):
        for name, label in lines.items():
            _curve(axes, history, starts, name, label)
        _mark_phases(axes, history, starts)
        axes.set_title(part.replace("_", " ").replace("kl ", "KL "))
        axes.set_ylabel(UNITS.get(part, "nats"))
        if part in WHOLE:
            axes.yaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1, steps=STEPS))
    # All panels of facets have the same lines: one legend is enough.
    for kind in ("trained", "facet"):
        told = [axes for axes in panels if len(axes.lines) > 1 and _says(axes, kind)]
        for axes in told[:1]:
            axes.legend(fontsize=8)
    for axes in panels[len(lines_of) :]:
        axes.set_visible(False)
    # The panel above a hole shows the epochs that the hole would have shown.
    for axes in panels[max(0, len(lines_of) - n_columns) : len(lines_of)]:
        axes.tick_params(labelbottom=True)
        axes.set_xlabel("epoch, all phases")
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1, steps=STEPS))
    panels[0].set_xlim(0.5, len(history) + 0.5)
    return figure_of(drawn)


def _says(axes: Axes, word: str) -> bool:
    return str(axes.lines[0].get_label()).startswith(word)


def _starts(phases: Sequence[str]) -> list[int]:
    """Where each phase begins, and where the last one ends."""
    changes = [i for i in range(1, len(phases)) if phases[i] != phases[i - 1]]
    return [0, *changes, len(phases)]


def _curve(axes: Axes, history: Rows, starts: Sequence[int], name: str, label: str) -> None:
    """Draw one column of the history, with a gap between phases and a point where one is alone."""
    values = np.array([row.get(name, np.nan) for row in history], np.float64)
    gaps = starts[1:-1]
    epochs = np.insert(np.arange(1.0, len(values) + 1), gaps, np.nan)
    values = np.insert(values, gaps, np.nan)
    finite = np.pad(np.isfinite(values), 1)
    alone = finite[1:-1] & ~finite[:-2] & ~finite[2:]
    shown = finite[1:-1] if finite.sum() < 5 else alone
    facet = name.rpartition("_")[2]
    axes.plot(
        epochs,
        values,
        color=PALETTE[int(facet) % len(PALETTE)] if facet.isdigit() else BLUE,
        label=label,
        marker="o" if shown.any() else None,
        markersize=4,
        markevery=np.flatnonzero(shown).tolist(),
    )
    if name == "validation":
        axes.lines[-1].set(color=ORANGE, linestyle="--")
    axes.margins(y=0.12)


def _mark_phases(axes: Axes, history: Rows, starts: Sequence[int]) -> None:
    """Shade every second phase, and name those that there is room for, the longest first."""
    if len(starts) == 2:
        return
    spans = list(pairwise(starts))
    for start, stop in spans[::2]:
        axes.axvspan(start + 0.5, stop + 0.5, color="#F2F2F2", zorder=0, linewidth=0)
    taken: list[tuple[float, float]] = []
    for start, stop in sorted(spans, key=lambda span: span[0] - span[1]):
        name = str(history[start]["phase"])
        half = len(name) * INCH_PER_LETTER / (PANEL - 0.7) * len(history) / 2
        middle = min(max((start + stop + 1) / 2, 0.5 + half), len(history) + 0.5 - half)
        left, right = middle - half, middle + half
        narrow = half > 0.75 * (stop - start)
        if narrow or any(left < other[1] and right > other[0] for other in taken):
            continue
        taken.append((left, right))
        axes.text(
            middle,
            0.98,
            name,
            transform=axes.get_xaxis_transform(),
            ha="center",
            va="top",
            fontsize=8,
            color="#777777",
        )
