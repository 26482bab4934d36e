"""Grids of samples and the posterior predictive check."""

from __future__ import annotations

import io

import numpy as np
import pytest

from pyromix.evaluation import cluster_grid, predictive_check
from pyromix.evaluation.samples import as_images, mosaic

RNG = np.random.default_rng(0)


def test_grey_images_become_dark_ink_on_white() -> None:
    x = np.zeros((2, 3, 1, 4, 5))
    x[0, 0, 0, 1, 2] = 1
    images = as_images(x, None, lead=2)
    assert images is not None
    assert images.shape == (2, 3, 4, 5, 3)
    assert images[0, 0, 1, 2].tolist() == [0, 0, 0]
    assert images.sum() == images.size - 3


def test_colour_images_keep_their_colours() -> None:
    x = RNG.random((2, 3, 3, 4, 5))
    images = as_images(x, None, lead=2)
    assert images is not None
    np.testing.assert_array_equal(images, np.moveaxis(x, 2, -1))


def test_values_beyond_the_unit_interval_are_squeezed_into_it() -> None:
    images = as_images(RNG.normal(size=(2, 3, 3, 4, 5)) * 5, None, lead=2)
    assert images is not None
    assert (images.min(), images.max()) == (0, 1)


def test_an_overshoot_does_not_pale_the_rest() -> None:
    x = RNG.random((2, 3, 3, 4, 5))
    over = x.copy()
    over[0, 0, 0, 0, :2] = (-0.3, 1.3)
    over_images, images = (as_images(each, None, lead=2) for each in (over, x))
    assert over_images is not None
    assert images is not None
    np.testing.assert_array_equal(over_images[1], images[1])
    np.testing.assert_array_equal(over_images[0, 0, 0, :2, 0], [0, 1])
    scaled = as_images(2 * x - 1, None, lead=2)
    assert scaled is not None
    low, high = (2 * x - 1).min(), (2 * x - 1).max()
    wanted = (2 * x - 1 - low) / (max(1, high) - low)
    np.testing.assert_allclose(scaled, np.moveaxis(wanted, 2, -1))


def test_flat_images_need_their_shape() -> None:
    x = RNG.random((2, 3, 64))
    assert as_images(x, None, lead=2) is None
    for shape in ((8, 8), (1, 8, 8)):
        images = as_images(x, shape, lead=2)
        assert images is not None
        np.testing.assert_allclose(images[..., 0], 1 - x.reshape(2, 3, 8, 8))
    with pytest.raises(ValueError, match=r"image_shape=\(7, 8\) holds 56 values"):
        as_images(x, (7, 8), lead=2)
    with pytest.raises(ValueError, match="one or three channels"):
        as_images(RNG.random((2, 3, 2, 8, 8)), None, lead=2)


def test_mosaic_lays_images_in_rows_and_columns() -> None:
    images = RNG.random((2, 3, 4, 5, 3))
    sheet = mosaic(images)
    assert sheet.shape == (2 * 4 + 1, 3 * 5 + 2, 3)
    np.testing.assert_array_equal(sheet[5:9, 12:17], images[1, 2])


@pytest.mark.parametrize(
    ("shape", "image_shape", "n_axes"),
    [
        ((4, 6, 1, 8, 8), None, 1),
        ((4, 6, 8, 8), None, 1),
        ((4, 6, 3, 8, 8), None, 1),
        ((4, 6, 64), (8, 8), 1),
        ((45, 2, 8, 8), None, 3),
        ((4, 6, 2), None, 1),
        ((7, 6, 9), None, 10),
    ],
)
def test_grids_of_every_kind_of_datum(
    shape: tuple[int, ...], image_shape: tuple[int, int] | None, n_axes: int
) -> None:
    figure = cluster_grid(RNG.random(shape), image_shape=image_shape)
    assert len(figure.axes) == n_axes
    figure.savefig(io.BytesIO(), dpi=30)


def test_rows_carry_the_clusters_names() -> None:
    figure = cluster_grid(RNG.random((3, 4, 8, 8)), names=["a", "b", "c"], title="Three")
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["a", "b", "c"]
    assert figure.get_suptitle() == "Three"
    with pytest.raises(ValueError, match=r"shape \(K, n, …\), got \(4, 8\)"):
        cluster_grid(RNG.random((4, 8)))
    with pytest.raises(ValueError, match="2 names came for 3 clusters"):
        cluster_grid(RNG.random((3, 4, 8, 8)), names=["a", "b"])


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
