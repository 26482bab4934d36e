"""One look for every picture: quiet axes, readable words, colours that most eyes tell apart."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure, FigureBase, SubFigure
from matplotlib.patheffects import withStroke

P = ParamSpec("P")
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Place = Figure | SubFigure
MAX_INCHES = 30.0

# Typed Any because the stubs of Matplotlib list every key by name, and differ by version.
STYLE: Any = {
    "axes.edgecolor": "#555555",
    "axes.grid": False,
    "axes.labelcolor": "#333333",
    "axes.labelsize": 10,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "figure.dpi": 110,
    "figure.facecolor": "white",
    "figure.titlesize": 12,
    "figure.titleweight": "bold",
    "font.size": 10,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.8,
    "lines.linewidth": 1.8,
    "savefig.dpi": 150,
    "xtick.color": "#555555",
    "xtick.labelsize": 9,
    "ytick.color": "#555555",
    "ytick.labelsize": 9,
}

# Blue, orange and green of Okabe & Ito's palette, made for colour-blind readers.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#E69F00", "#009E73", "#999999"

# Ten colours found by annealing: their lightness rises in equal steps (6 of CIELAB), so that a
# printer without ink tells them apart, and each two are 25 apart (ΔE of 1976) or more, also to eyes
# without one kind of cones as Machado, Oliveira & Fernandes (2009) simulate them.
PALETTE = (
    "#4935f6",
    "#f06aa8",
    "#a1b218",
    "#780963",
    "#6bc1fd",
    "#7e6906",
    "#4f985d",
    "#3a543e",
    "#925ce2",
    "#f7bbac",
)
MARKERS = "o^sDvPX<>p"


def figure_of(part: Axes | FigureBase) -> Figure:
    """The whole figure that axes, or a part of a figure, stand in."""
    figure = part if isinstance(part, FigureBase) else part.figure
    while not isinstance(figure, Figure):
        figure = figure.figure
    return figure


def scatter(
    axes: Axes,
    points: FloatArray,
    groups: IntArray,
    names: Sequence[str],
    kinds: Sequence[int] | None = None,
) -> None:
    """Scatter points ``(N, 2)`` by group, and write each group's name at its middle.

    Nobody tells a hundred colours apart: ten return with another marker.

    Args:
        axes: where.
        points: ``(N, 2)``.
        groups: ``(N,)``, 0 to G - 1.
        names: of the G groups.
        kinds: for each group the number of its colour and marker; by default 0 to G - 1.
    """
    kind = np.arange(len(names)) if kinds is None else np.asarray(kinds)
    colour = np.array([to_rgb(each) for each in PALETTE])[kind % len(PALETTE)]
    marker = kind // len(PALETTE) % len(MARKERS)
    # Shuffled, so that no group hides another by coming later.
    order = np.random.default_rng(0).permutation(len(points))
    for m in np.unique(marker[groups]):
        these = order[marker[groups[order]] == m]
        axes.scatter(
            points[these, 0],
            points[these, 1],
            s=5 if len(points) > 2000 else 12,
            c=colour[groups[these]],
            marker=MARKERS[m],
            alpha=0.7,
            linewidths=0,
        )
    number(axes, points, groups, names)


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw under ``STYLE`` and put the caller's settings back."""

    @functools.wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context(STYLE):
            return draw(*args, **kwargs)

    return wrapper


class Picture(Figure):
    """A figure that a notebook shows by itself, whatever matplotlib's backend."""

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        self.savefig(buffer, format="png", dpi=80)
        return buffer.getvalue()


def canvas(width: float, height: float, title: str | None = None) -> Figure:
    """Open a figure of that many inches that belongs to no window and no notebook cell.

    Above ``MAX_INCHES`` a side is cut to that: no picture outgrows what viewers open.
    """
    size = min(width, MAX_INCHES), min(height, MAX_INCHES)
    figure = Picture(figsize=size, layout="constrained")
    if title:
        figure.suptitle(title, x=0.01, ha="left")
    return figure


def place(width: float, height: float, title: str | None, figure: Place | None) -> Place:
    """Where several panels are drawn: the caller's figure, whatever its size, or one of their own.

    Raises:
        TypeError: ``figure`` is none.
        ValueError: ``figure`` holds something already.
    """
    if figure is None:
        return canvas(width, height, title)
    if not isinstance(figure, Place):
        raise TypeError(
            f"figure is a {type(figure).__name__}: several panels need a Figure or a SubFigure, "
            "such as plt.figure(layout='constrained').subfigures(1, 2)[0]"
        )
    if figure.axes or figure.subfigs:
        raise ValueError("figure holds a picture already: give an empty figure, or a part of one")
    if title:
        figure.suptitle(title, x=0.01, ha="left")
    return figure


def number(axes: Axes, points: FloatArray, groups: IntArray, names: Sequence[str]) -> None:
    """Write the name of each group at the middle of its points ``(N, 2)``."""
    for group, name in enumerate(names):
        inside = points[groups == group]
        if len(inside) == 0:
            continue
        centre = np.median(inside, 0)
        # A curved cluster's median lies outside it: take the member nearest to the median.
        x, y = inside[np.square(inside - centre).sum(1).argmin()]
        axes.text(
            x,
            y,
            name,
            ha="center",
            va="center",
            fontsize=9 if len(names) <= 30 else 7,
            fontweight="bold",
            color="#222222",
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
        )
