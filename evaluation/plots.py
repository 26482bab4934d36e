"""Pictures of a fit: the latent space, the clusters against the labels, training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from sklearn.decomposition import PCA

from .matching import (
    check_partition,
    contingency,
    hungarian_map,
)
from .metrics import hungarian_accuracy, purity
from .style import GREY, OKABE_ITO, ORANGE, FloatArray, canvas, colours, number, styled

MAX_POINTS = 10_000
NOT_A_PART = ("phase", "epoch", "loss", "validation", "seconds")


@styled
def latent_map(
    codes: npt.ArrayLike, clusters: npt.ArrayLike, labels: npt.ArrayLike | None = None
) -> Figure:
    """Map the latent codes, coloured by cluster and, where known, by label.

    Beyond two dimensions the map is the first two principal components, and its axes say how much
    of the variance they hold. At most 10,000 points are drawn.

    Args:
        codes: ``(N, D)``, D ≥ 1.
        clusters: ``(N,)`` whole numbers.
        labels: ``(N,)`` whole numbers, or None.

    Example:
        >>> figure = latent_map(np.eye(4), [0, 0, 1, 1])
    """
    z = np.asarray(codes, np.float64)
    if z.ndim != 2 or len(z) < 2:
        raise ValueError(f"codes must have shape (N, D) with N of at least 2, got {z.shape}")
    colourings = {"Clusters": check_partition(clusters, "clusters")}
    if labels is not None:
        colourings["Labels"] = check_partition(labels, "labels")
    for name, groups in colourings.items():
        if len(groups) != len(z):
            raise ValueError(
                f"codes and {name.lower()} must be as long, got {len(z)} and {len(groups)}"
            )
    points, axis_names = _plane(z)
    order = np.random.default_rng(0).permutation(len(z))[:MAX_POINTS]
    figure = canvas(5.2 * len(colourings), 5.3)
    panels = figure.subplots(1, len(colourings), sharex=True, sharey=True, squeeze=False)[0]
    for axes, (title, groups) in zip(panels, colourings.items(), strict=True):
        present, index = np.unique(groups, return_inverse=True)
        axes.scatter(
            *points[order].T,
            s=5 if len(order) > 2000 else 12,
            c=colours(len(present))[index[order]],
            alpha=0.6,
            linewidths=0,
        )
        number(axes, points, index, [str(group) for group in present])
        axes.set_title(f"{title} ({len(present)})")
        axes.set_xlabel(axis_names[0])
    panels[0].set_ylabel(axis_names[1])
    if len(order) < len(z):
        figure.supxlabel(f"{len(order):,} of {len(z):,} points", fontsize=9, color=GREY)
    return figure


def _plane(z: FloatArray) -> tuple[FloatArray, tuple[str, str]]:
    if z.shape[1] == 1:
        jitter = np.random.default_rng(0).uniform(-1, 1, len(z))
        return np.column_stack([z[:, 0], jitter]), ("$z_1$", "random, to spread the points")
    if z.shape[1] == 2:
        return z, ("$z_1$", "$z_2$")
    pca = PCA(2, random_state=0).fit(z)
    first, second = pca.explained_variance_ratio_
    return np.asarray(pca.transform(z)), (
        f"principal component 1 ({first:.0%} of the variance of {z.shape[1]} dimensions)",
        f"principal component 2 ({second:.0%})",
    )


@styled
def confusion(labels: npt.ArrayLike, clusters: npt.ArrayLike) -> Figure:
    """Draw which label falls into which cluster, the matched clusters along the diagonal.

    Each row is the share of a label's data; clusters that stand for no label follow at the right,
    in order of their majority label.

    Args:
        labels: ``(N,)`` whole numbers.
        clusters: ``(N,)`` whole numbers.

    Example:
        >>> figure = confusion([0, 0, 1, 1], [5, 5, 2, 2])
    """
    counts, classes, groups = contingency(labels, clusters)
    stands_for = hungarian_map(labels, clusters)
    majority = classes[counts.argmax(0)]
    column = sorted(
        range(len(groups)),
        key=lambda k: (
            int(groups[k]) not in stands_for,
            stands_for.get(int(groups[k]), int(majority[k])),
        ),
    )
    table = counts[:, column]
    shares = table / table.sum(1, keepdims=True)
    roomy = len(groups) <= 30 and len(classes) <= 30
    cell = 0.36 if roomy else 0.2
    figure = canvas(max(4.5, cell * len(groups) + 1.9), max(3.4, cell * len(classes) + 1.5))
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_yticks(range(len(classes)), [str(label) for label in classes])
    axes.set_xticks(range(len(groups)), [str(groups[k]) for k in column])
    axes.tick_params(length=0)
    if not roomy:
        axes.tick_params(labelsize=7)
        axes.tick_params(axis="x", labelrotation=90)
    axes.spines[:].set_visible(False)
    if roomy:
        for (row, col), share in np.ndenumerate(shares):
            if share >= 0.005:
                ink = "white" if share > 0.55 else "#333333"
                axes.text(
                    col, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=8, color=ink
                )
    n_matched = len(stands_for)
    if n_matched < len(groups):
        axes.axvline(n_matched - 0.5, color=ORANGE, linewidth=1.2)
    axes.set_xlabel("cluster" + (", matched | left over" if n_matched < len(groups) else ""))
    axes.set_ylabel("label")
    axes.set_title(
        f"accuracy {hungarian_accuracy(labels, clusters):.1%}, "
        f"purity {purity(labels, clusters):.1%}, {len(groups)} clusters"
    )
    figure.colorbar(image, label="share of the label", shrink=0.8)
    return figure


@styled
def curves(history: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the loss and each named part over the epochs, with the phases marked.

    Parts whose names end in the number of a facet, such as ``kl_z_0`` and ``kl_z_1``, share a
    panel.

    Args:
        history: rows with ``phase``, ``loss`` and further named numbers, losses in nats per datum,
            one an epoch; ``validation`` is drawn with the loss; ``epoch`` and ``seconds`` are not
            drawn.

    Example:
        >>> figure = curves([{"phase": "train", "epoch": 1, "loss": 90.0, "kl_z": 10.0}])
    """
    if not history:
        raise ValueError("history is empty: train for at least one epoch")
    panels_of: dict[str, dict[str, str]] = {"loss": {"loss": "trained"}}
    for name in dict.fromkeys(key for row in history for key in row if key not in NOT_A_PART):
        stem, _, facet = name.rpartition("_")
        title = stem if facet.isdigit() else name
        panels_of.setdefault(title, {})[name] = f"facet {facet}"
    if any("validation" in row for row in history):
        panels_of["loss"]["validation"] = "held out"
    n_columns = min(3, len(panels_of))
    n_rows = -(-len(panels_of) // n_columns)
    figure = canvas(3.6 * n_columns + 0.4, 2.5 * n_rows + 0.6, "Training, losses in nats per datum")
    panels = figure.subplots(n_rows, n_columns, sharex=True, squeeze=False).ravel()
    phases = [str(row["phase"]) for row in history]
    for axes, (title, lines) in zip(panels, panels_of.items(), strict=False):
        for (name, label), colour in zip(lines.items(), cycle(OKABE_ITO)):
            _curve(axes, history, name, colour, label)
        if len(lines) > 1:
            axes.legend()
        _mark_phases(axes, phases)
        axes.set_title(title.replace("_", " "))
    for axes in panels[len(panels_of) :]:
        axes.set_visible(False)
    # The panel above a hole shows the epochs that the hole would have shown.
    for axes in panels[max(0, len(panels_of) - n_columns) : len(panels_of)]:
        axes.tick_params(labelbottom=True)
        axes.set_xlabel("epoch, all phases")
        axes.xaxis.set_major_locator(
            MaxNLocator(5, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10])
        )
    return figure


def _curve(
    axes: Axes, history: Sequence[Mapping[str, Any]], name: str, colour: str, label: str
) -> None:
    values = np.array([row.get(name, np.nan) for row in history], np.float64)
    epochs = np.arange(1, len(values) + 1)
    marker = "o" if np.isfinite(values).sum() < 5 else None
    axes.plot(epochs, values, color=colour, label=label, marker=marker, markersize=4)
    axes.margins(y=0.12)


def _mark_phases(axes: Axes, phases: Sequence[str]) -> None:
    starts = [0, *(i for i in range(1, len(phases)) if phases[i] != phases[i - 1]), len(phases)]
    if len(starts) == 2:
        return
    for k, (start, stop) in enumerate(pairwise(starts)):
        if k % 2 == 0:
            axes.axvspan(start + 0.5, stop + 0.5, color="#F2F2F2", zorder=0, linewidth=0)
        axes.text(
            (start + stop + 1) / 2,
            0.98,
            phases[start],
            transform=axes.get_xaxis_transform(),
            ha="center",
            va="top",
            fontsize=8,
            color="#777777",
        )
