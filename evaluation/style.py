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
from matplotlib.colors import hsv_to_rgb, to_rgb
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

P = ParamSpec("P")
FloatArray = npt.NDArray[np.float64]

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
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "savefig.dpi": 150,
    "xtick.color": "#555555",
    "xtick.labelsize": 9,
    "ytick.color": "#555555",
    "ytick.labelsize": 9,
}

# Okabe & Ito's palette, made for colour-blind readers, its yellow and black last.
OKABE_ITO = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#8C6D31",
    "#444444",
)
BLUE, ORANGE, GREEN, GREY = OKABE_ITO[0], OKABE_ITO[1], OKABE_ITO[2], "#999999"


def colours(n: int) -> FloatArray:
    """Choose n colours, ``(n, 3)``: Okabe & Ito's up to 8, Tableau's to 20, then many hues.

    Nobody tells a hundred colours apart, so pictures also number their clusters.
    """
    if n <= len(OKABE_ITO):
        return np.array([to_rgb(colour) for colour in OKABE_ITO[:n]]).reshape(n, 3)
    if n <= 20:
        return np.array(mpl.colormaps["tab20"](np.r_[0:20:2, 1:20:2][:n]))[:, :3]
    index = np.arange(n)
    hue = index * (np.sqrt(5) - 1) / 2 % 1
    saturation = np.array([0.85, 0.60, 0.95])[index % 3]
    value = np.array([0.75, 0.85, 0.50])[index % 3]
    return np.asarray(hsv_to_rgb(np.stack([hue, saturation, value], -1)), np.float64)


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
    """Open a figure of that many inches that belongs to no window and no notebook cell."""
    figure = Picture(figsize=(width, height), layout="constrained")
    if title:
        figure.suptitle(title, x=0.01, ha="left")
    return figure


def number(
    axes: Axes, points: FloatArray, groups: npt.NDArray[np.int64], names: Sequence[str]
) -> None:
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
