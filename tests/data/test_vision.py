"""torchvision's sets as arrays; the network is never needed here, and never asked."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
from scipy.io import savemat

from pyromix.data import load, load_vision
from pyromix.data.vision import VISION_SETS


def write_idx(path: Path, array: np.ndarray) -> None:
    """Write bytes in the format of MNIST's files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("mnist", "MNIST"),
        ("kmnist", "KMNIST"),
        ("fashion-mnist", "FashionMNIST"),
    ],
)
def test_unpacked_files_are_read_without_download(tmp_path: Path, name: str, folder: str) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(4, 28, 28))
    for part, rows in (("train", images), ("t10k", images[:2])):
        write_idx(tmp_path / folder / "raw" / f"{part}-images-idx3-ubyte", rows)
        write_idx(tmp_path / folder / "raw" / f"{part}-labels-idx1-ubyte", np.arange(len(rows)))
    train = load(name, root=tmp_path, download=False)
    test = load(name, root=tmp_path, split="test", download=False)
    assert train.x.shape == (4, 1, 28, 28)
    assert test.x.shape == (2, 1, 28, 28)
    np.testing.assert_allclose(train.x[:, 0], images / 255, rtol=1e-6)
    assert train.labels is not None
    assert train.labels.tolist() == [0, 1, 2, 3]
    third = {"mnist": [], "kmnist": ["su"], "fashion-mnist": ["Pullover"]}
    assert [names[2] for names in train.class_names] == third[name]


def test_a_truncated_file_is_damaged(tmp_path: Path) -> None:
    for part in ("train", "t10k"):
        write_idx(tmp_path / f"MNIST/raw/{part}-images-idx3-ubyte", np.zeros((4, 28, 28)))
        write_idx(tmp_path / f"MNIST/raw/{part}-labels-idx1-ubyte", np.zeros(4))
    images = tmp_path / "MNIST/raw/train-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"damaged.*delete them and load again") as info:
        load("mnist", root=tmp_path, download=False)
    assert "\n" not in str(info.value)


@pytest.mark.parametrize("name", VISION_SETS)
def test_absent_files_without_download(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError, match=f"{name} is not under .*download=True"):
        load_vision(name, tmp_path, "train", download=False)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", VISION_SETS)
def test_no_network_is_one_line_with_the_remedy(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    with pytest.raises(FileNotFoundError, match="check the network, or pass root=") as info:
        load_vision(name, tmp_path / "root", "train", download=True)
    assert "\n" not in str(info.value)
    assert "no route to host" in str(info.value) or "Error downloading" in str(info.value)


def test_svhn_keeps_its_channels_and_calls_ten_zero(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.random.default_rng(0).integers(256, size=(32, 32, 3, 5)).astype(np.uint8)
    savemat(tmp_path / "train_32x32.mat", {"X": images, "y": np.array([[10, 1, 2, 3, 4]]).T})
    monkeypatch.setattr("torchvision.datasets.SVHN._check_integrity", lambda self: True)
    data = load_vision("svhn", tmp_path, "train", download=False)
    np.testing.assert_allclose(data.x, images.transpose(3, 2, 0, 1) / 255, rtol=1e-6)
    assert data.labels is not None
    assert data.labels.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_real_images(image_root: Path, name: str) -> None:
    if not (image_root / VISION_SETS[name].constructor / "raw").is_dir():
        pytest.skip(f"{name} is not under the torchvision root")
    data = load(name, root=image_root, split="test", download=False)
    assert data.x.shape == (10_000, 1, 28, 28)
    assert data.x.dtype == np.float32
    assert (data.x.min(), data.x.max()) == (0, 1)
    assert data.labels is not None
    assert np.bincount(data.labels).shape == (10,)


def test_gzipped_files_alone_are_not_enough(tmp_path: Path) -> None:
    path = tmp_path / "MNIST/raw/train-images-idx3-ubyte.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(b"x"))
    with pytest.raises(FileNotFoundError):
        load("mnist", root=tmp_path, download=False)
