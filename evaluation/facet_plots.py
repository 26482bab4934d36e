"""Pictures of several clusterings at once: what each facet found, and facets recombined."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .facets import check_table, facet_dependence, facet_matrices, name_labels
from .samples import INCH_PER_IMAGE, as_images, lay_out, show_rows
from .style import MAX_INCHES, FloatArray, Place, canvas, figure_of, place, styled

MAX_NUMBERED = 20
TITLES = {
    "accuracy": "Hungarian accuracy",
    "purity": "Purity",
    "nmi": "Mutual information (NMI)",
}


@styled
def facet_heatmap(
    labels: npt.ArrayLike,
    clusters: npt.ArrayLike,
    label_names: Sequence[str] = (),
    *,
    figure: Place | None = None,
) -> Figure:
    """Draw how well each facet matches each label, and how much the facets repeat each other.

    Args:
        labels: ``(N, F)`` whole numbers.
        clusters: ``(N, J)`` whole numbers.
        label_names: F names for the columns.
        figure: where to draw, an empty one or a part of one; by default one of its own.

    Example:
        >>> table = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
        >>> figure = facet_heatmap(table, table, ["colour", "shape"])
    """
    y, c = check_table(labels, "labels"), check_table(clusters, "clusters")
    columns = [name.replace("_", " ") for name in name_labels(y.shape[1], label_names)]
    matrices = facet_matrices(y, c)
    n_facets = c.shape[1]
    sizes = [len(np.unique(facet)) for facet in c.T]
    rows = [f"facet {j}\n{k} cluster{'s' * (k > 1)}" for j, k in enumerate(sizes)]
    across = [len(columns)] * len(matrices) + [n_facets] * (n_facets > 1)
    cell = min(0.75, (MAX_INCHES - 0.5 * len(across) - 1.6) / sum(across))
    # A title needs as much room as two cells or three.
    widths = [max(2.1, cell * n) for n in across]
    size = sum(widths) + 0.5 * len(widths) + 1.6, 0.75 * n_facets + 1.7
    drawn = place(*size, None, figure)
    panels = drawn.subplots(1, len(widths), width_ratios=widths, squeeze=False)[0]
    for axes, (name, matrix) in zip(panels, matrices.items(), strict=False):
        _heat(axes, matrix, columns, "Blues")
        axes.set_title(TITLES[name])
    panels[0].set_yticks(range(n_facets), rows)
    if n_facets > 1:
        _heat(panels[-1], facet_dependence(c), [f"facet {j}" for j in range(n_facets)], "Oranges")
        panels[-1].set_title("Between facets (AMI)")
    return figure_of(drawn)


def _heat(axes: Axes, matrix: FloatArray, columns: Sequence[str], colours: str) -> None:
    axes.imshow(matrix, cmap=colours, vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if len(columns) > MAX_NUMBERED:
        return
    for (row, column), value in np.ndenumerate(matrix):
        ink = "white" if value > 0.6 else "#333333"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=ink)


@styled
def facet_grids(
    samples: Sequence[npt.ArrayLike],
    *,
    image_shape: Sequence[int] | None = None,
    figure: Place | None = None,
) -> Figure:
    """Draw samples of every cluster of every facet side by side, each as :func:`cluster_grid` does.

    Args:
        samples: for each facet, samples of its clusters, ``(K_j, n, …)``.
        image_shape: (H, W) or (C, H, W) if vectors are flat images.
        figure: where to draw, an empty one or a part of one; by default one of its own.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> figure = facet_grids([rng.random((4, 6, 8, 8)), rng.random((3, 6, 8, 8))])
    """
    grids = [lay_out(facet, image_shape) for facet in samples]
    if not grids:
        raise ValueError("samples must hold an array (K_j, n, …) for each facet, got none")
    widths = [grid.width for grid in grids]
    drawn = place(sum(widths), max(grid.height for grid in grids), None, figure)
    parts = drawn.subfigures(1, len(grids), width_ratios=widths, squeeze=False)[0]
    for j, (part, grid) in enumerate(zip(parts, grids, strict=True)):
        part.suptitle(f"Facet {j}, {len(np.asarray(samples[j]))} clusters", x=0.01, ha="left")
        grid.draw(part)
    return figure_of(drawn)


@styled
def swap_grid(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    swapped: npt.ArrayLike,
    *,
    names: tuple[str, str] = ("facet 0", "facet 1"),
    image_shape: Sequence[int] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw recombined inputs: each cell takes one facet from its row, the others from its column.

    Args:
        first: ``(A, …)`` images at the left, which give the facet ``names[0]``.
        second: ``(B, …)`` images along the top, which give ``names[1]``.
        swapped: ``(A, B, …)`` recombinations.
        names: what rows and columns give.
        image_shape: (H, W) or (C, H, W) if the images are flat.
        ax: where to draw; by default in a figure of its own.

    References:
        Falck et al. (2021). arXiv 2106.05241, §4.2 (compositionality).
    """
    a, b, cells = (np.asarray(part, np.float64) for part in (first, second, swapped))
    if cells.shape != (len(a), *b.shape) or a.shape[1:] != b.shape[1:]:
        raise ValueError(
            f"swapped must have shape {(len(a), *b.shape)} for {len(a)} rows and {len(b)} columns "
            f"of data of one shape, got {cells.shape}"
        )
    inputs = np.concatenate([np.zeros_like(a[:1]), b])[None]
    images = as_images(
        np.concatenate([inputs, np.concatenate([a[:, None], cells], 1)]), image_shape, lead=2
    )
    if images is None:
        raise ValueError(f"data are vectors of {a.shape[-1]} values: pass image_shape")
    images[0, 0] = 1
    images = np.insert(np.insert(images, 1, 1.0, axis=0), 1, 1.0, axis=1)
    rows, columns, height, width, _ = images.shape
    size = INCH_PER_IMAGE * columns * width / height + 1.2, INCH_PER_IMAGE * rows + 0.9
    axes = canvas(*size, "Recombination").subplots() if ax is None else ax
    show_rows(axes, images, [""] * rows)
    axes.set_ylabel(f"{names[0]} from the left")
    axes.set_title(f"{names[1]} from the top", fontsize=10)
    return figure_of(axes)
