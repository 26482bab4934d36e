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
from matplotlib.lines import Line2D

from pyromix.evaluation import (
    cluster_map,
    confusion,
    curves,
    latent_map,
    reliability_diagram,
    responsibility_histogram,
)
from pyromix.evaluation.style import MAX_INCHES

from .reading import crowded

RNG = np.random.default_rng(0)
LABELS = RNG.integers(3, size=60)
GAMMA = RNG.dirichlet(np.full(4, 0.3), 60)
CLUSTERS = GAMMA.argmax(1)
HISTORY = [
    {"phase": "pretrain", "epoch": 1, "loss": 9.0, "seconds": 1.0},
    {"phase": "pretrain", "epoch": 2, "loss": 7.0, "seconds": 1.0},
    {"phase": "train", "epoch": 1, "loss": 8.0, "kl_z": 2.0, "validation": 8.5, "seconds": 1.0},
]
# Three restarts of GMVAE with two epochs each.
RESTARTS = [
    {"phase": f"{phase} {restart}", "loss": 9.0 - epoch, "kl_z": 1.0 + restart, "seconds": 1.0}
    for restart in (1, 2, 3)
    for phase, epochs in (("pretrain", 2), ("initialise", 1), ("train", 2))
    for epoch in range(epochs)
]

# As many phases of two epochs as leave no room for all their names.
JOINED = [{"phase": f"train {k // 2}", "loss": 1.0, "seconds": 1.0} for k in range(16)]

DRAWINGS: list[Callable[[], Figure]] = [
    lambda: latent_map(RNG.normal(size=(60, 5)), CLUSTERS, LABELS),
    lambda: latent_map(np.linspace([-0.118, -0.22], [0.085, 0.0], 60), CLUSTERS),
    lambda: cluster_map(RNG.normal(size=(60, 2)), CLUSTERS, LABELS),
    lambda: confusion(LABELS, CLUSTERS),
    lambda: confusion(LABELS, 0 * LABELS, class_names=["ankle boot", "a long dress", "bag"]),
    lambda: curves(HISTORY),
    lambda: curves(RESTARTS),
    lambda: curves(JOINED),
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


@pytest.mark.parametrize("draw", DRAWINGS)
def test_no_words_of_a_picture_overlap(draw: Callable[[], Figure]) -> None:
    assert crowded(draw()) == []


@pytest.mark.parametrize("draw", [cluster_map, confusion])
def test_a_picture_of_one_panel_goes_where_it_is_told(draw: Callable[..., Figure]) -> None:
    figure = Figure()
    panel = figure.subplots(1, 2)[1]
    first = RNG.normal(size=(60, 2)) if draw is cluster_map else LABELS
    assert draw(first, CLUSTERS, ax=panel) is figure
    assert panel.get_title(loc="left")
    parts: Any = Figure().subfigures(1, 2)
    assert draw(first, CLUSTERS, ax=parts[0].subplots()) is parts[0].figure


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
    assert len(np.asarray(figure.axes[0].collections[0].get_offsets())) == 10_000
    assert "10,000 of 10,050 points" in figure.get_supxlabel()


def test_confusion_puts_matched_clusters_on_the_diagonal() -> None:
    labels = np.repeat([10, 20, 30], [4, 4, 2])
    clusters = np.array([7, 7, 7, 1, 1, 1, 1, 9, 5, 5])
    axes = confusion(labels, clusters).axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["7", "1", "5", "9"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["10", "20", "30"]
    shares = np.asarray(axes.images[0].get_array())
    wanted = np.array([[0.75, 0.25, 0, 0], [0, 0.75, 0, 0.25], [0, 0, 1, 0]])
    np.testing.assert_allclose(shares, wanted)
    assert axes.get_title(loc="left") == "accuracy 80.0%, purity 90.0%"
    assert axes.get_xlabel() == "4 occupied clusters, matched | left over"


def test_confusion_calls_the_classes_by_their_names() -> None:
    names = ["ankle boot", "bag", "coat"]
    axes = confusion(
        [0, 2, 2, 3], [1, 0, 0, 2], class_names=names, label_name="kind_of_garment"
    ).axes[0]
    rows = [tick.get_text() for tick in axes.get_yticklabels()]
    assert rows == ["ankle boot", "coat", "3"]
    assert axes.get_ylabel() == "kind of garment"


def test_pictures_of_a_thousand_clusters_are_bounded() -> None:
    figure = confusion(np.arange(1000) % 7, np.arange(1000))
    assert max(figure.get_size_inches()) <= MAX_INCHES
    names = figure.axes[0].get_xticklabels()
    assert 100 < len(names) <= MAX_INCHES / 0.1  # 7 points high, turned by a right angle


def test_curves_have_one_panel_a_part_and_mark_the_phases() -> None:
    figure = curves(HISTORY)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in shown] == ["loss", "KL z"]
    assert len(shown[0].lines) == 2
    assert {text.get_text() for text in shown[0].texts} == {"pretrain", "train"}
    ((epoch, value),) = known(shown[1].lines[0])
    assert (epoch, value) == (3, 2)


def known(line: Line2D) -> list[tuple[float, float]]:
    """The points of a line that there are."""
    points = np.asarray(line.get_xydata())
    return [(x, y) for x, y in points if np.isfinite(y)]


def test_a_curve_ends_with_its_phase() -> None:
    """The last loss of a restart is not joined to the first of the next one's pretraining."""
    axes = curves(RESTARTS).axes[0]
    line = axes.lines[0]
    assert [x for x, _ in known(line)] == list(range(1, 13))
    pieces = np.split(line.get_ydata(), np.flatnonzero(np.isnan(line.get_ydata())))
    assert [int(np.isfinite(piece).sum()) for piece in pieces] == [2, 2] * 3
    # A name wider than its phase would seem to be of the next one too.
    assert {text.get_text() for text in axes.texts} == {"train 1", "train 2", "train 3"}


def test_curves_tell_their_units_and_count_in_whole_numbers() -> None:
    row = {"phase": "train", "loss": 9.0, "kl_z": 2.0, "occupied_clusters": 10}
    figure = curves([row | {"affiliation_variance": 0.1}] * 6)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[:4] == ["loss", "KL z", "occupied clusters", "affiliation variance"]
    units = [axes.get_ylabel() for axes in figure.axes[:4]]
    assert units == ["nats", "nats", "clusters", "variance"]
    counts = figure.axes[titles.index("occupied clusters")]
    figure.canvas.draw()
    ticks = np.array(counts.get_yticks())
    assert (ticks == ticks.round()).all()
    assert 10 in ticks
    assert min(counts.get_xticks()[counts.get_xticks() > 0.5]) >= 1


def test_curves_of_the_facets_share_a_panel() -> None:
    rows = [{"phase": "train", "loss": 9.0, "kl_z_0": 2.0, "kl_z_1": 3.0, "kl_c_0": 1.0}] * 6
    shown = [axes for axes in curves(rows).axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in shown] == ["loss", "KL z", "KL c"]
    assert [line.get_label() for line in shown[1].lines] == ["facet 0", "facet 1"]
    assert [np.asarray(line.get_ydata())[0] for line in shown[1].lines] == [2, 3]


def test_a_facet_has_one_colour_in_all_panels() -> None:
    row = {"phase": "train", "loss": 9.0, "kl_z_0": 2.0, "kl_z_1": 3.0}
    panels = curves([row | {"refitted_1": 0.0, "refitted_0": 0.0, "floor_1": 1.0}] * 6).axes
    first, second, third = (
        {line.get_label(): line.get_color() for line in axes.lines} for axes in panels[1:4]
    )
    assert first == second
    assert len(set(first.values())) == 2
    assert third == {"facet 1": first["facet 1"]}


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
        (np.zeros((4, 2)), [0] * 3, None, "4 data came with 3 clusters"),
        (np.zeros((4, 2)), [0] * 4, [0] * 3, "labels and clusters must be as long, got 3 and 4"),
    ],
)
def test_latent_map_refuses(codes: Any, clusters: Any, labels: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        latent_map(codes, clusters, labels)
