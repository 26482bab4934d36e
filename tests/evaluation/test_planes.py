"""Maps to the plane keep what they promise: areas, arcs, logarithms; components lie where drawn."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Ellipse

from pyromix.evaluation import latent_map
from pyromix.evaluation.planes import cap, plane_of, unit

from .reading import crowded

RNG = np.random.default_rng(0)


def ellipses(figure: Figure) -> list[Ellipse]:
    patches = figure.axes[0].patches
    return [each for each in patches if isinstance(each, Ellipse) and not isinstance(each, Circle)]


def test_the_map_of_the_sphere_keeps_areas() -> None:
    """Of uniform directions a disc of radius r holds the share r²/4, and the whole is one of 2."""
    z = unit(RNG.normal(size=(40_000, 3)))
    plane = plane_of(unit(z[:50] + np.array([3.0, 0, 0])), "sphere", "components")
    points = plane.project(z)
    radius = np.linalg.norm(points, axis=1)
    assert radius.max() <= 2 + 1e-9
    for r in (0.5, 1.0, 2**0.5, 1.8):
        share = r**2 / 4
        assert abs((radius < r).mean() - share) < 4 * (share * (1 - share) / len(z)) ** 0.5
    quarter = (points > 0).all(1).mean()
    assert abs(quarter - 0.25) < 4 * (0.25 * 0.75 / len(z)) ** 0.5
    assert max(plane.circles) == 2


@pytest.mark.parametrize("dim", [3, 6])
def test_the_mean_direction_is_the_middle_of_arcs_or_chords(
    dim: int,
) -> None:
    angles = np.linspace(-1.2, 1.2, 41)
    circle = np.zeros((41, dim))
    circle[:, 0], circle[:, 1] = np.cos(angles), np.sin(angles)
    points = plane_of(circle, "sphere", "components").project(circle)
    np.testing.assert_allclose(points[20], 0, atol=1e-9)
    wanted = 2 * np.sin(np.abs(angles) / 2) if dim == 3 else np.abs(angles)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), wanted, atol=1e-9)


def test_positive_codes_are_shown_by_their_logarithm() -> None:
    z = np.exp(RNG.normal(size=(50, 2)))
    np.testing.assert_allclose(plane_of(z, "positive", "components").project(z), np.log(z))
    wide = np.exp(RNG.normal(size=(50, 4)))
    found = plane_of(wide, "positive", "components")
    other = plane_of(np.log(wide), "real", "components")
    np.testing.assert_allclose(found.project(wide), other.project(np.log(wide)), atol=1e-9)
    assert "of log z" in found.names[0]


def test_components_are_ellipses_of_two_deviations() -> None:
    z = RNG.normal(size=(300, 2))
    covariance = np.array([[2.0, 1.2], [1.2, 1.0]])
    draws = RNG.multivariate_normal([4.0, -1.0], covariance, 20_000)
    figure = latent_map(z, np.zeros(300, int), components={3: draws, 4: draws[:2]})
    (found,) = ellipses(figure)
    np.testing.assert_allclose(found.get_center(), [4, -1], atol=0.05)
    values, vectors = np.linalg.eigh(covariance)
    np.testing.assert_allclose([found.width, found.height], 4 * np.sqrt(values), rtol=0.03)
    axis = np.array([np.cos(np.radians(found.angle)), np.sin(np.radians(found.angle))])
    assert abs(axis @ vectors[:, 0]) == pytest.approx(1, abs=1e-3)
    low, high = figure.axes[0].get_xlim()
    assert low < 4 < high
    figure.savefig(io.BytesIO(), dpi=30)
    assert crowded(figure) == []


@pytest.mark.parametrize("dim", [2, 3, 5])
def test_a_map_of_the_sphere_is_readable(dim: int) -> None:
    z = unit(RNG.normal(size=(100, dim)) + 1)
    clusters = np.arange(100) % 3
    figure = latent_map(z, clusters, space="sphere", components={0: z[:30]})
    assert crowded(figure) == []
    panels = Figure().subplots(1, 2)
    assert latent_map(z, clusters, clusters, space="sphere", ax=panels[1]) is panels[1].figure
    assert panels[1].collections
    assert not panels[0].collections


def test_other_spaces_and_methods_are_refused() -> None:
    with pytest.raises(ValueError, match="space is 'torus': use 'real' or"):
        latent_map(np.eye(3), [0, 1, 2], space="torus")
    with pytest.raises(ValueError, match="method is 'tsne': use 'components' or 'umap'"):
        latent_map(np.eye(3), [0, 1, 2], method="tsne")


@pytest.mark.long
def test_umap_keeps_neighbours_together() -> None:
    z = RNG.normal(size=(90, 5))
    clusters = np.arange(90) % 3
    z[:, :3] += 12 * np.eye(3)[clusters]
    plane = plane_of(z, "real", "umap")
    points = plane.project(z)
    nearest = np.linalg.norm(points[:, None] - points, axis=-1) + 1e9 * np.eye(90)
    assert (clusters[nearest.argmin(1)] == clusters).all()


def test_the_circle_of_a_component_holds_its_share_on_the_sphere_and_stays_on_the_map() -> None:
    """A cluster on the far side too, where an ellipse on the map would leave it."""
    rng = np.random.default_rng(0)
    for centre in ([0.0, 0.0, 1.0], [0.0, 0.3, -1.0]):
        z = unit(np.array(centre) + 0.2 * rng.normal(size=(4000, 3)))
        edge = cap(z)
        mean = unit(z.mean(0, keepdims=True))[0]
        np.testing.assert_allclose(np.linalg.norm(edge, axis=1), 1)
        assert np.ptp(edge @ mean) < 1e-9
        assert (z @ mean > edge[0] @ mean).mean() == pytest.approx(1 - np.exp(-2), abs=1e-3)
    codes = unit(np.array([0.0, 0.0, 1.0]) + 0.5 * rng.normal(size=(200, 3)))
    drawn = {0: z, 1: codes}
    (axes,) = latent_map(codes, np.arange(200) % 2, space="sphere", components=drawn).axes
    lines = [np.asarray(line.get_xydata()) for line in axes.lines if np.size(line.get_xdata())]
    assert len(lines) == 2
    for line in lines:
        known = line[~np.isnan(line).any(1)]
        assert np.linalg.norm(known, axis=1).max() <= 2 + 1e-9
