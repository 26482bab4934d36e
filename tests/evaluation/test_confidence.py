"""The pictures of the responsibilities."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from pyromix.evaluation import reliability_diagram, responsibility_histogram


def test_responsibility_histogram_counts() -> None:
    gamma = np.eye(4)[[0, 0, 2, 0]]
    figure = responsibility_histogram(gamma)
    assert figure.axes[1].get_title(loc="left") == "2 of 4 clusters are occupied"
    assert heights(figure.axes[1]) == [0.75, 0.25, 0, 0]
    assert sum(heights(figure.axes[0])) == pytest.approx(1)


def heights(axes: Axes) -> list[float]:
    return [bar.get_height() for bar in axes.patches if isinstance(bar, Rectangle)]


def test_reliability_of_a_sure_and_right_clustering_lies_on_the_diagonal() -> None:
    y = np.arange(12) % 3
    figure = reliability_diagram(y, np.eye(3)[y])
    assert figure.axes[0].get_title(loc="left") == "Expected calibration error 0.000"
    assert not figure.axes[0].lines[1].get_clip_on()  # the point at (1, 1) is drawn whole
