"""Pictures of the responsibilities: how sure they are, and whether they are right to be."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from .matching import check_responsibilities
from .metrics import calibration, expected_calibration_error
from .style import BLUE, GREEN, GREY, ORANGE, canvas, styled


@styled
def responsibility_histogram(responsibilities: npt.ArrayLike) -> Figure:
    """Draw how sure the assignments are, and how much of the data each cluster holds.

    Args:
        responsibilities: ``(N, K)``, rows summing to one.
    """
    gamma = check_responsibilities(responsibilities)
    n, n_clusters = gamma.shape
    figure = canvas(9, 3.3)
    left, right = figure.subplots(1, 2)
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
    return figure


@styled
def reliability_diagram(
    labels: npt.ArrayLike, responsibilities: npt.ArrayLike, n_bins: int = 15
) -> Figure:
    """Draw accuracy against confidence: on the diagonal, probabilities mean what they say.

    Args:
        labels: ``(N,)`` whole numbers.
        responsibilities: ``(N, K)``, rows summing to one.
        n_bins: bins of [0, 1].

    References:
        Guo et al. (2017). On calibration of modern neural networks. ICML.
    """
    means, rates, shares = calibration(labels, responsibilities, n_bins)
    error = expected_calibration_error(labels, responsibilities, n_bins)
    figure = canvas(4.6, 5.2)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    above.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1.2)
    full = shares > 0
    above.vlines(
        means[full], np.minimum(means, rates)[full], np.maximum(means, rates)[full], ORANGE
    )
    above.plot(means[full], rates[full], "o-", color=BLUE, markersize=5, clip_on=False)
    above.set_xlim(0, 1)
    above.set_ylim(0, 1.02)
    above.set_ylabel("accuracy under the Hungarian map")
    above.set_title(f"Expected calibration error {error:.3f}")
    centres = (np.arange(n_bins) + 0.5) / n_bins
    below.bar(centres, shares, width=0.9 / n_bins, color=BLUE, alpha=0.5)
    below.set_ylabel("share of data")
    below.set_xlabel("largest responsibility")
    return figure
