"""The posterior predictive check: replicates beside the data that they replicate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .samples import INCH_PER_IMAGE, as_images, show_rows
from .style import BLUE, ORANGE, FloatArray, Place, figure_of, place, styled

N_BINS = 30


@styled
def predictive_check(
    x: npt.ArrayLike,
    replicated: npt.ArrayLike,
    *,
    image_shape: Sequence[int] | None = None,
    n_shown: int = 10,
    figure: Place | None = None,
) -> Figure:
    r"""Set data beside replicates from the posterior predictive, and compare two statistics.

    For images, rows of data stand beside their replicates. Below, the mean and the standard
    deviation over the values of a datum, :math:`T(x_n)`, are histogrammed for the data and for each
    replicated data set, so that a model which misses one shows it.

    Args:
        x: ``(N, X)`` or ``(N, C, H, W)`` data.
        replicated: ``(S, N, …)``, S replicates of each datum.
        image_shape: (H, W) or (C, H, W) if vectors are flat images.
        n_shown: how many data are shown as images, one a row, with as many replicates.
        figure: where to draw, an empty one or a part of one; by default one of its own.

    References:
        Gelman et al. (2013). Bayesian Data Analysis, ch. 6.
    """
    data, draws = np.asarray(x, np.float64), np.asarray(replicated, np.float64)
    if draws.ndim != data.ndim + 1 or draws.shape[1:] != data.shape:
        raise ValueError(
            f"replicated must have shape (S, {', '.join(map(str, data.shape))}), got {draws.shape}"
        )
    shown, copies = data[:n_shown], draws[:n_shown, :n_shown]
    images = as_images(np.concatenate([shown[:, None], copies.swapaxes(0, 1)], 1), image_shape, 2)
    title = "Posterior predictive check"
    if images is None:
        drawn = place(8, 3, title, figure)
        panels = list(drawn.subplots(1, 2))
    else:
        rows, columns, height, width, _ = images.shape
        tall, wide = INCH_PER_IMAGE * rows + 0.3, INCH_PER_IMAGE * columns * width / height + 0.8
        drawn = place(max(8.0, wide), tall + 3.1, title, figure)
        grid = drawn.add_gridspec(2, 2, height_ratios=[tall, 2.8])
        panels = [drawn.add_subplot(grid[1, k]) for k in range(2)]
        above = drawn.add_subplot(grid[0, :])
        apart = np.insert(images, 1, 1.0, axis=1)
        show_rows(above, apart, [""] * rows)
        above.set_title("data, and replicates of each")
    flat, flat_draws = data.reshape(len(data), -1), draws.reshape(*draws.shape[:2], -1)
    for axes, (name, observed, predicted) in zip(
        panels,
        [
            ("mean", flat.mean(1), flat_draws.mean(2)),
            ("standard deviation", flat.std(1), flat_draws.std(2)),
        ],
        strict=True,
    ):
        _compare(axes, observed, predicted)
        axes.set_xlabel(f"{name} over a datum")
    panels[0].set_ylabel("density")
    panels[1].legend()
    return figure_of(drawn)


def _compare(axes: Axes, observed: FloatArray, predicted: FloatArray) -> None:
    """Histogram a statistic of the data (N,) and of each replicate (S, N)."""
    bins = histogram_edges(observed, predicted.ravel())
    axes.hist(observed, bins.tolist(), density=True, color=BLUE, alpha=0.35, label="data")
    outlines(axes, bins, predicted[:20])


def outlines(axes: Axes, edges: FloatArray, replicates: FloatArray) -> None:
    """Draw histograms of replicates, ``(S, N)``, as steps: two values are no slope."""
    heights = [np.histogram(each, edges, density=True)[0] for each in replicates]
    steps = np.stack([np.append(each, each[-1]) for each in heights], 1)
    lines = axes.plot(edges, steps, color=ORANGE, alpha=0.5, linewidth=0.9, drawstyle="steps-post")
    lines[0].set_label("replicates")


def histogram_edges(*samples: FloatArray) -> FloatArray:
    """The edges of about 30 bins for several samples of one quantity.

    Statistics of whole or rounded values lie on a lattice, and bins that hold unequal numbers of
    its points show a comb that is not in the data. So where a sample has fewer distinct values than
    data, bins hold equally many of those, of the sample with the fewest.
    """
    pooled = np.concatenate(samples)
    lattices = [np.unique(sample.round(9)) for sample in samples]
    tied = [
        lattice
        for lattice, sample in zip(lattices, samples, strict=True)
        if 1 < len(lattice) < len(sample) / 2
    ]
    if not tied:
        return np.histogram_bin_edges(pooled, bins=N_BINS)
    values = _filled(min(tied, key=len))
    step = -(-len(values) // N_BINS)
    middles = (values[1:] + values[:-1]) / 2
    ends = values[[0, -1]] + np.diff(values)[[0, -1]] / [-2, 2]
    edges = np.concatenate([ends[:1], middles[step - 1 :: step], ends[1:]])
    return np.concatenate(
        [
            edges[0] - _beyond(edges[0] - pooled.min(), edges[1] - edges[0])[::-1],
            edges,
            edges[-1] + _beyond(pooled.max() - edges[-1], edges[1] - edges[0]),
        ]
    )


def _filled(values: FloatArray) -> FloatArray:
    """The whole lattice of some of its points; other values as they are."""
    gaps = np.diff(values)
    steps = gaps / gaps.min()
    if not np.allclose(steps, steps.round(), rtol=0, atol=1e-3):
        return values
    return np.linspace(values[0], values[-1], int(steps.round().sum()) + 1)


def _beyond(distance: float, width: float) -> FloatArray:
    """Distances of further edges, so many widths apart that they reach that far."""
    number = min(max(0, -int(-distance // width)), N_BINS)
    return np.arange(1.0, number + 1) * max(width, distance / N_BINS)
