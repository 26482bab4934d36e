"""Samples of a table by cluster: a row for each feature, with its name and its scale, no line."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .style import BLUE, GREY, FloatArray, Place

MOST = 24  # features that a panel has room for
LONGEST = 32
DOTS = "#666666"
DRAWN = 60


def draw_features(
    samples: FloatArray,
    names: Sequence[str],
    features: Sequence[str],
    n_rows: int,
    n_columns: int,
    figure: Place,
) -> None:
    """Draw where each cluster's values lie among all, feature by feature.

    Features of a table have units of their own, so that each is shown in deviations from its mean
    over all samples, in its standard deviations; both are told beside its name.

    Args:
        samples: ``(K, n, X)``.
        names: of the clusters.
        features: names of the X features.
        n_rows: of panels.
        n_columns: of panels.
        figure: where to draw.
    """
    everything = samples.reshape(-1, samples.shape[2])
    centre, spread = np.nanmean(everything, 0), np.nanstd(everything, 0)
    values = (samples - centre) / np.where(spread > 0, spread, 1.0)
    shown = shown_features(values)
    panels = figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False).ravel()
    rows = np.arange(len(shown))[::-1]
    for axes, cluster, name in zip(panels, values[..., shown], names, strict=False):
        some = cluster[:DRAWN]
        heights = np.broadcast_to(rows, some.shape)
        axes.scatter(some, heights, s=9, color=DOTS, alpha=0.5, linewidths=0)
        axes.scatter(np.nanmean(cluster, 0), rows, s=26, color=BLUE, marker="D", zorder=3)
        axes.axvline(0, color=GREY, linestyle=":", linewidth=1.0)
        axes.set_title(f"cluster {name}", fontsize=9)
        axes.tick_params(axis="y", length=0)
    for axes in panels[len(samples) :]:
        axes.set_visible(False)
    for axes in panels[max(0, len(samples) - n_columns) : len(samples)]:
        axes.tick_params(labelbottom=True)
    labels = [f"{_short(features[j])} ({centre[j]:.3g} ± {spread[j]:.2g})" for j in shown]
    panels[0].set_yticks(rows, labels, fontsize=8)
    panels[0].set_ylim(-0.7, len(shown) - 0.3)
    figure.supxlabel(
        "standard deviations from the mean of all (mean ± sd in brackets); each cluster's in blue",
        fontsize=9,
    )
    if len(shown) < len(features):
        figure.supylabel(f"{len(shown)} of {len(features)} features, most unlike first", fontsize=9)


def shown_features(values: FloatArray) -> list[int]:
    """All features, or of many those whose means differ most among clusters."""
    n = values.shape[2]
    if n <= MOST:
        return list(range(n))
    apart = np.nanstd(np.nanmean(values, 1), 0)
    return [int(j) for j in np.argsort(-apart, kind="stable")[:MOST]]


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
