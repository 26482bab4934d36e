"""Pictures of the responsibilities: how sure they are, and whether they are right to be."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from scipy.stats import binom

from .matching import check_responsibilities
from .metrics import calibration, reliability
from .style import BLUE, GREEN, GREY, ORANGE, FloatArray, Place, figure_of, place, styled

RANK_BINS = 16


@styled
def responsibility_histogram(
    responsibilities: npt.ArrayLike, *, figure: Place | None = None
) -> Figure:
    """Draw how sure the assignments are, and how much of the data each cluster holds.

    Args:
        responsibilities: ``(N, K)``, rows summing to one.
        figure: where to draw, an empty one or a part of one; by default one of its own.
    """
    gamma = check_responsibilities(responsibilities)
    n, n_clusters = gamma.shape
    drawn = place(9, 3.3, None, figure)
    left, right = drawn.subplots(1, 2)
    weights = np.full(n, 1 / n)
    left.hist(gamma.max(1), np.linspace(0, 1, 41), weights=weights, color=BLUE)
    left.axvline(1 / n_clusters, color=GREY, linestyle=":", linewidth=1.2, label=f"1/{n_clusters}")
    left.set_xlim(0, 1)
    left.set_xlabel("largest responsibility of a datum")
    left.set_ylabel("share of the data")
    left.set_title("How sure the assignments are")
    left.legend(loc="upper left")
    sizes = np.bincount(gamma.argmax(1), minlength=n_clusters) / n
    order = np.argsort(-sizes, kind="stable")
    position = np.arange(n_clusters)
    right.bar(position, sizes[order], color=GREEN, width=0.8)
    if n_clusters <= 30:
        right.set_xticks(position, [str(k) for k in order])
        right.tick_params(axis="x", length=0, labelsize=9 if n_clusters <= 20 else 7)
        right.set_xlabel("cluster")
    else:
        right.set_xlabel("clusters, largest first")
    right.set_ylabel("share of the data")
    right.set_title(f"{int((sizes > 0).sum())} of {n_clusters} clusters are occupied")
    return figure_of(drawn)


@styled
def reliability_diagram(
    labels: npt.ArrayLike,
    responsibilities: npt.ArrayLike,
    n_bins: int = 15,
    *,
    figure: Place | None = None,
) -> Figure:
    """Draw accuracy against confidence: on the diagonal, probabilities mean what they say.

    Args:
        labels: ``(N,)`` whole numbers.
        responsibilities: ``(N, K)``, rows summing to one.
        n_bins: bins of [0, 1].
        figure: where to draw, an empty one or a part of one; by default one of its own.

    References:
        Guo et al. (2017). On calibration of modern neural networks. ICML.
    """
    drawn = place(4.6, 5.2, None, figure)
    _draw_reliability(drawn, *calibration(labels, responsibilities, n_bins))
    drawn.axes[0].set_ylabel("accuracy under the Hungarian map")
    return figure_of(drawn)


def _draw_reliability(
    figure: Place, means: FloatArray, rates: FloatArray, shares: FloatArray
) -> None:
    n_bins = len(shares)
    error = float(np.nansum(shares * np.abs(means - rates)))
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    above.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1.2)
    full = shares > 0
    above.vlines(
        means[full], np.minimum(means, rates)[full], np.maximum(means, rates)[full], ORANGE
    )
    above.plot(means[full], rates[full], "o-", color=BLUE, markersize=5, clip_on=False)
    above.set_xlim(0, 1)
    above.set_ylim(0, 1.02)
    above.set_title(f"Expected calibration error {error:.3f}")
    centres = (np.arange(n_bins) + 0.5) / n_bins
    below.bar(centres, shares, width=0.9 / n_bins, color=BLUE, alpha=0.5)
    below.set_ylabel("share of data")
    below.set_xlabel("largest responsibility")


@styled
def simulation_diagram(
    clusters: npt.ArrayLike,
    responsibilities: npt.ArrayLike,
    ranks: Mapping[str, npt.ArrayLike],
    n_draws: int,
    *,
    title: str = "Simulation-based calibration",
    figure: Place | None = None,
) -> Figure:
    """Draw what simulated data say of an inference: the reliability of its clusters, and ranks.

    Ranks of the truth among posterior draws are uniform where the posterior is right; a hump at
    both ends is one too narrow, in the middle one too wide, a slope one that lies to a side. The
    grey band holds 99 % of the heights of uniform ranks.

    Args:
        clusters: the true ones, ``(N,)``.
        responsibilities: ``(N, K)``, rows summing to one, in the order of the true clusters.
        ranks: by latent, ``(N, D)`` whole numbers between 0 and ``n_draws``; at most six
            dimensions of each are drawn.
        n_draws: draws the truth was ranked among.
        title: one line over the figure.
        figure: where to draw, an empty one or a part of one; by default one of its own.

    References:
        Talts et al. (2018). Validating Bayesian inference algorithms with simulation-based
        calibration. arXiv 1804.06788.
    """
    gamma = check_responsibilities(responsibilities)
    correct = gamma.argmax(1) == np.asarray(clusters)
    panels = [
        (f"{site}, dimension {d + 1}", column)
        for site, rank in ranks.items()
        for d, column in enumerate(np.asarray(rank).T[:6])
    ]
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    drawn = place(4.6 + 2.4 * columns, max(5.2, 1.7 * rows), title, figure)
    widths = [4.6, 2.4 * columns]
    left, right = drawn.subfigures(1, 2, squeeze=False, width_ratios=widths)[0]
    _draw_reliability(left, *reliability(gamma.max(1), correct))
    left.axes[0].set_ylabel("share that is the true cluster")
    axes = right.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    edges = np.linspace(-0.5, n_draws + 0.5, RANK_BINS + 1)
    for panel, (name, column) in zip(axes, panels, strict=False):
        share = np.diff(np.floor(edges)) / (n_draws + 1)
        low, high = binom.interval(0.99, len(gamma), share)
        mean = len(gamma) * share
        panel.stairs(high / mean, edges, baseline=low / mean, fill=True, color=GREY, alpha=0.3)
        panel.stairs(np.histogram(column, edges)[0] / mean, edges, color=BLUE)
        panel.set_title(name, fontsize=9)
    for panel in axes[len(panels) :]:
        panel.set_visible(False)
    right.supxlabel("rank of the truth among the guide's draws", fontsize=10)
    return figure_of(drawn)
