"""The pictures: the right axes with the right words on them, no global state, clear refusals."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from pyromix.evaluation import (
    confusion,
    curves,
    latent_map,
    reliability_diagram,
    responsibility_histogram,
)

RNG = np.random.default_rng(0)
LABELS = RNG.integers(3, size=60)
GAMMA = RNG.dirichlet(np.full(4, 0.3), 60)
CLUSTERS = GAMMA.argmax(1)
HISTORY = [
    {"phase": "pretrain", "epoch": 1, "loss": 9.0, "seconds": 1.0},
    {"phase": "pretrain", "epoch": 2, "loss": 7.0, "seconds": 1.0},
    {"phase": "train", "epoch": 1, "loss": 8.0, "kl_z": 2.0, "validation": 8.5, "seconds": 1.0},
]

DRAWINGS: list[Callable[[], Figure]] = [
    lambda: latent_map(RNG.normal(size=(60, 5)), CLUSTERS, LABELS),
    lambda: confusion(LABELS, CLUSTERS),
    lambda: curves(HISTORY),
    lambda: responsibility_histogram(GAMMA),
    lambda: reliability_diagram(LABELS, GAMMA),
]


def words(figure: Figure) -> str:
    """All visible text of the axes, joined."""
    found: list[str] = []
    for axes in figure.axes:
        found += [axes.get_xlabel(), axes.get_ylabel(), axes.get_title(loc="left")]
        found += [text.get_text() for text in axes.texts]
    return " | ".join(found)


@pytest.mark.parametrize("draw", DRAWINGS)
def test_every_picture_saves_and_leaves_no_state(draw: Callable[[], Figure]) -> None:
    before = dict(mpl.rcParams)
    figure = draw()
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=30)
    assert buffer.getvalue().startswith(b"\x89PNG")
    assert dict(mpl.rcParams) == before
    if "matplotlib.pyplot" in sys.modules:
        assert not sys.modules["matplotlib.pyplot"].get_fignums()


@pytest.mark.parametrize(
    ("dims", "expected"),
    [(1, "z_1"), (2, "z_2"), (3, "of the variance of 3 dimensions")],
)
def test_latent_map_says_what_its_axes_are(dims: int, expected: str) -> None:
    figure = latent_map(RNG.normal(size=(60, dims)), CLUSTERS)
    assert len(figure.axes) == 1
    assert expected in words(figure)


def test_latent_map_shows_clusters_beside_labels_with_their_numbers() -> None:
    figure = latent_map(RNG.normal(size=(60, 2)), CLUSTERS + 5, LABELS)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        f"Clusters ({len(set(CLUSTERS))})",
        "Labels (3)",
    ]
    assert {text.get_text() for text in figure.axes[0].texts} == {str(c + 5) for c in CLUSTERS}


def test_latent_map_reports_the_share_of_variance() -> None:
    codes = RNG.normal(size=(400, 3)) * [3, 2, 1]
    variance = np.sort(np.linalg.eigvalsh(np.cov(codes.T)))[::-1] / np.trace(np.cov(codes.T))
    figure = latent_map(codes, np.zeros(400, int))
    assert f"({variance[0]:.0%} of" in words(figure)
    assert f"({variance[1]:.0%})" in words(figure)


def test_latent_map_draws_a_part_of_many_points_and_says_so() -> None:
    n = 10_050
    figure = latent_map(RNG.normal(size=(n, 2)), np.zeros(n, int))
    assert len(figure.axes[0].collections[0].get_offsets()) == 10_000
    assert "10,000 of 10,050 points" in figure.get_supxlabel()


def test_confusion_puts_matched_clusters_on_the_diagonal() -> None:
    labels = np.repeat([10, 20, 30], [4, 4, 2])
    clusters = np.array([7, 7, 7, 1, 1, 1, 1, 9, 5, 5])
    axes = confusion(labels, clusters).axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["7", "1", "5", "9"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["10", "20", "30"]
    shares = np.asarray(axes.images[0].get_array())
    np.testing.assert_allclose(shares, [[0.75, 0.25, 0, 0], [0, 0.75, 0, 0.25], [0, 0, 1, 0]])
    assert axes.get_title(loc="left") == "accuracy 80.0%, purity 90.0%, 4 clusters"
    assert "left over" in axes.get_xlabel()


def test_curves_have_one_panel_a_part_and_mark_the_phases() -> None:
    figure = curves(HISTORY)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in shown] == ["loss", "kl z"]
    assert len(shown[0].lines) == 2
    assert [text.get_text() for text in shown[0].texts] == ["pretrain", "train"]
    np.testing.assert_array_equal(shown[1].lines[0].get_ydata(), [np.nan, np.nan, 2.0])


def test_curves_of_the_facets_share_a_panel() -> None:
    rows = [{"phase": "train", "loss": 9.0, "kl_z_0": 2.0, "kl_z_1": 3.0, "kl_c_0": 1.0}] * 6
    shown = [axes for axes in curves(rows).axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in shown] == ["loss", "kl z", "kl c"]
    assert [line.get_label() for line in shown[1].lines] == ["facet 0", "facet 1"]
    assert [line.get_ydata()[0] for line in shown[1].lines] == [2, 3]


def test_curves_of_a_single_epoch_show_a_point() -> None:
    figure = curves(HISTORY[:1])
    assert figure.axes[0].lines[0].get_marker() == "o"
    with pytest.raises(ValueError, match="history is empty"):
        curves([])


def test_many_clusters_are_drawn_without_warnings() -> None:
    gamma = RNG.dirichlet(np.full(100, 0.1), 300)
    for figure in (
        responsibility_histogram(gamma),
        confusion(RNG.integers(10, size=300), gamma.argmax(1)),
        latent_map(RNG.normal(size=(300, 2)), gamma.argmax(1)),
    ):
        figure.savefig(io.BytesIO(), dpi=30)


@pytest.mark.parametrize(
    ("codes", "clusters", "labels", "message"),
    [
        (np.zeros(4), [0] * 4, None, r"codes must have shape \(N, D\)"),
        (np.zeros((4, 2)), [0] * 3, None, "codes and clusters must be as long, got 4 and 3"),
        (np.zeros((4, 2)), [0] * 4, [0] * 3, "codes and labels must be as long, got 4 and 3"),
    ],
)
def test_latent_map_refuses(codes: Any, clusters: Any, labels: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        latent_map(codes, clusters, labels)
