"""The map of the latent space: codes by cluster and label, and the prior's components beneath."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Ellipse

from .planes import Plane, cap, plane_of
from .plots import MAX_POINTS, panel
from .style import GREY, FloatArray, canvas, figure_of, styled

DEVIATIONS = 2.0
HELD = 1 - float(np.exp(-(DEVIATIONS**2) / 2))  # by so many deviations in the plane
INK = "#222222"


@styled
def latent_map(
    codes: npt.ArrayLike,
    clusters: npt.ArrayLike,
    labels: npt.ArrayLike | None = None,
    *,
    class_names: Sequence[str] = (),
    space: str = "real",
    method: str = "components",
    components: Mapping[int, npt.ArrayLike] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Map the latent codes, coloured by cluster and, where known, by label.

    A cluster has the colour of the label that it stands for by the Hungarian map. Beyond two
    dimensions the map is the first two principal components, whose axes say how much of the
    variance they hold; on the sphere it is one that respects it (:func:`.planes.plane_of`). At most
    10,000 points are drawn. The components of the prior are drawn as the ellipses of two standard
    deviations of their draws on the map, so that it is seen whether the codes lie where the prior
    says; on the sphere in three dimensions as the circles about their mean directions that hold as
    much, 86 %, on the sphere.

    Args:
        codes: ``(N, D)``, D ≥ 1.
        clusters: ``(N,)`` whole numbers.
        labels: ``(N,)`` whole numbers, or None.
        class_names: of labels 0, 1, …, to be written in place of the numbers.
        space: where the codes live: ``"real"``, ``"positive"`` (shown by log z) or ``"sphere"``.
        method: ``"components"``, or ``"umap"``, which takes seconds.
        components: draws of the prior's components by number, ``(n, D)`` each.
        ax: where to draw the clusters; by default in a figure of its own, with the labels beside.

    Raises:
        ValueError: codes of another shape, or a space or a method of another name.

    Example:
        >>> figure = latent_map(np.eye(4), [0, 0, 1, 1])
    """
    z = np.asarray(codes, np.float64)
    if z.ndim != 2 or len(z) < 2:
        raise ValueError(f"codes must have shape (N, D) with N of at least 2, got {z.shape}")
    plane = plane_of(z, space, method)
    points = plane.project(z)
    beside = labels is not None and ax is None
    if ax is None:
        figure = canvas(10.4 if beside else 5.2, 5.3)
        panels = figure.subplots(1, 1 + beside, sharex=True, sharey=True, squeeze=False)[0]
    else:
        figure, panels = figure_of(ax), np.array([ax])
    panel(panels[0], points, clusters, labels, "clusters")
    if beside and labels is not None:
        panel(panels[1], points, labels, None, "labels", class_names)
    for axes in panels:
        _draw_space(axes, plane)
        axes.set_xlabel(plane.names[0])
    _draw_components(panels[0], plane, components or {})
    panels[0].set_ylabel(plane.names[1])
    if len(z) > MAX_POINTS and ax is None:
        figure.supxlabel(f"{MAX_POINTS:,} of {len(z):,} points", fontsize=9, color=GREY)
    return figure


def _draw_space(axes: Axes, plane: Plane) -> None:
    """The edge of the sphere, and the circle half way."""
    for radius in plane.circles:
        style = "-" if radius == max(plane.circles) else ":"
        axes.add_patch(Circle((0, 0), radius, fill=False, color=GREY, linestyle=style, zorder=0))
    if plane.circles:
        axes.set_aspect("equal")
        axes.autoscale_view()


def _draw_components(axes: Axes, plane: Plane, components: Mapping[int, npt.ArrayLike]) -> None:
    """The ellipse of each component's draws; on the sphere the circle that holds as many."""
    curved = False
    for draws in components.values():
        z = np.asarray(draws, np.float64)
        if plane.circles and z.shape[1] == 3:
            outline, curved = plane.project(cap(z)), True
            # What goes round the back of the sphere leaves the map at one side for the other.
            jumps = 1 + np.flatnonzero(np.linalg.norm(np.diff(outline, axis=0), axis=1) > 1)
            axes.plot(*np.insert(outline, jumps, np.nan, axis=0).T, "--", color=INK, linewidth=1.0)
            continue
        points: FloatArray = plane.project(z)
        if len(points) < 3:
            continue
        values, vectors = np.linalg.eigh(np.cov(points.T))
        width, height = 2 * DEVIATIONS * np.sqrt(np.maximum(values, 0))
        angle = float(np.degrees(np.arctan2(vectors[1, 0], vectors[0, 0])))
        x, y = points.mean(0)
        axes.add_patch(
            Ellipse(
                (float(x), float(y)),
                float(width),
                float(height),
                angle=angle,
                fill=False,
                color=INK,
                linestyle="--",
                linewidth=1.0,
                zorder=3,
            )
        )
    if components:
        label = f"prior, {HELD:.0%} of each" if curved else "prior, 2 sd"
        axes.plot([], [], color=INK, linestyle="--", linewidth=1.0, label=label)
        axes.legend(fontsize=8, loc="best")
        axes.autoscale_view()
