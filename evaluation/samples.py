"""Pictures of data: samples of each cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .feature_plots import MOST, draw_features
from .style import BLUE, GREY, FloatArray, Place, figure_of, place, scatter, styled

INCH_PER_IMAGE = 0.45
MAX_ROWS = 20
MAX_COLUMNS = 60
WRAPPED = 12


def as_images(x: npt.ArrayLike, image_shape: Sequence[int] | None, lead: int) -> FloatArray | None:
    """Read ``(…, C, H, W)``, ``(…, H, W)`` or flat images as ``(…, H, W, 3)`` in [0, 1].

    Args:
        x: an array with ``lead`` leading axes.
        image_shape: (H, W) or (C, H, W) of flat images; None if they are not flat.
        lead: number of leading axes.

    Returns:
        The pictures, grey ones as dark ink on white; None where ``x`` holds plain vectors.

    Raises:
        ValueError: ``image_shape`` does not fit, or there are neither one nor three channels.
    """
    array = np.asarray(x, np.float64)
    start = array.shape[:lead]
    if image_shape is not None:
        size = int(np.prod(image_shape))
        if size * int(np.prod(start)) != array.size:
            raise ValueError(
                f"image_shape={tuple(image_shape)} holds {size} values, "
                f"but a datum has shape {array.shape[lead:]}"
            )
        array = array.reshape(*start, *image_shape)
    if array.ndim == lead + 1:
        return None
    if array.ndim == lead + 2:
        array = array[..., None, :, :]
    channels = array.shape[lead]
    if array.ndim != lead + 3 or channels not in (1, 3):
        raise ValueError(
            "pictures need one or three channels, (…, C, H, W) or (…, H, W), "
            f"got a datum of shape {array.shape[lead:]}"
        )
    low, high = min(0.0, float(array.min())), max(1.0, float(array.max()))
    least, most = np.quantile(array, (0.02, 0.98))
    if low > -1 and high < 2 and least > -0.25 and most < 1.25:
        low, high = 0.0, 1.0  # a decoder's overshoot is cut off and does not pale the rest
    array = np.moveaxis((array - low) / (high - low), lead, -1).clip(0, 1)
    return array if channels == 3 else np.repeat(1 - array, 3, -1)


def mosaic(images: FloatArray) -> FloatArray:
    """Lay images ``(rows, columns, H, W, 3)`` out as one, with light lines between them."""
    rows, columns, height, width, _ = images.shape
    gap = max(1, height // 14)
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 0.9)
    for r in range(rows):
        for c in range(columns):
            top, left = r * (height + gap), c * (width + gap)
            sheet[top : top + height, left : left + width] = images[r, c]
    return sheet


def show_rows(axes: Axes, images: FloatArray, names: Sequence[str]) -> None:
    """Show images ``(rows, columns, H, W, 3)`` on one axes, each row named at its left."""
    # Small images are enlarged, so that the lines between them stay thin.
    factor = max(1, -(-28 // images.shape[2]))
    sheet = mosaic(images.repeat(factor, 2).repeat(factor, 3))
    axes.imshow(sheet, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks((np.arange(len(images)) + 0.5) * len(sheet) / len(images), names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


@styled
def cluster_grid(
    samples: npt.ArrayLike,
    *,
    image_shape: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
    feature_names: Sequence[str] = (),
    title: str = "Samples of each cluster",
    figure: Place | None = None,
) -> Figure:
    """Draw samples of every cluster: images in rows, points in the plane, tables, or profiles.

    Args:
        samples: ``(K, n, C, H, W)`` or ``(K, n, H, W)`` images; ``(K, n, X)`` vectors, drawn as
            points where X = 2, and as a table, a row for each feature on a scale of its own, where
            X is at most 24 or features have names; others are lines over the X values.
        image_shape: (H, W) or (C, H, W) if vectors are flat images.
        names: K names for the clusters; their numbers by default.
        feature_names: X names for the features of a table.
        title: one line over the figure.
        figure: where to draw, an empty one or a part of one; by default one of its own.

    Example:
        >>> figure = cluster_grid(np.random.default_rng(0).random((3, 8, 28, 28)))
    """
    grid = lay_out(samples, image_shape, names, feature_names)
    drawn = place(grid.width, grid.height, title, figure)
    grid.draw(drawn)
    return figure_of(drawn)


@styled
def style_grid(
    samples: npt.ArrayLike,
    *,
    image_shape: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
    title: str = "Each cluster in each style",
    figure: Place | None = None,
) -> Figure:
    """Draw what clusters, in rows, and styles, in columns, make together.

    Args:
        samples: ``(K, S, C, H, W)`` or ``(K, S, H, W)`` images, or ``(K, S, X)`` flat ones: every
            cluster in the same S styles.
        image_shape: (H, W) or (C, H, W) if vectors are flat images.
        names: K names for the clusters; their numbers by default.
        title: one line over the figure.
        figure: where to draw, an empty one or a part of one; by default one of its own.

    Raises:
        ValueError: the samples are no images.

    Example:
        >>> figure = style_grid(np.random.default_rng(0).random((3, 8, 28, 28)))

    References:
        Dilokthanakul et al. (2016). arXiv 1611.02648.
    """
    array = np.asarray(samples, np.float64)
    if as_images(array, image_shape, lead=2) is None:
        raise ValueError(f"data are vectors of {array.shape[-1]} values: pass image_shape")
    grid = lay_out(array, image_shape, names)
    drawn = place(grid.width, grid.height, title, figure)
    grid.draw(drawn)
    drawn.axes[0].set_xlabel("style, one in each column")
    return figure_of(drawn)


class Grid(NamedTuple):
    """The samples of one partition: their size in inches, and a way to draw them into a figure."""

    width: float
    height: float
    draw: Callable[[Place], None]


def lay_out(
    samples: npt.ArrayLike,
    image_shape: Sequence[int] | None,
    names: Sequence[str] | None = None,
    feature_names: Sequence[str] = (),
) -> Grid:
    """Choose how to draw samples of every cluster; arguments as in :func:`cluster_grid`."""
    array = np.asarray(samples, np.float64)
    if array.ndim < 3 or array.size == 0:
        raise ValueError(f"samples must have shape (K, n, …), got {array.shape}")
    labels = [str(i) for i in range(len(array))] if names is None else list(names)
    if len(labels) != len(array):
        raise ValueError(f"{len(labels)} names came for {len(array)} clusters")
    images = as_images(array, image_shape, lead=2)
    if images is not None:
        return _image_rows(images, labels)
    if array.shape[2] == 2:
        return Grid(5.5, 5.5, partial(_points, array, labels))
    if array.shape[2] <= MOST or len(feature_names) > 0:
        return _table(array, labels, feature_names)
    n_columns = min(5, len(array))
    n_rows = -(-len(array) // n_columns)
    draw = partial(_profiles, array, labels, n_rows, n_columns)
    return Grid(2.2 * n_columns + 0.6, 1.4 * n_rows + 0.8, draw)


def _table(array: FloatArray, labels: list[str], feature_names: Sequence[str]) -> Grid:
    n_features = array.shape[2]
    features = list(feature_names) or [f"feature {j}" for j in range(n_features)]
    if len(features) != n_features:
        raise ValueError(f"{len(features)} feature_names came for {n_features} features")
    n_columns = min(4, len(array))
    n_rows = -(-len(array) // n_columns)
    tall = 0.2 * min(MOST, n_features) + 0.5
    draw = partial(draw_features, array, labels, features, n_rows, n_columns)
    return Grid(2.0 * n_columns + 2.6, max(1.4, tall) * n_rows + 0.8, draw)


def _image_rows(images: FloatArray, names: list[str]) -> Grid:
    """Rows of images in panels of at most 20; what would be too wide is left out, and said."""
    if len(images) == 1:
        images, names = _wrapped(images[0], names[0])
    n_clusters, n, height, width, _ = images.shape
    n_panels = -(-n_clusters // MAX_ROWS)
    rows = -(-n_clusters // n_panels)
    n_shown = min(n, max(1, MAX_COLUMNS // n_panels))

    def draw(figure: Place) -> None:
        panels = figure.subplots(1, n_panels, squeeze=False)[0]
        for panel, axes in enumerate(panels):
            part = slice(panel * rows, (panel + 1) * rows)
            show_rows(axes, images[part, :n_shown], names[part])
            axes.set_anchor("N")
        panels[0].set_ylabel("cluster")
        if n_shown < n:
            panels[0].set_xlabel(f"{n_shown} of {n} samples each")

    wide = n_panels * (INCH_PER_IMAGE * n_shown * width / height + 0.6)
    return Grid(wide, INCH_PER_IMAGE * rows + 0.7 + 0.3 * (n_shown < n), draw)


def _wrapped(images: FloatArray, name: str) -> tuple[FloatArray, list[str]]:
    """One cluster's images ``(n, H, W, 3)`` in rows of twelve, white where the last row ends."""
    images = images[: MAX_ROWS * MAX_COLUMNS]
    n_columns = min(WRAPPED, len(images))
    missing = -len(images) % n_columns
    whole = np.concatenate([images, np.ones((missing, *images.shape[1:]))])
    rows = whole.reshape(-1, n_columns, *images.shape[1:])
    return rows, [name] + [""] * (len(rows) - 1)


def _points(array: FloatArray, names: list[str], figure: Place) -> None:
    axes = figure.subplots()
    groups = np.repeat(np.arange(len(array)), array.shape[1])
    scatter(axes, array.reshape(-1, 2), groups, names)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel("$x_1$")
    axes.set_ylabel("$x_2$")


def _profiles(
    array: FloatArray, names: list[str], n_rows: int, n_columns: int, figure: Place
) -> None:
    panels = figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False).ravel()
    position = np.arange(1, array.shape[2] + 1)
    for axes, profile, name in zip(panels, array, names, strict=False):
        axes.plot(position, profile.T, color=GREY, alpha=0.35, linewidth=0.7)
        axes.plot(position, profile.mean(0), color=BLUE)
        axes.set_title(f"cluster {name}", fontsize=9)
    for axes in panels[len(array) :]:
        axes.set_visible(False)
    panels[0].xaxis.set_major_locator(MaxNLocator(5, integer=True))
    figure.supxlabel("number of the feature; the mean in blue", fontsize=10)
    figure.supylabel("value of the feature", fontsize=10)
