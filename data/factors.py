"""Image sets that hold every combination of their factors: 3DShapes and dSprites, from their files.

References:
    Burgess & Kim (2018). 3D Shapes dataset. github.com/deepmind/3d-shapes
    Matthey et al. (2017). dSprites. github.com/google-deepmind/dsprites-dataset
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .dataset import Dataset, IntArray

SHAPES3D: Mapping[str, int] = {
    "floor_hue": 10,
    "wall_hue": 10,
    "object_hue": 10,
    "scale": 8,
    "shape": 4,
    "orientation": 15,
}
DSPRITES: Mapping[str, int] = {"shape": 3, "scale": 6, "orientation": 40, "x": 32, "y": 32}

Factors = Mapping[str, int | Sequence[int]]


def combinations(levels: Mapping[str, int], factors: Factors | None = None) -> IntArray:
    """List every combination of the chosen levels, the last factor varying fastest.

    Args:
        levels: number of levels of each factor, F in all.
        factors: for some of them one level or several; the others take all of theirs.

    Returns:
        an ``(N, F)`` table of levels.

    Raises:
        ValueError: an unknown factor or level.

    Example:
        >>> combinations({"hue": 2, "shape": 3}, {"shape": [0, 2]}).tolist()
        [[0, 0], [0, 2], [1, 0], [1, 2]]
    """
    chosen = dict(factors or {})
    for name in chosen:
        if name not in levels:
            raise ValueError(f"unknown factor {name!r}: known are {', '.join(levels)}")
    columns = []
    for name, count in levels.items():
        wanted = np.atleast_1d(np.asarray(chosen.get(name, range(count)), np.int64))
        if wanted.size == 0 or wanted.min() < 0 or wanted.max() >= count:
            raise ValueError(
                f"levels of factor {name!r} must lie in 0…{count - 1}, got {chosen[name]}"
            )
        columns.append(wanted)
    grid = np.meshgrid(*columns, indexing="ij")
    return np.stack([axis.ravel() for axis in grid], -1)


def varying(table: IntArray, levels: Mapping[str, int]) -> tuple[IntArray, tuple[str, ...]]:
    """Keep the columns of ``(N, F)`` that vary, which are the labels, with their names."""
    kept = [i for i in range(table.shape[1]) if (table[:, i] != table[0, i]).any()]
    names = list(levels)
    return table[:, kept], tuple(names[i] for i in kept)


def rows_of(table: IntArray, levels: Mapping[str, int]) -> npt.NDArray[np.intp]:
    """Find each combination's row in a file that holds all of them in order: ``(N,)``."""
    return np.asarray(np.ravel_multi_index(tuple(table.T), tuple(levels.values())))


def read_shapes3d(path: Path, factors: Factors | None = None, size: int = 32) -> Dataset:
    """Read the original ``3dshapes.h5``.

    Args:
        path: the file, as published: 480,000 images of 64×64.
        factors: levels to keep, by name (keys of ``SHAPES3D``); by default all, 5.9 GB at 32 px.
        size: 64 as stored, or 32, the mean of each 2×2 block (as Falck et al. 2021 reduce them).

    Returns:
        ``x``: ``(N, 3, size, size)`` in [0, 1]; ``labels``: the factors that vary.

    Raises:
        ValueError: h5py is missing, the file is not 3DShapes, or a level is unknown.
    """
    if size not in (32, 64):
        raise ValueError(f"size must be 32 or 64, got {size}")
    table = combinations(SHAPES3D, factors)
    x = np.empty((len(table), 3, size, size), np.float32)
    try:
        h5py = import_module("h5py")
    except ImportError as error:
        raise ValueError(f"{path} needs h5py to be read: pip install h5py") from error
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise ValueError(f"{path} is no HDF5 file, or damaged: fetch it again") from error
    with file:
        images: Any = file.get("images")
        count = int(np.prod(list(SHAPES3D.values())))
        if images is None or images.shape != (count, 64, 64, 3):
            raise ValueError(
                f"{path} is not 3DShapes: it needs 'images' of shape ({count}, 64, 64, 3)"
            )
        rows = rows_of(table, SHAPES3D)
        # Images of equal hues lie together: one read for each triple of hues.
        block = count // 1000
        for first in np.unique(rows // block) * block:
            here = np.flatnonzero(rows // block == first // block)
            pictures = images[first : first + block][rows[here] - first]
            x[here] = _channels_first(pictures, size)
    labels, names = varying(table, SHAPES3D)
    return Dataset(x, labels, path.stem, names)


def read_dsprites(path: Path, factors: Factors | None = None) -> Dataset:
    """Read the original dSprites ``.npz``.

    Args:
        path: the file, as published: 737,280 binary images of 64×64.
        factors: levels to keep, by name (keys of ``DSPRITES``); by default all, 12 GB.

    Returns:
        ``x``: ``(N, 1, 64, 64)`` of zeros and ones; ``labels``: the factors that vary.

    Raises:
        ValueError: the file is not dSprites, or a level is unknown.
    """
    table = combinations(DSPRITES, factors)
    with np.load(path, allow_pickle=False) as archive:
        count = int(np.prod(list(DSPRITES.values())))
        images = archive["imgs"] if "imgs" in archive.files else np.empty(0)
    if images.shape != (count, 64, 64):
        raise ValueError(f"{path} is not dSprites: it needs 'imgs' of shape ({count}, 64, 64)")
    labels, names = varying(table, DSPRITES)
    x = images[rows_of(table, DSPRITES)][:, None].astype(np.float32)
    return Dataset(x, labels, path.stem, names)


def _channels_first(images: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.float32]:
    """(N, 64, 64, 3) bytes to (N, 3, size, size) in [0, 1]."""
    values = images.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    if size == 64:
        return values
    blocks = values.reshape(len(values), 3, size, 2, size, 2)
    return np.asarray(blocks.mean((3, 5)), np.float32)
