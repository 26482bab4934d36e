"""The colours are told apart by all eyes, and in grey."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from pyromix.evaluation import latent_map
from pyromix.evaluation.style import MARKERS, PALETTE, canvas, scatter

Array = npt.NDArray[np.float64]

# Machado, Oliveira & Fernandes (2009), table 1, severity 1.0, on linear RGB.
VISIONS = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = np.array([0.9505, 1.0, 1.0890])


def cielab(colours: tuple[str, ...], vision: Array) -> Array:
    """CIELAB of sRGB colours as seen with some kind of vision, ``(n, 3)``."""
    coded = np.array([to_rgb(colour) for colour in colours])
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    xyz = (linear @ vision.T).clip(0, 1) @ TO_XYZ.T / WHITE
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    lab: Array = np.stack(
        [116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], -1
    )
    return lab


@pytest.mark.parametrize("vision", VISIONS)
def test_all_eyes_tell_the_ten_colours_apart(vision: str) -> None:
    seen = cielab(PALETTE, VISIONS[vision])
    assert len(PALETTE) == 10
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 25


def test_grey_print_tells_the_ten_colours_apart() -> None:
    lightness = np.sort(cielab(PALETTE, VISIONS["normal"])[:, 0])
    assert np.diff(lightness).min() > 5.5
    assert lightness[-1] < 82  # of 100, which is the paper


def test_a_hundred_groups_are_drawn_in_a_hundred_ways() -> None:
    figure = canvas(4, 4)
    groups = np.arange(100)
    scatter(figure.subplots(), np.random.default_rng(0).random((100, 2)), groups, ["g"] * 100)
    assert len(drawn(figure)) == len(MARKERS) * len(PALETTE) == 100


def drawn(figure: Figure, panel: int = 0) -> dict[tuple[float, ...], set[tuple[float, float]]]:
    """The points of each look, that is of each colour with each marker."""
    found: dict[tuple[float, ...], set[tuple[float, float]]] = {}
    for part in figure.axes[panel].collections:
        shape = np.asarray(part.get_paths()[0].vertices).ravel().round(6).tolist()
        colours, points = np.asarray(part.get_facecolor()), np.asarray(part.get_offsets())
        for colour, (x, y) in zip(colours.tolist(), points.tolist(), strict=True):
            found.setdefault((*colour, *shape), set()).add((x, y))
    return found


def test_a_cluster_has_the_colour_of_its_label_and_another_has_one_of_its_own() -> None:
    labels = np.repeat([4, 7, 9], 20)
    clusters = np.repeat([9, 7, 2], 20)
    clusters[-5:] = 4  # stands for no label
    figure = latent_map(np.random.default_rng(0).normal(size=(60, 2)), clusters, labels)
    by_cluster, by_label = drawn(figure, 0), drawn(figure, 1)
    assert len(by_cluster) == 4
    assert len(by_label) == 3
    agree = {look: len(by_cluster[look] & points) for look, points in by_label.items()}
    assert sorted(agree.values()) == [15, 20, 20]
