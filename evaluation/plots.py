"""Pictures of a clustering: data of the plane, and the clusters against the labels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from .matching import check_partition, contingency, hungarian_map
from .metrics import hungarian_accuracy, purity
from .style import (
    MAX_INCHES,
    ORANGE,
    FloatArray,
    IntArray,
    canvas,
    figure_of,
    scatter,
    styled,
)

MAX_POINTS = 10_000


@styled
def cluster_map(
    points: npt.ArrayLike,
    clusters: npt.ArrayLike,
    labels: npt.ArrayLike | None = None,
    *,
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Scatter data of the plane by cluster; at most 10,000 of them.

    Args:
        points: ``(N, 2)``.
        clusters: ``(N,)`` whole numbers.
        labels: ``(N,)`` whole numbers; a cluster then has the colour of the label that it stands
            for.
        title: one line above; the number of clusters by default.
        ax: where to draw; by default in a figure of its own.

    Example:
        >>> figure = cluster_map(np.eye(2), [0, 1])
    """
    x = np.asarray(points, np.float64)
    if x.ndim != 2 or x.shape[1] != 2:
        raise ValueError(f"points must have shape (N, 2), got {x.shape}")
    axes = canvas(5.2, 5.3).subplots() if ax is None else ax
    panel(axes, x, clusters, labels, "clusters")
    if title is not None:
        axes.set_title(title)
    axes.set_xlabel("$x_1$")
    axes.set_ylabel("$x_2$")
    return figure_of(axes)


def panel(
    axes: Axes,
    points: FloatArray,
    groups: npt.ArrayLike,
    labels: npt.ArrayLike | None,
    name: str,
    names: Sequence[str] = (),
) -> None:
    """Scatter points by group, in the colours of the labels that the groups stand for."""
    partition = check_partition(groups, name)
    if len(partition) != len(points):
        raise ValueError(f"{len(points)} data came with {len(partition)} {name}: give one for each")
    present, index = np.unique(partition, return_inverse=True)
    kinds = None if labels is None else _kinds(present, partition, labels)
    shown = [class_name(names, group) for group in present]
    some = np.random.default_rng(0).permutation(len(points))[:MAX_POINTS]
    scatter(axes, points[some], index[some], shown, kinds)
    axes.set_title(f"{name.capitalize()} ({len(present)})")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6))


def _kinds(present: IntArray, clusters: IntArray, labels: npt.ArrayLike) -> list[int]:
    """The number of each cluster's colour: its label's position, or one that no label has."""
    position = {
        int(label): i for i, label in enumerate(np.unique(check_partition(labels, "labels")))
    }
    spare = count(len(position))
    stands_for = hungarian_map(labels, clusters)
    return [position[stands_for[k]] if k in stands_for else next(spare) for k in present.tolist()]


def class_name(names: Sequence[str], label: int) -> str:
    """What a picture calls a label: its name, where it has one."""
    return str(names[label]) if 0 <= label < len(names) else str(label)


@styled
def confusion(
    labels: npt.ArrayLike,
    clusters: npt.ArrayLike,
    *,
    class_names: Sequence[str] = (),
    label_name: str = "label",
    ax: Axes | None = None,
) -> Figure:
    """Draw which label falls into which cluster, the matched clusters along the diagonal.

    Each row is the share of a label's data in per cent; clusters that stand for no label follow at
    the right, in order of their majority label.

    Args:
        labels: ``(N,)`` whole numbers.
        clusters: ``(N,)`` whole numbers.
        class_names: of labels 0, 1, …, to be written in place of the numbers.
        label_name: what the labels are of.
        ax: where to draw; by default in a figure of its own.

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
    rows = [class_name(class_names, label) for label in classes]
    beside = 1.9 + 0.08 * max(map(len, rows))
    if ax is None:
        wide, tall = cell * len(groups) + beside, cell * len(classes) + 1.5
        ax = canvas(max(4.5, wide), max(3.4, tall)).subplots()
    axes = ax
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    _name_ticks(axes.yaxis, rows)
    _name_ticks(axes.xaxis, [str(groups[k]) for k in column])
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
    left_over = n_matched < len(groups)
    if left_over:
        axes.axvline(n_matched - 0.5, color=ORANGE, linewidth=1.2)
    noun = "cluster" if len(groups) == 1 else "clusters"
    axes.set_xlabel(
        f"{len(groups)} occupied {noun}" + (", matched | left over" if left_over else "")
    )
    axes.set_ylabel(label_name.replace("_", " "))
    axes.set_title(
        f"accuracy {hungarian_accuracy(labels, clusters):.1%}, "
        f"purity {purity(labels, clusters):.1%}"
    )
    figure = figure_of(axes)
    bar = figure.colorbar(image, ax=axes, label="share of the label's data", shrink=0.8)
    bar.ax.yaxis.set_major_formatter(PercentFormatter(1))
    return figure


def _name_ticks(axis: Axis, names: Sequence[str]) -> None:
    """Name the cells along an axis, or every so many where their names would overlap."""
    step = -(-len(names) // int(MAX_INCHES / 0.15))
    axis.set_ticks(range(0, len(names), step), names[::step])
