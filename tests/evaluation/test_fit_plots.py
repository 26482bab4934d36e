"""Pictures of how a fit came about: what is drawn is what the history says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from pyromix.evaluation import parts_picture, restarts_picture, starts_picture

from .reading import crowded

HISTORY: list[dict[str, Any]] = [
    {"phase": "pretrain", "epoch": 1, "loss": 30.0},
    *(
        {
            "phase": f"train {run}",
            "epoch": epoch,
            "loss": 20.0 - epoch + run,
            "validation": 21.0 - epoch + run,
            "reconstruction": 15.0 - epoch,
            "kl_z": 4.0 + run,
            "occupied_clusters": 3,
            "seconds": 1.0,
            **({"held_out_bound": -18.0 - run} if epoch == 3 else {}),
        }
        for run in (1, 2)
        for epoch in (1, 2, 3)
    ),
]


def test_parts_stand_on_one_scale_and_nothing_else_does() -> None:
    figure = parts_picture(HISTORY, phase="train 2")
    lines = {str(line.get_label()): line for line in figure.axes[0].lines}
    assert list(lines) == ["loss", "reconstruction", "KL z"]
    np.testing.assert_array_equal(lines["KL z"].get_ydata(), [6, 6, 6])
    assert len({line.get_linestyle() for line in lines.values()}) == 3
    assert figure.axes[0].get_ylabel() == "nats per datum"
    assert crowded(figure) == []
    with pytest.raises(ValueError, match="phase is 'joint': the history has 'pretrain', 'train 1'"):
        parts_picture(HISTORY, phase="joint")


def test_the_restart_kept_is_that_of_the_best_bound() -> None:
    figure = restarts_picture(HISTORY)
    labels = [str(line.get_label()) for line in figure.axes[0].lines]
    assert labels == ["1: bound -19, kept", "2: bound -20"]
    np.testing.assert_array_equal(figure.axes[0].lines[1].get_ydata(), [22, 21, 20])
    assert crowded(figure) == []
    with pytest.raises(ValueError, match="of one restart"):
        restarts_picture(HISTORY[:4])


def test_the_start_taken_is_marked() -> None:
    row = {"phase": "initialise", "epoch": 1, "neighbours_0": 0.7, "neighbours_1": 0.9}
    figure = starts_picture([*HISTORY, row], ["k-means", "UMAP"])
    assert "UMAP is best" in figure.axes[0].get_title(loc="left")
    bars = figure.axes[0].patches
    assert [round(bar.get_width(), 3) for bar in bars] == [0.7, 0.9]  # type: ignore[attr-defined]
    assert crowded(figure) == []
    with pytest.raises(ValueError, match="records no choice"):
        starts_picture(HISTORY)
    with pytest.raises(ValueError, match="1 names came for 2 starts"):
        starts_picture([row], ["k-means"])


def test_they_go_where_they_are_told() -> None:
    panels = Figure().subplots(1, 2)
    assert parts_picture(HISTORY, phase="train 1", ax=panels[0]) is panels[0].figure
    assert restarts_picture(HISTORY, ax=panels[1]) is panels[1].figure
