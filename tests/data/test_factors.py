"""Factorial sets: which row holds which combination, and the original files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pyromix.data import DSPRITES, SHAPES3D, combinations, load, read_dsprites, read_shapes3d
from pyromix.data.factors import rows_of

h5py = pytest.importorskip("h5py")


@pytest.mark.parametrize("levels", [SHAPES3D, DSPRITES])
def test_combinations_are_in_the_order_of_the_files(levels: dict[str, int]) -> None:
    table = combinations(levels)
    assert len(table) == np.prod(list(levels.values()))
    np.testing.assert_array_equal(rows_of(table, levels), np.arange(len(table)))


def test_the_papers_configurations_have_4800_images() -> None:
    table = combinations(SHAPES3D, {"wall_hue": 5, "object_hue": 6})
    assert len(table) == len(np.unique(table, axis=0)) == 4800
    assert (table[:, 1] == 5).all()
    assert (table[:, 2] == 6).all()


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ({"colour": 1}, "unknown factor 'colour': known are floor_hue"),
        ({"shape": 4}, "levels of factor 'shape' must lie in 0…3, got 4"),
        ({"shape": []}, "levels of factor 'shape'"),
        ({"scale": [0, -1]}, "levels of factor 'scale'"),
    ],
)
def test_unknown_factors_and_levels(factors: dict[str, int | list[int]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        combinations(SHAPES3D, factors)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of the published shape in which a few images are written."""
    path = tmp_path_factory.mktemp("originals") / "3dshapes.h5"
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        images = file.create_dataset("images", (480_000, 64, 64, 3), "u1", chunks=(1, 64, 64, 3))
        for row in rows_of(np.array([[1, 5, 6, 0, 2, 3], [1, 5, 6, 7, 2, 3]]), SHAPES3D):
            images[row] = rng.integers(256, size=(64, 64, 3))
    return path


FEW = {"floor_hue": 1, "wall_hue": 5, "object_hue": 6, "shape": 2, "orientation": 3}


@pytest.mark.parametrize("size", [32, 64])
def test_original_3dshapes(original: Path, size: int) -> None:
    data = read_shapes3d(original, FEW, size)
    assert data.x.shape == (8, 3, size, size)
    assert data.label_names == ("scale",)
    with h5py.File(original) as file:
        row = int(rows_of(np.array([[1, 5, 6, 7, 2, 3]]), SHAPES3D)[0])
        expected = file["images"][row].transpose(2, 0, 1) / 255
    if size == 32:
        quarters = [expected[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
        expected = np.mean(quarters, 0)
    np.testing.assert_allclose(data.x[7], expected, atol=1e-6)
    assert (data.x[1:7] == 0).all()


def test_a_configuration_reads_the_original_that_lies_in_root(original: Path) -> None:
    data = load("shapes3d-1", root=original.parent)
    assert data.name == "shapes3d-1-original"
    assert data.x.shape == (3840, 3, 32, 32)


def test_another_h5_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["images"] = np.zeros(3)
    with pytest.raises(ValueError, match="is not 3DShapes"):
        read_shapes3d(path, FEW)
    path.write_bytes(b"garbage")
    with pytest.raises(ValueError, match="no HDF5 file, or damaged"):
        read_shapes3d(path, FEW)


def test_without_h5py_the_remedy_is_named(original: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("pyromix.data.factors.import_module", refuse)
    with pytest.raises(ValueError, match="pip install h5py"):
        read_shapes3d(original, FEW)


def test_original_dsprites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"shape": 3, "scale": 2, "orientation": 2, "x": 2, "y": 2}
    monkeypatch.setattr("pyromix.data.factors.DSPRITES", small)
    images = np.random.default_rng(0).integers(2, size=(48, 64, 64)).astype(np.uint8)
    path = tmp_path / "dsprites.npz"
    metadata = np.array({"author": "somebody"}, dtype=object)
    np.savez(path, imgs=images, latents_classes=np.zeros((48, 6), np.int64), metadata=metadata)
    data = load(path)
    np.testing.assert_array_equal(data.x[:, 0], images)
    assert data.label_names == tuple(small)
    part = read_dsprites(path, {"shape": 2, "y": 1})
    np.testing.assert_array_equal(part.x[:, 0], images[32:][1::2])
    assert part.label_names == ("scale", "orientation", "x")


def test_another_npz_is_no_dsprites(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", imgs=np.zeros((2, 64, 64)))
    with pytest.raises(ValueError, match="is not dSprites"):
        read_dsprites(tmp_path / "other.npz", {"shape": 0})
