"""The posterior predictive check: its panels, and histograms without combs."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from pyromix.evaluation import predictive_check

from .reading import crowded

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("shape", "image_shape", "n_axes"),
    [((15, 1, 8, 8), None, 3), ((15, 64), (8, 8), 3), ((3, 5), None, 2)],
)
def test_predictive_check_of_images_and_vectors(
    shape: tuple[int, ...], image_shape: tuple[int, int] | None, n_axes: int
) -> None:
    x = RNG.random(shape)
    figure = predictive_check(x, x + 0.1 * RNG.random((6, *shape)), image_shape=image_shape)
    assert len(figure.axes) == n_axes
    labels = [axes.get_xlabel() for axes in figure.axes]
    assert "mean over a datum" in labels
    assert "standard deviation over a datum" in labels
    figure.savefig(io.BytesIO(), dpi=30)


def test_predictive_check_refuses_replicates_of_other_data() -> None:
    with pytest.raises(ValueError, match=r"shape \(S, 5, 3\), got \(5, 3\)"):
        predictive_check(np.zeros((5, 3)), np.zeros((5, 3)))


@pytest.mark.parametrize("levels", [1, 16], ids=["whole", "grey"])
def test_bins_are_no_finer_than_the_lattice(levels: int) -> None:
    """Means of 60 whole values lie 1/60 apart; thirty equal bins would hold one or two each."""
    p = RNG.beta(20, 20, size=(2000, 60))
    x = (RNG.binomial(levels, p) / levels).astype(np.float64)
    replicated = RNG.binomial(1, p, size=(3, *p.shape)).astype(np.float64)
    figure = predictive_check(x, replicated)
    bars = [bar for bar in figure.axes[0].patches if isinstance(bar, Rectangle)]
    edges = np.array([bars[0].get_x(), *(bar.get_x() + bar.get_width() for bar in bars)])
    assert len(edges) < 45
    lattice = np.arange(61) / 60
    inside = lattice[(lattice > edges[0]) & (lattice < edges[-1])]
    held = np.histogram(inside, edges)[0]
    per_width = held / np.diff(edges) / 60
    np.testing.assert_allclose(per_width, 1, atol=1e-6)
    for values in (x.mean(1), replicated.mean(2).ravel()):
        assert edges[0] <= values.min()
        assert values.max() <= edges[-1]


def test_bins_of_measured_values_are_thirty() -> None:
    x = RNG.normal(size=(500, 4))
    figure = predictive_check(x, RNG.normal(size=(2, 500, 4)))
    assert len(figure.axes[0].patches) == 30
    assert crowded(figure) == []
