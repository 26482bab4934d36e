"""Pictures of how a fit came about: its parts on one scale, its restarts, and its starts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .style import BLUE, GREY, ORANGE, PALETTE, canvas, figure_of, styled
from .training_plots import NOT_A_PART, UNITS

Rows = Sequence[Mapping[str, Any]]
DASHES = ("-", "--", "-.", ":")
CHOICE = re.compile(r"(neighbours|modularity|agreement|cheap)_(\d+)$")


@styled
def parts_picture(history: Rows, *, phase: str = "train", ax: Axes | None = None) -> Figure:
    """Draw all named parts of the loss on one scale, in nats per datum, epoch by epoch.

    What is small beside the rest is seen to be small, which panels of their own hide.

    Args:
        history: rows with ``phase``, ``epoch`` and parts.
        phase: whose rows.
        ax: where to draw; by default in a figure of its own.

    Raises:
        ValueError: the history has no such phase.

    Example:
        >>> figure = parts_picture([{"phase": "train", "epoch": 1, "loss": 90.0, "kl_z": 10.0}])
    """
    rows = [row for row in history if row["phase"] == phase]
    if not rows:
        phases = ", ".join(dict.fromkeys(repr(str(row["phase"])) for row in history))
        raise ValueError(f"phase is {phase!r}: the history has {phases}")
    axes = canvas(5.6, 3.6).subplots() if ax is None else ax
    left_out = {*NOT_A_PART, *UNITS}
    names = [n for n in dict.fromkeys(key for row in rows for key in row) if n not in left_out]
    epochs = [row["epoch"] for row in rows]
    for i, name in enumerate(["loss", *names]):
        axes.plot(
            epochs,
            [row.get(name, np.nan) for row in rows],
            color="#222222" if name == "loss" else PALETTE[i % len(PALETTE)],
            linestyle=DASHES[i % len(DASHES)],
            linewidth=2.4 if name == "loss" else 1.6,
            marker="o" if len(rows) < 3 else None,
            label=name.replace("_", " ").replace("kl ", "KL "),
        )
    axes.set_xlabel("epoch")
    axes.set_ylabel("nats per datum")
    axes.set_title(f"Parts of the loss, {phase}")
    axes.legend(fontsize=8, ncols=2)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    return figure_of(axes)


@styled
def restarts_picture(history: Rows, *, ax: Axes | None = None) -> Figure:
    """Draw the held-out loss of every restart, and which of them was kept.

    Args:
        history: of a fit with ``n_init`` of 2 or more: phases ``"train 1"``, ``"train 2"``, …, and
            ``held_out_bound`` in the last row of each.
        ax: where to draw; by default in a figure of its own.

    Raises:
        ValueError: there is one restart only.

    Example:
        >>> rows = [{"phase": f"train {i}", "epoch": 1, "loss": 9.0 + i} for i in (1, 2)]
        >>> figure = restarts_picture(rows)
    """
    phases = [p for p in dict.fromkeys(str(row["phase"]) for row in history) if p[:6] == "train "]
    if len(phases) < 2:
        raise ValueError("the history is of one restart: fit with n_init of 2 or more")
    axes = canvas(7.4, 3.6).subplots() if ax is None else ax
    runs = [[row for row in history if row["phase"] == phase] for phase in phases]
    bounds = [run[-1].get("held_out_bound", -run[-1]["loss"]) for run in runs]
    kept = int(np.argmax(bounds))
    for i, (run, bound) in enumerate(zip(runs, bounds, strict=True)):
        axes.plot(
            [row["epoch"] for row in run],
            [row.get("validation", row["loss"]) for row in run],
            color=ORANGE if i == kept else PALETTE[i % len(PALETTE)],
            linestyle="-" if i == kept else DASHES[1 + i % 3],
            linewidth=2.6 if i == kept else 1.4,
            marker="o" if len(run) < 3 else None,
            label=f"{i + 1}: bound {bound:.4g}{', kept' if i == kept else ''}",
        )
    axes.set_xlabel("epoch of the joint training")
    axes.set_ylabel("held-out loss of one draw, nats per datum")
    axes.set_title(f"{len(runs)} restarts")
    axes.legend(
        fontsize=8,
        title="restart, bound of ten draws",
        title_fontsize=8,
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),  # within, it would lie on a line
    )
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    return figure_of(axes)


@styled
def starts_picture(history: Rows, names: Sequence[str] = (), *, ax: Axes | None = None) -> Figure:
    """Draw how the starts that were tried compare, without labels, and which was taken.

    Args:
        history: of a fit whose start chooses among several, such as ``BestOf``.
        names: of the starts, in their order; their numbers by default.
        ax: where to draw; by default in a figure of its own.

    Raises:
        ValueError: no choice was recorded, or there are names of another number.

    Example:
        >>> row = {"phase": "initialise", "epoch": 1, "neighbours_0": 0.8, "neighbours_1": 0.9}
        >>> figure = starts_picture([row], ["k-means", "UMAP"])
    """
    found: dict[str, dict[int, float]] = {}
    for row in history:
        for key, value in row.items():
            match = CHOICE.match(key)
            if match:
                found.setdefault(match[1], {})[int(match[2])] = float(value)
    if not found:
        raise ValueError("the history records no choice among starts: fit with BestOf or AutoStart")
    by, scores = next(iter(found.items()))
    labels = list(names) or [f"start {number}" for number in scores]
    if len(labels) != len(scores):
        raise ValueError(f"{len(labels)} names came for {len(scores)} starts")
    axes = canvas(5.2, 0.45 * len(scores) + 1.3).subplots() if ax is None else ax
    values = np.array(list(scores.values()))
    best = int(np.nanargmax(values))
    position = np.arange(len(values))[::-1]
    colours = [ORANGE if i == best else BLUE for i in range(len(values))]
    hatches = ["//" if i == best else "" for i in range(len(values))]
    axes.barh(position, values, color=colours, hatch=hatches, edgecolor="white", height=0.7)
    for y, value in zip(position, values, strict=True):
        axes.text(value, y, f" {value:.3f}", va="center", fontsize=8, color=GREY)
    axes.set_yticks(position, labels)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.15)
    words = {"neighbours": "share of neighbours that share a cluster"}
    axes.set_xlabel(words.get(by, by))
    axes.set_title(f"{len(values)} starts; {labels[best]} is best")
    return figure_of(axes)
