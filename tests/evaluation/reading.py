"""What a reader sees of a picture: its words, and whether they stand in each other's way."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from matplotlib.axis import Axis, Tick
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox


def crowded(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of titles, labels, tick labels and notes that touch, or that leave the picture.

    Numbers written into a scatter lie where their groups do, and do not count.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    boxes: list[tuple[str, Bbox]] = []
    for text in _texts(figure):
        if text.get_visible() and text.get_text().strip():
            boxes.append((text.get_text(), text.get_window_extent(canvas.get_renderer())))
    whole = figure.bbox.padded(1)
    outside = [
        (name, "the edge")
        for name, box in boxes
        if not (whole.contains(box.x0, box.y0) and whole.contains(box.x1, box.y1))
    ]
    return outside + [
        (one, other)
        for (one, a), (other, b) in combinations(boxes, 2)
        if a.padded(2, -1).overlaps(b.padded(2, -1))
    ]


def _texts(figure: Figure) -> list[Text]:
    found: list[Text] = []
    parts: list[Any] = [figure, *figure.subfigs]
    for part in parts:
        found += [t for t in (part._suptitle, part._supxlabel, part._supylabel) if t is not None]
    for axes in figure.axes:
        if not axes.get_visible():
            continue
        found += [axes.xaxis.label, axes.yaxis.label, vars(axes)["_left_title"], axes.title]
        found += [] if axes.collections else list(axes.texts)
        for axis in (axes.xaxis, axes.yaxis):
            found += [tick.label1 for tick in axis.get_major_ticks() if _within(axis, tick)]
    return found


def _within(axis: Axis, tick: Tick) -> bool:
    low, high = sorted(axis.get_view_interval())
    return bool(low <= tick.get_loc() <= high)
