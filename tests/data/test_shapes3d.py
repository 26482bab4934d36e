"""The renderer: each factor changes what it should and nothing else."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from pyromix.data import SHAPES3D, load, render, shapes3d
from pyromix.data.shapes3d import _cached

BASE = {"floor_hue": 0, "wall_hue": 3, "object_hue": 6, "scale": 4, "shape": 0, "orientation": 7}


def scene(**changes: int) -> npt.NDArray[np.float32]:
    """One picture (3, 32, 32) of the base scene with some factors changed."""
    (picture,) = render([list({**BASE, **changes}.values())])
    return np.asarray(picture)


def object_mask(**changes: int) -> npt.NDArray[np.bool]:
    """Pixels that the hue of the object touches, (32, 32)."""
    first, second = scene(**changes, object_hue=6), scene(**changes, object_hue=1)
    return np.asarray(np.abs(first - second).max(0) > 0.05)


def test_pictures_are_bytes_in_the_unit_interval() -> None:
    x = scene()
    assert x.shape == (3, 32, 32)
    assert x.dtype == np.float32
    assert x.min() >= 0
    assert x.max() <= 1
    np.testing.assert_allclose(x * 255, np.round(x * 255), atol=1e-4)


def test_every_level_of_every_factor_is_another_picture() -> None:
    for name, count in SHAPES3D.items():
        pictures = {scene(**{name: level}).tobytes() for level in range(count)}
        assert len(pictures) == count, name


@pytest.mark.parametrize(
    ("name", "pixel"), [("floor_hue", (30, 3)), ("wall_hue", (2, 16)), ("object_hue", (19, 16))]
)
def test_a_hue_changes_its_own_surface_only(name: str, pixel: tuple[int, int]) -> None:
    pixels = {"floor_hue": (30, 3), "wall_hue": (2, 16), "object_hue": (19, 16)}
    first, second = scene(**{name: 2}), scene(**{name: 7})
    for surface, (row, column) in pixels.items():
        same = np.allclose(first[:, row, column], second[:, row, column])
        assert same == (surface != name)
    assert not np.allclose(first[:, *pixel], second[:, *pixel])


def test_surfaces_have_the_hue_they_are_given() -> None:
    from matplotlib.colors import rgb_to_hsv

    picture = scene(floor_hue=2, wall_hue=5, object_hue=8)
    for hue, (row, column) in ((2, (30, 3)), (5, (2, 16)), (8, (19, 16))):
        assert rgb_to_hsv(picture[:, row, column])[0] == pytest.approx(hue / 10, abs=0.02)


def test_objects_grow_with_scale() -> None:
    for shape in range(4):
        areas = [object_mask(scale=level, shape=shape).sum() for level in range(8)]
        assert (np.diff(areas) > 0).all()
        assert areas[7] / areas[0] == pytest.approx((1.25 / 0.75) ** 2, rel=0.25)


def test_round_objects_keep_their_outline_when_the_camera_turns() -> None:
    def outline(shape: int, orientation: int) -> np.ndarray:
        return object_mask(shape=shape, orientation=orientation)

    for shape in (1, 2, 3):
        assert (outline(shape, 0) ^ outline(shape, 14)).sum() <= 12
    assert outline(0, 14).sum() > outline(0, 7).sum() * 1.1


def test_the_cube_is_upright_and_the_capsule_slim() -> None:
    cube, capsule = object_mask(shape=0), object_mask(shape=3)
    assert cube.any(0).sum() > capsule.any(0).sum()
    assert capsule.any(1).sum() > capsule.any(0).sum()


def test_pictures_come_alone_as_they_come_together() -> None:
    table = np.random.default_rng(0).integers([10, 10, 10, 8, 4, 15], size=(6, 6))
    np.testing.assert_array_equal(render(table), np.concatenate([render([row]) for row in table]))


@pytest.mark.parametrize("configuration", [1, 2])
def test_configurations_split_4800_images_and_keep_them(tmp_path: Path, configuration: int) -> None:
    started = time.process_time()
    train = load(f"shapes3d-{configuration}", root=tmp_path)
    assert time.process_time() - started < 60
    test = load(f"shapes3d-{configuration}", root=tmp_path, split="test")
    hue = ("floor_hue", "wall_hue")[configuration - 1]
    assert train.label_names == (hue, "scale", "shape", "orientation")
    assert train.x.shape == (3840, 3, 32, 32)
    assert test.x.shape == (960, 3, 32, 32)
    assert train.labels is not None
    assert test.labels is not None
    both = np.concatenate([train.labels, test.labels])
    assert len(np.unique(both, axis=0)) == 4800
    np.testing.assert_array_equal(load(f"shapes3d-{configuration}", root=tmp_path).x, train.x)
    fixed = {"wall_hue": 5} if configuration == 1 else {"floor_hue": 0}
    for picture, levels in zip(test.x[:5], test.labels[:5], strict=True):
        named = dict(zip(test.label_names, levels.tolist(), strict=True))
        np.testing.assert_array_equal(picture, scene(**fixed, **named, object_hue=6))


def test_a_damaged_or_unwritable_cache_is_no_harm(tmp_path: Path) -> None:
    table = np.array([list(BASE.values()), [1, 2, 3, 4, 1, 6]])
    fresh, path = render(table), tmp_path / "shapes3d" / "few.npz"
    np.testing.assert_array_equal(_cached(path, table, 32), fresh)
    assert [file.name for file in path.parent.iterdir()] == ["few.npz"]
    for content in (path.read_bytes()[:1000], b"", b"garbage"):
        path.write_bytes(content)
        np.testing.assert_array_equal(_cached(path, table, 32), fresh)
    np.testing.assert_array_equal(_cached(path / "below" / "a-file.npz", table, 32), fresh)


def test_a_picture_matches_its_labels() -> None:
    data = shapes3d({"wall_hue": 5, "object_hue": 6, "scale": 3, "orientation": [2, 9]})
    assert data.name == "shapes3d"
    assert data.label_names == ("floor_hue", "shape", "orientation")
    assert data.labels is not None
    floor, shape, orientation = data.labels[0]
    np.testing.assert_array_equal(
        data.x[0],
        scene(floor_hue=floor, wall_hue=5, scale=3, shape=shape, orientation=orientation),
    )


def test_unknown_configuration() -> None:
    with pytest.raises(ValueError, match="configuration must be 1 or 2, got 3"):
        shapes3d(3)


def test_larger_pictures_show_the_same_scene() -> None:
    table = [list(BASE.values())]
    large = render(table, size=64)[0].reshape(3, 32, 2, 32, 2).mean((2, 4))
    assert np.abs(large - render(table)[0]).mean() < 0.01
