"""Grids of samples and the posterior predictive check."""

from __future__ import annotations

import io

import numpy as np
import pytest

from pyromix.evaluation import cluster_grid, style_grid
from pyromix.evaluation.samples import as_images, mosaic
from pyromix.evaluation.style import MAX_INCHES

from .reading import crowded

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
        ((7, 6, 9), None, 8),
        ((7, 6, 30), None, 10),
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


def test_many_samples_are_bounded_and_what_is_left_out_is_said() -> None:
    figure = cluster_grid(RNG.random((4, 500, 8, 8)))
    assert max(figure.get_size_inches()) <= MAX_INCHES
    assert figure.axes[0].get_xlabel() == "60 of 500 samples each"
    assert crowded(figure) == []
    figure = cluster_grid(RNG.random((200, 30, 8, 8)))
    assert max(figure.get_size_inches()) <= MAX_INCHES
    assert figure.axes[0].get_xlabel() == "6 of 30 samples each"


def test_samples_of_one_cluster_stand_in_rows() -> None:
    samples = RNG.random((1, 31, 8, 8))
    (axes,) = cluster_grid(samples, names=["3"]).axes
    sheet = np.asarray(axes.images[0].get_array())
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["3", "", ""]
    factor = 4  # small images are enlarged
    gap = max(1, 8 * factor // 14)
    assert sheet.shape[:2] == (3 * (8 * factor + gap) - gap, 12 * (8 * factor + gap) - gap)
    last = sheet[2 * (8 * factor + gap) :: factor, 6 * (8 * factor + gap) :: factor]
    np.testing.assert_allclose(last[:8, :8, 0], 1 - samples[0, 30])
    assert (sheet[-1, -8 * factor :] == 1).all()
    assert max(cluster_grid(RNG.random((1, 509, 8, 8))).get_size_inches()) <= MAX_INCHES


def test_vectors_are_drawn_with_their_units() -> None:
    figure = cluster_grid(RNG.random((2, 4, 30)))
    assert figure.get_supylabel() == "value of the feature"
    assert crowded(figure) == []
    ticks = np.array(figure.axes[0].get_xticks())
    assert (ticks == ticks.round()).all()


def test_a_table_has_a_row_for_each_feature_and_no_line_through_them() -> None:
    """A column of thousands and one of thousandths are told apart alike."""
    samples = RNG.normal(size=(3, 50, 2 + 1)) * [1e3, 1e-3, 1] + [5e3, 0, 0]
    samples[1, :, 1] += 3e-3
    figure = cluster_grid(samples, feature_names=["proline", "hue", "ash"])
    labels = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert [label.split(" (")[0] for label in labels] == ["proline", "hue", "ash"]
    assert labels[0].startswith("proline (5e+03 ± ") or labels[0].startswith("proline (4.")
    marks = np.asarray(figure.axes[1].collections[1].get_offsets())
    assert marks[1, 0] == pytest.approx(samples[1, :, 1].mean() / samples[..., 1].std(), abs=0.8)
    assert not [
        line for axes in figure.axes for line in axes.lines if np.size(line.get_xdata()) > 2
    ]
    assert crowded(figure) == []
    many = cluster_grid(RNG.random((2, 9, 40)), feature_names=[f"gene {j}" for j in range(40)])
    assert len(many.axes[0].get_yticklabels()) == 24
    assert many.get_supylabel() == "24 of 40 features, most unlike first"
    with pytest.raises(ValueError, match="2 feature_names came for 3 features"):
        cluster_grid(samples, feature_names=["a", "b"])


def test_styles_stand_in_columns() -> None:
    figure = style_grid(RNG.random((3, 5, 16)), image_shape=(4, 4))
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0", "1", "2"]
    assert axes.get_xlabel() == "style, one in each column"
    height, width = np.asarray(axes.images[0].get_array()).shape[:2]
    assert width / height == pytest.approx(5 / 3, rel=0.05)
    with pytest.raises(ValueError, match="vectors of 16 values: pass image_shape"):
        style_grid(RNG.random((3, 5, 16)))
