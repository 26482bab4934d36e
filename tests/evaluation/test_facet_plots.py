"""The pictures of facets."""

from __future__ import annotations

import io

import numpy as np
import pytest

from pyromix.evaluation import facet_grids, facet_heatmap, facet_matrices, swap_grid
from pyromix.evaluation.style import MAX_INCHES

from .reading import crowded

RNG = np.random.default_rng(0)


def test_heat_maps_show_the_matrices() -> None:
    labels, clusters = RNG.integers(3, size=(80, 3)), RNG.integers(4, size=(80, 2))
    figure = facet_heatmap(labels, clusters, ["floor_hue", "shape", "scale"])
    matrices = facet_matrices(labels, clusters)
    for axes, matrix in zip(figure.axes, matrices.values(), strict=False):
        np.testing.assert_allclose(np.asarray(axes.images[0].get_array()), matrix)
        assert axes.get_xticklabels()[0].get_text() == "floor hue"
    assert np.asarray(figure.axes[3].images[0].get_array()).shape == (2, 2)
    assert figure.axes[3].get_title(loc="left") == "Between facets (AMI)"
    figure.savefig(io.BytesIO(), dpi=30)


def test_a_single_facet_has_nothing_to_be_compared_with() -> None:
    figure = facet_heatmap(RNG.integers(3, size=50), RNG.integers(3, size=50))
    assert len(figure.axes) == 3
    figure.savefig(io.BytesIO(), dpi=30)


def test_grids_of_the_facets_stand_side_by_side() -> None:
    figure = facet_grids([RNG.random((45, 2, 3, 8, 8)), RNG.random((4, 2, 3, 8, 8))])
    titles = [part.get_suptitle() for part in figure.subfigs]
    assert titles == ["Facet 0, 45 clusters", "Facet 1, 4 clusters"]
    first, second = (
        [tick.get_text() for axes in part.axes for tick in axes.get_yticklabels()]
        for part in figure.subfigs
    )
    assert first == [str(k) for k in range(45)]
    assert second == ["0", "1", "2", "3"]
    figure.savefig(io.BytesIO(), dpi=30)


def test_each_facet_is_drawn_as_its_data_ask_for() -> None:
    figure = facet_grids([RNG.random((3, 20, 2)), RNG.random((4, 20, 2))])
    assert [part.axes[0].get_xlabel() for part in figure.subfigs] == ["$x_1$", "$x_1$"]
    figure.savefig(io.BytesIO(), dpi=30)
    assert len(facet_grids([RNG.random((3, 2, 9))]).axes) == 3
    with pytest.raises(ValueError, match="got none"):
        facet_grids([])


@pytest.mark.parametrize(("shape", "image_shape"), [((3, 8, 8), None), ((64,), (8, 8))])
def test_swap_grid_names_what_rows_and_columns_give(
    shape: tuple[int, ...], image_shape: tuple[int, int] | None
) -> None:
    figure = swap_grid(
        RNG.random((2, *shape)),
        RNG.random((4, *shape)),
        RNG.random((2, 4, *shape)),
        names=("shape", "floor"),
        image_shape=image_shape,
    )
    assert figure.axes[0].get_ylabel() == "shape from the left"
    assert figure.axes[0].get_title(loc="left") == "floor from the top"
    figure.savefig(io.BytesIO(), dpi=30)


def test_swap_grid_refuses_another_shape() -> None:
    with pytest.raises(ValueError, match=r"shape \(2, 4, 8, 8\) for 2 rows and 4 columns"):
        swap_grid(RNG.random((2, 8, 8)), RNG.random((4, 8, 8)), RNG.random((4, 2, 8, 8)))
    with pytest.raises(ValueError, match="pass image_shape"):
        swap_grid(RNG.random((2, 9)), RNG.random((4, 9)), RNG.random((2, 4, 9)))


@pytest.mark.parametrize("n_labels", [1, 2, 40])
def test_a_heat_map_is_bounded_and_its_titles_stand_apart(n_labels: int) -> None:
    labels, clusters = RNG.integers(3, size=(80, n_labels)), RNG.integers(4, size=(80, 2))
    figure = facet_heatmap(labels, clusters * [1, 0])
    assert max(figure.get_size_inches()) <= MAX_INCHES
    rows = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert rows == ["facet 0\n4 clusters", "facet 1\n1 cluster"]
    if n_labels < 40:
        assert crowded(figure) == []
