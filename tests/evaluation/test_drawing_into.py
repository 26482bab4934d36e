"""One law for every public picture: one panel takes `ax=`, several take `figure=`, all return the
whole figure, and whatever has ticks says of what.
"""

from __future__ import annotations

import importlib
import inspect
import typing
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pyromix import criticism, evaluation
from pyromix.estimators.select import NumberOfClusters

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
C = np.arange(60) % 3
GAMMA = RNG.dirichlet([0.3] * 3, 60)
IMAGES = RNG.random((3, 5, 8, 8))
HISTORY = [
    {"phase": f"train {i}", "epoch": e, "loss": 9.0 - e, "kl_z": 2.0 + i, "kl_c": 1.0}
    for i in (1, 2)
    for e in (1, 2, 3)
]
START = [{"phase": "initialise", "epoch": 1, "neighbours_0": 0.8, "neighbours_1": 0.9}]
TABLE = pd.DataFrame(
    {"n_clusters": [2, 3, 4], "separate": [2, 3, 3], "modularity": [0.4, 0.5, 0.5]}
)
COUNTS = RNG.poisson(2.0, (60, 4))
# For each picture how it is drawn, given where.
PICTURES: dict[str, Callable[..., Figure]] = {
    "cluster_grid": lambda **where: evaluation.cluster_grid(IMAGES, **where),
    "cluster_map": lambda **where: evaluation.cluster_map(X[:, :2], C, C, **where),
    "confusion": lambda **where: evaluation.confusion(C, (C + 1) % 3, **where),
    "curves": lambda **where: evaluation.curves(HISTORY, **where),
    "facet_grids": lambda **where: evaluation.facet_grids([IMAGES, IMAGES[:2]], **where),
    "facet_heatmap": lambda **where: evaluation.facet_heatmap(
        np.stack([C, C % 2], 1), np.stack([C, C % 2], 1), **where
    ),
    "latent_map": lambda **where: evaluation.latent_map(X, C, C, **where),
    "number_picture": lambda **where: evaluation.number_picture(TABLE, 3, **where),
    "parts_picture": lambda **where: evaluation.parts_picture(HISTORY, phase="train 1", **where),
    "predictive_check": lambda **where: evaluation.predictive_check(
        IMAGES[0], IMAGES[:, :, :, ::-1], **where
    ),
    "reliability_diagram": lambda **where: evaluation.reliability_diagram(C, GAMMA, **where),
    "responsibility_histogram": lambda **where: evaluation.responsibility_histogram(GAMMA, **where),
    "restarts_picture": lambda **where: evaluation.restarts_picture(HISTORY, **where),
    "simulation_diagram": lambda **where: evaluation.simulation_diagram(
        C, GAMMA, {"z": RNG.integers(0, 64, (60, 2))}, 63, **where
    ),
    "starts_picture": lambda **where: evaluation.starts_picture(START, **where),
    "style_grid": lambda **where: evaluation.style_grid(IMAGES, **where),
    "swap_grid": lambda **where: evaluation.swap_grid(
        IMAGES[0, :2], IMAGES[1, :3], IMAGES[:2, :3], **where
    ),
    "Agreement": lambda **where: criticism.agreement([C, C, C % 2]).figure(**where),
    "Calibration": lambda **where: criticism.Calibration(
        {"c": C}, {"c": GAMMA}, {"z": RNG.integers(0, 64, (60, 2))}, 63
    ).figure(**where),
    "Collapse": lambda **where: criticism.collapse(GAMMA, X[None].repeat(3, 0)).figure(**where),
    "DensityCheck": lambda **where: criticism.density_check(X, X[None].repeat(9, 0)).figure(
        **where
    ),
    "Examples": lambda **where: criticism.examples(GAMMA).figure(X, **where),
    "GuideCheck": lambda **where: criticism.GuideCheck(X[:, 0], GAMMA[:, 0], 100).figure(**where),
    "Marks": lambda **where: criticism.cluster_marks(X, C).figure(**where),
    "PredictiveCalibration": lambda **where: criticism.predictive_calibration(X, X).figure(**where),
    "PredictiveChecks": lambda **where: criticism.predictive_checks(
        X, RNG.normal(size=(40, 60, 4))
    ).figure(**where),
    "ZeroFractions": lambda **where: criticism.zero_fraction(
        COUNTS, COUNTS[None].repeat(9, 0)
    ).figure(**where),
    "NumberOfClusters": lambda **where: NumberOfClusters(TABLE, 3, (), (3, 4)).plot(**where),
}
each_picture = pytest.mark.parametrize("name", list(PICTURES))


def public() -> Iterator[tuple[str, Any]]:
    """Every public function that draws, and every method of a result that does."""
    for room in (evaluation, criticism, importlib.import_module("pyromix.estimators.select")):
        for name, thing in vars(room).items():
            if is_dataclass(thing):
                for method in ("figure", "plot"):
                    if hasattr(thing, method):
                        yield name, getattr(thing, method)
            elif (
                name in getattr(room, "__all__", ())
                and inspect.isfunction(thing)
                and typing.get_type_hints(thing).get("return") is Figure
            ):
                yield name, thing


def words(axes: Axes) -> str:
    """What an axis of numbers is of: its label, the panel's title, or the figure's own label."""
    figure: Any = axes.figure
    shared = [each.get_text() for each in (figure._supxlabel, figure._supylabel) if each]
    labels = [axes.get_xlabel(), axes.get_ylabel(), axes.get_title(loc="left"), *shared]
    return "".join(labels)


def visible(figure: Any) -> list[Axes]:
    here = [axes for axes in figure.axes if axes.get_visible()]
    return here + [axes for part in figure.subfigs for axes in visible(part)]


def test_every_public_picture_is_here_and_takes_one_place_to_be_drawn_at() -> None:
    takes = {}
    for name, draw in public():
        parameters = inspect.signature(draw).parameters
        takes[name] = sorted({"ax", "figure"} & parameters.keys())
        (place,) = takes[name]
        assert parameters[place].default is None, name
    assert takes.keys() == PICTURES.keys()


@each_picture
def test_it_is_drawn_where_it_is_told(name: str) -> None:
    (draw,) = (thing for each, thing in public() if each == name)
    whole = Figure(figsize=(14, 7), layout="constrained")
    parts: Any = whole.subfigures(1, 2)
    left, right = parts
    other = right.subplots()
    if "ax" in inspect.signature(draw).parameters:
        axes = left.subplots()
        assert PICTURES[name](ax=axes) is whole
        assert axes.has_data()
        assert axes.get_xlabel() or axes.get_title(loc="left")
    else:
        assert PICTURES[name](figure=left) is whole
        assert visible(left)
        with pytest.raises(ValueError, match="figure holds a picture already"):
            PICTURES[name](figure=left)
        with pytest.raises(TypeError, match="figure is a Axes"):
            PICTURES[name](figure=other)
    assert not other.has_data()
    assert right.axes == [other]
    whole.canvas.draw()


@each_picture
def test_alone_it_says_of_what_its_numbers_are(name: str) -> None:
    figure = PICTURES[name]()
    assert isinstance(figure, Figure)
    for axes in visible(figure):
        assert words(axes), name
    figure.canvas.draw()
